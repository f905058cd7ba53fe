"""What a statement lets one choose of how much it holds in memory at a time, and what is said where that was too much."""

from __future__ import annotations

from .base import Kind
from .codec import leaves


def held_at_once(spec: Kind) -> dict[str, int]:
    """Path -> value of the fields that bound it, can be lower, and change no result: `batch.tokens_at_once`, `answers_at_once`."""
    return {".".join(path): value for path, value, role, _ in leaves(spec) if role == "runtime" and path[-1].endswith("_at_once") and value > 1}


def less_memory(spec: Kind) -> tuple[str, ...]:
    """What to do where memory ran out."""
    lower = tuple(f"lower `{name}`, which is {value}: no result depends on it" for name, value in held_at_once(spec).items())
    return lower or ("run it where there is more memory",)
