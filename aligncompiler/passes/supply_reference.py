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
from ..spec.stage import Logprobs, Train


def supply_reference(plan: Plan, report: Report) -> Plan:
    """The plan with a `logprobs` stage before every `train` stage whose objective wants a reference."""
    stages: list[Stage] = []
    for stage in plan.stages:
        spec = stage.spec
        if isinstance(spec, Train) and spec.objective.wants_reference():
            policy = spec.model if spec.reference == "initial" else spec.reference
            assert isinstance(policy, Ref)
            if policy.output.artifact == "policy":
                made = Logprobs(policy=policy, data=spec.data, max_tokens=spec.max_tokens, tokens_at_once=spec.batch.tokens_at_once)
                output = made.output()
                extra = Stage(f"{stage.id}.reference", made, output, {"": stage.places[""]}, why=f"supply_reference: {stage.id} compares with {policy.path}")
                stages.append(extra)
                stage = replace(stage, spec=replaced(spec, reference=Ref(extra.id, output)))
        stages.append(stage)
    return replace(plan, stages=tuple(stages))
