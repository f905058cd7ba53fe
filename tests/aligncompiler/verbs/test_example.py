"""`alignc show --example`: one row as a stage reads it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from aligncompiler.cli import main
from aligncompiler.example import told

Capture = pytest.CaptureFixture[str]
pytestmark = [pytest.mark.torch, pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs the runtime extra")]

SPEC = """\
alignc: v1
name: looked-at
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 64}
    tokenizer: {kind: bpe, data: "${datasets.rows}", vocab_size: 300}
datasets:
  rows: {kind: preferences, file: rows.jsonl}
  others: {kind: preferences, file: others.jsonl}
rewards:
  new: {kind: scalar, backbone: "${models.base}"}
stages:
  dpo:
    kind: train
    model: ${models.base}
    data: ${datasets.rows}
    objective: {kind: dpo}
    budget: {steps: 1}
    max_tokens: 40
    optimizer: {kind: adamw, learning_rate: 0.01}
  rm: {kind: train, model: "${rewards.new}", data: "${datasets.rows}", objective: {kind: bradley_terry}, budget: {steps: 1}, optimizer: {kind: adamw, learning_rate: 0.01}}
  drafts: {kind: sample, policy: "${stages.dpo}", prompts: "${datasets.rows}", count: 1, max_new_tokens: 4}
  scored: {kind: label, completions: "${stages.drafts}", reward: "${stages.rm}"}
  exam: {kind: evaluate, models: ["${stages.rm}", "${stages.dpo}"], data: "${datasets.others}", metrics: [{kind: pair_accuracy}]}
"""


@pytest.fixture
def spec(folder: Path) -> str:
    rows = [{"prompt": f"question {n}", "chosen": " yes\n" * (1 + 30 * (n == 2)), "rejected": " no", "margin": n / 4} for n in range(3)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "others.jsonl").write_text(json.dumps({"prompt": "another question", "chosen": " yes", "rejected": " no"}) + "\n")
    (folder / "spec.yaml").write_text(SPEC)
    return "spec.yaml"


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime looks rows up in this process: one of its own takes seconds to start, and one test is enough for that."""
    from runtime.example import main as look_up

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess(command, look_up(command[3:]))

    monkeypatch.setattr("aligncompiler.example.subprocess", SimpleNamespace(run=run))


def shown(capfd: Capture, *argv: str, code: int = 0) -> tuple[str, str]:
    assert main(["show", *argv]) == code
    said = capfd.readouterr()
    assert "Traceback" not in said.err
    return said.out, said.err


def test_a_pair_is_a_trunk_with_two_leaves_whose_tokens_are_targets(spec: str, capfd: Capture) -> None:
    found = json.loads(shown(capfd, spec, "--example", "dpo", "--row", "1", "--json")[0])
    trunk, chosen, rejected = found["segments"]
    assert [s["name"] for s in found["segments"]] == ["prompt", "chosen", "rejected"]
    assert [s["parent"] for s in found["segments"]] == [None, 0, 0]
    assert not any(t["target"] for t in trunk["tokens"]) and all(t["target"] for s in (chosen, rejected) for t in s["tokens"])
    assert chosen["text"] == " yes\n<|end|>" and "".join(t["text"] for t in trunk["tokens"]) == "<|begin|>question 1"
    assert found["tokens"] == sum(len(s["tokens"]) for s in found["segments"]) and found["limit"] == 40 and found["skipped"] == ""
    assert found["numbers"] == {"reference_chosen_logp": None, "reference_rejected_logp": None}
    assert found["columns"]["prompt"] == "question 1"


@pytest.mark.usefixtures("inside")
def test_what_a_person_sees_is_plain_where_no_terminal_is(spec: str, capfd: Capture) -> None:
    out, _ = shown(capfd, spec, "--example", "stages.dpo")
    assert "row 0 of datasets.rows, as stages.dpo reads it" in out and "\x1b" not in out
    assert "├─ chosen: " in out and "└─ rejected: " in out and "\\n│<|end|>│" in out and "reference_chosen_logp: not computed yet" in out


@pytest.mark.usefixtures("inside")
def test_a_row_that_would_be_skipped_says_why(spec: str, capfd: Capture) -> None:
    assert "this row would be skipped: longer than 40 tokens" in shown(capfd, spec, "--example", "dpo", "--row", "2")[0]


@pytest.mark.usefixtures("inside")
def test_of_a_scorer_no_token_is_a_target(spec: str, capfd: Capture) -> None:
    found = json.loads(shown(capfd, spec, "--example", "rm", "--row", "1", "--json")[0])
    assert found["targets"] == "values" and not any(t["target"] for s in found["segments"] for t in s["tokens"])
    assert len(found["segments"]) == 3


@pytest.mark.usefixtures("inside")
def test_of_several_models_the_one_is_named_and_the_others_too(spec: str, capfd: Capture) -> None:
    assert "tokenizer of stages.rm (shown as this model reads it, not as stages.dpo)" in shown(capfd, spec, "--example", "exam")[0]


@pytest.mark.usefixtures("inside")
def test_a_stage_that_writes_shows_the_prompt_and_a_dataset_its_row(spec: str, capfd: Capture) -> None:
    found = json.loads(shown(capfd, spec, "--example", "drafts", "--json")[0])
    assert [s["name"] for s in found["segments"]] == ["prompt"] and found["targets"] == "written"
    assert 'prompt: "question 2"' in shown(capfd, spec, "--example", "rows", "--row", "2")[0]


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--example", "scored"], "made by `stages.drafts`, which has not been made yet (`alignc run spec.yaml --only stages.drafts` makes it first)"),
        (["--example", "models.base"], "`models.base` reads no rows, so it has no example"),
        (["--example", "rows", "--row", "3"], "`datasets.rows` has no row 3: its rows that are kept count from 0 to 2"),
    ],
)
def test_where_there_is_no_example_one_diagnostic_says_what_to_do(spec: str, argv: list[str], told: str, capfd: Capture) -> None:
    _, err = shown(capfd, spec, *argv, code=1)
    assert "error[P631]" in err and told in err


@pytest.mark.usefixtures("inside")
def test_rows_are_counted_as_they_are_kept_and_what_was_passed_over_is_told(spec: str, folder: Path, capfd: Capture) -> None:
    kept = (folder / "rows.jsonl").read_text()
    (folder / "rows.jsonl").write_text('{"prompt": "same", "chosen": "a", "rejected": "a"}\n' * 2 + kept)
    out, _ = shown(capfd, spec, "--example", "rows", "--row", "2")
    assert 'prompt: "question 2"' in out and "records before it that are no rows: 2 x chosen equals rejected" in out
    assert "rows that are kept count from 0 to 2" in shown(capfd, spec, "--example", "rows", "--row", "4", code=1)[1]
    (folder / "rows.jsonl").write_text('{"prompt": "same", "chosen": "a", "rejected": "a"}\n')
    assert "none of its rows is kept" in shown(capfd, spec, "--example", "rows", code=1)[1]


def test_of_rows_that_are_made_the_range_is_told() -> None:
    row = {"stage": "stages.drafts", "data": "stages.drafts", "row": 1, "rows": 3, "passed": {}, "columns": {"prompt": "a"}}
    assert told(row, lambda text, _: text) == ["row 1 (of 0 to 2)", 'prompt: "a"']


@pytest.mark.usefixtures("inside")
def test_options_that_would_do_nothing_are_refused(spec: str, capfd: Capture) -> None:
    assert "did you mean" in shown(capfd, spec, "--example", "dpoo", code=2)[1]
    assert "name it with `--example STAGE`" in shown(capfd, spec, "--row", "1", code=2)[1]
    assert "without it" in shown(capfd, spec, "--example", "dpo", "--origins", code=2)[1]
    with pytest.raises(SystemExit) as stopped:
        main(["show", spec, "--example", "dpo", "--row", "-1"])
    assert stopped.value.code == 2


@pytest.mark.usefixtures("inside")
def test_what_was_made_is_read_from_the_store(spec: str, capfd: Capture, folder: Path) -> None:
    assert main(["run", spec]) == 0
    capfd.readouterr()
    (folder / "rows.jsonl").touch()
    for row in ("0", "1"):
        found = json.loads(shown(capfd, spec, "--example", "dpo", "--row", row, "--json")[0])
        assert all(isinstance(value, float) and value < 0 for value in found["numbers"].values()) and len(found["numbers"]) == 2
    assert json.loads(shown(capfd, spec, "--example", "scored", "--json")[0])["columns"]["prompt"] == "question 0"
    assert "would be skipped: longer than 40 tokens" in shown(capfd, spec, "--example", "dpo", "--row", "2")[0]
