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
