"""The stages of a run as the page shows them: what came of each, its time, what it skipped, its fields, and the graph of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import yaml

from aligncompiler.ir import Plan, Stage
from aligncompiler.spec.codec import dump

from ..progress import duration, number
from ..store import Artifact
from .graph import Drawing, layered

MOST_SINGLY = 80  # stages that have a line each; of more, the variants of a stage share one
MOST_NODES = 150
MOST_SPECS = 150
MOST_FIGURES = 8

Made = Mapping[str, tuple[Artifact, bool]]


@dataclass(frozen=True)
class StageRow:
    """One stage, or the variants of one: `state` is `ran`, `cached`, `failed`, or `waiting` for one that was not reached; `share` is the part
    of the run's time in percent."""

    id: str
    kind: str
    makes: str
    state: str
    told: str
    seconds: str
    share: float
    figures: tuple[tuple[str, str], ...]
    key: str
    link: str


@dataclass(frozen=True)
class SkipRow:
    """Rows that a stage left out for one reason."""

    stage: str
    reason: str
    count: str
    share: str


@dataclass(frozen=True)
class Fields:
    """The resolved fields of one stage as YAML, where it was written, and why it is there if nobody wrote it."""

    id: str
    where: str
    why: str
    text: str


def groups_of(plan: Plan) -> dict[str, list[Stage]]:
    """Stages by the name of their line: each its own, or one for all variants in a sweep of many."""
    if len(plan.stages) <= MOST_SINGLY:
        return {stage.id: [stage] for stage in plan.stages}
    found: dict[str, list[Stage]] = {}
    for stage in plan.stages:
        found.setdefault(stage.base, []).append(stage)
    return found


def state_of(stage: Stage, made: Made, stopped: Mapping[str, str]) -> str:
    """`stopped` says of stages that did not end how they stopped."""
    return stopped.get(stage.id, "waiting") if stage.id not in made else "cached" if made[stage.id][1] else "ran"


# What is said of a stage in each state; of variants that share a line, the first of these states is theirs.
TOLD = {"failed": "failed", "interrupted": "interrupted", "running": "running", "waiting": "not reached", "ran": "", "cached": "cached"}


def stage_rows(plan: Plan, made: Made, stopped: Mapping[str, str]) -> list[StageRow]:
    """A row a stage, in the order of the plan."""
    spent = {id: artifact.manifest["seconds"] for id, (artifact, _) in made.items()}
    whole = max(sum(spent.values()), 1e-9)
    rows = []
    for name, stages in groups_of(plan).items():
        states = Counter(state_of(stage, made, stopped) for stage in stages)
        state = next(s for s in TOLD if s in states)
        seconds = sum(spent.get(stage.id, 0.0) for stage in stages)
        only = stages[0] if len(stages) == 1 else None
        manifest = made[only.id][0].manifest if only is not None and only.id in made else {}
        shown = [] if manifest.get("facts", {}).get("tables") else list(manifest.get("summary", {}).items())  # tables stand under the results
        figures = tuple((n, number(v)) for n, v in shown[:MOST_FIGURES])
        told = TOLD[state] if only is not None else ", ".join(f"{count} {TOLD[s] or s}" for s, count in states.items())
        key = only.key[:12] if only is not None else f"{len(stages)} variants"
        link = f"artifacts/{quote(only.id)}/" if only is not None and manifest else ""
        time = duration(seconds) if any(s.id in made for s in stages) else ""
        share = round(100 * seconds / whole, 1)
        rows.append(StageRow(name, stages[0].spec.tag, str(stages[0].output), state, told, time, share, figures, key, link))
    return rows


def skip_rows(plan: Plan, made: Made) -> list[SkipRow]:
    """Skipped rows by stage and reason, the most frequent reason of a stage first."""
    rows = []
    for name, stages in groups_of(plan).items():
        manifests = [made[s.id][0].manifest for s in stages if s.id in made]
        reasons: Counter[str] = Counter()
        for manifest in manifests:
            reasons.update(manifest["skipped"])
        kept = sum(m["facts"].get("rows", 0) for m in manifests)
        for reason, count in reasons.most_common(20):
            share = f"{100 * count / (kept + sum(reasons.values())):.1f} %" if kept else ""
            rows.append(SkipRow(name, reason, f"{count:,}", share))
    return rows


def drawing(plan: Plan, made: Made, stopped: Mapping[str, str]) -> Drawing | None:
    """The graph; the variants of a stage are one node. None for more nodes than can be looked at."""
    variants: dict[str, list[Stage]] = {}
    for stage in plan.stages:
        variants.setdefault(stage.base, []).append(stage)
    if len(variants) > MOST_NODES:
        return None
    base = {stage.id: stage.base for stage in plan.stages}
    nodes, reads = {}, {}
    for name, stages in variants.items():
        states = [state_of(stage, made, stopped) for stage in stages]
        state = next(s for s in TOLD if s in states)
        seconds = sum(made[s.id][0].manifest["seconds"] for s in stages if s.id in made)
        times = f" ×{len(stages)}" if len(stages) > 1 else ""
        told = " · ".join(filter(None, (duration(seconds) if any(s.id in made for s in stages) else "", TOLD[state])))
        nodes[name] = (name + times, f"{stages[0].spec.tag} · {told}", f"{stages[0].spec.family} {state}")
        reads[name] = tuple(dict.fromkeys(base[r] for s in stages for r in s.reads if base[r] != name))
    return layered(nodes, reads)


def fields_of(plan: Plan) -> tuple[list[Fields], int]:
    """The resolved fields of each stage, of variants those of the first; and how many stages are left to plan.json."""
    shown = [stages[0] for stages in groups_of(plan).values()][:MOST_SPECS]
    engine = Fields("engine", "", "", written({"seed": plan.seed, "engine": dump(plan.engine)}))
    found = [engine]
    for stage in shown:
        place = stage.place()
        where = f"{place.file}:{place.line}" if place is not None else ""
        found.append(Fields(stage.id, where, stage.why, written(dump(stage.spec))))
    return found, len(plan.stages) - len(shown)


def written(value: Any) -> str:
    return yaml.dump(value, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False, allow_unicode=True, width=100)


def other_versions(made: Made, own: Mapping[str, str]) -> list[str]:
    """What of the versions that cached stages were made with is not as in this run."""
    found: dict[str, list[str]] = {}
    for id, (artifact, cached) in made.items():
        for name, version in artifact.manifest["versions"].items() if cached else ():
            if own.get(name, version) != version:
                found.setdefault(f"{name} {version}", []).append(id)
    return [f"{what}: {listed(ids)}" for what, ids in found.items()]


def listed(ids: Sequence[str]) -> str:
    return ", ".join(ids[:6]) + (f" and {len(ids) - 6} more" if len(ids) > 6 else "")
