"""What rows say of their answers for a model to learn: ratings of attributes, whether an answer is right, which of its steps are.

Shapes: R rows, A attributes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .columns import numbers_of
from .encoded import Floats, Ragged
from .fault import Fault
from .store import Artifact
from .work import load_rows

Targets = dict[str, Floats | Ragged]


def targets(data: Artifact, reads: Sequence[str], attributes: tuple[str, ...]) -> tuple[Targets, dict[int, str]]:
    """The quantities among `reads` that the rows hold, one entry a row, and the numbers of the rows that say nothing, with the reason."""
    found: Targets = {}
    lacks: dict[int, str] = {}
    if "labels" in reads:
        found["labels"] = numbers_of(data, attributes)
        lacks |= dict.fromkeys(np.flatnonzero(np.isnan(found["labels"]).all(1)).tolist(), "no attribute is given")
    if "score" in reads:
        score_R = numbers_of(data, ("score",))[:, 0]
        for row in np.flatnonzero((score_R < 0) | (score_R > 1)).tolist():
            raise not_a_share("score", score_R[row], row)
        found["score"] = score_R
        lacks |= dict.fromkeys(np.flatnonzero(np.isnan(score_R)).tolist(), "no score is given")
    if "step_labels" in reads:
        found["step_labels"], reasons = step_labels(data)
        lacks |= reasons
    if "margin" in reads:
        found["margin"] = margins(data)
    return found, lacks


def step_labels(data: Artifact) -> tuple[Ragged, dict[int, str]]:
    """The labels of the steps of each row's answer, NaN for a step that has none; and the rows that cannot be used, with the reason."""
    rows = load_rows(data, columns=("completion", "steps", "step_labels"))
    missing = [name for name in ("steps", "step_labels") if name not in rows.columns]
    if missing:
        raise Fault("P603", f"the rows carry no column `{missing[0]}`", "data", (f"columns: {', '.join(load_rows(data).columns)}",))
    flat, lengths, lacks = list[float](), list[int](), dict[int, str]()
    for number, row in enumerate(rows):
        labels = [share_of(label, number) for label in row["step_labels"] or ()]
        steps = row["steps"] or ()
        if all(map(math.isnan, labels)):
            lacks[number] = "no step has a label"
        elif len(steps) != len(labels):
            lacks[number] = "steps and step_labels differ in length"
        elif "".join(steps) != row["completion"]:
            lacks[number] = "steps are not those of the completion"
        flat += labels
        lengths.append(len(labels))
    return Ragged.of(flat, lengths), lacks


def share_of(label: Any, row: int) -> float:
    """A label in [0, 1], NaN for none. Raises Fault for anything else."""
    if label is None:
        return math.nan
    if not isinstance(label, int | float) or not 0 <= label <= 1:
        raise not_a_share("step_labels", label, row)
    return float(label)


def not_a_share(column: str, value: object, row: int) -> Fault:
    help = ("0 is wrong, 1 is right, and what lies between is how likely it is right",)
    return Fault("P603", f"`{column}` is {value} in row {row + 1}, outside of [0, 1]", "data", help)


def margins(data: Artifact) -> Floats:
    """The margin of every row, 0 where it has none."""
    rows = load_rows(data, columns=("margin",))
    return np.fromiter((float(row["margin"] or 0.0) for row in rows), np.float64) if rows.columns else np.zeros(len(rows))
