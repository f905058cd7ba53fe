"""A figure of a scorer on these rows less the same on others."""

from __future__ import annotations

import numpy as np

from aligncompiler.spec.judging import Shift

from ..clusters import numbered
from ..encoded import Floats
from ..judge import Group, Judge, Measured
from ..registry import implements
from ..store import Artifact
from ..work import load_rows


@implements(Shift)
def shift(judge: Judge, *, against: Artifact, figure: str) -> Measured:
    """Mean of the figure here less its mean on the rows of `against`; both means are groups. Rows of both are drawn by prompt for the interval."""
    others = load_rows(against)
    here_N = judge.own_completions.of(figure)[:, 0]
    there_M = judge.ask(judge.model, others, ("completion",), f"rows of {against.id}").of(figure)[:, 0]
    values = np.stack([np.concatenate([here_N, there_M]), np.repeat([1.0, 0.0], [len(here_N), len(there_M)])], 1)
    groups = {"here": Group(np.arange(len(here_N)), mean), against.id: Group(np.arange(len(here_N), len(values)), mean)}
    prompts = numbered((place, row.get("prompt")) for place, rows in enumerate((judge.rows, others)) for row in rows)
    return Measured(values, groups, statistic=gain, clusters=prompts)


def gain(rows_N2: Floats) -> float:
    """Of (figure, 1 here and 0 elsewhere); NaN where one side has no row."""
    here = rows_N2[:, 1] > 0.5
    return float(rows_N2[here, 0].mean() - rows_N2[~here, 0].mean()) if here.any() and not here.all() else float("nan")


def mean(rows_N2: Floats) -> float:
    return float(rows_N2[:, 0].mean())
