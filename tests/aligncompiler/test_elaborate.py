"""Types, references, and that each problem is reported once, at its own characters."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aligncompiler.compile import Compiled
from aligncompiler.diagnostic import Place

Compile = Callable[..., Compiled]
Said = Callable[..., list[tuple[str, str]]]

# (old, new, code, the characters that the primary span covers)
FAULTS = [
    ("seed: 3", "sed: 3", "S401", "sed"),
    ("beta: 0.2", "bta: 0.2", "S401", "bta"),
    ("rows: 16", "row: 16", "S401", "row"),
    ("count: 4, ", "", "S402", "drafts"),
    ("    budget: {steps: 100}\n", "", "S402", "sft"),
    ("{min: 2, max: 4}", "{min: 2}", "S402", "leaves"),
    ("kind: deduction, count: 500", "count: 500", "S402", "puzzles"),
    ("seed: 3", "seed: 3.0", "S403", "3.0"),
    ("seed: 3", "seed: true", "S403", "true"),
    ("steps: 100", "steps: no", "S403", "no"),
    ("models: [${stages.sft}, ${stages.dpo}]", "models: ${stages.sft}", "R303", "${stages.sft}"),
    ("model: ${stages.sft}", "model: sft", "S403", "sft"),
    ("family: llama", "family: gpt", "S404", "gpt"),
    ("combine: weighted", "combine: 1", "S403", "1"),
    ("count: 4,", "count: 0,", "S405", "0"),
    ("between: [0, 0.9]", "between: [0.9, 0]", "S405", "between"),
    ("learning_rate: 1e-3", "learning_rate: .inf", "S405", ".inf"),
    ("name: example", "name: a/b", "S405", "a/b"),
    ("{min: 2, max: 4}, between: [0.9", "{min: 4, max: 2}, between: [0.9", "S405", "2"),
    ("kind: sample", "kind: smaple", "S406", "smaple"),
    ("objective: {kind: sft}", "objective: stf", "S406", "stf"),
    ("kind: sample", "kind: [sample]", "S406", "[sample]"),
    ("alignc: v1", "alignc: v0", "S407", "v0"),
    ("alignc: v1", "alignc: 1", "S407", "1"),
    ("${models.base}", "${models.bose}", "R301", "${models.bose}"),
    ("${stages.drafts}", "${drafts}", "R301", "${drafts}"),
    ("description: steps help", "description: a ${b} c", "R305", "a ${b} c"),
    ("model: ${stages.sft}", "model: ${stages.dpo}", "R302", "${stages.dpo}"),
    ("policy: ${stages.sft}", "policy: ${datasets.puzzles}", "R303", "${datasets.puzzles}"),
    ("objective: ${objectives.gentle}", "objective: ${rewards.steps}", "R303", "${rewards.steps}"),
    ("completions: ${stages.drafts}", "completions: ${datasets.puzzles}", "R304", "${datasets.puzzles}"),
    ("step: 1.0", "speed: 1.0", "M509", "1.0"),
    ("by: leaves", "by: depth", "M509", "depth"),
    ("part: step", "part: speed", "M509", "speed"),
    ("hidden_size: 64", "hidden_size: 65", "M504", "65"),
    ("reward: ${rewards.steps}}\n  rm", "reward: {kind: scalar, backbone: ${models.base}}}\n  rm", "R303", "scalar"),
    ("[${stages.sft}, ${stages.dpo}]", "[${stages.sft.checkpoints.1}, ${stages.dpo}]", "R301", "${stages.sft.checkpoints.1}"),
    ("    batch: {rows: 16", "    checkpoints: [0.5, 0.2]\n    batch: {rows: 16", "S405", "checkpoints"),
    ("    batch: {rows: 16", "    checkpoints: [0]\n    batch: {rows: 16", "S405", "checkpoints"),
    ("    batch: {rows: 16", "    checkpoints: [1.5]\n    batch: {rows: 16", "S405", "checkpoints"),
]


def covered(text: str, place: Place) -> str:
    line = text.split("\n")[place.line - 1]
    return line[place.col - 1 : place.end_col - 1]


@pytest.mark.parametrize(("old", "new", "code", "characters"), FAULTS, ids=[f"{code}-{new[:30]}" for _, new, code, _ in FAULTS])
def test_one_fault_is_one_error_that_covers_the_faulty_characters(compiled: Compile, full: str, old: str, new: str, code: str, characters: str) -> None:
    text = full.replace(old, new, 1)
    assert text != full
    errors = compiled(text).report.errors
    assert [e.code for e in errors] == [code], [e.message for e in errors]
    assert errors[0].primary is not None and covered(text, errors[0].primary.place) == characters


@pytest.mark.parametrize(("old", "new", "code", "characters"), FAULTS, ids=[f"{code}-{new[:30]}" for _, new, code, _ in FAULTS])
def test_no_warning_is_caused_by_an_error(compiled: Compile, full: str, old: str, new: str, code: str, characters: str) -> None:
    allowed = {"R306"} if old.startswith(("policy: ", "completions: ", "objective: ", "model: ")) else set()  # the fault itself removed the only use
    assert {d.code for d in compiled(full.replace(old, new, 1)).report.diagnostics if d.severity == "warning"} <= allowed


def test_independent_errors_are_reported_in_one_run_in_the_order_of_the_file(said: Said, full: str) -> None:
    text = full.replace("seed: 3", "seed: x").replace("count: 500", "cout: 500").replace("beta: 0.2", "beta: -1")
    text = text.replace("kind: bradley_terry", "kind: bradly").replace("${datasets.held_out}", "${datasets.heldout}")
    assert [code for code, _ in said(text)] == ["S403", "S401", "S405", "S406", "R301"]


def test_a_fault_in_a_declaration_is_reported_once_however_often_it_is_used(said: Said, full: str) -> None:
    assert [code for code, _ in said(full.replace("count: 500", "count: x"))] == ["S403"]


def test_errors_of_one_statement_are_reported_together(said: Said, full: str) -> None:
    text = full.replace("hidden_size: 64, num_layers: 2, num_heads: 4", "hidden_sise: 64, num_layers: 0, num_heads: four")
    assert [code for code, _ in said(text)] == ["S401", "S405", "S403"]


def test_a_near_word_is_a_fix_at_the_same_place(compiled: Compile, full: str) -> None:
    text = full.replace("beta: 0.2", "bta: 0.2")
    [problem] = compiled(text).report.diagnostics
    [fix] = problem.fixes
    assert fix.text == "beta" and covered(text, fix.place) == "bta"


def test_applying_the_fix_mends_the_spec(compiled: Compile, full: str) -> None:
    for old, new in (("beta: 0.2", "bta: 0.2"), ("${models.base}", "${models.bas}"), ("kind: sample", "kind: smple"), ("model: ${stages.sft}", "model: sft")):
        text = full.replace(old, new, 1)
        [fix] = compiled(text).report.diagnostics[0].fixes
        lines = text.split("\n")
        line = lines[fix.place.line - 1]
        lines[fix.place.line - 1] = line[: fix.place.col - 1] + fix.text + line[fix.place.end_col - 1 :]
        assert compiled("\n".join(lines)).report.diagnostics == []


def test_the_path_of_a_problem_leads_to_the_value(compiled: Compile, full: str) -> None:
    [problem] = compiled(full.replace("part: step", "part: speed")).report.diagnostics
    assert problem.path == ("stages", "exam", "metrics", "0", "part")


def test_whole_numbers_pass_for_numbers_but_not_the_other_way(compiled: Compile, full: str) -> None:
    made = compiled(full.replace("beta: 0.2", "beta: 2")).plan
    assert made is not None and type(made["stages.dpo"].spec.objective.beta) is float  # type: ignore[attr-defined]
    assert [d.code for d in compiled(full.replace("count: 4,", "count: 4.0,")).report.diagnostics] == ["S403"]


def test_a_bare_kind_is_short_for_a_mapping(compiled: Compile, full: str) -> None:
    short, long = compiled(full.replace("objective: {kind: sft}", "objective: sft")).plan, compiled(full).plan
    assert short is not None and long is not None and short["stages.sft"].key == long["stages.sft"].key


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("[${stages.sft.checkpoints}, ${stages.dpo}]", ["stages.sft.checkpoints.1", "stages.sft.checkpoints.2", "stages.dpo"]),
        ("${stages.sft.checkpoints}", ["stages.sft.checkpoints.1", "stages.sft.checkpoints.2"]),
        ("[${stages.sft.checkpoints.2}, ${stages.sft}]", ["stages.sft.checkpoints.2", "stages.sft"]),
    ],
)
def test_a_list_stands_for_its_members(compiled: Compile, full: str, written: str, read: list[str]) -> None:
    kept = full.replace("    batch: {rows: 16", "    checkpoints: [0.5, 1.0]\n    batch: {rows: 16")
    found = compiled(kept.replace("[${stages.sft}, ${stages.dpo}]", written))
    assert found.plan is not None, [d.message for d in found.report.errors]
    assert [ref.path for ref in found.plan["stages.exam"].spec.models] == read  # type: ignore[attr-defined]


def test_a_part_that_is_not_there_leads_to_those_that_are(compiled: Compile, full: str) -> None:
    kept = full.replace("    batch: {rows: 16", "    checkpoints: [0.5]\n    batch: {rows: 16")
    [error] = compiled(kept.replace("policy: ${stages.sft}", "policy: ${stages.sft.checkpoints.2}")).report.errors
    assert error.code == "R301" and error.help == ("did you mean `checkpoints.1`?",)


def test_a_list_is_not_taken_where_one_is_due(compiled: Compile, full: str) -> None:
    kept = full.replace("    batch: {rows: 16", "    checkpoints: [0.5]\n    batch: {rows: 16")
    [error] = compiled(kept.replace("policy: ${stages.sft}", "policy: ${stages.sft.checkpoints}")).report.errors
    assert error.code == "R303" and "list of 1" in error.message


def test_a_kind_that_is_declared_by_itself_is_told_where(compiled: Compile, full: str) -> None:
    [error] = compiled(full.replace("reward: ${rewards.steps}}", "reward: {kind: scalar, backbone: ${models.base}}}", 1)).report.errors
    assert error.help == ("declare it under `rewards:` and write `${rewards.NAME}` here",)


@pytest.mark.parametrize(("reward", "part", "codes"), [("stages.rm", "score", []), ("stages.rm", "step", ["M509"]), ("rewards.steps", "step", [])])
def test_the_part_of_a_reward_is_one_of_its_figures(compiled: Compile, full: str, reward: str, part: str, codes: list[str]) -> None:
    text = full.replace("reward: ${rewards.steps}, part: step", f"reward: ${{{reward}}}, part: {part}")
    assert [d.code for d in compiled(text).report.errors] == codes


def test_declarations_may_stand_in_any_order(compiled: Compile, full: str) -> None:
    head, stages = full.split("stages:\n")
    first = compiled(full).plan
    turned = compiled("stages:\n" + stages + head.replace("alignc: v1\n", "") + "alignc: v1\n").plan
    assert first is not None and turned is not None
    assert {s.id: s.key for s in first.stages} == {s.id: s.key for s in turned.stages}


def test_a_long_chain_written_backwards_is_compiled(compiled: Compile, full: str) -> None:
    train = "kind: train, data: '${datasets.puzzles}', objective: sft, budget: {steps: 1}, optimizer: {kind: adamw, learning_rate: 1}"
    chain = "".join(f"  s{i}: {{model: '${{stages.s{i - 1}}}', {train}}}\n" for i in range(300, 0, -1))
    made = compiled(full + chain + f"  s0: {{model: '${{models.base}}', {train}}}\n")
    assert made.report.diagnostics == [] and made.plan is not None and "stages.s300" in {s.id for s in made.plan.stages}


def test_a_ring_through_very_many_stages_is_one_error(said: Said, full: str) -> None:
    train = "kind: train, data: '${datasets.puzzles}', objective: sft, budget: {steps: 1}, optimizer: {kind: adamw, learning_rate: 1}"
    ring = "".join(f"  s{i}: {{model: '${{stages.s{(i + 1) % 500}}}', {train}}}\n" for i in range(500))
    assert [code for code, _ in said(full + ring)] == ["R302"]


@pytest.mark.parametrize("section", ["models", "datasets", "rewards", "objectives", "stages", "engine", "cites", "vars", "profiles"])
@pytest.mark.parametrize(
    "value", ["3", "[]", "null", "text", "[1]", "{x: }", "{x: 1}", "{x: []}", "{'': {}}", "{x: {kind: }}", "{x: {kind: {}}}", "{x: ${vars.none}}"]
)
def test_any_value_in_any_section_is_a_diagnostic_and_never_a_crash(compiled: Compile, section: str, value: str) -> None:
    found = compiled(f"alignc: v1\nname: x\n{section}: {value}\n")
    assert found.report.errors or found.plan is not None


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_deleted_or_doubled_line_makes_the_compiler_crash(compiled: Compile, full: str, data: st.DataObject) -> None:
    lines = full.split("\n")
    at = data.draw(st.integers(0, len(lines) - 1))
    edit = data.draw(st.sampled_from(["delete", "double", "indent", "truncate", "null"]))
    line = lines[at]
    cut = data.draw(st.integers(0, len(line)))
    new = {"delete": [], "double": [line, line], "indent": ["  " + line], "truncate": [line[:cut]], "null": [line.split(":")[0] + ":"]}[edit]
    found = compiled("\n".join([*lines[:at], *new, *lines[at + 1 :]]))
    assert found.report.errors or found.plan is not None
