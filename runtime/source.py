"""Where file rows come from: jsonl, json, parquet and csv files (gzip is read as it is) and the Hugging Face hub, through `datasets`."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from .fault import Fault
from .rows import Row, clash, renamed, type_of

# What pandas would take for a missing value in a csv file is a word here; only an empty cell is missing.
OPTIONS: dict[str, dict[str, Any]] = {".csv": {"keep_default_na": False, "na_values": [""]}}
FORMATS = {".jsonl": "json", ".ndjson": "json", ".json": "json", ".parquet": "parquet", ".csv": "csv", ".txt": "text"}


def read_source(file: str | None, hub: str | None, revision: str | None, subset: str | None, split: str | None, columns: Mapping[str, str]) -> Iterator[Row]:
    """Rows of a file or of a hub dataset, streamed, under our column names.

    Raises Fault for a file whose format is unknown, that is not what its name says, that is not UTF-8, or that holds no rows.
    """
    rows = hub_rows(hub, revision, subset, split) if hub is not None else file_rows(Path(str(file)))
    empty = True
    for row in renamed(rows, columns):
        empty = False
        yield row
    if empty:
        raise Fault("P602", f"`{file or hub}` holds no rows", "file" if file else "hub")


def file_rows(path: Path) -> Iterator[Row]:
    suffix = Path(path.name.removesuffix(".gz")).suffix
    if suffix not in FORMATS:
        raise Fault("P602", f"`{path.name}` is in no known format", "file", (f"known endings: {', '.join(FORMATS)}, each also with .gz",))
    if path.stat().st_size == 0:
        raise Fault("P602", f"`{path.name}` is empty", "file")
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # what goes wrong is told once, below
    try:
        if FORMATS[suffix] == "json" and suffix != ".json":
            check_first_line(path)
        yield from datasets.load_dataset(FORMATS[suffix], data_files=str(path), split="train", streaming=True, **OPTIONS.get(suffix, {}))
    except StopIteration:
        return  # how `datasets` meets a compressed file of nothing
    except (datasets.exceptions.DatasetsError, ValueError, OSError, EOFError, zlib.error) as error:
        raise explained(path, suffix, error) from None


def opened(path: Path) -> BinaryIO:
    """The bytes of a file, unpacked."""
    return cast(BinaryIO, gzip.open(path, "rb")) if path.name.endswith(".gz") else path.open("rb")


def check_first_line(path: Path) -> None:
    """Raise Fault if the first line of a jsonl file is JSON, but no row; `datasets` would make rows of its own of it."""
    with opened(path) as stream:
        number, line = next(((n, one) for n, one in enumerate(stream, 1) if one.strip()), (0, b"{}"))
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return  # which is told by who reads on; or an array over several lines, which is read
    if not (isinstance(value, list) and value and all(isinstance(row, dict) for row in value)):
        fault = no_row(path, number, value)
        if fault is not None:
            raise fault


def no_row(path: Path, number: int, value: Any) -> Fault | None:
    """What is wrong with a line of a jsonl file that holds something else than a row; a null is skipped where the rows are used."""
    if value is None or isinstance(value, dict):
        return None
    return Fault("P602", f"`{path.name}`, line {number}: this is a {type_of(value)}, not a row", "file", ('a row is one object: `{"prompt": ...}`',))


def numbered(path: Path) -> Iterator[tuple[int, Any]]:
    """The values of a jsonl file with their lines, read once more; all of them are JSON."""
    with opened(path) as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield number, json.loads(line)


def explained(path: Path, suffix: str, error: Exception) -> Fault:
    """What is wrong with a file that `datasets` could not read, with the line where it can be told."""
    number, line = 0, b""
    lined = suffix in (".jsonl", ".ndjson")
    try:
        with opened(path) as stream:
            for line in stream if suffix != ".parquet" else ():
                number += 1
                text = line.decode("utf-8")
                wrong = no_row(path, number, json.loads(text)) if lined and text.strip() else None
                if wrong is not None:
                    return wrong
    except UnicodeDecodeError as fault:
        return Fault("P602", f"`{path.name}`, line {number}: the byte 0x{line[fault.start]:02X} is not UTF-8", "file", ("save the file as UTF-8",))
    except ValueError as fault:
        return Fault("P602", f"`{path.name}`, line {number}: this is not JSON: {fault}", "file")
    except (OSError, EOFError, zlib.error) as fault:
        return Fault("P602", f"`{path.name}` cannot be read: {fault}", "file")
    mixed = clash(numbered(path), "line") if lined else ""
    if mixed:
        return Fault("P602", f"`{path.name}`: {mixed}", "file", ("write all values of a column in one form",))
    cause = error.__cause__ or error
    return Fault("P602", f"`{path.name}` is no {suffix[1:]} file that can be read: {str(cause).splitlines()[0]}", "file")


def hub_rows(name: str, revision: str | None, subset: str | None, split: str | None) -> Iterator[Row]:
    """Rows of a hub dataset. The connection may fail at the first row or at any later one."""
    import datasets
    import huggingface_hub

    try:
        yield from datasets.load_dataset(name, subset, split=split, revision=revision, streaming=True)
    except (datasets.exceptions.DatasetsError, ValueError, OSError, huggingface_hub.errors.HTTPError) as error:
        text = str(error).strip() or type(error).__name__
        raise Fault("P602", f"the hub dataset `{name}` cannot be read: {text.splitlines()[0]}", "hub") from None
