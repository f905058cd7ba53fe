"""Deleting what no run uses from a store, beside runs that go on.

What is kept: the keys of every run folder, and of every run in progress, wherever its folder is. A run says which keys it uses before it
looks for them, under the lock that is held here, so it either is seen here or does not find what is gone. Everything moves to `trash/`
first, by one rename each; nothing outside of the store is ever touched, and links are not followed.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..ir import MANIFEST, artifact_folder
from .artifacts import GC_LOCK, KEY_LENGTH, is_key, listing, lock_of, locked, names_in, size, try_lock
from .artifacts import in_use as keys_in_use
from .resume import resume_folder
from .run_folder import Run


@dataclass(frozen=True)
class Rubbish:
    """A folder of the store that nothing refers to."""

    folder: Path
    key: str
    why: str
    bytes: int


@dataclass(frozen=True)
class Collected:
    """What was, or would be, deleted; the keys that were spared because a process holds them; how many artifacts are in use."""

    rubbish: tuple[Rubbish, ...]
    spared: tuple[str, ...]
    kept: int

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.rubbish)


def unknown(runs: list[Run]) -> list[Run]:
    """The run folders that do not say what they use."""
    return [run for run in runs if run.keys is None]


def collect(store: Path, runs: list[Run], dry: bool) -> Collected:
    """Delete every artifact that none of the runs refers to, and what killed stages left. Raises OSError."""
    store = store.resolve()
    if (store / "artifacts").is_symlink():
        raise OSError("its folder `artifacts` is a link, and nothing is deleted through links")
    for name in ("locks", "trash"):
        (store / name).mkdir(exist_ok=True)
    with locked(store / GC_LOCK):
        begun = time.time()
        used = keys_in_use(store).union(*(run.keys or () for run in runs))
        rubbish: list[Rubbish] = []
        spared: list[str] = []
        for one in candidates(store, used):
            release = try_lock(lock_of(store, one.key))
            if release is None or newer(one.folder, begun):
                spared.append(one.key)
            else:
                rubbish.append(one)
                if not dry:
                    throw(one.folder, store)
            if release is not None:
                release()
        if not dry:
            forget_locks(store, used)
        kept = sum(key in used for key in listing(store / "artifacts"))
    if not dry:
        empty(store / "trash")
    return Collected(tuple(rubbish), tuple(spared), kept)


def forget_locks(store: Path, used: frozenset[str]) -> None:
    """Remove the lock files of keys that nothing is left of. Who waits for one meanwhile sees that it is gone, and makes it anew."""
    there = set(listing(store / "artifacts", links=True))
    for name in names_in(store / "locks"):
        key, path = name.removesuffix(".lock"), store / "locks" / name
        if is_key(key) and key not in used | there and (release := try_lock(path)) is not None:
            path.unlink(missing_ok=True)
            release()


def candidates(store: Path, used: frozenset[str]) -> Iterator[Rubbish]:
    """Artifacts that are not used; what killed stages left half-made, unless a run that is to go on refers to it; what was damaged and put aside."""
    for key in list(listing(store / "artifacts")):
        if key not in used:
            folder = artifact_folder(store, key)
            yield Rubbish(folder, key, "no run refers to it", size(folder))
    finished = set(listing(store / "artifacts", links=True))
    for area, why in (
        ("making", "a stage that was stopped left it"),
        ("resume", "a stage that was stopped left it"),
        ("damaged", "it was damaged and put aside"),
    ):
        for name in names_in(store / area):
            key, folder = name[:KEY_LENGTH], store / area / name
            if area != "damaged" and name == key and key in used - finished and resume_folder(store, key).is_dir():
                continue  # a run that was stopped goes on from there
            if is_key(key) and (folder.is_dir() or area == "damaged") and not folder.is_symlink() and not (store / area).is_symlink():
                yield Rubbish(folder, key, why, size(folder))


def newer(folder: Path, begun: float) -> bool:
    """Whether a folder appeared since: it may be of a process that says nothing of what it uses."""
    manifest = folder / MANIFEST
    return (manifest if manifest.exists() else folder).stat().st_mtime > begun


def throw(folder: Path, store: Path) -> None:
    """Move a folder to the trash."""
    assert folder.parent.resolve().is_relative_to(store), f"{folder} is not in the store"
    os.replace(folder, store / "trash" / f"{folder.parent.name}-{folder.name}-{os.getpid()}-{time.time_ns()}")


def empty(trash: Path) -> None:
    for name in names_in(trash):
        if not (trash / name).is_symlink():
            shutil.rmtree(trash / name, ignore_errors=True)
