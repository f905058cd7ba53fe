"""A run ends with the command that started it, however that ends.

`alignc run` holds the write end of a pipe whose read end is our stdin; when that process is gone, the pipe ends. What torchrun starts
inherits it. Nothing is ever written to it.
"""

from __future__ import annotations

import os
import signal
import threading
import time

GRACE = 20.0  # seconds to wind up in


def end_with_parent() -> None:
    """Watch the pipe from a thread: when it ends, this process is interrupted, and killed if it does not end then."""
    threading.Thread(target=watch, name="parent", daemon=True).start()


def watch() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE)
    os.kill(os.getpid(), signal.SIGKILL)
