"""What each pass decides, and that keys cover everything that matters and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aligncompiler.compile import Compiled
from aligncompiler.ir import Plan, plan_from
from aligncompiler.spec.codec import replaced
from aligncompiler.spec.stage import Stage
from aligncompiler.spec.training import Train

Compile = Callable[..., Compiled]


def plan(compiled: Compiled) -> Plan:
    assert compiled.plan is not None, [d.message for d in compiled.report.diagnostics]
    return compiled.plan


def keys(compiled: Compiled) -> dict[str, str]:
    return {s.id: s.key for s in plan(compiled).stages}


def changed(compiled: Compile, before: str, after: str) -> set[str]:
    """Ids of the stages whose keys differ between two texts."""
    assert before != after
    a, b = keys(compiled(before)), keys(compiled(after))
    assert set(a) == set(b)
    return {id for id in a if a[id] != b[id]}


def kept(full: str) -> str:
    """The spec with checkpoints of its first training."""
    return full.replace("    batch: {rows: 16", "    checkpoints: [0.25, 0.5]\n    batch: {rows: 16")


def descendants(made: Plan, id: str) -> set[str]:
    return {s.id for s in made.stages if s.id == id or id in made.ancestors(s.id)}


def test_a_plan_knows_by_what_name_a_reward_was_declared(compiled: Compile, full: str) -> None:
    made = plan(compiled(full))
    assert {s.id: s.names for s in made.stages if s.names} == {"stages.pairs": {"reward": "steps"}, "stages.exam": {"metrics.0.reward": "steps"}}
    assert plan_from(made.to_json()) == made
    renamed = full.replace("steps: {kind", "proof: {kind").replace("rewards.steps", "rewards.proof")
    assert plan(compiled(renamed))["stages.exam"].names == {"metrics.0.reward": "proof"} and changed(compiled, full, renamed) == {"stages.exam"}
    inside = full.replace("reward: ${rewards.steps}}", "reward: {kind: clip, of: ${rewards.steps}, low: 0}}")
    assert plan(compiled(inside))["stages.pairs"].names == {"reward.of": "steps"}


# ---- supply_reference


def test_an_objective_with_a_reference_gets_one_stage_that_reads_the_initial_policy(compiled: Compile, full: str) -> None:
    made = plan(compiled(full))
    added = [s for s in made.stages if s.why]
    assert [(s.id, s.reads) for s in added] == [("stages.dpo.reference", ("stages.sft", "stages.pairs"))]
    assert "stages.dpo.reference" in made["stages.dpo"].reads


def test_a_named_reference_is_the_one_that_is_read(compiled: Compile, full: str) -> None:
    made = plan(compiled(full.replace("    objective: ${objectives.gentle}\n", "    objective: ${objectives.gentle}\n    reference: ${models.base}\n")))
    assert made["stages.dpo.reference"].reads == ("models.base", "stages.pairs")


def test_an_objective_without_a_reference_gets_none(compiled: Compile, full: str) -> None:
    assert "stages.sft.reference" not in keys(compiled(full)) and "stages.rm.reference" not in keys(compiled(full))


def test_training_from_a_checkpoint_compares_with_that_checkpoint(compiled: Compile, full: str) -> None:
    made = plan(compiled(kept(full).replace("model: ${stages.sft}", "model: ${stages.sft.checkpoints.1}")))
    added = made["stages.dpo.reference"]
    assert added.spec.policy.path == "stages.sft.checkpoints.1" and added.why.endswith("compares with stages.sft.checkpoints.1")  # type: ignore[attr-defined]


def test_a_change_of_the_objective_leaves_the_reference_as_it_is(compiled: Compile, full: str) -> None:
    assert changed(compiled, full, full.replace("beta: 0.2", "beta: 0.3")) == {"stages.dpo", "stages.exam"}


# ---- check_splits


@pytest.mark.parametrize(("shares", "errors"), [("[0.9, 1]", 0), ("[0.8, 1]", 1), ("[0, 1]", 1), ("[0.95, 1]", 0)])
def test_evaluation_rows_may_not_be_training_rows(compiled: Compile, full: str, shares: str, errors: int) -> None:
    found = compiled(full.replace("between: [0.9, 1]", f"between: {shares}"))
    assert [d.code for d in found.report.diagnostics] == ["M502"] * errors


def test_rows_learned_from_through_pairs_count(compiled: Compile, full: str) -> None:
    text = full.replace("prompts: ${datasets.puzzles}", "prompts: ${datasets.held_out}").replace(
        "models: [${stages.sft}, ${stages.dpo}]", "models: [${stages.dpo}]"
    )
    [problem] = compiled(text).report.diagnostics
    assert problem.code == "M502" and "stages.dpo" in problem.message and "stages.sft" not in problem.message


def test_a_model_that_learned_elsewhere_is_no_problem(compiled: Compile, full: str) -> None:
    text = full.replace("models: [${stages.sft}, ${stages.dpo}]", "models: [${models.base}]").replace("data: ${datasets.held_out}", "data: ${datasets.puzzles}")
    assert [d.code for d in compiled(text).report.errors] == []


def test_a_checkpoint_learned_from_the_rows_of_its_training(compiled: Compile, full: str) -> None:
    text = kept(full).replace("models: [${stages.sft}, ${stages.dpo}]", "models: ${stages.sft.checkpoints}").replace("[0.9, 1]", "[0.8, 1]")
    assert [d.code for d in compiled(text).report.diagnostics] == ["M502"]


@pytest.mark.parametrize("role", ["learns", "measures", "judges"])
def test_the_split_is_checked_between_the_fields_that_stages_declare(compiled: Compile, full: str, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = full.replace("between: [0.9, 1]", "between: [0.8, 1]")
    assert [d.code for d in compiled(text).report.diagnostics] == ["M502"]
    for cls in Stage.__subclasses__():
        monkeypatch.setattr(cls, role, ())
    assert compiled(text).report.diagnostics == []


# ---- check_copies

COPIED = """\
alignc: v1
name: copies
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 64}
    tokenizer: {kind: bpe, data: "${datasets.learned}", vocab_size: 300}
datasets:
  learned: {kind: preferences, file: a.jsonl}
  exam: {kind: preferences, file: b.jsonl}
stages:
  dpo:
    kind: train
    model: ${models.base}
    data: ${datasets.learned}
    objective: {kind: dpo}
    budget: {steps: 10}
    optimizer: {kind: adamw, learning_rate: 1e-3}
  exam: {kind: evaluate, models: ["${stages.dpo}"], data: "${datasets.exam}", metrics: [{kind: pair_accuracy}]}
"""
ROW = '{"prompt": "p", "chosen": "c", "rejected": "r"}\n'


def test_a_copy_of_the_training_file_under_another_name_is_no_exam(compiled: Compile, folder: Path) -> None:
    for name in "ab":
        (folder / f"{name}.jsonl").write_text(ROW)
    [problem] = compiled(COPIED).report.diagnostics
    assert problem.code == "M502" and "measures on `datasets.exam`, a copy of `datasets.learned` that `stages.dpo` learns from" in problem.message
    assert problem.primary is not None and str(problem.primary.place) == "spec.yaml:19:59"
    assert compiled(COPIED, static=True).report.diagnostics == [], "by name alone nothing can be said"
    (folder / "b.jsonl").write_text(ROW + ROW)
    assert compiled(COPIED).report.diagnostics == []


def test_shares_of_a_copy_that_do_not_meet_are_an_exam(compiled: Compile, folder: Path) -> None:
    for name in "ab":
        (folder / f"{name}.jsonl").write_text(ROW)
    text = COPIED.replace("file: a.jsonl", "file: a.jsonl, between: [0, 0.5]").replace("file: b.jsonl", "file: b.jsonl, between: [0.5, 1]")
    assert compiled(text).report.diagnostics == []
    assert [d.code for d in compiled(text.replace("[0.5, 1]", "[0.4, 1]")).report.diagnostics] == ["M502"]


@pytest.mark.parametrize("columns", ["{prompt: question, chosen: a, rejected: b}", "{prompt: question, rejected: b}", "{prompt: question}"])
def test_shares_meet_by_the_column_that_is_hashed_whatever_others_are_called(compiled: Compile, folder: Path, columns: str) -> None:
    (folder / "a.jsonl").write_text(ROW)
    text = COPIED.replace("b.jsonl", "a.jsonl, between: [0.5, 1], columns: {prompt: question}")
    apart = text.replace("file: a.jsonl}", f"file: a.jsonl, between: [0, 0.5], columns: {columns}}}")
    assert compiled(apart).report.diagnostics == []
    assert [d.code for d in compiled(apart.replace("prompt: question", "prompt: topic", 1)).report.diagnostics] == ["M502"]


def test_shares_of_pairs_without_a_named_prompt_depend_on_what_their_answers_are_called(compiled: Compile, folder: Path) -> None:
    (folder / "a.jsonl").write_text(ROW)
    text = COPIED.replace("a.jsonl", "a.jsonl, between: [0, 0.5]").replace("b.jsonl", "a.jsonl, between: [0.5, 1]")
    assert compiled(text).report.diagnostics == []
    other = compiled(text.replace("[0, 0.5]", "[0, 0.5], columns: {chosen: a}")).report.diagnostics
    assert [d.code for d in other] == ["M502"], "the prompt may be what the answers share"


# ---- seeds


def test_every_stage_that_draws_has_a_seed_of_its_own(compiled: Compile, full: str) -> None:
    made = plan(compiled(full))
    seeds = [s.seed for s in made.stages if s.spec.draws]
    assert len(set(seeds)) == len(seeds) and all(0 < seed < 2**31 for seed in seeds)


def test_adding_a_stage_moves_nobody_elses_seed(compiled: Compile, full: str) -> None:
    before = {s.id: s.seed for s in plan(compiled(full)).stages}
    more = full + "  more: {kind: sample, policy: '${stages.dpo}', prompts: '${datasets.puzzles}', count: 1, max_new_tokens: 8}\n"
    after = {s.id: s.seed for s in plan(compiled(more)).stages}
    assert before.items() <= after.items()


def test_the_seed_of_the_experiment_leaves_the_data_as_it_is(compiled: Compile, full: str) -> None:
    moved = changed(compiled, full, full.replace("seed: 3", "seed: 4"))
    assert "datasets.puzzles" not in moved and {"models.base", "stages.sft", "stages.exam"} <= moved


# ---- hash_inputs

FILES = """\
alignc: v1
name: files
models: {m: {kind: causal_lm, folder: model}}
datasets: {a: {kind: demonstrations, file: a.jsonl}, b: {kind: problems, file: b.jsonl}}
stages:
  s: {kind: train, model: "${models.m}", data: "${datasets.a}", objective: sft, budget: {steps: 1}, optimizer: {kind: adamw, learning_rate: 1}}
  e: {kind: evaluate, models: ["${stages.s}"], data: "${datasets.b}", metrics: [accuracy]}
"""


@pytest.fixture
def files(folder: Path) -> Path:
    (folder / "model").mkdir()
    for name in ("a.jsonl", "b.jsonl", "model/config.json"):
        (folder / name).write_text(name)
    return folder


def test_the_content_of_a_file_moves_the_keys_below_it(compiled: Compile, files: Path) -> None:
    before = keys(compiled(FILES))
    (files / "b.jsonl").write_text("other")
    after = keys(compiled(FILES))
    assert {id for id in before if before[id] != after[id]} == {"datasets.b", "stages.e"}
    (files / "model" / "vocab.json").write_text("{}")
    assert {id for id in before if keys(compiled(FILES))[id] == after[id]} == {"datasets.a", "datasets.b"}


def test_the_name_and_date_of_a_file_move_nothing(compiled: Compile, files: Path) -> None:
    before = keys(compiled(FILES))
    (files / "a.jsonl").rename(files / "renamed.jsonl")
    assert keys(compiled(FILES.replace("a.jsonl", "renamed.jsonl"))) == before


def test_a_link_that_leads_nowhere_is_named_as_it_is_written(compiled: Compile, files: Path) -> None:
    (files / "a.jsonl").unlink()
    (files / "a.jsonl").symlink_to("gone.jsonl")
    (files / "b.jsonl").unlink()
    (files / "b.jsonl").symlink_to("b.jsonl")
    (files / "model").rename(files / "elsewhere")
    (files / "model").symlink_to("nowhere")
    text = FILES.replace("folder: model", "folder: model/inner")
    assert [d.message for d in compiled(text).report.in_order()] == [
        "`model` is a link to `nowhere`, which is not there",
        "`a.jsonl` is a link to `gone.jsonl`, which is not there",
        "`b.jsonl` is a link that leads back to itself",
    ]


def test_a_file_behind_a_link_is_the_same_as_without(compiled: Compile, files: Path) -> None:
    before = keys(compiled(FILES))
    (files / "linked.jsonl").symlink_to("a.jsonl")
    assert keys(compiled(FILES.replace("a.jsonl", "linked.jsonl"))) == before


def test_missing_inputs_are_reported_all_at_once(compiled: Compile, folder: Path) -> None:
    found = [(d.code, d.primary.place.line if d.primary else 0) for d in compiled(FILES).report.in_order()]
    assert found == [("P601", 3), ("P601", 4), ("P601", 4)]


def test_check_does_not_look_at_files(compiled: Compile, folder: Path) -> None:
    assert compiled(FILES, static=True).report.diagnostics == []


def test_a_package_that_is_not_installed_is_one_error_with_a_way_out(compiled: Compile, files: Path) -> None:
    [problem] = compiled(FILES.replace("folder: model", "package: no_such_package_here")).report.diagnostics
    assert problem.code == "P606" and problem.help == ("pip install no-such-package-here",)


def test_a_path_may_not_leave_its_package(compiled: Compile, files: Path) -> None:
    found = compiled(FILES.replace("folder: model", "package: yaml, path: ../pydantic"))
    assert [d.code for d in found.report.diagnostics] == ["P606"]


# ---- key_stages

SAME = {
    "comment": ("seed: 3\n", "seed: 3  # three\n"),
    "blank line": ("stages:\n", "\n\nstages:\n"),
    "name": ("name: example", "name: other"),
    "description": ("steps help", "they do not"),
    "cites": ("seed: 3\n", "seed: 3\ncites: [arXiv:1]\n"),
    "quotes": ("kind: bradley_terry", "kind: 'bradley_terry'"),
    "number form": ("learning_rate: 1e-3", "learning_rate: 0.001"),
    "key order": ("steps: 1" + "00}", "steps: 100, }"),
    "order in a mapping": ("weights: {step: 1.0, result: 0.5}", "weights: {result: 0.5, step: 1.0}"),
    "whole number for a number": ("weights: {step: 1.0,", "weights: {step: 1,"),
    "default written out": ("{kind: bradley_terry}", "{kind: bradley_terry, center: 0.0}"),
    "nested default written out": ("    batch: {rows: 16", "    schedule: {shape: cosine, warmup: 0.05, floor: 0}\n    batch: {rows: 16"),
    "null written out": ("budget: {steps: 100}", "budget: {steps: 100, epochs: null}"),
    "tokens at once": ("tokens_at_once: 4096", "tokens_at_once: 8192"),
    "log_every": ("    batch: {rows: 16", "    log_every: 1\n    batch: {rows: 16"),
    "answers at once": ("max_new_tokens: 128}", "max_new_tokens: 128, answers_at_once: 8}"),
    "threads": ("seed: 3\n", "seed: 3\nengine: {threads: 1}\n"),
    "inlined declaration": ("objective: ${objectives.gentle}", "objective: {kind: dpo, beta: 0.2}"),
}


@pytest.mark.parametrize("edit", SAME)
def test_an_edit_that_cannot_change_results_changes_no_key(compiled: Compile, full: str, edit: str) -> None:
    assert changed(compiled, full, full.replace(*SAME[edit], 1)) == set()


def test_a_key_says_which_part_is_read(compiled: Compile, full: str) -> None:
    texts = [kept(full).replace("models: [${stages.sft},", f"models: [${{stages.sft{part}}},") for part in ("", ".checkpoints.1", ".checkpoints.2")]
    found = [keys(compiled(text)) for text in texts]
    assert len({made["stages.exam"] for made in found}) == 3 and len({made["stages.sft"] for made in found}) == 1


def test_without_checkpoints_a_training_has_the_key_that_it_had_before_there_were_any(compiled: Compile, full: str) -> None:
    assert not any("checkpoints" in name for name in plan(compiled(full))["stages.sft"].preimage)
    assert changed(compiled, full, kept(full)) == descendants(plan(compiled(full)), "stages.sft")


EDITS = {
    "datasets.puzzles": ("count: 500", "count: 501"),
    "datasets.held_out": ("count: 100", "count: 101"),
    "models.base": ("num_layers: 2", "num_layers: 3"),
    "stages.sft": ("rows: 16", "rows: 17"),
    "stages.drafts": ("count: 4,", "count: 5,"),
    "stages.pairs": ("reward: ${rewards.steps}}", "reward: ${rewards.steps}, rule: all_pairs}"),
    "stages.rm": ("{kind: bradley_terry}", "{kind: bradley_terry, center: 0.1}"),
    "stages.dpo": ("beta: 0.2", "beta: 0.2, label_smoothing: 0.1"),
    "stages.exam": ("part: step", "part: result"),
}


@pytest.mark.parametrize("id", EDITS)
def test_a_semantic_edit_changes_exactly_the_stage_and_what_descends_from_it(compiled: Compile, full: str, id: str) -> None:
    assert changed(compiled, full, full.replace(*EDITS[id], 1)) == descendants(plan(compiled(full)), id)


def test_renaming_a_dataset_changes_no_key(compiled: Compile, full: str) -> None:
    before, after = keys(compiled(full)), keys(compiled(full.replace("held_out", "exam_rows")))
    assert before["datasets.held_out"] == after["datasets.exam_rows"] and before["stages.exam"] == after["stages.exam"]


def test_precision_moves_what_is_numeric_and_nothing_else(compiled: Compile, full: str) -> None:
    moved = changed(compiled, full, full.replace("seed: 3\n", "seed: 3\nengine: {precision: bfloat16}\n"))
    assert {"datasets.puzzles", "datasets.held_out", "models.base"} == set(keys(compiled(full))) - moved


def test_a_rule_scores_the_same_in_every_precision_and_a_trained_scorer_does_not(compiled: Compile, full: str) -> None:
    given = full.replace("datasets:\n", "datasets:\n  answers: {kind: completions, file: answers.jsonl}\n")
    given += "  marked: {kind: label, completions: '${datasets.answers}', reward: {kind: exact_match}}\n"
    given += "  ranked: {kind: pair, completions: '${datasets.answers}', reward: {kind: exact_match}}\n"
    given += "  judged: {kind: label, completions: '${datasets.answers}', reward: '${stages.rm}'}\n"
    given += "  sorted: {kind: pair, completions: '${datasets.answers}', reward: '${stages.rm}'}\n"
    Path("answers.jsonl").write_text('{"prompt": "p", "completion": "c", "answer": "c"}')
    moved = changed(compiled, given, given.replace("seed: 3\n", "seed: 3\nengine: {precision: bfloat16}\n"))
    assert not {"stages.marked", "stages.ranked"} & moved and {"stages.judged", "stages.sorted"} <= moved


def test_a_new_version_of_a_nested_kind_moves_the_keys_of_its_users(compiled: Compile, full: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(compiled(full))
    made = plan(compiled(full))
    assert isinstance(made["stages.sft"].spec, Train)
    monkeypatch.setattr(type(made["stages.sft"].spec.objective), "version", 2)
    after = keys(compiled(full))
    assert {id for id in before if before[id] != after[id]} == descendants(made, "stages.sft")


def test_the_preimage_names_every_field_that_the_key_covers(compiled: Compile, full: str) -> None:
    image = plan(compiled(full))["stages.dpo"].preimage
    assert image["objective.beta"] == 0.2 and image["objective.kind"] == "dpo" and image["budget.steps"] == 50
    assert image["model"].startswith("key:") and "numerics#" in image and "seed#" in image
    assert not {"log_every", "batch.tokens_at_once"} & set(image)


def test_places_lead_from_a_field_to_its_line(compiled: Compile, full: str) -> None:
    stage = plan(compiled(full))["stages.dpo"]
    lines = full.split("\n")
    for dotted, word in (("objective.beta", "0.2"), ("budget.steps", "50"), ("model", "${stages.sft}"), ("optimizer.learning_rate", "1e-4")):
        place = stage.place(dotted)
        assert place is not None and lines[place.line - 1][place.col - 1 :].startswith(word)
    nearest = stage.place("schedule.shape")
    assert nearest is not None and lines[nearest.line - 1].strip() == "dpo:"


def test_replaced_fields_are_validated_again(compiled: Compile, full: str) -> None:
    spec = plan(compiled(full))["stages.drafts"].spec
    with pytest.raises(ValueError, match="count"):
        replaced(spec, count=0)


# ---- check_shards


def test_members_side_by_side_are_refused_where_weights_are_spread(compiled: Compile) -> None:
    text = """\
alignc: v1
name: members
engine: {strategy: ddp, devices: 2}
datasets: {pairs: {kind: preferences, file: pairs.jsonl}}
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 64, num_layers: 2, num_heads: 4, context: 512}
    tokenizer: {kind: bpe, data: "${datasets.pairs}", vocab_size: 600}
rewards:
  one: {kind: scalar, backbone: "${models.base}"}
  many: {kind: ensemble, of: "${rewards.one}", members: 3, shares: nothing}
stages:
  train:
    kind: train
    model: ${rewards.many}
    data: ${datasets.pairs}
    objective: {kind: bradley_terry}
    budget: {steps: 2}
    optimizer: {kind: adamw, learning_rate: 1e-3}
    batch: {members_at_once: 3}
"""

    Path("pairs.jsonl").write_text('{"prompt": "a", "chosen": "b", "rejected": "c"}\n')

    def found(text: str) -> list[str]:
        return [d.code for d in compiled(text).report.diagnostics if d.path[-1:] == ("members_at_once",)]

    assert not found(text)
    assert keys(compiled(text)) == keys(compiled(text.replace("members_at_once: 3", "members_at_once: 2")))
    assert found(text + "    gradient_checkpointing: true\n") == ["M507"]
    assert found(text.replace("ddp", "fsdp")) == ["M507"]
    assert found(text.replace("members: 3, shares: nothing", "members: 3")) == ["M507"]
    assert found(text.replace("rewards.many", "rewards.one")) == ["M507"]
    assert not found(text.replace("members_at_once: 3", "members_at_once: 1").replace("rewards.many", "rewards.one"))
