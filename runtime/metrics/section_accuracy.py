"""Accuracy of sections of subsets, as RewardBench counts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from aligncompiler.spec.judging import Section, SectionAccuracy

from ..clusters import Members, numbered
from ..encoded import Floats, Ints
from ..fault import Fault
from ..judge import Group, Judge, Measured, in_order
from ..registry import implements


@implements(SectionAccuracy)
def section_accuracy(judge: Judge, *, by: str, sections: Mapping[str, Section], question: str | None) -> Measured:
    """1 if the chosen answer scores higher, 1/2 at a tie, else 0; with `question` 0 if one pair of it is in the wrong order, else 1 / (1 + its ties), told
    at its first row: the chance that the chosen answer is drawn among the best.

        section = sum over its subsets of count x accuracy / sum of counts,   all = sum over sections of weight x section / sum of weights

    Sources: arXiv:2403.13787, arXiv:2506.01937. Raises Fault for a subset that no row is of.
    """
    asked = None if question is None else judge.column(question)
    names = [name for section in sections.values() for name in section.subsets]
    subset = np.fromiter((names.index(str(value)) if str(value) in names else -1 for value in judge.column(by)), np.int64, len(judge.rows))
    missing = [name for number, name in enumerate(names) if number not in subset]
    if missing:
        raise Fault("P603", f"no row has {by} `{missing[0]}`", "metrics", (f"what rows have: {', '.join(sorted(set(map(str, judge.column(by)))))}",))
    values_N = in_order(judge.pair_scores())
    if asked is not None:
        values_N = of_questions(values_N, asked)
    measured = np.bincount(subset[(subset >= 0) & ~np.isnan(values_N)], minlength=len(names))
    parts = [(one.weight, [(names.index(name), one.counts.get(name, float(measured[names.index(name)]))) for name in one.subsets]) for one in sections.values()]
    groups: dict[str, Group] = {"": Group(np.flatnonzero(subset >= 0))}
    for (name, section), part in zip(sections.items(), parts, strict=True):
        inside: Ints = np.array([names.index(one) for one in section.subsets])
        groups[f"section {name}"] = Group(np.flatnonzero(np.isin(subset, inside)), partial(of_sections, parts=[part]))
        for one in section.subsets if len(sections) > 1 or len(inside) > 1 else ():
            groups[f"{by} {one}"] = Group(np.flatnonzero(subset == names.index(one)), partial(of_sections, parts=[(1.0, [(names.index(one), 1.0)])]))
    return Measured(np.stack([values_N, subset], 1), groups, statistic=partial(of_sections, parts=parts), share=True)


def of_sections(rows_N2: Floats, parts: Sequence[tuple[float, Sequence[tuple[int, float]]]]) -> float:
    """The mean over sections, (weight, [(subset, count)]) each, of the mean over subsets; a subset or section that has no row here is left out."""
    subset = rows_N2[:, 1].astype(int)
    sums, sizes = np.bincount(subset, weights=rows_N2[:, 0]), np.bincount(subset)
    total = weights = 0.0
    for weight, members in parts:
        here = [(count, sums[number] / sizes[number]) for number, count in members if number < len(sizes) and sizes[number] and count > 0]
        if here:
            total += weight * sum(count * mean for count, mean in here) / sum(count for count, _ in here)
            weights += weight
    return total / weights if weights else float("nan")


def of_questions(values_N: Floats, question: Sequence[Any]) -> Floats:
    """At the first row of a question 0 if a pair of it is in the wrong order, else 1 / (1 + ties); NaN at the rest, and where a pair was not measured."""
    alone = ((name, number if name is None else None) for number, name in enumerate(question))  # rows that name none are questions of their own
    found = np.full(len(values_N), np.nan)
    for members in Members.of(numbered(alone)):
        values = values_N[members]
        found[members[0]] = np.nan if np.isnan(values).any() else float(values.min() > 0) / (1 + (values == 0.5).sum())
    return found
