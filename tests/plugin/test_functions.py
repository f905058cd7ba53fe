"""A Python function of an installed package scores answers; nothing of it is imported before the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SPEC = """\
alignc: v1
name: called
engine: {accelerator: cpu, threads: 1}
datasets:
  answers: {kind: completions, file: answers.jsonl}
rewards:
  mix:
    kind: weighted_sum
    parts:
      ours: {kind: function, name: brevity, reads: [answer], tells: [words]}
      long: {kind: length, unit: characters}
    weights: {ours: 1, long: 0.5}
stages:
  scored: {kind: label, completions: "${datasets.answers}", reward: "${rewards.mix}"}
  plain: {kind: label, completions: "${datasets.answers}", reward: {kind: length}}
"""
RIGHT = """\
def brevity(rows):
    assert all(set(row) == {"prompt", "completion", "answer"} for row in rows)
    counts = [len(row["completion"].split()) for row in rows]
    return [None if not n else {"score": (row["answer"] == "yes") - n / 10, "words": n} for n, row in zip(counts, rows)]
"""
ROWS = [("yes", "yes"), ("yes and no", "yes"), ("", "no"), ("no no", "no")]


@pytest.fixture
def spec(tmp_path: Path) -> str:
    (tmp_path / "spec.yaml").write_text(SPEC)
    lines = [json.dumps({"prompt": f"p {n}", "completion": text, "answer": answer}) for n, (text, answer) in enumerate(ROWS)]
    (tmp_path / "answers.jsonl").write_text("\n".join(lines))
    return "spec.yaml"


@pytest.fixture
def package(distribution: Any) -> Any:
    """An installed distribution `brevity` with this code behind the entry point."""
    return lambda code: distribution("brevity", "brief_rules:brevity", {"brief_rules.py": code}, "alignc.functions")


def test_check_names_the_function_that_is_missing_and_imports_none(alignc: Any, spec: str, package: Any) -> None:
    site = package("raise RuntimeError('imported')")
    assert alignc("check", spec, sites=[site]).returncode == 0
    done = alignc("check", spec)
    assert done.returncode == 1 and "P606" in done.stdout and "no installed package has a function `brevity`" in done.stdout
    (Path(site).parent / spec).write_text(SPEC.replace("name: brevity", "name: brevty"))
    assert "installed: brevity" in alignc("check", spec, sites=[site]).stdout


def test_a_column_that_it_reads_is_missed_at_its_place_inside_of_a_combination(alignc: Any, spec: str, package: Any, tmp_path: Path) -> None:
    model = "models:\n  base:\n    kind: causal_lm\n    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 64}\n"
    model += "    tokenizer: {kind: bpe, data: '${datasets.puzzles}', vocab_size: 300}\n"
    text = SPEC.replace("answers: {kind: completions, file: answers.jsonl}", "puzzles: {kind: deduction, count: 10, leaves: {min: 2, max: 2}}")
    text = text.replace("${datasets.answers}", "${stages.drafts}").replace("reads: [answer]", "reads: [colour]").replace('"${rewards.mix}"', "MIX")
    written = "{kind: minimum, parts: {ours: {kind: function, name: brevity, reads: [colour]}, long: length}}"
    drafts = "stages:\n  drafts: {kind: sample, policy: '${models.base}', prompts: '${datasets.puzzles}', count: 2, max_new_tokens: 8}\n"
    (tmp_path / spec).write_text(text.replace("rewards:", f"{model}rewards:").replace("stages:\n", drafts).replace("MIX", written))
    [found] = [d for d in json.loads(alignc("check", spec, "--json", sites=[package(RIGHT)]).stdout) if d["code"] == "R304"]
    line = (tmp_path / spec).read_text().splitlines()[found["spans"][0]["start"]["line"] - 1]
    assert "reward `function` reads the column `colour`" in found["message"] and line[found["spans"][0]["start"]["col"] - 1 :].startswith(
        ("ours", "function", "{kind: function")
    )


def test_its_key_holds_the_release_of_the_package(alignc: Any, spec: str, package: Any) -> None:
    site = package(RIGHT)
    first = {s["id"]: s for s in json.loads(alignc("plan", spec, "--json", sites=[site]).stdout)["stages"]}
    [metadata] = Path(site).glob("*.dist-info/METADATA")
    metadata.write_text(metadata.read_text().replace("Version: 0.1", "Version: 0.2"))
    second = {s["id"]: s for s in json.loads(alignc("plan", spec, "--json", sites=[site]).stdout)["stages"]}
    assert {id for id in first if first[id]["key"] != second[id]["key"]} == {"stages.scored"}
    assert second["stages.scored"]["preimage"]["reward.parts.ours.package#"] == "brevity 0.2"


@pytest.mark.torch
def test_it_scores_answers_as_a_part_of_a_combination(alignc: Any, spec: str, package: Any, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    import pyarrow.parquet as pq

    site = package(RIGHT)
    done = alignc("run", spec, "--json", sites=[site])
    assert done.returncode == 0, done.stderr
    rows = pq.read_table(tmp_path / json.loads(done.stdout)["run"] / "artifacts" / "stages.scored" / "rows.parquet").to_pylist()
    assert [row["completion"] for row in rows] == ["yes", "yes and no", "no no"]
    assert [row["ours"] for row in rows] == pytest.approx([0.9, 0.7, -0.2]) and [row["long"] for row in rows] == [3, 10, 5]
    assert [row["score"] for row in rows] == pytest.approx([2.4, 5.7, 2.3])
    [metadata] = site.glob("*.dist-info/METADATA")
    metadata.write_text(metadata.read_text().replace("Version: 0.1", "Version: 0.2"))
    why = alignc("why", spec, "stages.scored", sites=[site])
    assert "stages.scored runs: the package of function is brevity 0.2 (spec.yaml:10:13), was brevity 0.1" in why.stdout


@pytest.mark.torch
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def brevity(rows):\n    return [1 / 0 for _ in rows]\n", "stopped with ZeroDivisionError: division by zero"),
        ("def brevity(rows):\n    return [{'score': 1, 'words': 2}]\n", "gave 1 scores for 4 answers"),
        ("def brevity(rows):\n    return [1 for _ in rows]\n", "gave score where the spec tells of score, words"),
        ("def brevity(rows):\n    return [{'score': float('nan'), 'words': 2} for _ in rows]\n", "gave nan for `score`, which is no finite number"),
        ("def brevity(rows):\n    return [{'score': '1', 'words': 2} for _ in rows]\n", "gave '1' for `score`"),
        ("def other(rows):\n    pass\n", "stopped with AttributeError: module 'brief_rules' has no attribute 'brevity'"),
    ],
)
def test_what_it_may_not_give_stops_the_stage_with_one_line(python: Any, spec: str, package: Any, code: str, said: str) -> None:
    pytest.importorskip("torch")
    read = (
        "from runtime.rewards.function import function; from runtime.fault import Fault\n"
        "try: function([{'prompt': 'p', 'completion': 'c', 'answer': 'a'}] * 4, name='brevity', reads=('answer',), tells=('words',))\n"
        "except Fault as fault: print(fault.code, fault.message)\n"
    )
    done = python("-c", read, sites=[package(code)])
    assert done.stdout.startswith("P633 the function `brevity` of brevity 0.1 ") and said in done.stdout, done.stderr
