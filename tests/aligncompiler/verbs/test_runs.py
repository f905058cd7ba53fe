"""`alignc runs` through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aligncompiler.cli import main
from aligncompiler.store.run_folder import write_summary

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def out(folder: Path) -> Path:
    """A folder with a whole run, a failed one and a damaged one."""
    for name in ("good-1", "bad-2", "odd-3"):
        (folder / "runs" / name).mkdir(parents=True)
    stage = {"id": "stages.exam", "key": "a" * 40, "cached": False, "seconds": 2.0, "metrics": {"accuracy sft": 0.5, "accuracy dpo": 0.75, "n": 3, "m": 4}}
    early = stage | {"id": "stages.sft", "cached": True, "metrics": {"loss": 1.0}}
    good = {"name": "good", "started": "2026-11-24T10:02:00+00:00", "status": "complete", "seconds": 93.25, "planned": 2, "stages": [early, stage]}
    write_summary(folder / "runs" / "good-1", good)
    failed = {"status": "failed", "failed": "stages.exam", "started": "2026-11-23T10:02:00+00:00", "planned": 2, "stages": [early]}
    write_summary(folder / "runs" / "bad-2", failed)
    (folder / "runs" / "odd-3" / "run.json").write_text("{")
    return folder / "runs"


def test_a_line_a_run_the_newest_first(out: Path, capsys: Capture) -> None:
    assert main(["runs"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "started", "status", "stages", "time", "folder", "figures"]
    found = {line.split()[0]: line for line in lines}
    assert found["good"].endswith("  1 made, 1 cached  93.2 s  runs/good-1  accuracy sft 0.500  accuracy dpo 0.750  n 3 ...")
    assert "failed at stages.exam" in found["bad"] and "1 cached of 2" in found["bad"] and "damaged: run.json cannot be read" in found["odd"]
    assert found["odd"].endswith("  runs/odd-3   -") and head.index("folder") == found["odd"].index("runs/odd-3") < 100, "no figure pushes the folder away"
    assert [line.split()[0] for line in lines if line.split()[0] != "odd"] == ["good", "bad"]


def test_json_says_the_same(out: Path, capsys: Capture) -> None:
    assert main(["runs", "--out", "runs", "--json"]) == 0
    found = {run["name"]: run for run in json.loads(capsys.readouterr().out)["runs"]}
    assert found["good"]["stages"] == {"planned": 2, "cached": 1, "made": 1} and found["good"]["figures"]["accuracy dpo"] == 0.75
    assert found["bad"]["status"] == "failed at stages.exam" and found["odd"]["seconds"] is None


@pytest.mark.parametrize(
    "summary",
    [
        {"stages": [3]},
        {"stages": {}},
        {"stages": [{"metrics": 3}], "status": "complete"},
        {"seconds": "x", "name": 3, "planned": None, "status": [], "failed": 3},
    ],
)
def test_foreign_summaries_are_listed_without_a_traceback(out: Path, summary: dict[str, object], capsys: Capture) -> None:
    write_summary(out / "odd-3", summary)
    assert main(["runs"]) == main(["runs", "--json"]) == 0
    assert "odd" in capsys.readouterr().out


def test_no_runs_is_said_and_a_file_is_a_fault(folder: Path, capsys: Capture) -> None:
    assert main(["runs"]) == 0
    assert capsys.readouterr() == ("", "there is no run in `runs`; `alignc run SPEC` makes one\n")
    assert main(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"runs": []}
    (folder / "file").write_text("")
    assert main(["runs", "--out", "file", "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["diagnostics"][0]["code"] == "P601" and "Not a directory" in err
