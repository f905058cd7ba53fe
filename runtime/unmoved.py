"""What a stage reads is what its key says: its input files are compared with their hashes when it starts, and again if they moved while it read.

A file is taken for unmoved if its device, inode, size and times (of the last writing, of the last change of any sort) are what they were when
it was hashed, and lay far enough back that a later write would show; otherwise it is hashed again. So large folders are hashed once in a
process. Left out: a file that changes while it is read, and is what it was when the reading is over.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aligncompiler.ir import Stage
from aligncompiler.store.inputs import files_in, hash_of, inputs_of, shown

from .fault import Fault

Marks = tuple[tuple[str, int, int, int, tuple[int, int]], ...]

COARSE = 2.0  # seconds: two writes that lie closer together may bear the same time, on the coarsest file systems
HASHES: dict[Path, tuple[Marks, str]] = {}  # what was hashed in this process and can be trusted as long as its marks stay


@contextmanager
def unmoved(stage: Stage) -> Iterator[None]:
    """Raise Fault if an input file is not what the plan hashed, before the stage reads it or when it is done.

    A fault of a stage whose files moved meanwhile is told as that: half of a file may look like anything.
    """
    check(stage)
    try:
        yield
    finally:
        check(stage)


def check(stage: Stage) -> None:
    for one in inputs_of(stage.spec) if stage.files else ():
        if one.target is None or (one.field in stage.files and current(one.target) != stage.files[one.field]):
            verb = "has changed" if one.target is not None and one.target.exists() else "is gone"
            text = f"`{shown(one.name)}` {verb} since the plan was made, so nothing was stored under a key that speaks of what it held"
            raise Fault("P618", text, one.at, ("run again: the plan is then made of what is there now",))


def current(target: Path) -> str:
    """The hash of what is in a file or folder now; empty if it is not there."""
    known = HASHES.get(target)
    try:
        before = marks(target)
        if known is not None and known[0] == before:
            return known[1]
        start = time.time()
        digest = hash_of(target)
        settled = before == marks(target) and all(start - max(times) / 1e9 > COARSE for *_, times in before)
    except FileNotFoundError:
        return ""
    if settled:
        HASHES[target] = (before, digest)
    return digest


def marks(target: Path) -> Marks:
    """Name, device, inode, size and times of every file. Raises FileNotFoundError."""
    target.stat()
    states = [(str(file), file.stat()) for file in files_in(target)]
    return tuple((name, state.st_dev, state.st_ino, state.st_size, (state.st_mtime_ns, state.st_ctime_ns)) for name, state in states)
