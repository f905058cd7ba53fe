"""Several processes on one plan: all of them train together, the first one does everything else and writes what is stored.

Left out: spreading sampling and scoring over ranks.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from aligncompiler.ir import Stage
from aligncompiler.spec.base import Kind

from .checkpoints import Checkpoints
from .store import Artifact, Store

PATIENCE = timedelta(days=365)  # the first rank may sample for hours while the others wait


class FirstEnded(Exception):
    """The first process ended while this one waited for it; it tells why itself."""


class Ranks:
    """The place of this process among its siblings, as torchrun tells it."""

    def __init__(self) -> None:
        self.rank = int(os.environ.get("RANK", "0"))
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        if self.world > 1:
            import torch

            if torch.cuda.is_available():
                torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))  # each process of a machine has a device of its own
            torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
            self.waiting = torch.distributed.new_group(backend="gloo", timeout=PATIENCE)

    @property
    def first(self) -> bool:
        return self.rank == 0

    def wait(self) -> None:
        """Until every rank is here. Raises FirstEnded where the first will not be."""
        if self.world > 1:
            import torch

            try:
                torch.distributed.barrier(self.waiting)
            except RuntimeError as error:  # the connection is closed
                if self.first:
                    raise
                raise FirstEnded from error

    @contextmanager
    def one_at_a_time(self, store: Store, key: str, wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """The first rank holds the lock of the key; the others enter behind it and leave together. `wait` is called where another run holds it."""
        if not self.first:
            self.wait()
            yield
            self.wait()
            return
        with store.lock(key, wait):
            self.wait()
            yield
            self.wait()

    def find(self, store: Store, stage: Stage) -> Artifact | None:
        """The artifact of a stage, if it is there; in turns, so that all ranks see the same and a damaged one is put aside once."""
        found = store.find(stage.id, stage.key) if self.first else None
        self.wait()
        found = found if self.first else store.find(stage.id, stage.key)
        self.wait()
        return found

    def checkpoints(self, store: Store, key: str, minutes: float) -> Checkpoints:
        """What an earlier attempt has kept, and the folder to write to: the store's for the first rank, a scratch folder for the others."""
        found = Checkpoints(store, key, store.making(key) if self.first else store.begin(f"{key}-rank{self.rank}"), minutes, self.first)
        if self.first:
            found.begin()
        self.wait()
        if not self.first:
            found.look()
        return found

    def needed(self, spec: Kind) -> bool:
        """Whether this rank takes part in a stage."""
        return self.first or spec.parallel

    def commit(self, store: Store, stage: Stage, folder: Path, manifest: Mapping[str, Any]) -> Artifact:
        """The first rank stores; the others wait for it and read."""
        if self.first:
            artifact = store.commit(stage.id, stage.key, folder, manifest)
            self.wait()
            return artifact
        shutil.rmtree(folder)
        self.wait()
        found = store.find(stage.id, stage.key)
        assert found is not None, f"{stage.id} was not stored by the first rank"
        return found
