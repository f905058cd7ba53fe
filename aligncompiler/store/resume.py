"""What is kept of a stage that is half made, to go on from. The runtime writes it (`runtime/checkpoints.py`), the verbs look at it.

resume/abcd.../00000300/          a checkpoint: state.json, which says how far it is, and tensors.safetensors
resume/abcd.../pieces-000001.json what parts of the stage came to that were done: answers, scores
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .artifacts import CHECKSUM, checksum, names_in

STATE, TENSORS, PIECES = "state.json", "tensors.safetensors", "pieces-"


def resume_folder(store: Path, key: str) -> Path:
    """Where the half-made stage of a key is kept."""
    return store / "resume" / key


def numbers(folder: Path) -> list[int]:
    """The numbers of the checkpoints in a folder, the oldest first."""
    return sorted(int(name) for name in names_in(folder) if name.isdigit())


def checkpoint(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}"


def shards(folder: Path) -> list[Path]:
    """The files of finished pieces."""
    return [folder / name for name in names_in(folder) if name.startswith(PIECES) and name.endswith(".json")]


def sealed(data: dict[str, Any]) -> str:
    """JSON with a checksum of itself."""
    return json.dumps({**data, CHECKSUM: checksum(data)})


def unsealed(path: Path) -> dict[str, Any] | None:
    """What `sealed` wrote into a file, or None if it is not that."""
    try:
        found = json.loads(path.read_bytes())
        return found if isinstance(found, dict) and found.get(CHECKSUM) == checksum(found) else None
    except (OSError, ValueError, RecursionError):
        return None


def half_done(store: Path, key: str) -> str:
    """How far a stage is kept, as `step 300 of 900`; empty if it starts from the beginning."""
    folder = resume_folder(store, key)
    for number in reversed(numbers(folder)):
        state = unsealed(checkpoint(folder, number) / STATE)
        if state is not None:
            return f"step {state.get('done')} of {state.get('total')}"
    found = sum(int(state.get("count", 0)) for state in map(unsealed, shards(folder)) if state is not None)
    return f"batch {found}" if found else ""
