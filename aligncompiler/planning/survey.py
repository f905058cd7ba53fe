"""What files tell without being loaded: the records of data files, the shapes of stored weights."""

from __future__ import annotations

import gzip
import json
import os
import struct
import zlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..spec.base import Ref
from ..spec.cost import Estimate, Lines
from ..spec.experiment import Engine
from ..spec.network import Weights
from ..store.inputs import package_folder

LINED = (".jsonl", ".ndjson", ".csv", ".txt")
MODEL_FILES = (".json", ".safetensors", ".txt", ".model", ".jinja")  # what the runtime copies of a model folder
LARGEST_HEADER = 1 << 27  # bytes; a header above this is no header
UNCOUNTED = ("I64", "BOOL")  # tables of positions and masks, which are no parameters


class FileSurvey:
    """Answers the questions of kinds that estimate: from what was estimated before, and from files. `links` are those of the stage that asks."""

    def __init__(self, engine: Engine, made: Mapping[str, Estimate]) -> None:
        self.engine = engine
        self.made = made
        self.links: Mapping[str, str] = {}

    def __call__(self, ref: Ref) -> Estimate:
        return self.made[self.links.get(ref.to, ref.to)]

    def lines(self, file: str) -> Lines | None:
        try:
            found = os.stat(file)
        except OSError:
            return None
        return lines_of(file, found.st_size, found.st_mtime_ns)

    def weights(self, folder: str | None, package: str | None, path: str | None, pretrained: str | None, revision: str | None) -> Weights | None:
        at = Path(folder) if folder is not None else package_folder(package, path) if package is not None else hub_folder(str(pretrained), str(revision))
        if at is None or not at.is_dir():
            return None
        return weights_in(at, max((found.st_mtime_ns for found in map(Path.stat, filter(Path.is_file, at.iterdir()))), default=0))


@lru_cache(maxsize=256)
def lines_of(file: str, size: int, changed: int) -> Lines | None:
    """The records of a file of one record a line, gzip unpacked as it is read; None for other formats and damaged files.

    Blank lines are none. A csv cell that holds a line break is counted as two records.
    """
    name = file.removesuffix(".gz")
    if not name.endswith(LINED):
        return None
    count = total = longest = 0
    first = b""
    try:
        with gzip.open(file) if file.endswith(".gz") else open(file, "rb") as stream:
            for line in stream:
                if length := len(line.strip()):
                    first = first or line
                    count, total, longest = count + 1, total + length, max(longest, length)
    except (OSError, EOFError, zlib.error):
        return None
    header = name.endswith(".csv") and count > 0
    return Lines(count - header, total / count if count else 0.0, longest, first.decode("utf-8", "replace"))


def hub_folder(name: str, revision: str) -> Path | None:
    """Where the cache of the hub keeps a commit of a model, if it was fetched before; nothing is downloaded."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    return next(iter(sorted((cache / f"models--{name.replace('/', '--')}" / "snapshots").glob(f"{revision}*"))), None)


@lru_cache(maxsize=64)
def weights_in(folder: Path, changed: int) -> Weights | None:
    """What the files of a model folder say of its weights, by their headers alone; None where they are missing or say nothing."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        files = sorted(folder.glob("*.safetensors"))
        tensors = {name: entry for file in files for name, entry in header_of(file).items() if entry["dtype"] not in UNCOUNTED}
        shapes = {name: tuple(map(int, entry["shape"])) for name, entry in tensors.items()}
        sizes = {f: f.stat().st_size for f in folder.iterdir() if f.suffix in MODEL_FILES and f.is_file()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return None
    if not files or not isinstance(config, dict):
        return None
    whole = sum(sizes.values())
    return Weights(config, shapes, frozenset(e["dtype"] for e in tensors.values()), longest_of(folder), whole, whole - sum(sizes[f] for f in files))


def header_of(file: Path) -> dict[str, Any]:
    """Name -> shape and type of the tensors of a safetensors file: eight bytes of length, then JSON. Raises ValueError on another file."""
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > LARGEST_HEADER:
            raise ValueError(f"{file} has no header")
        header: dict[str, Any] = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    return header


def longest_of(folder: Path) -> int | None:
    """Tokens that the tokenizer of a model folder lets through, or None where it knows no limit."""
    try:
        told = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8")).get("model_max_length")
    except (OSError, ValueError, AttributeError):
        return None
    return told if isinstance(told, int) and told < 1 << 40 else None
