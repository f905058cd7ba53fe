"""What this process does when it is asked to stop: by Ctrl-C, by SIGTERM, or because the command that started it is gone.

A scheduler may ask twice for one and the same stop: it signals every process of a job, and torchrun passes on what it was sent itself. So
SIGTERM asks once and is then ignored, and only the second Ctrl-C ends at once.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Hears the signals that ask this process to stop. The first one raises KeyboardInterrupt, or is remembered in `asked` where the work is to be
    saved first (`at_once` False); what follows is ignored, but for a second Ctrl-C, which raises it in any case."""

    def __init__(self, at_once: bool) -> None:
        self.at_once = at_once
        self.asked = False
        self.by_hand = False
        self.before: dict[int, Any] = {}

    def listen(self) -> None:
        """Take the signals, which only the main thread may."""
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self.hear) for number in SIGNALS}

    def __enter__(self) -> Interrupts:
        self.listen()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Give the signals back; a request that nobody has seen is raised. After one this goes on listening: the process is winding up."""
        if not self.asked:
            for number, handler in self.before.items():
                signal.signal(number, handler)
        elif kind is None:
            raise KeyboardInterrupt

    def hear(self, number: int, frame: FrameType | None) -> None:
        again, first = self.by_hand and number == signal.SIGINT, not self.asked
        self.by_hand |= number == signal.SIGINT
        self.asked = True
        if again or (first and self.at_once):
            raise KeyboardInterrupt


STARTING = Interrupts(at_once=False)  # while modules are imported: an exception in the middle of an import becomes another one
