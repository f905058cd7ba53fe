"""Nothing that a run refers to is ever deleted, nor what a process holds; everything else goes, and nothing outside of the store."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aligncompiler.compile import Compiled
from aligncompiler.ir import Plan, artifact_folder, write_plan
from aligncompiler.store.artifacts import Index, in_use, listing, lock_of, locked, using
from aligncompiler.store.collect import Collected, collect
from aligncompiler.store.run_folder import runs_in

STORE, OUT = Path("store"), Path("runs")
CONTEXT = multiprocessing.get_context("fork")


@pytest.fixture
def plans(compiled: Callable[..., Compiled], full: str, finish: Callable[..., None]) -> tuple[Plan, Plan]:
    """Two finished plans, which share what does not depend on beta; the first has a run folder."""
    made = [compiled(text).plan for text in (full, full.replace("beta: 0.2", "beta: 0.3"))]
    first, second = made
    assert first is not None and second is not None
    for plan in (first, second):
        finish(plan, STORE)
    write_plan(first, OUT / "example-1" / "plan.json")
    return first, second


def gone(plans: tuple[Plan, Plan]) -> set[str]:
    """Keys that only the second plan has."""
    return {s.key for s in plans[1].stages} - {s.key for s in plans[0].stages}


def keys() -> set[str]:
    return set(listing(STORE / "artifacts"))


def sweep(dry: bool = False) -> Collected:
    return collect(STORE, runs_in(OUT, with_keys=True), dry)


@contextmanager
def elsewhere(target: Callable[..., None], *args: Any) -> Iterator[None]:
    """Something that goes on in another process meanwhile."""
    started, done = CONTEXT.Event(), CONTEXT.Event()
    process = CONTEXT.Process(target=target, args=(*args, started, done))
    process.start()
    assert started.wait(20)
    try:
        yield
    finally:
        done.set()
        process.join(20)


def hold_key(key: str, started: Any, done: Any) -> None:
    with locked(lock_of(STORE, key)):
        started.set()
        done.wait(20)


def hold_use(used: list[str], started: Any, done: Any) -> None:
    with using(STORE, used):
        started.set()
        done.wait(20)


def test_what_no_run_refers_to_is_deleted_and_counted(plans: tuple[Plan, Plan]) -> None:
    before = keys()
    dry = sweep(dry=True)
    assert keys() == before and {one.key for one in dry.rubbish} == gone(plans)
    done = sweep()
    assert keys() == before - gone(plans) == {s.key for s in plans[0].stages}
    assert done.bytes == dry.bytes > 1000 and done.kept == len(plans[0].stages) and not list((STORE / "trash").iterdir())
    assert sweep().rubbish == ()


def test_a_summary_without_a_plan_refers_as_well(plans: tuple[Plan, Plan]) -> None:
    stages = [{"id": s.id, "key": s.key, "cached": False} for s in plans[1].stages]
    (OUT / "example-2").mkdir()
    (OUT / "example-2" / "run.json").write_text(json.dumps({"status": "complete", "stages": stages}))
    assert sweep().rubbish == ()


def test_a_run_in_progress_keeps_what_it_uses_wherever_its_folder_is(plans: tuple[Plan, Plan]) -> None:
    with elsewhere(hold_use, [s.key for s in plans[1].stages]):
        assert sweep().rubbish == ()
    assert {one.key for one in sweep().rubbish} == gone(plans)
    assert not list((STORE / "using").iterdir())


def die(used: list[str], started: Any, done: Any) -> None:
    with using(STORE, used):
        started.set()
        os._exit(9)


def test_a_run_that_was_killed_keeps_nothing(plans: tuple[Plan, Plan]) -> None:
    with elsewhere(die, [s.key for s in plans[1].stages]):
        time.sleep(0.1)
    assert list((STORE / "using").glob("*.json")), "this is what a killed run leaves"
    assert {one.key for one in sweep().rubbish} == gone(plans)
    assert in_use(STORE) == frozenset() and not list((STORE / "using").iterdir())


def test_an_artifact_whose_key_is_held_is_spared(plans: tuple[Plan, Plan]) -> None:
    held = sorted(gone(plans))[0]
    with elsewhere(hold_key, held):
        done = sweep()
    assert done.spared == (held,) and held in keys() and {one.key for one in done.rubbish} == gone(plans) - {held}


def test_an_artifact_newer_than_the_deletion_is_spared(plans: tuple[Plan, Plan]) -> None:
    young = sorted(gone(plans))[0]
    manifest = artifact_folder(STORE, young) / "manifest.json"
    os.utime(manifest, (time.time() + 60, time.time() + 60))
    assert sweep().spared == (young,)


def test_a_run_that_starts_meanwhile_waits_until_the_deletion_is_over(plans: tuple[Plan, Plan], tmp_path: Path) -> None:
    with locked(STORE / "locks" / "gc.lock"):
        started = CONTEXT.Event()
        process = CONTEXT.Process(target=hold_use, args=([], started, CONTEXT.Event()))
        process.start()
        assert not started.wait(0.3)
    assert started.wait(20)
    process.kill()
    process.join()


def test_leftovers_of_stopped_stages_and_damaged_artifacts_go_unless_held(plans: tuple[Plan, Plan]) -> None:
    held, free, aside = "a" * 40, "b" * 40, "c" * 40
    for name in (held, free, f"{free}-rank1"):
        (STORE / "making" / name).mkdir(parents=True)
        (STORE / "making" / name / "half").write_text("x" * 100)
    (STORE / "damaged" / aside).mkdir(parents=True)
    with elsewhere(hold_key, held):
        done = sweep()
    assert [p.name for p in (STORE / "making").iterdir()] == [held] and not list((STORE / "damaged").iterdir())
    assert {one.key for one in done.rubbish} == gone(plans) | {free, aside} and done.spared == (held,)


def leave_half_done(key: str) -> None:
    """What a stage that was stopped leaves: the folder at work, a checkpoint, pieces, its lock file."""
    for name in (STORE / "making" / key / "metrics.jsonl", STORE / "resume" / key / "00000003" / "state.json", STORE / "resume" / key / "pieces-000001.json"):
        name.parent.mkdir(parents=True, exist_ok=True)
        name.write_text("x" * 100)
    lock_of(STORE, key).parent.mkdir(exist_ok=True)
    lock_of(STORE, key).touch()


def left_of(key: str) -> set[str]:
    """The areas of the store that hold something of a key."""
    found = {area for area in ("making", "resume") if (STORE / area / key).is_dir()}
    return found | ({"locks"} if lock_of(STORE, key).exists() else set())


def test_what_stages_go_on_from_is_kept_for_runs_that_need_it_and_deleted_with_its_lock_otherwise(plans: tuple[Plan, Plan]) -> None:
    (wanted, finished), (forgotten, running) = (s.key for s in plans[0].stages[:2]), sorted(gone(plans))[:2]
    making, held = "a" * 40, "e" * 40  # of no plan that is known
    for key in (wanted, forgotten, running):
        shutil.rmtree(artifact_folder(STORE, key))
    for key in (wanted, finished, forgotten, running, making, held):
        leave_half_done(key)
    everything = {"making", "resume", "locks"}
    with elsewhere(hold_use, [running, making]), elsewhere(hold_key, held):
        dry = sweep(dry=True)
        assert all(left_of(key) == everything for key in (wanted, finished, forgotten, running, making, held)), "it was only asked what would go"
        done = sweep()
        assert [one.key for one in done.rubbish] == [one.key for one in dry.rubbish] and {one.key for one in done.rubbish} >= {finished, forgotten}
        assert done.spared == (held, held), "its folder at work, and what it goes on from"
        assert all(left_of(key) == everything for key in (wanted, running, making, held))
        assert left_of(forgotten) == set() and left_of(finished) == {"locks"}, "an artifact keeps its lock file"
        assert sum(one.bytes for one in done.rubbish if one.key == forgotten) == 300
    after = sweep()
    assert {one.key for one in after.rubbish} == {running, making, held}, "nobody is at work on them any more, and no run folder refers to them"
    assert all(left_of(key) == set() for key in (running, making, held)) and left_of(wanted) == everything


def test_nothing_outside_of_the_store_is_touched(plans: tuple[Plan, Plan], tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    shutil.copytree(STORE / "artifacts", outside / "artifacts")
    for area in ("making", "damaged", "trash"):
        (STORE / area).mkdir(exist_ok=True)
    victim = outside / "artifacts" / sorted(os.listdir(outside / "artifacts"))[0]
    key = "d" * 40
    (STORE / "artifacts" / "dd").mkdir()
    (STORE / "artifacts" / "dd" / key).symlink_to(victim)
    (STORE / "making" / key).symlink_to(victim)
    (STORE / "trash" / "link").symlink_to(victim)
    [inner] = [p for p in artifact_folder(STORE, sorted(gone(plans))[0]).iterdir() if p.is_dir()]
    (inner / "link").symlink_to(victim)
    for stray in ("README", "zz"):
        (STORE / "artifacts" / stray).mkdir()
    before = sorted(str(p) for p in outside.rglob("*"))
    sweep()
    assert sorted(str(p) for p in outside.rglob("*")) == before
    assert (STORE / "artifacts" / "README").is_dir() and (STORE / "artifacts" / "dd" / key).is_symlink()
    shutil.move(STORE / "artifacts", tmp_path / "moved")
    (STORE / "artifacts").symlink_to(tmp_path / "moved")
    with pytest.raises(OSError, match="is a link"):
        sweep()


def test_a_store_that_is_not_there_has_no_keys(folder: Path) -> None:
    assert Index(Path("none")).keys == frozenset() and Index(Path("none")).lacks("a" * 40) == "is not there"
