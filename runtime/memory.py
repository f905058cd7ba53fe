"""Memory that ran out, told from other failures."""

from __future__ import annotations

import torch

from aligncompiler.ir import Stage
from aligncompiler.spec.held import held_at_once, less_memory

from .fault import Fault

OUT_OF_MEMORY = "P626"
SAID = ("DefaultCPUAllocator", "not enough memory", "can't allocate memory", "Cannot allocate memory", "std::bad_alloc", "CUDA out of memory")


def ran_out(error: BaseException) -> bool:
    """Whether an error is that of an allocation: of Python, of torch, or of what torch calls."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError | OSError) and any(text in str(error) for text in SAID)


def fault_of(stage: Stage) -> Fault:
    """The fault of a stage that memory ran out for."""
    return Fault(OUT_OF_MEMORY, "memory ran out", next(iter(held_at_once(stage.spec)), ""), less_memory(stage.spec))
