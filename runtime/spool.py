"""Values that are written in one order and read in another, in a nameless file: a million answers are no million Python objects."""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any

import numpy as np


class Spool:
    """JSON values by their numbers, which are below `count`. The file goes away with the process."""

    def __init__(self, count: int) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115  it is open as long as this is there
        self.size = 0
        self.starts_N = np.full(count, -1, np.int64)
        self.sizes_N = np.zeros(count, np.int64)

    def put(self, number: int, value: Any) -> None:
        data = json.dumps(value).encode("ascii")
        self.starts_N[number], self.sizes_N[number] = self.size, len(data)
        self.size += self.file.write(data)

    def get(self, number: int) -> Any:
        """The value that was put there last. Asking for one that was not is a mistake."""
        assert self.starts_N[number] >= 0, f"nothing was put at {number}"
        self.file.flush()
        return json.loads(os.pread(self.file.fileno(), int(self.sizes_N[number]), int(self.starts_N[number])))
