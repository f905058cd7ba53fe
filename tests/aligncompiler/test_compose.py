"""Parents, variables, profiles, `--set`, and which of them wins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aligncompiler.compile import Compiled

Compile = Callable[..., Compiled]
Said = Callable[..., list[tuple[str, str]]]


def seed(compiled: Compiled) -> int:
    assert compiled.plan is not None, compiled.report.diagnostics
    return compiled.plan.seed


def test_set_beats_profile_beats_file_beats_parent_beats_default(compiled: Compile, full: str, folder: Path) -> None:
    bare = full.replace("seed: 3\n", "")
    assert seed(compiled(bare)) == 0
    (folder / "parent.yaml").write_text(bare.replace("name: example\n", "name: example\nseed: 1\n"))
    child = "alignc: v1\nextends: ./parent.yaml\n"
    assert seed(compiled(child)) == 1
    child += "seed: 2\n"
    assert seed(compiled(child)) == 2
    child += "profiles: {a: {seed: 3}, b: {seed: 4}}\n"
    assert seed(compiled(child)) == 2
    assert seed(compiled(child, profiles=["a"])) == 3
    assert seed(compiled(child, profiles=["a", "b"])) == 4
    assert seed(compiled(child, profiles=["a", "b"], sets=["seed=5"])) == 5
    assert seed(compiled(child, profiles=["a"], sets=["seed=5", "seed=6"])) == 6


def test_mappings_merge_and_lists_replace(compiled: Compile, full: str, folder: Path) -> None:
    (folder / "parent.yaml").write_text(full)
    made = compiled("alignc: v1\nextends: parent.yaml\nstages: {sft: {batch: {rows: 8}}, exam: {models: ['${stages.dpo}']}}\n").plan
    assert made is not None
    batch = made["stages.sft"].spec.batch  # type: ignore[attr-defined]
    assert (batch.rows, batch.tokens_at_once) == (8, 4096)
    assert [str(m) for m in made["stages.exam"].spec.models] == ["${stages.dpo}"]  # type: ignore[attr-defined]


def test_a_grandparent_is_merged_first(compiled: Compile, full: str, folder: Path) -> None:
    (folder / "old.yaml").write_text(full)
    (folder / "middle.yaml").write_text("alignc: v1\nextends: old.yaml\nseed: 7\nname: middle\n")
    made = compiled("alignc: v1\nextends: middle.yaml\nname: young\n").plan
    assert made is not None and (made.seed, made.name) == (7, "young")


def test_a_changed_kind_drops_the_old_fields_and_says_so(compiled: Compile, full: str, folder: Path) -> None:
    (folder / "parent.yaml").write_text(full)
    child = "alignc: v1\nextends: parent.yaml\nrewards: {steps: {kind: exact_match, extract: 'A: (.*)'}}\nstages: {exam: {metrics: [{kind: accuracy}]}}\n"
    found = compiled(child)
    assert [d.code for d in found.report.diagnostics] == ["C206"]
    assert "`combine`, `weights`" in found.report.diagnostics[0].message
    assert [s.place.file for s in found.report.diagnostics[0].spans] == ["spec.yaml", "parent.yaml"]


def test_a_fault_in_an_inherited_value_is_shown_in_the_parent(compiled: Compile, full: str, folder: Path) -> None:
    (folder / "parent.yaml").write_text(full.replace("seed: 3", "seed: three"))
    [problem] = compiled("alignc: v1\nextends: parent.yaml\n").report.diagnostics
    assert problem.primary is not None and str(problem.primary.place) == "parent.yaml:4:7"


def test_the_path_of_a_parent_is_written_without_detours(compiled: Compile, full: str, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "parent.yaml").write_text(full.replace("beta: 0.2", "beta: -1"))
    [problem] = compiled("alignc: v1\nextends: sub/../sub/./parent.yaml\n").report.diagnostics
    assert problem.primary is not None and problem.primary.place.file == "sub/parent.yaml"


def test_a_parents_relative_path_starts_at_the_parent(compiled: Compile, folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    (folder / "deep" / "parent.yaml").write_text(
        "alignc: v1\nname: p\ndatasets: {rows: {kind: demonstrations, file: rows.jsonl}}\nmodels: {m: {kind: causal_lm, folder: ..}}\n"
        "stages: {s: {kind: logprobs, policy: '${models.m}', data: '${datasets.rows}'}}\n"
    )
    made = compiled("alignc: v1\nextends: deep/parent.yaml\n")
    assert made.report.diagnostics == [] and made.plan is not None
    assert made.plan["datasets.rows"].spec.file == str((folder / "deep" / "rows.jsonl").resolve())  # type: ignore[attr-defined]


def test_a_path_given_by_set_starts_here(compiled: Compile, folder: Path) -> None:
    text = "alignc: v1\nname: p\nvars: {rows: {type: path, default: nowhere.jsonl}}\ndatasets: {rows: {kind: text, file: '${vars.rows}'}}\n"
    text += "models: {m: {kind: causal_lm, architecture: {family: llama, hidden_size: 8, num_layers: 1, num_heads: 1, context: 8}, "
    text += "tokenizer: {kind: bpe, data: '${datasets.rows}', vocab_size: 300}}}\nstages: {s: {kind: logprobs, policy: '${models.m}', data: '${datasets.d}'}}\n"
    text = text.replace("file: '${vars.rows}'}", "file: '${vars.rows}'}, d: {kind: demonstrations, file: '${vars.rows}'}")
    (folder / "here.jsonl").write_text("{}\n")
    assert [d.code for d in compiled(text).report.diagnostics] == ["P601"]
    assert compiled(text, sets=["vars.rows=here.jsonl"]).report.diagnostics == []


def test_set_reads_values_as_the_file_reader_does(compiled: Compile, full: str) -> None:
    made = compiled(full, sets=["stages.dpo.optimizer.learning_rate=1e-5", "name=no", "stages.exam.models=[${stages.dpo}]"]).plan
    assert made is not None and made.name == "no"
    assert made["stages.dpo"].spec.optimizer.learning_rate == 1e-5  # type: ignore[attr-defined]


def test_set_may_name_a_field_that_the_file_leaves_to_its_default(compiled: Compile, full: str) -> None:
    made = compiled(full, sets=["stages.dpo.batch.rows=4", "stages.exam.metrics.0.part=result"]).plan
    assert made is not None and made["stages.dpo"].spec.batch.rows == 4  # type: ignore[attr-defined]


def test_a_fault_in_a_set_points_into_it(compiled: Compile, full: str) -> None:
    [problem] = compiled(full, sets=["seed=one"]).report.diagnostics
    assert problem.primary is not None and str(problem.primary.place) == "--set seed=one:1:6"


@pytest.mark.parametrize(
    ("override", "code"),
    [
        ("seed", "C202"),
        ("=1", "C202"),
        ("a b=1", "C202"),
        ("stages.none.budget.steps=1", "C204"),
        ("stages.dpo.objective.beta=1", "C204"),
        ("vars.none=1", "C204"),
        ("seed.x=1", "C204"),
        ("sed=1", "S401"),
        ("stages.sft.budget.step=1", "S401"),
        ("seed=[", "Y102"),
        ("seed={a: 1, a: 2}", "Y101"),
        ("seed=!!int 3", "Y103"),
        ("seed=", "S403"),
    ],
)
def test_a_faulty_set_is_one_diagnostic(compiled: Compile, full: str, override: str, code: str) -> None:
    assert [d.code for d in compiled(full, sets=[override]).report.diagnostics if d.code != "S403" or code == "S403"] == [code]


def test_a_variable_stands_for_a_typed_value(compiled: Compile, full: str) -> None:
    text = full.replace("beta: 0.2", "beta: ${vars.beta}") + "vars: {beta: {type: float, default: 1, doc: pull}}\n"
    made = compiled(text, sets=["vars.beta=0.3"])
    assert made.report.diagnostics == [] and made.plan is not None
    assert made.plan["stages.dpo"].spec.objective.beta == 0.3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("declaration", "code"),
    [
        ("{type: float, default: a}", "S403"),
        ("{type: int, default: 1.5}", "S403"),
        ("{type: int, default: true}", "S403"),
        ("{type: [float], default: 1}", "S404"),
        ("{type: str, default: 1}", "S403"),
        ("{type: number, default: 1}", "S404"),
        ("{type: float}", "S402"),
        ("{default: 0.1}", "S402"),
        ("0.1", "S403"),
        ("{type: float, default: 0.1, docs: x}", "S401"),
    ],
)
def test_a_faulty_variable_is_one_diagnostic_wherever_it_is_used(said: Said, full: str, declaration: str, code: str) -> None:
    text = full.replace("beta: 0.2", "beta: ${vars.beta}").replace("rows: 16", "rows: ${vars.beta}" if code != "S401" else "rows: 16")
    assert [c for c, _ in said(text + f"vars: {{beta: {declaration}}}\n")] == [code]


def test_a_variable_used_only_in_a_profile_is_used(said: Said, full: str) -> None:
    assert said(full + "vars: {n: {type: int, default: 2}}\nprofiles: {smoke: {stages.sft.budget.steps: '${vars.n}'}}\n") == []


def test_an_unused_variable_is_a_warning(compiled: Compile, full: str) -> None:
    made = compiled(full + "vars: {n: {type: int, default: 2}}\n")
    assert [d.code for d in made.report.diagnostics] == ["R306"] and made.plan is not None


def test_profiles_that_are_not_applied_are_checked_too(said: Said, full: str) -> None:
    assert [c for c, _ in said(full + "profiles: {a: {stages.sft.budget.steps: -1}, b: {stages.dpo.model: '${models.none}'}, c: {seed: 1}}\n")] == [
        "S405",
        "R301",
    ]


@pytest.mark.parametrize(
    ("parent", "code"), [("missing.yaml", "C203"), (".", "C203"), ("spec.yaml", "C203"), ("[a, b]", "C203"), ("broken.yaml", "Y102"), ("empty.yaml", "Y109")]
)
def test_a_faulty_parent_is_one_diagnostic(said: Said, full: str, folder: Path, parent: str, code: str) -> None:
    (folder / "broken.yaml").write_text("a: [\n")
    (folder / "empty.yaml").write_text("")
    assert [c for c, _ in said(full + f"extends: {parent}\n")] == [code]


def ids(compiled: Compiled) -> list[str]:
    assert compiled.plan is not None, compiled.report.diagnostics
    return [stage.id for stage in compiled.plan.stages]


def test_a_child_a_profile_and_set_can_drop_a_declaration(compiled: Compile, full: str, folder: Path) -> None:
    (folder / "parent.yaml").write_text(full)
    assert "stages.exam" in ids(compiled("alignc: v1\nextends: parent.yaml\n"))
    assert "stages.exam" not in ids(compiled("alignc: v1\nextends: parent.yaml\nstages: {exam: null}\n"))
    assert "stages.exam" not in ids(compiled(full, sets=["stages.exam=null"]))
    assert "stages.exam" not in ids(compiled(full + "profiles: {short: {stages.exam: null}}\n", profiles=["short"]))


def test_what_one_file_drops_the_next_can_declare_again(compiled: Compile, full: str, folder: Path) -> None:
    (folder / "grandparent.yaml").write_text(full + "sweep: {axes: {seed: [0, 1]}}\n")
    (folder / "parent.yaml").write_text("extends: grandparent.yaml\nsweep: null\n")
    assert compiled("extends: parent.yaml\n").plan.cells == ()  # type: ignore[union-attr]
    assert len(compiled("extends: parent.yaml\nsweep: {axes: {seed: [0, 1, 2]}}\n").plan.cells) == 3  # type: ignore[union-attr]


def test_only_a_written_null_drops_a_section(said: Said, full: str, folder: Path) -> None:
    (folder / "parent.yaml").write_text(full + "vars: {n: {type: int, default: 2}}\n")
    assert said("extends: parent.yaml\nvars: null\n") == []
    assert [code for code, _ in said("extends: parent.yaml\nvars:\n")] == ["S403"]
