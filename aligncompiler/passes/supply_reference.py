"""Objectives that compare with a reference get a stage that computes its log-probabilities once.

`reference: initial` is the policy that training starts from. The stage is keyed like any other, so two objectives, specs or seeds that
compare with the same weights on the same rows share it.
"""

from __future__ import annotations

from dataclasses import replace

from ..diagnostic import Report
from ..ir import Plan, Stage
from ..spec.base import Ref
from ..spec.codec import replaced
from ..spec.measuring import Logprobs
from ..spec.training import Train


def supply_reference(plan: Plan, report: Report) -> Plan:
    """The plan with a `logprobs` stage before every `train` stage whose objective wants a reference."""
    stages: dict[str, Stage] = {}
    supplied: dict[str, tuple[str, str]] = {}
    for stage in plan.stages:
        spec = stage.spec
        if isinstance(spec, Train) and spec.objective.wants_reference():
            policy = spec.model if spec.reference == "initial" else spec.reference
            assert isinstance(policy, Ref)
            if policy.output.artifact == "policy":
                extra = reference_of(stage, spec, policy)
                stages.setdefault(extra.id, extra)
                links = dict(stage.links) | ({extra.base: extra.id} if extra.id != extra.base else {})
                stage = replace(stage, spec=replaced(spec, reference=Ref(extra.base, extra.output)), links=links)
                supplied[stage.id] = (extra.base, extra.id)
        stages[stage.id] = stage
    cells = tuple(replace(cell, stages={**cell.stages, **dict(supplied[id] for id in cell.stages.values() if id in supplied)}) for cell in plan.cells)
    return replace(plan, stages=tuple(stages.values()), cells=cells)


def reference_of(stage: Stage, spec: Train, policy: Ref) -> Stage:
    """The stage that asks the policy. In a sweep it depends on what its policy and its rows depend on, not on all that the objective does."""
    made = Logprobs(policy=policy, data=spec.data, max_tokens=spec.max_tokens, tokens_at_once=spec.batch.tokens_at_once)
    links = {ref.to: stage.links[ref.to] for ref in (policy, spec.data) if ref.to in stage.links}
    axes = dict.fromkeys(axis for id in links.values() for axis in id.partition("[")[2].rstrip("]").split(","))
    label = f"[{','.join(axes)}]" if axes else ""
    why = f"supply_reference: {stage.base} compares with {policy.path}"
    asked = "model" if spec.reference == "initial" else "reference"
    sources = {"": "", "policy": asked, "data": "data", "max_tokens": "max_tokens", "tokens_at_once": "batch.tokens_at_once"}
    places = {field: stage.places[source] for field, source in sources.items() if source in stage.places}
    return Stage(f"{stage.base}.reference{label}", made, made.output(), places, why=why, links=links)
