"""SARIF: valid under the schema of the standard, and true."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest

from aligncompiler.codes import ALL
from aligncompiler.compile import Compiled, compile_spec
from aligncompiler.diagnostic import Fix, Place, Report
from aligncompiler.render import render

Compile = Callable[..., Compiled]
GOLDEN = Path(__file__).parents[2] / "golden"
SCHEMA = json.loads(Path(__file__).with_name("sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def run_of(report: Report) -> dict[str, Any]:
    """The one run of a log, after the log was held against the schema."""
    log = json.loads(render(report, "sarif"))
    assert [error.message for error in VALIDATOR.iter_errors(log)] == []
    [run] = log["runs"]
    return dict(run)


def test_the_schema_refuses_what_is_no_sarif() -> None:
    log = json.loads(render(Report(), "sarif"))
    assert VALIDATOR.is_valid(log)
    for broken in (log | {"version": "2.0"}, log | {"runs": [{}]}, log | {"runs": [log["runs"][0] | {"columnKind": "bytes"}]}, log | {"more": 1}):
        assert not VALIDATOR.is_valid(broken)


def test_a_spec_without_problems_is_a_run_without_results(compiled: Compile, full: str) -> None:
    run = run_of(compiled(full).report)
    assert run["results"] == [] and run["tool"]["driver"]["rules"] == [] and run["tool"]["driver"]["name"] == "alignc"


def test_a_result_points_at_rule_place_and_second_place_and_carries_the_fix(compiled: Compile, full: str) -> None:
    run = run_of(compiled(full.replace("beta: 0.2", "bta: 0.2").replace("seed: 3", "seed: 3\nseed: 4")).report)
    twice, unknown = run["results"]
    assert twice["ruleId"] == "Y101" and twice["relatedLocations"][0]["message"]["text"] == "first given here"
    assert twice["relatedLocations"][0]["physicalLocation"]["region"]["startLine"] == 4
    assert run["tool"]["driver"]["rules"][unknown["ruleIndex"]]["id"] == unknown["ruleId"] == "S401"
    assert unknown["level"] == "error" and unknown["message"]["text"] == "unknown key `bta` in objective `gentle` (dpo)\nhelp: did you mean `beta`?"
    [location] = unknown["locations"]
    region = {"startLine": 18, "startColumn": 23, "endLine": 18, "endColumn": 26}
    assert location["physicalLocation"] == {"artifactLocation": {"uri": "spec.yaml"}, "region": region}
    assert location["logicalLocations"] == [{"fullyQualifiedName": "objectives.gentle.bta"}]
    [change] = unknown["fixes"][0]["artifactChanges"]
    assert change["replacements"] == [{"deletedRegion": region, "insertedContent": {"text": "beta"}}]


def test_a_path_is_an_encoded_relative_uri_and_an_absolute_one_below_here_is_relative_too(folder: Path) -> None:
    for name in ("a b#ü.yaml", "100%.yaml"):
        (folder / "sub").mkdir(exist_ok=True)
        (folder / "sub" / name).write_text("alignc: v1\n", encoding="utf-8")
        for path in (Path("sub") / name, folder / "sub" / name):
            location = run_of(compile_spec(path).report)["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            assert location.isascii() and " " not in location and "#" not in location and unquote(location) == f"sub/{name}"


def test_a_path_elsewhere_is_a_file_uri(folder: Path) -> None:
    (folder / "here").mkdir()
    made = Report()
    made.add("S401", "no", Place("/elsewhere/spec.yaml"))
    assert run_of(made)["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "file:///elsewhere/spec.yaml"


def test_a_problem_of_the_command_line_names_its_place_in_the_message(compiled: Compile, full: str) -> None:
    run = run_of(compiled(full, sets=["sed=1"]).report)
    assert run["results"][0]["message"]["text"].startswith("--set sed=1:1:1: ") and "fixes" not in run["results"][0]
    assert all("physicalLocation" not in location for location in run["results"][0].get("locations", []))


def test_columns_count_code_points() -> None:
    made = Report({"a.yaml": "\U0001f600é: 1\n"})
    made.add("S401", "no", Place("a.yaml", 1, 1, 1, 3), fixes=[Fix("rename", Place("a.yaml", 1, 1, 1, 3), "b")])
    run = run_of(made)
    assert run["columnKind"] == "unicodeCodePoints" and run["results"][0]["locations"][0]["physicalLocation"]["region"]["endColumn"] == 3


def test_every_code_is_a_valid_rule() -> None:
    made = Report()
    for number, code in enumerate(ALL, 1):
        made.add(code.code, "no", Place("a.yaml", number, 1, number, 2))
    rules = run_of(made)["tool"]["driver"]["rules"]
    assert {r["id"] for r in rules} == {c.code for c in ALL} and all(r["help"]["text"].startswith(r["fullDescription"]["text"]) for r in rules)


@pytest.mark.parametrize("case", sorted(f.parent.name for f in GOLDEN.glob("*/errors.txt")))
def test_every_wrong_spec_gives_a_valid_log(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN / case)
    report = compile_spec(Path("spec.yaml")).report
    assert len(run_of(report)["results"]) == len(report.diagnostics)
