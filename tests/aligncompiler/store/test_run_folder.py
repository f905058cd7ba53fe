"""How a run stands is read from its folder, whatever state that is in, and one process at a time is in it."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest

from aligncompiler.diagnostic import Report
from aligncompiler.store.run_folder import alive, begun, hold, look, read_summary, runs_in, write_summary

CONTEXT = multiprocessing.get_context("fork")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "some-name-0123abcd"
    folder.mkdir(parents=True)
    return folder


def carry_out(folder: Path, started: Any, done: Any) -> None:
    """What a process that carries a plan out does with its folder."""
    release = hold(folder, Report())
    assert release is not None
    write_summary(folder, begun(folder, "some-name", "spec.yaml", 3) | {"status": "running", "stages": []})
    started.set()
    done.wait(20)
    os._exit(9)  # as if killed: nothing is given back, nothing is written


def test_one_process_at_a_time_is_in_a_folder_and_the_other_learns_who(run: Path) -> None:
    started, done = CONTEXT.Event(), CONTEXT.Event()
    process = CONTEXT.Process(target=carry_out, args=(run, started, done))
    process.start()
    assert started.wait(20)
    report = Report()
    assert hold(run, report) is None
    assert [d.code for d in report.diagnostics] == ["P614"] and f"(pid {process.pid} on " in report.diagnostics[0].message
    assert alive(run) and look(run, False).status == "running"
    done.set()
    process.join(20)
    assert not alive(run) and look(run, False).status == "killed", "the lock of a dead process holds nobody up"
    release = hold(run, Report())
    assert release is not None
    release()


def test_a_crash_is_told_from_a_kill(run: Path) -> None:
    write_summary(run, begun(run, "some-name", "spec.yaml", 3) | {"status": "running", "stages": []})
    assert look(run, False).status == "killed"
    (run / "crash.txt").write_text("Traceback")
    assert look(run, False).status == "crashed"
    os.utime(run / "crash.txt", (time.time() - 60, time.time() - 60))
    assert look(run, False).status == "killed", "the report of an earlier crash"


STATES = {
    "complete": ({"status": "complete", "stages": []}, "complete"),
    "killed": ({"status": "killed", "stages": []}, "killed"),
    "killed at a stage": ({"status": "running", "stage": "stages.sft", "stages": []}, "killed at stages.sft"),
    "interrupted": ({"status": "interrupted", "stages": []}, "interrupted"),
    "failed": ({"status": "failed", "failed": "stages.sft", "stages": []}, "failed at stages.sft"),
    "failed nowhere": ({"status": "failed", "stages": []}, "failed"),
    "no status": ({"stages": []}, "damaged: run.json is not whole"),
    "no stages": ({"status": "complete"}, "damaged: run.json is not whole"),
    "foreign stages": ({"status": "complete", "stages": [3]}, "damaged: run.json is not whole"),
    "a foreign key": ({"status": "complete", "stages": [{"id": "stages.sft", "key": 5}]}, "damaged: run.json is not whole"),
    "a stage without a name": ({"status": "complete", "stages": [{"key": "a" * 40}]}, "damaged: run.json is not whole"),
    "a foreign report": ({"status": "complete", "stages": [], "report": 3}, "damaged: run.json is not whole"),
    "foreign seconds": ({"status": "complete", "stages": [], "seconds": "x"}, "damaged: run.json is not whole"),
}


@pytest.mark.parametrize("name", STATES)
def test_the_status_is_what_the_summary_says_if_it_is_whole(run: Path, name: str) -> None:
    summary, status = STATES[name]
    write_summary(run, summary)
    assert look(run, True).status == status


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_summary_that_cannot_be_read_is_damaged_and_keeps_its_uses_unknown(run: Path, text: bytes) -> None:
    (run / "run.json").write_bytes(text)
    found = look(run, True)
    assert found.status == "damaged: run.json cannot be read" and found.keys is None and found.name == "some-name"
    assert read_summary(run) is None


def test_runs_are_listed_newest_first_and_other_folders_are_not_runs(run: Path) -> None:
    out = run.parent
    for number, started in enumerate(("2026-01-02T00:00:00+00:00", "2026-01-03T00:00:00+00:00", "nonsense")):
        (out / f"r{number}-0").mkdir()
        (out / f"r{number}-0" / "run.json").write_text(json.dumps({"name": f"r{number}", "status": "complete", "stages": [], "started": started}))
    (out / "notes").mkdir()
    (out / "file").write_text("")
    assert [found.name for found in runs_in(out)] == ["r2", "r1", "r0"]


def test_a_plan_without_a_summary_was_not_started_and_says_what_it_uses(run: Path) -> None:
    key = "a" * 40
    (run / "plan.json").write_text(json.dumps({"stages": [{"key": key}]}))
    assert (look(run, True).status, look(run, True).keys) == ("not started", frozenset([key]))


def test_a_summary_is_written_as_a_whole(run: Path) -> None:
    write_summary(run, {"status": "complete"})
    assert [p.name for p in run.iterdir()] == ["run.json"] and read_summary(run) == {"status": "complete"}
