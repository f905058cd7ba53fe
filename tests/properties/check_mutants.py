"""Check mutants of good specs and print as JSON what was seen: `python tests/fuzz/check_mutants.py --count 10000`.

Runs under a limit of its own on address space, so that a mutant that wants more memory fails. For each mutant: no exception; every
diagnostic has a place inside of its text, and so has every edit of a fix; every form of the report can be printed, JSON can be read back,
and no control character leaves. A mutant that breaks this is printed with its number, and `--only NUMBER` checks it alone.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from mutants import Mutant, mutants

from aligncompiler.compile import compile_spec
from aligncompiler.diagnostic import Diagnostic, Place, Report
from aligncompiler.render import FORMATS, render
from aligncompiler.syntax import LINE_BREAK

MEGABYTE = 1 << 20
MAX_MEMORY = 200 * MEGABYTE
MAX_SECONDS = 1.0


def outside(place: Place, sources: dict[str, str]) -> str:
    """Why a place does not lie in its text; empty if it does."""
    if place.file not in sources:
        return f"{place} is in no text"
    lines = LINE_BREAK.split(sources[place.file])
    if not 1 <= place.line <= place.end_line <= len(lines):
        return f"{place} has no such line"
    if not 1 <= place.col <= len(lines[place.line - 1]) + 1 or not 1 <= place.end_col <= len(lines[place.end_line - 1]) + 1:
        return f"{place} has no such column, or none where it ends ({place.end_line}:{place.end_col})"
    return "" if (place.line, place.col) <= (place.end_line, place.end_col) else f"{place} ends before it starts"


def bad_manners(found: Diagnostic, sources: dict[str, str]) -> list[str]:
    if found.primary is None:
        return [f"{found.code} has no place: {found.message}"]
    places = [*(span.place for span in found.spans), *(fix.place for fix in found.fixes)]
    return [f"{found.code}: {why}" for place in places if (why := outside(place, sources))]


def unprintable(report: Report) -> list[str]:
    """The forms that could not be printed as they should."""
    wrong = []
    for form in FORMATS:
        text = render(report, form)
        if form in ("json", "sarif"):
            json.loads(text or "[]")
        if any((ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in text):
            wrong.append(f"the form {form} holds a control character")
    return wrong


def check(mutant: Mutant) -> tuple[Report, float, list[str]]:
    """The report of one mutant, CPU seconds it took, and what is wrong with the compiler."""
    Path("spec.yaml").write_bytes(mutant.raw)
    start = time.process_time()
    try:
        report = compile_spec(Path("spec.yaml"), (), mutant.sets, static=True).report
        forms = unprintable(report)
    except BaseException:  # noqa: BLE001  whatever it is, it is a finding
        return Report(), time.process_time() - start, [traceback.format_exc()]
    seconds = time.process_time() - start
    slow = [f"took {seconds:.2f} s"] if seconds > MAX_SECONDS else []
    return report, seconds, [*(why for found in report.diagnostics for why in bad_manners(found, report.sources)), *forms, *slow]


def peak() -> int:
    """The most memory this process ever had, in bytes; `getrusage` counts that of the parent too, from before it became this program."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--count", type=int, default=10_000)
    options.add_argument("--only", type=int, help="number of one mutant")
    args = options.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    codes: Counter[str] = Counter()
    times: list[float] = []
    findings: list[dict[str, Any]] = []
    errors = 0
    os.chdir(tempfile.mkdtemp(prefix="mutants"))
    for number, mutant in enumerate(mutants(args.seed, args.count)):
        if args.only not in (None, number):
            continue
        report, seconds, wrong = check(mutant)
        times.append(seconds)
        codes.update({d.code for d in report.diagnostics})
        errors += bool(report.errors)
        if wrong:
            findings.append({"number": number, "origin": mutant.origin, "ways": mutant.ways, "sets": mutant.sets, "wrong": wrong[:3]})
    times.sort()
    figures = {
        "mutants": len(times),
        "seed": args.seed,
        "with errors": errors,
        "without": len(times) - errors,
        "codes reported": dict(sorted(codes.items())),
        "cpu seconds": {"median": times[len(times) // 2], "99 %": times[len(times) * 99 // 100], "most": times[-1]},
        "peak memory, MB": round(peak() / MEGABYTE, 1),
        "findings": findings,
    }
    print(json.dumps(figures, indent=2, ensure_ascii=True))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
