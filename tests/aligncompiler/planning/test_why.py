"""Every stage that has to run says which field changed, and its line; an input that changed is followed to the root."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aligncompiler.compile import Compiled
from aligncompiler.ir import Plan, artifact_folder
from aligncompiler.planning.reason import Reason, as_json, folded
from aligncompiler.planning.why import matching, reasons
from aligncompiler.spec.training import Train
from aligncompiler.store.artifacts import read_manifest

Compile = Callable[..., Compiled]
Finish = Callable[..., None]
STORE = Path("store")


def plan(compiled: Compiled) -> Plan:
    assert compiled.plan is not None, [d.message for d in compiled.report.diagnostics]
    return compiled.plan


@pytest.fixture
def ask(compiled: Compile, finish: Finish, full: str) -> Callable[..., dict[str, Reason]]:
    """The reasons after the spec was finished as it stands in `first`, and then became `second`."""

    def run(second: str, first: str = full, **options: object) -> dict[str, Reason]:
        finish(plan(compiled(first)), STORE)
        return reasons(plan(compiled(second, **options)), STORE)

    return run


def line_of(text: str, fragment: str) -> str:
    """`spec.yaml:line:col` of a fragment of a text."""
    before = text[: text.index(fragment)]
    return f"spec.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def told(reason: Reason) -> list[str]:
    """The sentences of a reason without key and date of the artifact."""
    return [line.partition(" in the artifact")[0].partition(" since the artifact")[0] for line in reason.lines()]


def test_the_sentence_names_field_value_line_and_artifact(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    edited = full.replace("beta: 0.2", "beta: 0.3")
    reason = ask(edited)["stages.dpo"]
    key = reason.causes[0].past.key if reason.causes[0].past else ""
    today = time.strftime("%Y-%m-%d")
    start = f"stages.dpo runs: objective.beta is 0.3 ({line_of(edited, '0.3')}), was 0.2 in the artifact {key[:8]} of {today} "
    assert reason.text().startswith(start) and (artifact_folder(STORE, key) / "manifest.json").is_file()
    assert reason.brief() == f"objective.beta 0.2 -> 0.3 ({line_of(edited, '0.3')})"


def test_an_input_that_changed_is_followed_to_the_root_and_each_root_is_told_once(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    edited = full.replace("num_layers: 2", "num_layers: 3").replace("steps: 100", "steps: 101")
    found = ask(edited)
    layers = f"because models.base changed: architecture.num_layers is 3 ({line_of(edited, '3, num_heads')}), was 2"
    steps = f"budget.steps is 101 ({line_of(edited, '101')}), was 100"
    assert told(found["stages.sft"]) == [steps, layers]
    assert told(found["stages.exam"]) == [layers, f"because stages.sft changed: {steps}"] or told(found["stages.exam"])[::-1] == [
        layers,
        f"because stages.sft changed: {steps}",
    ]
    assert found["datasets.puzzles"].cached and found["stages.exam"].brief().endswith(", and 1 more")


def test_what_is_cached_says_since_when_and_by_which_run(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    found = ask(full)
    assert all(reason.cached for reason in found.values())
    assert found["stages.dpo"].text() == f"stages.dpo is cached: made {found['stages.dpo'].since} by runs/example-1"


def test_a_stage_of_which_nothing_is_known_is_not_in_the_store(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    more = full + "  more: {kind: label, completions: '${stages.drafts}', reward: '${rewards.steps}'}\n"
    assert told(ask(more)["stages.more"]) == [f"not in the store ({line_of(more, 'more: {kind')})"]


def test_in_an_empty_store_everything_is_new(compiled: Compile, full: str) -> None:
    found = reasons(plan(compiled(full)), STORE)
    assert {cause.what for reason in found.values() for cause in reason.causes} == {"new"}


def test_a_default_that_is_back_points_at_the_statement_and_says_default(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    edited = full.replace("{kind: dpo, beta: 0.2}", "{kind: dpo}")
    [sentence] = told(ask(edited)["stages.dpo"])
    assert sentence == f"objective.beta is 0.1 (default; {line_of(edited, 'dpo}')}), was 0.2"


def test_null_and_values_that_one_side_lacks_are_told(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    edited = full.replace("budget: {steps: 100}", "budget: {epochs: 2}").replace("{step: 1.0, result: 0.5}", "{step: 1.0, format: 0.5}")
    found = ask(edited)
    assert told(found["stages.sft"]) == [
        f"budget.epochs is 2.0 ({line_of(edited, '2}' + chr(10) + '    optimizer')}), was null",
        f"budget.steps is null (default; {line_of(edited, 'budget: {epochs')}), was 100",
    ]
    assert told(found["stages.pairs"])[:2] == [
        f"reward.weights.format is 0.5 ({line_of(edited, '0.5}')}), was not there",
        f"reward.weights.result is not there any more ({line_of(edited, 'weights')}), was 0.5",
    ]


def test_another_kind_is_one_cause_whatever_its_fields(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    edited = full.replace("reward: ${rewards.steps}}\n  rm", "reward: {kind: exact_match, ignore: [case]}}\n  rm").replace("  rm:", "  rm:")
    assert told(ask(edited)["stages.pairs"]) == [f"reward.kind is exact_match ({line_of(edited, 'exact_match')}), was deduction_steps"]


def test_another_reference_is_the_cause_and_not_what_lies_behind_it(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    edited = full.replace("    model: ${stages.sft}\n", "    model: ${models.base}\n")
    found = told(ask(edited)["stages.dpo"])
    assert found[0] == f"model is ${{models.base}} ({line_of(edited, '${models.base}' + chr(10) + '    data: ${stages.pairs}')}), was ${{stages.sft}}"


def test_another_part_of_the_same_stage_is_a_reference_too(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    kept = full.replace("    batch: {rows: 16", "    checkpoints: [0.25, 0.5]\n    batch: {rows: 16").replace(
        "models: [${stages.sft},", "models: [${stages.sft.checkpoints.1},"
    )
    edited = kept.replace("models: [${stages.sft.checkpoints.1}", "models: [${stages.sft.checkpoints.2}")
    [sentence] = told(ask(edited, kept)["stages.exam"])
    assert sentence.startswith("models.0 is ${stages.sft.checkpoints.2} (spec.yaml:") and sentence.endswith("was ${stages.sft.checkpoints.1}")


def test_the_seed_is_told_as_it_was_written_once_for_all_that_draw(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    found = ask(full.replace("seed: 3", "seed: 4"))
    assert told(found["stages.exam"]) == ["seed is 4 (spec.yaml:4:7), was 3"]
    assert found["datasets.puzzles"].cached


def test_a_renamed_stage_that_draws_says_that_its_seed_follows_its_name(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    edited = full.replace("drafts", "answers")
    found = ask(edited)
    [name] = told(found["stages.answers"])
    assert name.startswith("its name, from which its random numbers follow, is stages.answers (spec.yaml:") and name.endswith("was stages.drafts")
    assert told(found["stages.pairs"]) == [f"because stages.answers changed: {name}"]


def test_precision_and_device_are_told_as_fields_of_the_engine(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    edited = full.replace("seed: 3\n", "seed: 3\nengine: {precision: bfloat16}\n")
    assert told(ask(edited)["stages.exam"]) == ["engine.precision is bfloat16 (spec.yaml:5:21), was float32"]
    shutil.rmtree(STORE)
    assert told(ask(full, edited)["stages.exam"]) == ["engine.precision is float32 (default; spec.yaml:1:1), was bfloat16"]


def test_a_new_version_of_a_kind_is_told(compiled: Compile, finish: Finish, full: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan(compiled(full))
    finish(made, STORE)
    assert isinstance(made["stages.dpo"].spec, Train)
    monkeypatch.setattr(type(made["stages.dpo"].spec.objective), "version", 2)
    found = reasons(plan(compiled(full)), STORE)
    assert told(found["stages.dpo"]) == [f"the version of dpo is 2 ({line_of(full, '${objectives.gentle}')}), was 1"]


def test_the_content_of_a_file_is_told_with_the_file(ask: Callable[..., dict[str, Reason]], folder: Path) -> None:
    text = """\
alignc: v1
name: files
models: {m: {kind: causal_lm, folder: model}}
datasets: {a: {kind: demonstrations, file: a.jsonl}}
stages:
  s: {kind: train, model: "${models.m}", data: "${datasets.a}", objective: sft, budget: {steps: 1}, optimizer: {kind: adamw, learning_rate: 1}}
"""
    (folder / "model").mkdir()
    for name in ("a.jsonl", "b.jsonl", "model/config.json"):
        (folder / name).write_text(name)
    ask(text, text)
    (folder / "a.jsonl").write_text("other")
    [sentence] = told(ask(text, text.replace("a.jsonl", "b.jsonl"))["datasets.a"])
    assert sentence.startswith("the content of file is sha256 d9298a10 of `a.jsonl` (spec.yaml:4:44), was sha256 ")


def test_a_variable_a_profile_and_a_set_are_told_where_they_were_written(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    text = full.replace("beta: 0.2", "beta: ${vars.beta}") + "vars: {beta: {type: float, default: 0.4}}\nprofiles: {low: {stages.dpo.budget.steps: 7}}\n"
    found = ask(text, profiles=["low"], sets=["stages.dpo.batch.rows=9"])
    assert sorted(told(found["stages.dpo"])) == [
        "batch.rows is 9 (--set stages.dpo.batch.rows=9), was 32",
        f"budget.steps is 7 ({line_of(text, '7}}')}), was 50",
        f"objective.beta is 0.4 ({line_of(text, '0.4')}), was 0.2",
    ]


def test_the_reference_that_a_pass_added_points_at_the_fields_it_comes_from(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    edited = full.replace("    objective: ${objectives.gentle}\n", "    objective: ${objectives.gentle}\n    max_tokens: 99\n")
    assert told(ask(edited)["stages.dpo.reference"]) == [f"max_tokens is 99 ({line_of(edited, '99')}), was context"]


def test_a_damaged_artifact_says_what_it_lacks(ask: Callable[..., dict[str, Reason]], full: str, compiled: Compile) -> None:
    made = plan(compiled(full))
    ask(full)
    (artifact_folder(STORE, made["stages.sft"].key) / "model" / "weights").unlink()
    (artifact_folder(STORE, made["stages.rm"].key) / "manifest.json").write_text("{")
    aside = STORE / "damaged" / made["stages.dpo"].key
    aside.parent.mkdir()
    shutil.move(artifact_folder(STORE, made["stages.dpo"].key), aside)
    found = reasons(made, STORE)
    start = [f"its artifact {made[id].key[:8]}" for id in ("stages.sft", "stages.rm", "stages.dpo")]
    assert found["stages.sft"].lines() == [f"{start[0]} lacks its file `model/weights` ({line_of(full, 'sft:')})"]
    assert found["stages.rm"].lines() == [f"{start[1]} has no manifest that can be read ({line_of(full, 'rm:')})"]
    assert found["stages.dpo"].lines() == [f"{start[2]} was damaged and put aside ({line_of(full, 'dpo:' + chr(10))})"]


def test_an_input_whose_old_artifact_is_gone_says_so(ask: Callable[..., dict[str, Reason]], compiled: Compile, finish: Finish, full: str) -> None:
    before = plan(compiled(full))
    finish(before, STORE)
    shutil.rmtree(artifact_folder(STORE, before["stages.sft"].key))
    shutil.rmtree(artifact_folder(STORE, before["stages.rm"].key))
    now = plan(compiled(full.replace("rows: 16", "rows: 17")))
    finish(now, STORE, only=["stages.sft"])
    [sentence, *_] = told(reasons(now, STORE)["stages.drafts"])
    assert sentence.startswith("because stages.sft changed: it is another artifact now, and that of then is no longer in the store (spec.yaml:")


def test_the_artifact_most_like_the_stage_is_compared_with(compiled: Compile, finish: Finish, full: str) -> None:
    texts = [full.replace("beta: 0.2", f"beta: {beta}, label_smoothing: {smooth}") for beta, smooth in ((0.2, 0.1), (0.9, 0.3), (0.5, 0.4))]
    for text in texts[:2]:
        finish(plan(compiled(text)), STORE)
    near = full.replace("beta: 0.2", "beta: 0.9, label_smoothing: 0.2")
    assert [c.field for c in reasons(plan(compiled(near)), STORE)["stages.dpo"].causes] == ["objective.label_smoothing"]


def test_what_stood_under_another_name_elsewhere_is_no_past_and_is_named_as_the_nearest_of_its_kind(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    other = full.replace("name: example", "name: elsewhere").replace("held_out", "test_rows").replace("count: 100, leaves", "count: 99, leaves")
    reason = ask(full, other)["datasets.held_out"]
    place = line_of(full, "held_out: {kind")
    assert reason.lines() == [f"not in the store ({place})"] and reason.brief() == f"not in the store ({place})"
    first, near, count = reason.text().split("\n")
    assert first == f"datasets.held_out runs: not in the store ({place})"
    assert near.startswith("  the nearest artifact of its kind is ") and " (datasets.test_rows of elsewhere) of 20" in near and near.endswith("; there")
    assert count == f"    count is 100 ({line_of(full, '100, leaves')}), was 99"


def test_another_stage_of_the_same_experiment_is_no_past(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    more = full.replace("datasets:\n", "datasets:\n  extra: {kind: deduction, count: 50, leaves: {min: 2, max: 3}}\n")
    more += "  again: {kind: train, model: '${stages.sft}', data: '${datasets.extra}', objective: sft, budget: {steps: 9}, optimizer: {kind: adamw, learning_rate: 1}}\n"
    found = ask(more)
    for id in ("datasets.extra", "stages.again"):
        assert [cause.what for cause in found[id].causes] == ["new"] and found[id].nearest is None, "what it resembles is the past of others"


def test_manifests_that_are_no_manifests_are_passed_over(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    for number, text in enumerate(("[]", "{}", '{"preimage": 3, "files": {}}', '{"preimage": {"a": [1]}, "files": {}}', '{"files": {"../x": "y"}}', "\x00")):
        place = artifact_folder(STORE, f"{number:040x}")
        place.mkdir(parents=True)
        (place / "manifest.json").write_text(text)
    assert told(ask(full.replace("beta: 0.2", "beta: 0.3"))["stages.dpo"])[0].startswith("objective.beta is 0.3")


def test_cells_of_a_sweep_are_compared_with_their_own_past(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    sweep = "sweep: {axes: {seed: [1, 2], stages.dpo.budget.steps: [5, 6]}}\n"
    found = ask((full + sweep).replace("[5, 6]", "[5, 7]"), full + sweep)
    [cause] = found["stages.dpo[seed=2,steps=7]"].causes
    assert (cause.field, cause.now) == ("budget.steps", 7) and cause.past is not None and cause.past.id.startswith("stages.dpo[seed=2,")
    assert found["stages.dpo[seed=1,steps=5]"].cached
    shutil.rmtree(STORE)
    alone = told(ask(full + sweep, full)["stages.dpo[seed=2,steps=6]"])
    assert len(alone) == 2 and alone[0].startswith("budget.steps is 6 (spec.yaml:") and re.fullmatch(r"seed is 2 \(spec.yaml:\d+:\d+\), was 3", alone[1])


def test_a_long_chain_of_changed_stages_needs_no_stack(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    links = "".join(
        f"  s{i}: {{kind: train, model: '${{stages.{f's{i - 1}' if i else 'sft'}}}', data: '${{datasets.puzzles}}', objective: sft, budget: {{steps: 1}}, "
        f"optimizer: {{kind: adamw, learning_rate: 1}}}}\n"
        for i in range(1200)
    )
    found = ask((full + links).replace("num_layers: 2", "num_layers: 3"), full + links)
    [sentence] = told(found["stages.s1199"])
    assert sentence.startswith("because models.base changed: architecture.num_layers is 3")


def test_the_json_form_says_the_same(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    edited = full.replace("beta: 0.2", "beta: 0.3")
    found = ask(edited)
    data = json.loads(json.dumps([as_json(reason) for reason in found.values()]))
    cause = next(row for row in data if row["id"] == "stages.exam")["causes"][0]
    assert (cause["stage"], cause["field"], cause["now"], cause["then"]) == ("stages.dpo", "objective.beta", 0.3, 0.2)
    line, col = map(int, line_of(edited, "0.3").split(":")[1:])
    assert cause["place"] == {"file": "spec.yaml", "line": line, "col": col} and cause["past"]["id"] == "stages.dpo"
    assert next(row for row in data if row["id"] == "stages.sft")["causes"] == []


def test_a_stage_is_meant_with_or_without_its_section_and_cell(compiled: Compile, full: str) -> None:
    made = plan(compiled(full + "sweep: {axes: {seed: [1, 2]}}\n"))
    assert matching(made, "dpo") == matching(made, "stages.dpo") == ["stages.dpo[seed=1]", "stages.dpo[seed=2]"]
    assert matching(made, "stages.dpo[seed=2]") == ["stages.dpo[seed=2]"] and matching(made, "dp") == []


def test_thousands_of_artifacts_are_no_burden(compiled: Compile, finish: Finish, full: str) -> None:
    finish(plan(compiled(full + f"sweep: {{axes: {{seed: {list(range(200))}}}}}\n")), STORE)
    made = plan(compiled(full.replace("seed: 3", "seed: 500")))
    before = time.process_time()
    found = reasons(made, STORE)
    assert time.process_time() - before < 2.0, "1,600 manifests are read once"
    assert found["stages.dpo"].brief().startswith("seed ") and "-> 500 (spec.yaml:4:7)" in found["stages.dpo"].brief()


def test_a_link_to_an_artifact_is_cached_for_plan_and_why_alike(ask: Callable[..., dict[str, Reason]], compiled: Compile, full: str) -> None:
    made = plan(compiled(full))
    ask(full)
    for id in ("stages.sft", "stages.dpo"):
        place = artifact_folder(STORE, made[id].key)
        shutil.move(place, Path("elsewhere") / id)
        place.symlink_to((Path("elsewhere") / id).absolute())
    shard = artifact_folder(STORE, made["stages.rm"].key).parent
    shutil.move(shard, Path("elsewhere") / "shard")
    shard.symlink_to((Path("elsewhere") / "shard").absolute())
    assert all(reason.cached for reason in reasons(made, STORE).values())
    assert all(read_manifest(STORE, stage.key) is not None for stage in made.stages)
    shutil.rmtree(Path("elsewhere") / "stages.sft")
    assert not reasons(made, STORE)["stages.sft"].cached and read_manifest(STORE, made["stages.sft"].key) is None


LOOP = """\
rounds:
  loop:
    count: 3
    start: {policy: "${stages.sft}"}
    stages:
      more:
        kind: train
        model: ${round.policy}
        data: ${datasets.puzzles}
        objective: sft
        budget: {steps: 5}
        optimizer: {kind: adamw, learning_rate: 1e-3}
    next: {policy: "${round.more}"}
"""


def test_fewer_rounds_blame_no_stage_that_is_cached(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    three = full.replace("models: [${stages.sft},", "models: [${rounds.loop.policy},") + LOOP
    found = ask(three.replace("count: 3", "count: 2"), three)
    assert found["stages.loop.2.more"].cached
    place = line_of(three, '"${round.more}"')
    assert told(found["stages.exam"]) == [f"models.0 is ${{stages.loop.2.more}} ({place}), was ${{stages.loop.3.more}}"]


def test_a_stage_that_was_renamed_and_made_since_is_not_blamed(ask: Callable[..., dict[str, Reason]], compiled: Compile, finish: Finish, full: str) -> None:
    edited = full.replace("drafts", "answers")
    ask(edited)
    now = plan(compiled(edited))
    finish(now, STORE, only=["stages.answers"])
    found = reasons(now, STORE)
    assert found["stages.answers"].cached
    assert told(found["stages.pairs"]) == [f"completions is ${{stages.answers}} ({line_of(edited, '${stages.answers}')}), was ${{stages.drafts}}"]


def test_another_stage_in_the_place_of_one_that_went_is_a_reference(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    edited = full.replace("drafts", "answers").replace("count: 4, max_new_tokens: 128", "count: 2, max_new_tokens: 64")
    found = ask(edited)
    assert told(found["stages.pairs"]) == [f"completions is ${{stages.answers}} ({line_of(edited, '${stages.answers}')}), was ${{stages.drafts}}"]
    assert told(found["stages.answers"]) == [f"not in the store ({line_of(edited, 'answers: {kind')})"]


def test_what_was_deleted_is_said_to_be_gone_only_where_that_is_proven(ask: Callable[..., dict[str, Reason]], compiled: Compile, full: str) -> None:
    made = plan(compiled(full))
    ask(full)
    for id in ("stages.sft", "stages.exam", "stages.dpo"):
        shutil.rmtree(artifact_folder(STORE, made[id].key))
    run = Path("runs") / "example-1"
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"stages": [{"id": "stages.dpo", "key": made["stages.dpo"].key}]}))
    (Path("runs") / "broken").mkdir()
    (Path("runs") / "broken" / "run.json").write_text("[")
    found = reasons(made, STORE)
    [sft] = told(found["stages.sft"])
    assert re.fullmatch(
        rf"its artifact {made['stages.sft'].key[:8]} is no longer in the store \({line_of(full, 'sft:')}\); \w{{8}} \(\S+ of example\) was made from it", sft
    )
    dpo = f"its artifact {made['stages.dpo'].key[:8]} is no longer in the store ({line_of(full, 'dpo:' + chr(10))}); runs/example-1 had it"
    assert told(found["stages.dpo"]) == [dpo]
    assert told(found["stages.exam"]) == [f"not in the store ({line_of(full, 'exam:' + chr(10))})"], "nothing tells that it was ever made"
    assert told(reasons(made, STORE, Path("none"))["stages.dpo"])[0].startswith("not in the store")


def test_an_item_that_was_taken_out_of_a_list_is_no_default(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    two = full.replace("models: [${stages.sft}, ${stages.dpo}]", "models: [${stages.sft}]")
    two = two.replace("by: leaves}]", "by: leaves}, {kind: accuracy, reward: ${rewards.steps}}]")
    shorter = two.replace(", {kind: accuracy, reward: ${rewards.steps}}", "")
    [sentence] = told(ask(shorter, two)["stages.exam"])
    assert re.fullmatch(r"metrics.1 is not there any more \(spec.yaml:\d+:\d+\), was accuracy", sentence)
    shutil.rmtree(STORE)
    sentence = told(ask(two, full)["stages.exam"])[-1]
    assert re.fullmatch(r"models.1 is not there any more \(spec.yaml:\d+:\d+\), was \$\{stages.dpo\}", sentence)


ITEMS = [
    "{kind: mean_score, reward: ${rewards.steps}}",
    "{kind: accuracy, reward: ${rewards.steps}}",
    "{kind: mean_score, reward: ${rewards.steps}, part: step, by: leaves}",
]
LISTS = {
    "from the middle": ([0, 1, 2], [0, 2], ["metrics.1 is not there any more", "was accuracy"]),
    "from the front": ([0, 1, 2], [1, 2], ["metrics.0 is not there any more", "was mean_score"]),
    "into the middle": ([0, 2], [0, 1, 2], ["metrics.1 is accuracy", "was not there"]),
    "to the front": ([1], [0, 1], ["metrics.0 is mean_score", "was not there"]),
    "instead of another": ([0, 1], [0, 2], ["metrics.1.kind is mean_score", "was accuracy"]),
    "one out, one changed": ([1, 0], [2], ["metrics.0 is not there any more", "was accuracy", "metrics.0.part is step", "metrics.0.by is leaves"]),
}


@pytest.mark.parametrize("name", LISTS)
def test_items_of_a_list_are_compared_with_themselves_wherever_they_stand(ask: Callable[..., dict[str, Reason]], full: str, name: str) -> None:
    then, now, words = LISTS[name]
    whole = f"metrics: [{ITEMS[2]}]"
    assert whole in full
    texts = [full.replace(whole, f"metrics: [{', '.join(ITEMS[i] for i in places)}]") for places in (now, then)]
    sentences = told(ask(*texts)["stages.exam"])
    assert all(any(word in sentence for sentence in sentences) for word in words), sentences
    assert len(sentences) == sum(word.startswith("metrics") for word in words), sentences


def test_a_reference_taken_out_of_a_list_is_named_and_the_others_are_followed(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    three = full.replace("models: [${stages.sft}, ${stages.dpo}]", "models: [${models.base}, ${stages.sft}, ${stages.dpo}]")
    edited = full.replace("beta: 0.2", "beta: 0.3")
    gone, beta = told(ask(edited, three)["stages.exam"])
    assert re.fullmatch(r"models.0 is not there any more \(spec.yaml:\d+:\d+\), was \$\{models.base\}", gone)
    assert beta == f"because stages.dpo changed: objective.beta is 0.3 ({line_of(edited, '0.3')}), was 0.2"


def test_the_reference_that_a_pass_supplies_is_no_second_cause(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    edited = full.replace("    model: ${stages.sft}\n", "    model: ${models.base}\n")
    assert len(told(ask(edited)["stages.dpo"])) == 1
    shutil.rmtree(STORE)
    longer = full.replace("    objective: ${objectives.gentle}\n", "    objective: ${objectives.gentle}\n    max_tokens: 99\n")
    assert [c.field for c in ask(longer)["stages.dpo"].causes] == ["max_tokens"]
    shutil.rmtree(STORE)
    other = full.replace("objective: ${objectives.gentle}", "objective: {kind: sft}")
    for now, then in ((other, full), (full, other)):
        assert [c.field for c in ask(now, then)["stages.dpo"].causes] == ["objective.kind"]
        shutil.rmtree(STORE)
    assert [c.field for c in ask(full.replace("  dpo:\n", "  dpo_2:\n").replace("stages.dpo}", "stages.dpo_2}"))["stages.dpo_2"].causes] == [""]


def test_values_are_told_as_a_spec_would_say_them(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    text = full.replace("reward: ${rewards.steps}}\n  rm", "reward: {kind: exact_match, extract: 'null', ignore: [case]}}\n  rm")
    found = ask(text.replace("'null'", "'true'"), text)
    assert " was 'null' in" in found["stages.pairs"].lines()[0] and "reward.extract is 'true' (" in found["stages.pairs"].lines()[0]
    shutil.rmtree(STORE)
    small = ask(full.replace("learning_rate: 1e-3", "learning_rate: 1e-5"))["stages.sft"]
    assert "optimizer.learning_rate is 1e-5 (" in small.text() and ", was 0.001" in small.text()
    shutil.rmtree(STORE)
    tied = full.replace("num_heads: 4", "num_heads: 4, tie_embeddings: false")
    assert "tie_embeddings is false (" in ask(tied)["models.base"].text() and ", was true" in ask(tied)["models.base"].text()


def test_a_derived_default_is_no_cause_when_what_it_follows_changes(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    out = full.replace("num_heads: 4", "num_heads: 4, num_kv_heads: 4")
    for first, second in ((full, full.replace("num_heads: 4", "num_heads: 8")), (out, out.replace("num_heads: 4,", "num_heads: 8,"))):
        assert [c.field for c in ask(second, first)["models.base"].causes] == ["architecture.num_heads"]
        shutil.rmtree(STORE)
    assert [c.field for c in ask(out.replace("kv_heads: 4", "kv_heads: 2"), full)["models.base"].causes] == ["architecture.num_kv_heads"]


def test_a_key_that_an_older_version_made_in_another_way_is_told(compiled: Compile, finish: Finish, full: str) -> None:
    made = plan(compiled(full))
    finish(made, STORE)
    place = artifact_folder(STORE, made["models.base"].key)
    data = json.loads((place / "manifest.json").read_text())
    data["preimage"] |= {"numerics#": "cpu-float32"}
    (place / "manifest.json").write_text(json.dumps(data))
    shutil.move(place, "older")
    shutil.rmtree(STORE)
    shutil.move("older", artifact_folder(STORE, "0" * 40))
    assert told(reasons(made, STORE)["models.base"]) == [f"this version of alignc makes its key in another way ({line_of(full, 'base:')})"]


def test_one_root_is_said_once_however_many_stages_stand_on_it(ask: Callable[..., dict[str, Reason]], full: str) -> None:
    found = ask(full.replace("num_layers: 2", "num_layers: 3"))
    lines = folded([r for r in found.values() if not r.cached])
    assert (
        len(lines) == 2 and lines[0].startswith("models.base runs: architecture.num_layers is 3 (") and lines[1].startswith("  and 8 stages that stand on it: ")
    )
    shutil.rmtree(STORE)
    seed = folded([r for r in ask(full.replace("seed: 3", "seed: 4")).values() if not r.cached])
    assert len(seed) == 2 and "seed is 4 (spec.yaml:4:7), was 3" in seed[0] and " stages run for it too: " in seed[1]
    shutil.rmtree(STORE)
    sweep = full + f"sweep: {{axes: {{seed: {list(range(50))}, stages.dpo.budget.steps: [5, 6]}}}}\n"
    cells = folded([r for r in ask(sweep).values() if not r.cached])
    assert len(cells) < 12 and any(line.endswith(" other cells of it, each with its own value") for line in cells)
    assert folded([]) == []
