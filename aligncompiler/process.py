"""The runtime as a process: started, stopped, and what is said of its end where it could not say it itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .diagnostic import Report
from .ir import Plan
from .spec.held import less_memory
from .store.run_folder import PLAN, begun, crashed, hold, now, read_summary, write_summary
from .terminal import say

INTERRUPTED, TOLD = 130, 4
GRACE = 120  # seconds that several processes have to save in, after which torchrun kills them; also the default of `alignc launch`
STOPS = ("SIGINT", "SIGTERM", "SIGHUP")  # Ctrl-C; a scheduler's stop and a terminal that is closed are wound up like it


def start(plan: Plan, folder: Path, store: Path, quiet_tables: bool, command: str) -> int:
    """Run the runtime on `plan.json` in a session of its own, under torchrun where the plan asks for several devices; its exit status.

    A signal that ended it is told as a negative number, unless it was asked to end. Signals are passed on, and it ends when this process
    is gone (`runtime/parent.py`), so the runtime is never left behind.
    """
    module = ["runtime", str(folder / PLAN), "--store", str(store), "--end-with-parent", f"--command={command}", *["--quiet-tables"] * quiet_tables]
    launcher = (
        ["runtime.together", "--standalone", f"--nproc-per-node={plan.engine.devices}", f"--shutdown-timeout={GRACE}", "-m"] if plan.engine.devices > 1 else []
    )
    stops = [one for name in STOPS if signal.getsignal(one := getattr(signal, name)) is not signal.SIG_IGN]  # as it is under nohup
    for one in stops:
        signal.signal(one, signal.default_int_handler)
    environment = os.environ | {"TOKENIZERS_PARALLELISM": "false"}
    process = subprocess.Popen([sys.executable, "-m", *launcher, *module], env=environment, stdin=subprocess.PIPE, start_new_session=True)
    asked = by_hand = ended = False

    def pass_on(number: int, _: object) -> None:
        """The first time to wind up, at a second Ctrl-C to stop at once; a scheduler may ask twice for one stop. No exception is raised, which
        the next signal could cut short."""
        nonlocal asked, by_hand, ended
        again, first = by_hand and number == signal.SIGINT, not asked
        asked, by_hand = True, by_hand or number == signal.SIGINT
        if first:
            with suppress(OSError):  # the terminal may be gone
                say(f"\nstopping; what is done is saved{'. Ctrl-C again ends it at once' if by_hand else ''}")
        ended |= again
        if first or again:
            process.send_signal(signal.SIGKILL if again else signal.SIGINT)

    for one in stops:
        signal.signal(one, pass_on)
    code = process.wait()
    if ended:
        with suppress(OSError):
            say(f"ended at once; finished stages and what was saved on the way are kept. Go on with: {command}")
    return INTERRUPTED if asked and code < 0 else code


def outcome(plan: Plan, folder: Path, code: int, report: Report) -> dict[str, Any]:
    """The summary of a run whose process has ended with this status; of one that was killed it is written here, and reported."""
    summary = read_summary(folder)
    if summary is not None and "exit" in summary:
        if summary.get("cause") == "P626" and summary.get("failed") in plan.by_id:
            from .planning.memory import report_memory  # estimates are for who needs them

            report_memory(plan, summary["failed"], summary["why"], report)
        return summary
    told = summary or begun(folder, plan.name, plan.spec_file, len(plan.stages)) | {"stages": []}
    if summary is not None and crashed(folder):
        return told | {"status": "crashed", "exit": 5}
    if summary is not None and code == TOLD:  # by the runtime itself, on a disk that took no summary any more
        return told | {"status": "failed", "exit": code}
    if summary is None and 0 <= code != INTERRUPTED:  # it refused before it began
        return told | {"status": "failed", "exit": code}
    release = hold(folder, Report())
    if release is None:  # another process has this folder now
        return told | {"status": "failed", "exit": code if code >= 0 else 4}
    try:
        end = {"status": "interrupted", "exit": INTERRUPTED} if code == INTERRUPTED else killed(plan, told, code, report)
        whole = told | end | {"ended": now()}
        write_summary(folder, whole)
    finally:
        release()
    return whole


def killed(plan: Plan, summary: Mapping[str, Any], code: int, report: Report) -> dict[str, Any]:
    """Report that the process was ended from outside: by which signal, where it was, and what may have been the reason."""
    stage = plan.by_id.get(summary.get("stage", ""))
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended without a word (exit status {code})"
    where = f" while it made `{summary['stage']}`" if summary.get("stage") else ""
    done = f"{len(summary['stages'])} of {summary['planned']} stages were finished and are kept"
    memory: tuple[str, ...] = ()
    if code == -signal.SIGKILL:
        memory = ("if nobody did that, memory ran out: `alignc plan` shows what each stage needs",)
        if stage is not None:
            from .planning.memory import expected

            memory = (f"if nobody did that, memory ran out; {expected(plan, stage.id)}", *less_memory(stage.spec))
    help = (*memory, "run it again to go on from there")
    text = f"the process of the run {how}{where}; {done}"
    report.add("P608", text, None, help=help)
    return {"status": "killed", "exit": 4, "why": text}
