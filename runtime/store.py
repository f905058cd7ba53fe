"""Content-addressed artifacts: complete or not there at all.

An artifact is made in a folder beside the store, hashed, synced, and appears under its key by one rename; its manifest holds the sha256
of every file and of itself, checked when the artifact is first read in a process. A lock per key keeps two runs from making the same thing.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aligncompiler.ir import Plan, artifact_folder
from aligncompiler.spec.base import Output
from aligncompiler.store.artifacts import damage, lock_of, locked, read_manifest, try_lock, unchanged, using, write_manifest

PATIENCE = 0.2  # seconds: who only looks whether a key is held gives it back sooner


@dataclass(frozen=True)
class Artifact:
    """A finished artifact: the stage that made it, its folder, and its manifest."""

    id: str
    folder: Path
    manifest: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """What it is: policy, scorer, dataset, ..."""
        return str(self.manifest["output"]["artifact"])

    def inside(self, path: str) -> Artifact:
        """A part that this artifact holds: a folder of its own in this one's, with the facts that were written down for it."""
        output = Output.from_json(self.manifest["output"]).inside(path)
        assert output is not None, f"{self.id} holds no {path}"
        manifest = {**self.manifest, "output": asdict(output), "facts": self.facts.get(path, {})}
        return Artifact(f"{self.id}.{path}", self.folder / path.replace(".", "/"), manifest)

    @property
    def answered(self) -> bool:
        """Whether its rows hold answers to their prompts."""
        return Output.from_json(self.manifest["output"]).answered

    @property
    def labelled(self) -> tuple[str, ...]:
        """The columns of its rows that a reward wrote beside `score`."""
        return Output.from_json(self.manifest["output"]).labelled

    @property
    def facts(self) -> Mapping[str, Any]:
        """What its maker wrote down for those who read it."""
        facts: Mapping[str, Any] = self.manifest["facts"]
        return facts


class Store:
    """The artifacts under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.verified: set[str] = set()
        self.damaged: dict[str, str] = {}  # what was wrong with the artifacts that were put aside, by key
        for name in ("artifacts", "locks", "making"):
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def find(self, id: str, key: str) -> Artifact | None:
        """The artifact of a key if it is there and whole; a damaged one is put aside, so that it is made again."""
        manifest = read_manifest(self.root, key)
        if manifest is None:
            return None
        folder = artifact_folder(self.root, key)
        if key not in self.verified and (wrong := fault_in(folder, manifest)):
            self.damaged[key] = f"{wrong}; it lies in {self.put_aside(folder, key)}"
            return None
        self.verified.add(key)
        return Artifact(id, folder, manifest)

    def put_aside(self, path: Path, name: str) -> Path:
        """Move what is damaged to where nobody reads it, beside what was put there before, and say where."""
        aside = self.root / "damaged"
        aside.mkdir(exist_ok=True)
        there = free(aside / name)
        os.replace(path, there)
        sync(aside)
        sync(path.parent)
        return there

    def throw(self, folder: Path) -> None:
        """Remove a folder, which is gone at once for whoever looks for it."""
        trash = self.root / "trash"
        trash.mkdir(exist_ok=True)
        gone = trash / f"{folder.parent.name}-{folder.name}-{os.getpid()}-{time.time_ns()}"
        os.replace(folder, gone)
        shutil.rmtree(gone, ignore_errors=True)

    @contextmanager
    def lock(self, key: str, wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold a key. Where another run holds it, `wait` is called once before this one waits."""
        release = try_lock(lock_of(self.root, key), PATIENCE)
        if release is None:
            wait()
            with locked(lock_of(self.root, key)):
                yield
            return
        try:
            yield
        finally:
            release()

    def using(self, plan: Plan) -> AbstractContextManager[None]:
        """Keep the artifacts of a plan from being deleted as long as a run lasts."""
        return using(self.root, (stage.key for stage in plan.stages))

    def making(self, key: str) -> Path:
        """The folder that the artifact of a key is made in."""
        return self.root / "making" / key

    def begin(self, key: str) -> Path:
        """An empty folder to make the artifact in; what an earlier, broken attempt left is removed."""
        folder = self.making(key)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def commit(self, id: str, key: str, making: Path, manifest: Mapping[str, Any]) -> Artifact:
        """Sync the folder and let it appear under its key."""
        whole = write_manifest(making, id, key, manifest)
        for path in [*making.rglob("*"), making]:
            sync(path)
        target = artifact_folder(self.root, key)
        target.parent.mkdir(parents=True, exist_ok=True)
        sync(target.parent.parent)  # the folder of the first two digits may be new
        if target.is_symlink():  # to a folder that is not whole, or not there
            target.unlink()
        shutil.rmtree(target, ignore_errors=True)
        os.replace(making, target)
        sync(target.parent)
        self.verified.add(key)
        return Artifact(id, target, whole)


def fault_in(folder: Path, manifest: Mapping[str, Any]) -> str:
    """How an artifact differs from what was stored, in its manifest or one of its files; empty where it does not."""
    if not (manifest.keys() >= {"files", "output", "facts"} and unchanged(manifest)):
        return "its manifest was changed"
    return next((f"`{name}` {wrong}" for name, wrong in damage(folder, manifest["files"])), "")


def free(path: Path) -> Path:
    """The path, or one like it that nothing has yet."""
    number = 1
    found = path
    while os.path.lexists(found):
        number += 1
        found = path.with_name(f"{path.name}-{number}")
    return found


def sync(path: Path) -> None:
    """Flush a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
