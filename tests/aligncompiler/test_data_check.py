"""`alignc check --data`: the runtime reads, the compiler tells, in the forms and places of every other diagnostic."""

from __future__ import annotations

import gzip
import importlib.util
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from aligncompiler.cli import main
from aligncompiler.ir import Plan

Capture = pytest.CaptureFixture[str]
needs_runtime = [pytest.mark.torch, pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs the runtime extra")]

SPEC = """\
alignc: v1
name: looked-at
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 64}
    tokenizer: {kind: bpe, data: "${datasets.rows}", vocab_size: 300}
datasets:
  rows: {kind: demonstrations, file: rows.jsonl}
stages:
  sft:
    kind: train
    model: ${models.base}
    data: ${datasets.rows}
    objective: {kind: sft}
    budget: {steps: 1}
    max_tokens: 32
    optimizer: {kind: adamw, learning_rate: 0.01}
"""


EXAM = SPEC.replace("stages:", "  exam: {kind: problems, file: exam.jsonl}\nstages:") + (
    '  test: {kind: evaluate, models: ["${stages.sft}"], data: "${datasets.exam}", metrics: [{kind: accuracy}]}\n'
)


@pytest.fixture
def spec(folder: Path) -> str:
    rows = [{"prompt": f"question {n}", "completion": "no " * (40 if n % 4 == 0 else 2)} for n in range(8)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"prompt": "p", "completion": ""}]))
    (folder / "spec.yaml").write_text(SPEC)
    return "spec.yaml"


def examined_here(plan: Plan) -> dict[str, Any]:
    """What the process of `examined` would find, without its start."""
    from runtime.examine import Examination

    with tempfile.TemporaryDirectory() as folder:
        return asdict(Examination(plan, Path(folder)).run())


class TestWithTheRuntime:
    pytestmark = needs_runtime

    @pytest.fixture(autouse=True)
    def near(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        """All but one of the tests look at the data in their own process: a start takes seconds."""
        if request.function is not TestWithTheRuntime.test_rows_that_would_be_skipped_are_warnings_at_their_places:
            monkeypatch.setattr("aligncompiler.data_check.examined", examined_here)

    def test_rows_that_would_be_skipped_are_warnings_at_their_places(self, spec: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        assert main(["check", spec, "--data", "--format", "concise"]) == 0
        out, err = capfd.readouterr()
        skipped, long = out.splitlines()
        assert skipped.startswith("spec.yaml:9:38: warning[P622]: 1 of 9 rows of `rows.jsonl` (11 %) cannot be used and would be skipped: 1 x empty completion")
        assert long.startswith("spec.yaml:17:17: warning[P622]: 2 of 8 rows (25 %) of `datasets.rows` are longer than 32 tokens and would be skipped")
        assert "datasets.rows  8 of 9 rows  completion text, prompt text  tokens of models.base: p50 " in err
        assert "note: models.base: its tokenizer was trained" in err and "ok  spec.yaml: 3 stages" in err
        assert {f.name for f in folder.iterdir()} == {"spec.yaml", "rows.jsonl"}, "nothing is kept"

    def test_what_would_stop_a_run_is_an_error_in_json_too(self, spec: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        (folder / "rows.jsonl").write_text('{"prompt": "a"}\n')
        assert main(["check", spec, "--data", "--json"]) == 1
        [found] = json.loads(capfd.readouterr().out)
        assert (found["code"], found["path"], found["spans"][0]["start"]) == ("P603", ["datasets", "rows", "file"], {"line": 9, "col": 38})
        assert main(["check", spec]) == 0, "without --data no file is read"

    def test_a_line_of_brackets_alone_is_told_with_its_line(self, spec: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        (folder / "rows.jsonl").write_text("[" * 100_000 + "\n")
        assert main(["check", spec, "--data", "--format", "concise"]) == 1
        assert capfd.readouterr().out.startswith("spec.yaml:9:38: error[P602]: `rows.jsonl`, line 1: this is nested too deeply")

    @pytest.mark.parametrize("copy", ["another last line", "the first ten", "packed"])
    def test_an_exam_whose_prompts_were_learned_from_is_an_error_whatever_file_they_stand_in(
        self, folder: Path, capfd: pytest.CaptureFixture[str], copy: str
    ) -> None:
        lines = [json.dumps({"prompt": f"question {n}", "completion": "no", "answer": "no"}) + "\n" for n in range(12)]
        (folder / "rows.jsonl").write_text("".join(lines))
        kept = {"another last line": [*lines, "\n"], "the first ten": [line.replace('", "completion', ' \\n", "completion') for line in lines[:10]]}
        text = "".join(kept.get(copy, lines)).encode()
        name = "exam.jsonl.gz" if copy == "packed" else "exam.jsonl"
        (folder / name).write_bytes(gzip.compress(text) if copy == "packed" else text)
        count = 10 if copy == "the first ten" else 12
        (folder / "spec.yaml").write_text(EXAM.replace("exam.jsonl", name))
        assert main(["check", "spec.yaml"]) == main(["plan", "spec.yaml"]) == 0, "files alone do not tell"
        capfd.readouterr()
        assert main(["check", "spec.yaml", "--data", "--format", "concise"]) == 1
        [said] = capfd.readouterr().out.splitlines()
        assert said.startswith(
            f"spec.yaml:20:59: error[M502]: `stages.test` measures on `datasets.exam`, {count} of whose {count} rows have a prompt of `datasets.rows` "
            "that `stages.sft` learns from"
        )

    def test_shared_rows_can_be_allowed_and_an_allowance_without_effect_is_told(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        row = '{"prompt": "p", "completion": "c", "answer": "a"}\n'
        (folder / "rows.jsonl").write_text(row * 2)
        (folder / "exam.jsonl").write_text(row)
        (folder / "spec.yaml").write_text(f"{EXAM.rstrip()}  # alignc: allow M502 memory is what we measure\n")
        for arguments in (["--data"], []):
            assert main(["check", "spec.yaml", "--format", "concise", *arguments]) == 0 and capfd.readouterr().out == ""
        (folder / "exam.jsonl").write_text(row.replace('"p"', '"other"'))
        assert main(["check", "spec.yaml", "--format", "concise"]) == 0 and capfd.readouterr().out == "", "nobody knows yet"
        assert main(["check", "spec.yaml", "--data", "--set", "name=other", "--format", "concise"]) == 0 and capfd.readouterr().out == ""
        assert main(["check", "spec.yaml", "--data", "--format", "concise"]) == 0
        [said] = capfd.readouterr().out.splitlines()
        assert said.startswith("spec.yaml:20:") and "warning[Y111]: M502 is not reported on line 20" in said


def test_a_spec_with_errors_starts_nothing(spec: str, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("the runtime was started"))
    (folder / "rows.jsonl").unlink()
    assert main(["check", spec, "--data"]) == 1
    assert "P601" in capsys.readouterr().out


def test_without_the_runtime_it_is_said_what_to_install(spec: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *_: None)
    assert main(["check", spec, "--data"]) == 1
    assert "error[P606]: reading the data needs torch" in (out := capsys.readouterr().out) and "aligncompiler[runtime]" in out
