"""The points of `metrics.jsonl`, thinned for drawing: of each bucket of points the mean, the lowest and the highest.

A file of up to EXACT_BYTES is read whole, block by block; of a longer one BLOCKS evenly spread blocks are read, the first and the last
among them, so that neither time nor memory grows with the length of a training.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

EXACT_BYTES = 32 << 20
BLOCKS = 256
BLOCK_BYTES = 64 << 10
BUCKETS = 180  # about two pixels of a chart each
STEP = "step"

Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Curve:
    """One quantity over the steps: per bucket the middle step, the mean and the extremes, the last value, and how many values were no number."""

    name: str
    step: Numbers
    mean: Numbers
    low: Numbers
    high: Numbers
    last: float
    broken: int


@dataclass(frozen=True)
class Curves:
    """The curves of one stage. `read` is the share of the file that was read; 1 means every point."""

    curves: tuple[Curve, ...]
    points: int
    read: float


def read_curves(path: Path) -> Curves:
    """The curves in a file of one JSON object a line; each has a `step`, the other keys are quantities, which need not be in every line."""
    size = path.stat().st_size
    columns: dict[str, list[Numbers]] = {}
    points = 0
    seen = 0
    with path.open("rb") as stream:
        for block in whole_lines(stream, size):
            table = parsed(block)
            seen += len(block)
            for name in columns.keys() | set(table):
                columns.setdefault(name, [np.full(points, np.nan)] if points else []).append(table.get(name, np.full(len(table[STEP]), np.nan)))
            points += len(table[STEP])
    if not points:
        return Curves((), 0, 1.0)
    whole = {name: np.concatenate(parts) for name, parts in columns.items()}
    step = whole.pop(STEP)
    curves = tuple(curve for name, values in whole.items() if (curve := thinned(name, step, values)) is not None)
    return Curves(curves, points, min(1.0, seen / max(1, size)))


def whole_lines(stream: io.BufferedReader, size: int) -> Iterator[bytes]:
    """Blocks of whole lines: the file from front to back, or an even sample of a long one. A last line that is not ended is left out."""
    if size <= EXACT_BYTES:
        rest = b""
        while block := stream.read(4 << 20):
            whole, end, rest = (rest + block).rpartition(b"\n")
            if end:
                yield whole + end
        return
    for number in range(BLOCKS):
        start = (size - BLOCK_BYTES) * number // (BLOCKS - 1)
        stream.seek(start)
        block = stream.read(BLOCK_BYTES)
        whole = block[: block.rfind(b"\n") + 1]
        yield whole if start == 0 else whole[whole.find(b"\n") + 1 :]


def parsed(block: bytes) -> dict[str, Numbers]:
    """The numeric columns of some lines; what is absent is not a number. Lines that are no objects of numbers are left out."""
    try:
        table = pa.json.read_json(io.BytesIO(block), read_options=pa.json.ReadOptions(block_size=len(block) + 1))
        numeric = [n for n in table.column_names if pa.types.is_floating(table.schema.field(n).type) or pa.types.is_integer(table.schema.field(n).type)]
        if STEP not in numeric:
            raise pa.ArrowInvalid("no steps")
        return {n: floats(table[n]) for n in numeric}
    except pa.ArrowInvalid:  # NaN and Infinity, which Python writes and JSON does not know, or a spoilt line
        return parsed_one_by_one(block)


def floats(column: pa.ChunkedArray) -> Numbers:
    """A column as numpy has it, with NaN for what is absent; not by `to_numpy`, which imports pandas: most of a second."""
    whole = pc.cast(column, pa.float64()).combine_chunks()
    valid, data = whole.buffers()
    values = np.frombuffer(data, np.float64, len(whole), 8 * whole.offset)
    if valid is None:
        return values
    there = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")[whole.offset : whole.offset + len(whole)]
    return np.where(there, values, np.nan)


def parsed_one_by_one(block: bytes) -> dict[str, Numbers]:
    rows = []
    for line in block.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get(STEP), int | float):
            rows.append({name: value for name, value in row.items() if isinstance(value, int | float)})
    names = list(dict.fromkeys([STEP, *(name for row in rows for name in row)]))
    return {name: np.array([row.get(name, np.nan) for row in rows], dtype=np.float64) for name in names}


def thinned(name: str, step: Numbers, values: Numbers) -> Curve | None:
    """At most BUCKETS buckets of equally many points; None if nothing can be drawn."""
    there = np.isfinite(values) & np.isfinite(step)
    broken = int(np.isinf(values).sum())
    step, values = step[there], values[there]
    if not len(values):
        return None
    starts = np.unique(np.linspace(0, len(values), min(BUCKETS, len(values)), endpoint=False).astype(np.int64))
    counts = np.diff(np.append(starts, len(values)))
    return Curve(
        name,
        np.add.reduceat(step, starts) / counts,
        np.add.reduceat(values, starts) / counts,
        np.minimum.reduceat(values, starts),
        np.maximum.reduceat(values, starts),
        float(values[-1]),
        broken,
    )


def smoothed(values: Numbers) -> Numbers:
    """The centred moving average over a tenth of the values, over fewer at both ends."""
    reach = max(2, len(values) // 20)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    half = np.minimum(np.minimum(at, len(values) - 1 - at), reach)  # the same number on both sides, so that slopes are kept
    low, high = at - half, at + half + 1
    result: Numbers = (sums[high] - sums[low]) / (high - low)
    return result


def noisy(values: Numbers) -> bool:
    """Whether a smoothed line says more than the values: they scatter around it by a few percent of its range."""
    if len(values) < 20:
        return False
    line = smoothed(values)
    return bool(np.abs(values - line).mean() > 0.01 * max(1e-12, float(line.max() - line.min())))
