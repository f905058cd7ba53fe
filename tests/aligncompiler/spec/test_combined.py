"""A combination is to the rest of the compiler what it is made of: its scorers, columns, costs and keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aligncompiler.compile import Compiled
from aligncompiler.ir import Plan, Stage
from aligncompiler.planning.estimate import estimate
from aligncompiler.spec.base import Output, Ref
from aligncompiler.spec.combined import Clip, LengthPenalty, Minimum, Normalised, Penalised, Product, Threshold
from aligncompiler.spec.reward import columns_read, figures_of, inside, scorers_in
from aligncompiler.spec.rule import DeductionSteps, ExactMatch, Length
from aligncompiler.spec.stage import check_reward_columns

Compile = Callable[..., Compiled]
SCORER = Ref("stages.rm", Output("scorer"))
UNSURE = Ref("stages.urme", Output("scorer", columns=("uncertainty", "gap")))
NEST = Minimum(parts={"a": Clip(of=Product(parts={"x": ExactMatch(), "y": SCORER}), high=1.0), "b": DeductionSteps(), "c": SCORER})


def plan_of(compiled: Compiled) -> Plan:
    assert compiled.plan is not None, [d.message for d in compiled.report.diagnostics]
    return compiled.plan


def pairs(compiled: Compile, full: str, reward: str) -> tuple[Plan, Stage]:
    """The plan in which the stage `chosen` pairs answers by this reward."""
    chosen = f"  chosen: {{kind: pair, completions: '${{stages.drafts}}', reward: {reward}}}\n"
    plan = plan_of(compiled(full.replace("  exam:\n", f"{chosen}  exam:\n")))
    return plan, plan["stages.chosen"]


def test_all_rewards_inside_are_found_at_their_paths() -> None:
    assert [path for path, _ in inside(NEST)] == ["", "parts.a", "parts.a.of", "parts.a.of.parts.x", "parts.a.of.parts.y", "parts.b", "parts.c"]
    assert scorers_in(NEST) == (SCORER,) and scorers_in(SCORER) == (SCORER,) and scorers_in(Length()) == ()


def test_columns_are_those_of_the_rules_inside() -> None:
    assert NEST.columns == ("answer", "problem") and columns_read(NEST) == () and columns_read(ExactMatch()) == ("answer",)
    rows = Ref("stages.answers", Output("dataset", ("completions",)))
    found = [(p.code, p.field, p.message) for p in check_reward_columns(NEST, rows, "reward")]
    assert found == [
        ("R304", "reward.parts.a.of.parts.x", "reward `exact_match` reads the column `answer`, which `${stages.answers}` does not carry"),
        ("R304", "reward.parts.b", "reward `deduction_steps` reads the column `problem`, which `${stages.answers}` does not carry"),
    ]


def test_figures_are_the_names_of_parts_and_uncertainty_where_it_stays_true() -> None:
    assert figures_of(NEST) == ("a", "b", "c") and figures_of(Threshold(of=NEST, by=SCORER, least=0.0)) == ("raw", "by")
    assert figures_of(Clip(of=UNSURE, low=0.0)) == ("raw",)
    assert figures_of(LengthPenalty(of=UNSURE, free=1, per_unit=1.0)) == ("raw", "uncertainty") == figures_of(Penalised(of=UNSURE, strength=1.0))
    assert [*Penalised(of=LengthPenalty(of=UNSURE, free=1, per_unit=1.0), strength=1.0).check()] == []
    assert [p.code for p in Penalised(of=Clip(of=UNSURE, low=0.0), strength=1.0).check()] == ["M521"]


def test_scores_are_relative_where_anything_inside_is() -> None:
    assert Normalised(of=Length()).relative and Minimum(parts={"a": Normalised(of=Length(), mean=0.0), "b": Length()}).relative
    assert not Minimum(parts={"a": Normalised(of=Length(), mean=0.0, std=1.0), "b": SCORER}).relative


def test_a_scorer_inside_costs_what_it_costs_alone_and_is_counted_once(compiled: Compile, full: str) -> None:
    alone, once, twice, rule = (
        estimate(plan)["stages.chosen"]
        for plan, _ in (
            pairs(compiled, full, reward)
            for reward in (
                "'${stages.rm}'",
                "{kind: clip, of: {kind: minimum, parts: {a: '${stages.rm}', b: length}}, high: 1}",
                "{kind: minimum, parts: {a: '${stages.rm}', b: {kind: clip, of: '${stages.rm}', high: 1}}}",
                "{kind: minimum, parts: {a: length, b: deduction_steps}}",
            )
        )
    )
    assert (alone.flops.value or 0) > 0 and alone == once == twice
    assert rule.flops.value == 0


def test_an_exam_counts_the_scorers_inside_of_its_rewards(compiled: Compile, full: str) -> None:
    metric = "metrics: [{kind: mean_score, reward: ${rewards.steps}, part: step, by: leaves}]"
    by_rule, nested, alone = (
        estimate(plan_of(compiled(full.replace(metric, f"metrics: [{{kind: mean_score, reward: {reward}}}]"))))["stages.exam"].flops.value or 0
        for reward in ("${rewards.steps}", "{kind: clip, of: {kind: product, parts: {a: '${stages.rm}', b: length}}, low: 0}", "'${stages.rm}'")
    )
    assert by_rule < nested == alone


@pytest.mark.parametrize(("reward", "numeric"), [("{kind: clip, of: '${stages.rm}', high: 1}", True), ("{kind: clip, of: length, high: 1}", False)])
def test_the_device_is_in_the_key_where_a_scorer_is_inside(compiled: Compile, full: str, reward: str, numeric: bool) -> None:
    plan, chosen = pairs(compiled, full, reward)
    assert ("numerics#" in chosen.preimage) == numeric == ("stages.rm" in plan.ancestors("stages.chosen"))
    if numeric:
        assert chosen.preimage["reward.of"] == f"key:{plan['stages.rm'].key}" and chosen.place("reward.of") is not None


def test_the_order_in_which_parts_are_written_is_in_no_key(compiled: Compile, full: str) -> None:
    one, other = (
        pairs(compiled, full, f"{{kind: product, parts: {{{parts}}}}}")[1] for parts in ("a: length, b: deduction_steps", "b: deduction_steps, a: length")
    )
    assert one.key == other.key
    moved = pairs(compiled, full, "{kind: product, parts: {a: deduction_steps, b: length}}")[1]
    assert moved.key != one.key


def test_every_value_inside_of_parts_has_a_place(compiled: Compile, full: str) -> None:
    reward = "{kind: product, parts: {a: {kind: clip, of: {kind: length, unit: characters}, high: 9}, b: deduction_steps}}"
    _, chosen = pairs(compiled, full, reward)
    place = chosen.places["reward.parts.a.of.unit"]
    assert (chosen.places["reward.parts.b"].line, place.line) == (place.line, place.line) and place.col > chosen.places["reward.parts.a"].col


def test_a_plan_with_a_nest_is_read_back_as_it_was(compiled: Compile, full: str) -> None:
    plan, chosen = pairs(compiled, full, "{kind: minimum, parts: {a: {kind: clip, of: '${stages.rm}', high: 1}, b: {kind: regex, pattern: x}}}")
    again = Plan.from_json(plan.to_json())["stages.chosen"]
    assert again.spec == chosen.spec and again.reads == chosen.reads
