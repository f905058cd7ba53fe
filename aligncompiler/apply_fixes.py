"""`alignc check --fix`: the safe fixes of a spec written into its files, every other byte left as it is.

Fixes are applied, the spec is compiled again, and so on until nothing more can be mended. What did not make things better is undone: a fix
is kept only if the compiler then gets further, or finds no more errors than before and none where the fix was. A fix may bring to light what
a fault had hidden (the fields of a kind that was misspelt); it is then judged together with the fixes of what it brought to light.
"""

from __future__ import annotations

import codecs
import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from .compile import Compiled
from .diagnostic import Diagnostic, Fix, Place, Report
from .fixes import offset

MAX_ROUNDS = 20
DEPTH = 2  # how many faults may hide behind each other
Compile = Callable[[], Compiled]


@dataclass(frozen=True, slots=True)
class Fixed:
    """A fix that was carried out, and the problem it mended. Its place counts in the text as it was before."""

    diagnostic: Diagnostic
    fix: Fix


@dataclass
class Files:
    """What was written, in order: file and content before."""

    journal: list[tuple[Path, bytes]] = field(default_factory=list)

    def write(self, file: str, before: str, after: str) -> None:
        """Exchange the text of a file, its byte order mark kept. Raises OSError, also if the text is not `before`."""
        path = Path(file)
        old = path.read_bytes()
        mark = codecs.BOM_UTF8 if old.startswith(codecs.BOM_UTF8) else b""
        if old != mark + before.encode():
            raise OSError(errno.EAGAIN, "somebody else writes it just now", file)
        try:
            replace_content(path, mark + after.encode())
        except OSError as error:
            raise OSError(error.errno, error.strerror, file) from None
        self.journal.append((path, old))

    def undo(self, length: int) -> None:
        """Take back what was written since the journal had this length."""
        while len(self.journal) > length:
            replace_content(*self.journal.pop())


def replace_content(path: Path, content: bytes) -> None:
    """Give a file another content in one step, its mode kept; of a link the file that it leads to. Raises OSError."""
    target = Path(os.path.realpath(path))
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".alignc-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        shutil.copymode(target, name)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def apply_fixes(compile: Compile) -> tuple[Compiled, list[Fixed]]:
    """What the compiler says when nothing more can be mended, and what was. Raises OSError where a file cannot be written; all are then as they were."""
    mender = Mender(compile, Files())
    try:
        return mender.settle(compile(), lambda d: True, DEPTH)
    except BaseException:
        mender.files.undo(0)
        raise


@dataclass
class Mender:
    """Tries fixes and keeps the good ones."""

    compile: Compile
    files: Files

    def settle(self, compiled: Compiled, wanted: Callable[[Diagnostic], bool], depth: int) -> tuple[Compiled, list[Fixed]]:
        """Mend what can be mended of the problems that are wanted, until nothing more can."""
        done: list[Fixed] = []
        refused: set[tuple[str, Fix]] = set()
        for _ in range(MAX_ROUNDS):
            chosen = [one for one in choose(compiled.report, refused) if wanted(one.diagnostic)]
            if not chosen:
                break
            before = compiled
            compiled, kept = self.attempt(before, chosen, depth)
            for one in chosen if not kept and len(chosen) > 1 else ():  # one of them spoils it: find out which
                if one.diagnostic in compiled.report.diagnostics:
                    compiled, good = self.attempt(compiled, [one], depth)
                    kept += good
            done += kept
            refused |= {(one.diagnostic.code, one.fix) for one in chosen if one not in kept}
        return compiled, done

    def attempt(self, before: Compiled, chosen: list[Fixed], depth: int) -> tuple[Compiled, list[Fixed]]:
        """Carry out some fixes and compile again; if that is no better, all is as before and nothing was kept."""
        length = len(self.files.journal)
        for file in dict.fromkeys(one.fix.place.file for one in chosen):
            text = before.report.sources[file]
            self.files.write(file, text, edited(text, [one.fix for one in chosen if one.fix.place.file == file]))
        after, kept = self.compile(), chosen
        if len(chosen) == 1 and depth and not better(after, before, chosen):
            known = {(d.code, d.message) for d in before.report.diagnostics}
            after, more = self.settle(after, lambda d: (d.code, d.message) not in known, depth - 1)
            kept = chosen + more
        if better(after, before, chosen):
            return after, kept
        self.files.undo(length)
        return before, []


def choose(report: Report, refused: Collection[tuple[str, Fix]]) -> list[Fixed]:
    """The fixes to try: the only one of its diagnostic, in a file that was read, not refused before, and the first of those that overlap."""
    chosen: list[Fixed] = []
    for d in report.in_order():
        if len(d.fixes) == 1 and d.fixes[0].certain and (d.code, d.fixes[0]) not in refused:
            place = d.fixes[0].place
            readable = place.file in report.sources and not place.file.startswith("--set ")
            if readable and not any(overlap(place, one.fix.place) for one in chosen):
                chosen.append(Fixed(d, d.fixes[0]))
    return chosen


def overlap(a: Place, b: Place) -> bool:
    """Whether two stretches share a character or touch."""
    return a.file == b.file and max((a.line, a.col), (b.line, b.col)) <= min((a.end_line, a.end_col), (b.end_line, b.end_col))


def better(after: Compiled, before: Compiled, by: list[Fixed]) -> bool:
    """Whether the compiler gets further after these fixes, or as far with as many problems less; one fix may also exchange its problem for another
    that it brought to light elsewhere."""
    if progress(after) != progress(before):
        return progress(after) > progress(before)
    old, new = before.report, after.report
    if len(new.errors) > len(old.errors):
        return False
    if len(old.diagnostics) - len(new.diagnostics) >= len(by):
        return True
    known = {(d.code, d.message) for d in old.diagnostics}
    fresh = [start(d.primary.place) for d in new.diagnostics if (d.code, d.message) not in known and d.primary]
    exchanged = len(by) == 1 and len(old.diagnostics) == len(new.diagnostics) and bool(fresh)
    return exchanged and start(by[0].fix.place) not in fresh


def start(place: Place) -> tuple[str, int, int]:
    return place.file, place.line, place.col


def edited(text: str, fixes: list[Fix]) -> str:
    """The text with each fix in its place; no two of them overlap."""
    spans = [(offset(text, f.place.line, f.place.col), offset(text, f.place.end_line, f.place.end_col), f.text) for f in fixes]
    for start, end, new in sorted(spans, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def progress(compiled: Compiled) -> tuple[int, int]:
    """How far the compiler got: through the text of a file up to a line, through its statements, through the plan."""
    unreadable = [d for d in compiled.report.errors if d.code.startswith("Y") and d.code != "Y101"]
    if unreadable:
        return 0, max((d.primary.place.line for d in unreadable if d.primary), default=0)
    return 1 + (compiled.experiment is not None) + (compiled.plan is not None), 0
