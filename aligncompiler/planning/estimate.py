"""What the stages of a plan will take and make: rows, parameters, operations, memory, disk. Nothing is loaded, no key depends on it.

It is no pass: it looks at the store, and only who asks for it pays for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..ir import Plan, Stage
from ..spec.base import Kind
from ..spec.cost import Estimate, figure, number
from ..spec.experiment import Engine
from .survey import FileSurvey

MOST_KEPT = 20_000
Known = tuple[Kind, Engine, tuple[Estimate, ...], tuple[str, ...]]
kept: dict[tuple[int, ...], tuple[Known, Estimate]] = {}


def estimate(plan: Plan, finished: Mapping[str, tuple[Mapping[str, Any], int]] | None = None) -> dict[str, Estimate]:
    """The estimate of every stage, by id.

    `finished` maps the id of a stage whose artifact is in the store to its manifest and its size in bytes: what it says of itself is
    taken, and what reads it is computed from that.
    """
    made: dict[str, Estimate] = {}
    ask = FileSurvey(plan.engine, made)
    for stage in plan.stages:
        found = estimate_of(stage, ask)
        made[stage.id] = found.found(*finished[stage.id]) if finished and stage.id in finished else found
    return made


def estimate_of(stage: Stage, ask: FileSurvey) -> Estimate:
    """What the kind of a stage answers; the same statement that reads the same things is asked once, in whichever plan it stands."""
    known: Known = (stage.spec, ask.engine, tuple(ask.made[id] for id in stage.reads), tuple(stage.files.values()))
    name = (id(stage.spec), id(ask.engine), *map(id, known[2]), hash(known[3]))
    if name not in kept:
        ask.links = stage.links
        if len(kept) >= MOST_KEPT:
            kept.clear()
        kept[name] = (known, stage.spec.estimate(ask))  # what is known is kept alive, so that no other object takes its id
    return kept[name][1]


def total(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    """Sums of operations and disk, and the most memory, of some stages: each a number or null, under `bounds` how sure it is, and under
    `unknown` how many stages it leaves out because they could not be estimated."""
    summed: dict[str, Any] = {"stages": len(estimates), "bounds": {}, "unknown": {}}
    for name in ("flops", "memory", "disk"):
        figures = [getattr(one, name) for one in estimates.values()]
        known = [f for f in figures if f.value is not None]
        whole = figure(0)
        for f in known:
            whole = whole.most(f) if name == "memory" else whole + f
        summed[name] = number(whole)
        summed["bounds"][name] = whole.sure
        summed["unknown"][name] = len(figures) - len(known)
    return summed
