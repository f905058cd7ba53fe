"""What `check --data` finds is what a run would do; and it leaves nothing behind."""

import json
import sys

import pytest

from aligncompiler.compile import compile_spec
from aligncompiler.ir import write_plan
from runtime import examine
from runtime.__main__ import main
from runtime.examine import Examination, columns_of, quantiles, share

SPEC = """\
alignc: v1
name: looked-at
engine: {accelerator: cpu, threads: 1}
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 64}
    tokenizer: {kind: bpe, data: "${datasets.pairs}", vocab_size: 300}
datasets:
  pairs: {kind: preferences, file: pairs.jsonl}
  held_out: {kind: preferences, file: held_out.jsonl}
rewards:
  rm: {kind: scalar, backbone: "${models.base}"}
stages:
  judge:
    kind: train
    model: ${rewards.rm}
    data: ${datasets.pairs}
    objective: {kind: bradley_terry}
    budget: {steps: 1}
    batch: {rows: 2}
    max_tokens: 40
    optimizer: {kind: adamw, learning_rate: 0.01}
  tuned:
    kind: train
    model: ${models.base}
    data: ${datasets.pairs}
    objective: {kind: dpo}
    budget: {steps: 1}
    batch: {rows: 2}
    optimizer: {kind: adamw, learning_rate: 0.01}
  ranking: {kind: evaluate, models: ["${stages.judge}"], data: "${datasets.held_out}", metrics: [{kind: pair_accuracy}]}
  drafts: {kind: sample, policy: "${stages.tuned}", prompts: "${datasets.held_out}", count: 1, max_new_tokens: 4}
"""


def row(number, prompt=1, chosen=1, rejected=1):
    return {"prompt": f"q{number} " * prompt, "chosen": f"good {number} " * chosen, "rejected": "bad " * rejected}


PAIRS = [*(row(n) for n in range(6)), row(7, chosen=12), row(8, rejected=60), {**row(9), "chosen": " "}, {**row(10), "prompt": None}, row(11, chosen=9)]
HELD_OUT = [*(row(n) for n in range(20, 25)), row(26, prompt=60), row(26, prompt=60, chosen=2), row(27, chosen=40)]


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(SPEC)
    for name, rows in (("pairs", PAIRS), ("held_out", HELD_OUT)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return tmp_path


@pytest.fixture
def looked(project, tmp_path_factory):
    """The findings on the spec with some values exchanged."""

    def look(*sets, text=None):
        (project / "spec.yaml").write_text(text or SPEC)
        made = compile_spec(project / "spec.yaml", sets=sets)
        assert made.plan is not None, [d.message for d in made.report.diagnostics]
        return Examination(made.plan, tmp_path_factory.mktemp("folder")).run()

    return look


def told(findings):
    return {(f["stage"], f["code"], f["field"]): f["message"] for f in findings.faults}


def test_what_is_counted_is_what_a_run_skips(project, looked, monkeypatch):
    said = told(looked())
    plan = compile_spec(project / "spec.yaml").plan
    write_plan(plan, project / "run" / "plan.json")
    monkeypatch.setattr(sys, "argv", ["runtime", str(project / "run" / "plan.json"), "--store", str(project / "store")])
    assert main() == 0
    skipped = {s["id"]: s["skipped"] for s in json.loads((project / "run" / "run.json").read_text())["stages"]}
    assert skipped["datasets.pairs"] == {"empty chosen": 1, "chosen and rejected share no prompt": 1}
    assert (
        said["datasets.pairs", "P622", "file"]
        == "2 of 11 rows of `pairs.jsonl` (18 %) cannot be used and would be skipped: 1 x empty chosen, 1 x chosen and rejected share no prompt"
    )
    [judge] = skipped["stages.judge"].values()
    assert judge > 1 and said["stages.judge", "P622", "max_tokens"].startswith(f"{judge} of 9 rows")
    [tuned] = skipped["stages.tuned"].values()
    assert judge > tuned > 0 and said["stages.tuned", "P622", "data"].startswith(f"{tuned} of 9 rows")
    [ranked] = skipped["stages.ranking"].values()
    assert said["stages.ranking", "P622", "data"].startswith(f"{ranked} of 8 rows") and ranked == 3
    assert skipped["stages.drafts"].pop("another answer to a prompt that is asked once") == 1
    [drafts] = skipped["stages.drafts"].values()
    assert said["stages.drafts", "P622", "prompts"].startswith(f"{drafts} of 7 rows") and drafts == 1
    assert "prompts longer than 63 tokens, which leave no room for an answer" in said["stages.drafts", "P622", "prompts"]


def test_a_question_behind_answers_counts_and_their_end_token_does_not(project, tmp_path_factory):
    plain_rm = 'rm: {kind: scalar, backbone: "${models.base}"}'
    steps = '{kind: process, backbone: "${models.base}"}\n  rm: {kind: ensemble, members: 2, of: "${rewards.steps}"}'
    for rm in (plain_rm.replace("scalar", "generative"), f"steps: {steps}"):
        words = SPEC.replace(plain_rm, rm).replace("max_tokens: 40", "max_tokens: 60")
        (project / "spec.yaml").write_text(words)
        found = Examination(compile_spec(project / "spec.yaml").plan, tmp_path_factory.mktemp("folder"))
        found.run()
        encoder = found.encoders["models.base"]
        plain = found.lengths["datasets.pairs", "models.base", ("chosen", "rejected"), None]
        [(cut, judged)] = [(key[3], lengths) for key, lengths in found.lengths.items() if key[0] == "datasets.pairs" and key[3] is not None]
        more = len(encoder.ids("\n\nIs the answer correct (Yes/No)?\n")) if "generative" in words else 0
        assert len(cut.tail) == more
        assert judged == [length - 1 + more for length in plain]
        over = sum(length > 60 for length in judged)
        assert told(found.findings)["stages.judge", "P622", "max_tokens"].startswith(f"{over} of 9 rows")


def test_each_dataset_is_described_by_rows_columns_and_tokens(looked):
    found = looked()
    pairs, held_out = found.datasets
    assert (pairs["id"], pairs["rows"], pairs["skipped"], pairs["columns"]) == (
        "datasets.pairs",
        11,
        2,
        dict.fromkeys(("chosen", "prompt", "rejected"), "text"),
    )
    assert pairs["tokens"]["models.base"]["p50"] < pairs["tokens"]["models.base"]["p95"] <= pairs["tokens"]["models.base"]["max"]
    assert held_out["rows"] == 8 and found.notes == ["models.base: its tokenizer was trained to count tokens, and is not kept"]


@pytest.mark.parametrize(
    ("sets", "where", "says"),
    [
        (["stages.judge.max_tokens=2"], ("stages.judge", "P604", "max_tokens"), "all 9 rows of `datasets.pairs` are longer than 2 tokens"),
        (["datasets.pairs.columns={chosen: best}"], ("datasets.pairs", "P603", "columns.chosen"), "`pairs.jsonl` has no column `best`"),
    ],
)
def test_what_would_stop_a_run_is_told_at_its_field(looked, sets, where, says):
    assert says in told(looked(*sets))[where]


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        ("", "P602", "`held_out.jsonl` is empty"),
        ('{"prompt": "a"\n', "P602", "line 1: this is not JSON"),
        ('{"prompt": "a", "chosen": "c", "rejected": "b", "n": 1}\n\n{"prompt": "a", "chosen": "c", "rejected": "b", "n": "x"}\n', "P602", "in line 3"),
        ('{"text": "a"}\n', "P603", "`held_out.jsonl` has no columns"),
        ('{"prompt": "a", "chosen": 1, "rejected": "b"}\n', "P604", "no rows of `held_out.jsonl` are left (1 x chosen is not a text)"),
    ],
)
def test_a_file_at_fault_is_one_fault_and_its_readers_stay_unmentioned(project, looked, content, code, says):
    (project / "held_out.jsonl").write_text(content)
    found = looked()
    mine = [f for f in found.faults if f["stage"] in ("datasets.held_out", "stages.ranking", "stages.drafts")]
    assert [(f["stage"], f["code"], f["field"]) for f in mine] == [("datasets.held_out", code, "file")] and says in mine[0]["message"]
    assert [d["id"] for d in found.datasets] == ["datasets.pairs"], "the other one was looked at all the same"


def test_a_model_that_cannot_be_loaded_is_one_fault_at_the_field_that_names_it(project, looked, bert_folder):
    text = SPEC.replace("architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 64}\n    tokenizer:", "folder: weights\n    #")
    (project / "weights").mkdir()
    (project / "weights" / "config.json").write_text("{")
    [fault] = [f for f in looked(text=text).faults if f["code"] == "P607"]
    assert (fault["stage"], fault["field"]) == ("models.base", "folder") and "no model can be loaded from" in fault["message"]
    said = told(looked(text=text.replace("folder: weights", f"folder: {bert_folder}")))
    assert "is an encoder" in said["models.base", "P607", "folder"]


def test_rows_are_counted_in_the_tokens_of_a_folder_that_is_only_read(project, looked, bert_folder):
    text = SPEC.replace("kind: causal_lm", "kind: encoder").replace(
        "architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 64}\n    tokenizer:", f"folder: {bert_folder}\n    #"
    )
    text = (
        text[: text.index("  tuned:")]
        + '  ranking: {kind: evaluate, models: ["${stages.judge}"], data: "${datasets.held_out}", metrics: [{kind: pair_accuracy}]}\n'
    )
    before = sorted(bert_folder.iterdir())
    found = looked(text=text)
    assert "models.base" in found.datasets[0]["tokens"] and found.notes == [] and sorted(bert_folder.iterdir()) == before
    assert "longer than 48 tokens" in told(found)["stages.ranking", "P622", "data"]


def test_rows_that_share_a_prompt_are_counted_each_way_and_blanks_at_the_ends_do_not_count(project, looked):
    (project / "held_out.jsonl").write_text("".join(json.dumps({**r, "prompt": f"\n{r['prompt']} "}) + "\n" for r in (row(0), row(0), row(20))))
    lines = {(line["id"], line["with"]): (line["rows"], line["of"]) for line in looked().shared}
    assert lines == {("datasets.held_out", "datasets.pairs"): (2, 3), ("datasets.pairs", "datasets.held_out"): (1, 9)}


def test_what_would_take_long_is_left_out_with_a_note(looked, monkeypatch):
    generated = SPEC.replace(
        "{kind: preferences, file: pairs.jsonl}", "{kind: preferences, file: pairs.jsonl}\n  puzzles: {kind: deduction, count: 9, leaves: {min: 2, max: 2}}"
    )
    generated = generated.replace('data: "${datasets.pairs}", vocab', 'data: "${datasets.puzzles}", vocab')
    monkeypatch.setattr(examine, "SECONDS", -1.0)
    found = looked(text=generated)
    assert found.notes == ["datasets.puzzles: its rows take longer than -1 s to generate, so they were not looked at"]
    assert [f["stage"] for f in found.faults] == ["datasets.pairs"], "without a tokenizer no tokens are counted"
    monkeypatch.setattr(examine, "TEXT_BYTES", 0)
    assert "on so much text that takes long" in looked().notes[0]


def test_of_tokens_that_take_long_the_first_are_counted(looked, monkeypatch):
    monkeypatch.setattr(examine, "SECONDS", -1.0)
    assert told(looked("stages.judge.max_tokens=3"))["stages.judge", "P622", "max_tokens"].startswith("1 of the first 1 rows (100 %)")


def test_the_hub_is_not_asked(looked):
    text = SPEC.replace("file: held_out.jsonl", f"hub: some/rows, revision: {'a' * 40}, split: test")
    assert "datasets.held_out: it lies on the hub, so its rows were not read" in looked(text=text).notes


def test_figures_in_words():
    assert (share(1, 3), share(1, 1000), share(10, 1000)) == (" (33 %)", " (below 1 %)", " (1 %)")
    assert quantiles([3, 1, 2]) == {"p50": 2, "p95": 2, "max": 3} and quantiles([5]) == {"p50": 5, "p95": 5, "max": 5}
    assert columns_of([{"a": 1, "b": None, "c": "x"}, {"a": 1.5, "b": None, "c": [1]}]) == {"a": "number", "b": "null", "c": "list or text"}
