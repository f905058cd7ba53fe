"""`python -m runtime.together OPTIONS -m runtime plan.json`: torchrun, which ends as what it started did.

What there is to say of an end, the run says itself: torchrun's own account of it, a traceback and a table, is left out.
"""

from __future__ import annotations

import logging
import os
import signal
import sys


def main(arguments: list[str]) -> int:
    """Start the processes and wait for them; the exit code. A signal that ended one of them ends this process too."""
    logging.disable(logging.ERROR)
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    try:
        run(parse_args(arguments))
    except SignalException:  # passed on to the processes, which have ended by now
        return 130
    except ChildFailedError as failed:
        code = int(failed.get_first_failure()[1].exitcode)
        if code < 0:
            if -code != signal.SIGKILL:
                signal.signal(-code, signal.SIG_DFL)
            os.kill(os.getpid(), -code)
        return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
