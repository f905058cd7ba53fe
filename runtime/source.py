"""Where file rows come from: jsonl, json, parquet and csv files (gzip is read as it is) and the Hugging Face hub, through `datasets`."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from aligncompiler.store.inputs import shown

from .fault import Fault
from .malformed import check_header, check_lines, check_list, explained
from .row_file import BATCH_ROWS
from .rows import Row, need_columns, renamed

# What pandas would take for a missing value in a csv file is a word here; only an empty cell is missing.
# A Parquet file is read in groups of rows that its own, which may be empty, do not decide.
OPTIONS: dict[str, dict[str, Any]] = {".csv": {"keep_default_na": False, "na_values": [""]}, ".parquet": {"batch_size": 1000}}
FORMATS = {".jsonl": "json", ".ndjson": "json", ".json": "json", ".parquet": "parquet", ".csv": "csv", ".txt": "text"}
CHECKS = {".jsonl": check_lines, ".ndjson": check_lines, ".json": check_list, ".csv": check_header}  # of what `datasets` would pass over


def read_source(
    file: str | None, hub: str | None, revision: str | None, subset: str | None, split: str | None, columns: Mapping[str, str], *needed: tuple[str, ...]
) -> Iterator[Row]:
    """Rows of a file or of a hub dataset, streamed, under our column names; each has one of the `needed` sets of columns.

    Raises Fault for a file whose format is unknown, that is not what its name says, that is not UTF-8, that lacks columns, or that holds no rows.
    """
    field, source = ("hub", f"`{hub}`") if hub is not None else ("file", f"`{shown(str(file))}`")
    empty = True
    for row in renamed(hub_rows(hub, revision, subset, split) if hub is not None else file_rows(Path(str(file))), columns, source):
        empty = False
        if needed:
            need_columns(row, needed, source, field)
        yield row
    if empty:
        raise Fault("P602", f"{source} holds no rows", field)


def file_rows(path: Path) -> Iterator[Row]:
    suffix = Path(path.name.removesuffix(".gz")).suffix
    if suffix not in FORMATS:
        raise Fault("P602", f"`{shown(str(path))}` is in no known format", "file", (f"known endings: {', '.join(FORMATS)}, each also with .gz",))
    if path.stat().st_size == 0:
        raise Fault("P602", f"`{shown(str(path))}` is empty", "file")
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # what goes wrong is told once, below
    try:
        if suffix in CHECKS:
            CHECKS[suffix](path)
        yield from in_batches(datasets.load_dataset(FORMATS[suffix], data_files=str(path), split="train", streaming=True, **OPTIONS.get(suffix, {})))
    except StopIteration:
        return  # how `datasets` meets a compressed file of nothing
    except (datasets.exceptions.DatasetsError, pa.ArrowException, ValueError, OSError, EOFError, zlib.error, RecursionError) as error:
        raise explained(path, suffix, error) from None


def in_batches(rows: Any) -> Iterator[Row]:
    """The rows of a streamed dataset, taken a thousand at a time: one at a time takes three times as long."""
    for batch in rows.iter(batch_size=BATCH_ROWS):
        for values in zip(*batch.values(), strict=True):
            yield dict(zip(batch, values, strict=True))


def hub_rows(name: str, revision: str | None, subset: str | None, split: str | None) -> Iterator[Row]:
    """Rows of a hub dataset. The connection may fail at the first row or at any later one."""
    import datasets
    import huggingface_hub

    try:
        yield from datasets.load_dataset(name, subset, split=split, revision=revision, streaming=True)
    except (datasets.exceptions.DatasetsError, ValueError, OSError, huggingface_hub.errors.HTTPError) as error:
        text = str(error).strip() or type(error).__name__
        raise Fault("P602", f"the hub dataset `{name}` cannot be read: {text.splitlines()[0]}", "hub") from None
