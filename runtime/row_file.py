"""Rows on disk: written as they come and read as they are needed, so that a million of them take no more memory than a thousand.

The type of a column is that of all its values together: whole numbers among others become numbers with a point, a field that only some
mappings hold is null in the rest, null goes with every type. It is known only at the end, so rows are written under the types seen so
far; where a later row widens them, a new part begins, and the parts are brought to one form when all rows are there.
"""

from __future__ import annotations

import itertools
import mmap
import os
import tempfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .on_demand import OnDemand
from .rows import Row

GROUP_ROWS = 8192
GROUP_CHARACTERS = 1 << 24  # a group of long texts holds fewer rows
BATCH_ROWS = 1024  # rows that are Python objects at once
MISFITS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, UnicodeEncodeError)  # how values fail to fit one type


class RowWriter:
    """Writes rows to a Parquet file; `write` and `close` raise one of MISFITS where the values of a column have no type in common."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.schema = pa.schema([])
        self.parts: list[Path] = []
        self.writer: pq.ParquetWriter | None = None
        self.pending: list[Row] = []
        self.characters = 0
        self.count = 0

    def add(self, row: Row) -> None:
        self.pending.append(row)
        self.count += 1
        self.characters += sum(len(value) for value in row.values() if isinstance(value, str))
        if len(self.pending) >= GROUP_ROWS or self.characters >= GROUP_CHARACTERS:
            self.flush()

    def flush(self) -> None:
        """Write what is pending as one group."""
        names = sorted({name for row in self.pending for name in row})
        arrays = {name: pa.array([row.get(name) for row in self.pending]) for name in names}
        seen = pa.schema([(name, array.type) for name, array in arrays.items()])
        schema = in_order(pa.unify_schemas([self.schema, seen], promote_options="permissive"))
        if self.writer is None or schema != self.schema:
            self.end_part()
            self.schema = schema
            self.parts.append(self.path.with_suffix(f".{len(self.parts)}.part"))
            self.writer = pq.ParquetWriter(self.parts[-1], schema)
        table = pa.table(arrays) if seen == schema else table_of(self.pending, schema)
        self.writer.write_table(table)
        self.pending, self.characters = [], 0

    def close(self) -> None:
        """Write the rest, and bring all parts to one form under the name of the file."""
        if self.pending:
            self.flush()
        self.end_part()
        if len(self.parts) > 1:
            whole = self.path.with_suffix(".whole.part")
            with pq.ParquetWriter(whole, self.schema) as writer:
                for part in self.parts:
                    for batch in pq.ParquetFile(part).iter_batches(GROUP_ROWS):
                        writer.write_table(table_of(batch.to_pylist(), self.schema))
            for part in self.parts:
                part.unlink()
            self.parts = [whole]
        os.replace(self.parts[0], self.path)

    def end_part(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    def rows(self) -> Iterator[Row]:
        """All rows so far, to look for the one that does not fit."""
        self.end_part()
        for part in self.parts:
            for batch in pq.ParquetFile(part).iter_batches(BATCH_ROWS):
                yield from batch.to_pylist()
        yield from self.pending


def in_order(schema: pa.Schema) -> pa.Schema:
    """The columns by their names."""
    return pa.schema([schema.field(name) for name in sorted(schema.names)])


def table_of(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    return pa.table([pa.array([row.get(field.name) for row in rows], field.type) for field in schema], schema=schema)


class Rows(OnDemand[Row]):
    """The rows of a file in their order, or the first `limit` of them, with all columns or some; made when they are asked for, and not kept."""

    def __init__(self, path: Path, limit: int | None = None, columns: Sequence[str] | None = None) -> None:
        self.path = path
        whole = pq.read_metadata(path)
        self.length = whole.num_rows if limit is None else min(limit, whole.num_rows)
        names: list[str] = pq.read_schema(path).names
        self.columns = [name for name in names if columns is None or name in columns]

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Row]:
        return itertools.islice(self.all(), self.length)

    def item(self, number: int) -> Row:
        return dict(self.head[number]) if number < len(self.head) else self.at(number)

    def all(self) -> Iterator[Row]:
        for batch in self.batches():
            yield from batch.to_pylist()

    def batches(self) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(self.path, memory_map=True) as file:
            yield from file.iter_batches(BATCH_ROWS, columns=self.columns)

    @cached_property
    def head(self) -> list[Row]:
        """The first rows, which are asked for most."""
        return list(itertools.islice(self, BATCH_ROWS))

    def at(self, number: int) -> Row:
        batch = number // BATCH_ROWS
        found: list[Row] = self.mapped.get_batch(batch).slice(number - batch * BATCH_ROWS, 1).to_pylist()
        return found[0]

    @cached_property
    def mapped(self) -> Any:
        """All rows unpacked in a nameless file, from which any can be taken: a Parquet file is read from its start."""
        with tempfile.TemporaryFile() as stream:
            schema = pa.schema([pq.read_schema(self.path).field(name) for name in self.columns])
            with pa.ipc.new_file(stream, schema) as writer:
                for batch in full(self.batches(), schema):
                    writer.write_batch(batch)
            stream.flush()
            return pa.ipc.open_file(pa.py_buffer(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)))


def full(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Batches of exactly BATCH_ROWS rows, the last but for the rest."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        while sum(map(len, waiting)) >= BATCH_ROWS:
            table = pa.Table.from_batches(waiting, schema).combine_chunks()
            yield table.slice(0, BATCH_ROWS).to_batches()[0]
            waiting = table.slice(BATCH_ROWS).to_batches()
    if waiting:
        yield from pa.Table.from_batches(waiting, schema).combine_chunks().to_batches()
