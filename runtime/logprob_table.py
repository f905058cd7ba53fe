"""Stored log-probabilities: written by the stage that computes them, read by every objective that compares with a reference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .scoring import Values
from .store import Artifact

LOGPROBS_FILE = "logprobs.parquet"


def write_logprobs(folder: Path, leaves: Sequence[str], values: Values) -> int:
    """Write (row number, sum of log-probabilities of each leaf in nats) of every row that could be scored; how many there are."""
    number_N = np.flatnonzero(values.fits_N)
    columns = {"row": number_N} | {name: values.values_NLF[number_N, place, 0] for place, name in enumerate(leaves)}
    pq.write_table(pa.table(columns), folder / LOGPROBS_FILE)
    return len(number_N)


def read_logprob(artifact: Artifact, number: int) -> list[float] | None:
    """The log-probabilities of the answers of one row; None where it was not scored."""
    table = pq.read_table(artifact.folder / LOGPROBS_FILE, filters=[("row", "=", number)])
    return [column[0].as_py() for column in table.columns[1:]] if len(table) else None


def read_logprobs(artifact: Artifact, rows: int) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], np.ndarray[Any, np.dtype[np.float64]]]:
    """(whether each of `rows` rows was scored [rows], log-probabilities of its answers [rows, answers]) without a Python object per row."""
    table = pq.read_table(artifact.folder / LOGPROBS_FILE)
    number, *columns = (table.column(name).to_numpy() for name in table.column_names)
    known, values = np.zeros(rows, np.bool_), np.zeros((rows, len(columns)))
    known[number] = True
    values[number] = np.stack(columns, axis=1)
    return known, values
