"""The files and folders that a spec names: where they lie, and the hash of what is in them."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..spec.base import Kind
from ..spec.codec import leaves
from .artifacts import file_hash


@dataclass(frozen=True)
class Input:
    """What one field names. `field` is its dotted path, `at` the one to point at; `target` is None for a package that is not installed."""

    field: str
    at: str
    name: str
    target: Path | None
    is_folder: bool


def inputs_of(spec: Kind) -> Iterator[Input]:
    """Every file and folder that a spec names, whether or not it is there."""
    for path, value, _, is_path in leaves(spec):
        dotted = ".".join(path)
        if is_path and value is not None:
            yield Input(dotted, dotted, value, Path(value), path[-1] == "folder")
        elif path == ("package",) and value is not None:
            inside = getattr(spec, "path", None)
            folder = package_folder(value, inside)
            yield Input(dotted, "package" if folder is None else "path", value if folder is None else f"{value}/{inside or ''}", folder, True)


def package_folder(package: str, path: str | None) -> Path | None:
    """The folder inside an installed package, found without running its code."""
    found = importlib.util.find_spec(package) if package.isidentifier() else None
    if found is None or not found.submodule_search_locations:
        return None
    root = Path(found.submodule_search_locations[0]).resolve()
    if "\0" in (path or ""):
        return root / str(path)  # which is not there
    folder = (root / (path or "")).resolve()
    return folder if folder.is_relative_to(root) else None


def located(base: Path, name: str) -> str:
    """A path in absolute form, links followed as far as they lead somewhere: what is not there keeps the name that a person gave it."""
    if "\0" in name or "://" in name:
        return name  # no file has such a name, which is what is said where it is looked for
    written = base / name
    try:
        real = str(written.resolve())
    except RuntimeError:  # links that lead in a ring
        real = ""
    return real if os.path.exists(real) else os.path.abspath(written)


def files_in(target: Path) -> list[Path]:
    """The file itself, or all files of a folder, sorted."""
    return [target] if target.is_file() else sorted(p for p in target.rglob("*") if p.is_file())


def hash_of(target: Path) -> str:
    """sha256 of a file, or of the names and hashes of all files of a folder."""
    if target.is_file():
        return file_hash(target)
    whole = hashlib.sha256()
    for file in files_in(target):
        whole.update(f"{file.relative_to(target).as_posix()}\0{file_hash(file)}\n".encode())
    return whole.hexdigest()


def shown(name: str) -> str:
    """A path as a person here would write it."""
    return str(Path(name).relative_to(Path.cwd())) if Path(name).is_relative_to(Path.cwd()) else name
