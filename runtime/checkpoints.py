"""What is kept of a stage while it is made, so that one that was killed goes on: checkpoints, and finished pieces.

A checkpoint is a folder with a JSON file and a file of tensors, and says which files of the folder at work belong to it, how long they were and
what was in them. It appears by one rename after everything it speaks of is on the disk, and the last two are kept: one that is damaged is put
aside and the one before is taken. A stage that consists of many equal parts keeps what each came to as a piece instead, in files of their own.

Left out: stages that neither save nor keep pieces (datasets, models) start from the beginning.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aligncompiler.store.artifacts import file_hash, names_in
from aligncompiler.store.resume import PIECES, STATE, TENSORS, checkpoint, numbers, resume_folder, sealed, shards, unsealed

from .store import Store, sync
from .versions import versions

KEPT = 2  # checkpoints
SHARE = 0.02  # of the time of a stage that saving may take, unless it saves after every step
WRITING = "writing"
Keep = Callable[[Any, Callable[[], Any]], Any]  # (a part of a series, how to compute it) -> what it comes to, as JSON


def computed(what: Any, compute: Callable[[], Any]) -> Any:
    """What a part of a series comes to, where nothing is kept."""
    return compute()


@dataclass(frozen=True)
class Saved:
    """A checkpoint: how far it is, what it says, and where its tensors lie."""

    done: int
    state: Mapping[str, Any]
    files: Mapping[str, list[Any]]
    seconds: float
    folder: Path

    def tensors(self) -> dict[str, Any]:
        from safetensors.torch import load_file

        return load_file(self.folder / TENSORS)


class Pace:
    """When something is due to be saved: so many seconds after the last time, and so late that it costs little."""

    def __init__(self, every: float) -> None:
        self.every = every
        self.last = time.monotonic()
        self.cost = 0.0

    def due(self) -> bool:
        return time.monotonic() - self.last >= max(self.every, self.cost / SHARE if self.every else 0.0)

    @contextmanager
    def saving(self) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.last = time.monotonic()
        self.cost = self.last - start


class Checkpoints:
    """The half-made stage of a key. `making` is the folder at work; of several processes the `first` alone writes."""

    def __init__(self, store: Store, key: str, making: Path, minutes: float, first: bool) -> None:
        self.store = store
        self.key = key
        self.making = making
        self.folder = resume_folder(store.root, key)
        self.pace = Pace(60 * minutes)
        self.first = first
        self.watch = time.monotonic()
        self.newest: Saved | None = None
        self.known: dict[str, tuple[tuple[int, int], str]] = {}  # file of the folder at work -> (size and time, sha256)
        self.pieces: dict[str, Path] = {}  # name of a finished piece -> the file that it lies in
        self.fresh: dict[str, Any] = {}  # those that are in no file yet
        self.opened: tuple[Path, dict[str, Any]] | None = None  # the file that was read last: pieces are asked for in the order they were written in
        self.before = 0.0

    # ---- the beginning

    def begin(self) -> None:
        """Put the folder at work back to the newest checkpoint that is whole, or empty it; read the pieces. For the first process."""
        shutil.rmtree(self.folder / WRITING, ignore_errors=True)
        for number in reversed(numbers(self.folder)):
            saved = read(checkpoint(self.folder, number))
            if saved is None or not unharmed(self.making, saved.files):
                self.put_aside(checkpoint(self.folder, number))
            elif saved.state["versions"] != versions():  # what it would come to is not what its key says
                self.store.throw(checkpoint(self.folder, number))
            else:
                self.newest = saved
                break
        put_back(self.making, self.newest.files if self.newest is not None else {})
        for shard in shards(self.folder):
            found = unsealed(shard)
            if found is None:
                self.put_aside(shard)
            elif found["versions"] == versions():
                self.pieces |= dict.fromkeys(found["pieces"], shard)
                self.before += found["seconds"]
        self.before += self.newest.seconds if self.newest is not None else 0.0

    def look(self) -> None:
        """Take what the first process has left there. For the others."""
        found = numbers(self.folder)
        self.newest = read(checkpoint(self.folder, found[-1]), trusted=True) if found else None

    def seconds(self) -> float:
        """How long the stage has taken, earlier attempts included as far as they were saved."""
        return self.before + time.monotonic() - self.watch

    def put_aside(self, path: Path) -> None:
        """Move what cannot be used out of the way."""
        self.store.put_aside(path, f"{self.key}.{path.stem}")

    # ---- checkpoints

    def save(self, done: int, total: int, state: Mapping[str, Any], tensors: Mapping[str, Any]) -> None:
        """Let a checkpoint appear, and remove those before the last two."""
        from safetensors.torch import save_file

        if self.newest is not None and self.newest.done == done:
            return
        with self.pace.saving():
            files = self.synced_files()
            writing = self.fresh_folder()
            save_file(dict(tensors), writing / TENSORS)
            head = {"key": self.key, "done": done, "total": total, "seconds": self.seconds(), "files": files, "tensors": file_hash(writing / TENSORS)}
            (writing / STATE).write_text(sealed(head | {"state": {**state, "versions": versions()}}), encoding="utf-8")
            for path in (writing / TENSORS, writing / STATE, writing):
                sync(path)
            target = checkpoint(self.folder, done)
            os.replace(writing, target)
            sync(self.folder)
            self.newest = Saved(done, state, files, head["seconds"], target)
            for number in numbers(self.folder)[:-KEPT]:
                shutil.rmtree(checkpoint(self.folder, number), ignore_errors=True)

    def fresh_folder(self) -> Path:
        new = not self.folder.exists()
        writing = self.folder / WRITING
        shutil.rmtree(writing, ignore_errors=True)
        writing.mkdir(parents=True)
        if new:
            sync(self.folder.parent)
        return writing

    def synced_files(self) -> dict[str, list[Any]]:
        """Every file of the folder at work, on the disk by now: its size and its sha256."""
        files = {}
        for path in sorted(self.making.rglob("*")):
            if path.is_dir():
                sync(path)
                continue
            name, stat = path.relative_to(self.making).as_posix(), path.stat()
            mark = (stat.st_size, stat.st_mtime_ns)
            if self.known.get(name, (None,))[0] != mark:
                sync(path)
                self.known[name] = (mark, file_hash(path))
            files[name] = [stat.st_size, self.known[name][1]]
        sync(self.making)
        return files

    # ---- pieces

    def piece(self, series: str, what: Any, compute: Callable[[], Any]) -> Any:
        """What a part of the stage comes to, computed now or kept from an earlier attempt. It is JSON; `what` tells the parts of a series apart.

        Only what no file holds yet is kept in memory."""
        name = hashlib.sha256(json.dumps([series, what]).encode()).hexdigest()
        if name in self.fresh:
            return self.fresh[name]
        known = self.held(self.pieces[name]) if name in self.pieces else {}
        if name in known:
            return known[name]
        value = self.fresh[name] = compute()
        if self.first and self.pace.due():
            self.flush()
        return value

    def held(self, shard: Path) -> dict[str, Any]:
        """The pieces in a file; none if it was damaged meanwhile."""
        if self.opened is None or self.opened[0] != shard:
            found = unsealed(shard)
            self.opened = (shard, found["pieces"] if found is not None else {})
        return self.opened[1]

    def flush(self) -> None:
        """Write the pieces that were not written yet, in a file that appears whole."""
        if not self.fresh or not self.first:
            return
        with self.pace.saving():
            writing = self.fresh_folder() / STATE
            spent = time.monotonic() - self.watch
            writing.write_text(sealed({"count": len(self.fresh), "seconds": spent, "versions": versions(), "pieces": self.fresh}), encoding="utf-8")
            sync(writing)
            last = max((int(path.stem.removeprefix(PIECES)) for path in shards(self.folder)), default=0)
            shard = self.folder / f"{PIECES}{last + 1:06d}.json"
            os.replace(writing, shard)
            sync(self.folder)
            self.pieces |= dict.fromkeys(self.fresh, shard)
            self.fresh = {}
            self.before, self.watch = self.before + spent, time.monotonic()

    # ---- the end

    def worth(self) -> bool:
        """Whether there is something to go on from."""
        return self.folder.is_dir() and any(name != WRITING for name in names_in(self.folder))

    def discard(self) -> None:
        """Remove all that was kept: the stage is finished, or would stop at the same fault again."""
        if self.first:
            forget(self.store, self.key)


def forget(store: Store, key: str) -> None:
    """Remove what was kept of the stage of a key, if anything was."""
    folder = resume_folder(store.root, key)
    if folder.is_dir():
        store.throw(folder)


def read(folder: Path, trusted: bool = False) -> Saved | None:
    """The checkpoint in a folder, or None if it is damaged; of a trusted one the tensors are not hashed."""
    head = unsealed(folder / STATE)
    try:
        if head is None or not (trusted or file_hash(folder / TENSORS) == head["tensors"]):
            return None
    except OSError:
        return None
    return Saved(head["done"], head["state"], head["files"], head["seconds"], folder)


def unharmed(making: Path, files: Mapping[str, list[Any]]) -> bool:
    """Whether every file that a checkpoint speaks of still begins with what it held then."""
    try:
        return all(beginning(making / name, size) == digest for name, (size, digest) in files.items())
    except OSError:
        return False


def beginning(path: Path, size: int) -> str:
    """sha256 of the first bytes of a file; empty if it is shorter."""
    digest, left = hashlib.sha256(), size
    with path.open("rb") as stream:
        while left and (block := stream.read(min(left, 1 << 20))):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest() if not left else ""


def put_back(making: Path, files: Mapping[str, list[Any]]) -> None:
    """Cut the files of a folder to their sizes, and remove all others."""
    making.mkdir(parents=True, exist_ok=True)
    for path in sorted(making.rglob("*"), reverse=True):
        name = path.relative_to(making).as_posix()
        if path.is_dir() and not path.is_symlink():
            if not any(kept.startswith(f"{name}/") for kept in files):
                shutil.rmtree(path)
        elif name not in files:
            path.unlink()
        elif path.stat().st_size > files[name][0]:
            os.truncate(path, files[name][0])
