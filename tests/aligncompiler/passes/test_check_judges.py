"""A trained scorer measures nothing that was made with its help; more of this stands in the golden folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import pytest

from aligncompiler.compile import Compiled
from aligncompiler.diagnostic import Report
from aligncompiler.passes.check_judges import check_judges
from aligncompiler.spec.base import Needs, Ref
from aligncompiler.spec.measuring import Evaluate
from aligncompiler.spec.metric import Metric


class Truth(Metric):
    """Scores of a judged scorer beside those of another reward."""

    kind: Literal["truth"] = "truth"
    judges: ClassVar[tuple[str, ...]] = ("scorer",)

    truth: Annotated[Ref, Needs(("scorer",))]
    """Scorer that is taken for the truth."""


@pytest.mark.parametrize(
    ("judged", "truth", "said"),
    [
        (["stages.rm"], "stages.rm", "`stages.exam` measures `stages.rm` by `stages.rm`, which is itself"),
        (["stages.rm"], "rewards.judge", "`stages.exam` measures `stages.rm` by `rewards.judge`, which had a part in making it"),
        (["rewards.judge"], "stages.rm", ""),
    ],
)
def test_a_scorer_is_not_measured_by_itself_nor_by_what_it_was_made_from(
    compiled: Callable[..., Compiled], full: str, judged: list[str], truth: str, said: str
) -> None:
    plan = compiled(full).plan
    assert plan is not None
    exam = plan["stages.exam"]
    named = {id: Ref(id, plan[id].output) for id in ("stages.rm", "rewards.judge")}
    metrics = (Truth(truth=named[truth]),)
    spec = Evaluate.model_construct(models=tuple(named[id] for id in judged), data=Ref("datasets.held_out", plan["datasets.held_out"].output), metrics=metrics)
    report = Report()
    check_judges(plan.map({"stages.exam": replace(exam, spec=spec)}), report)
    assert [d.message for d in report.diagnostics] == [said] * bool(said)
