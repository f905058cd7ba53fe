"""What a person sees of a run: a line a stage, progress bars on a terminal, throttled plain lines elsewhere, tables at the end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console as RichConsole
from rich.live import Live
from rich.table import Table
from rich.text import Text

from aligncompiler.ir import Plan, Stage

from .cells import MEASURED, CellTable, cell_table, figure, size_of, with_interval
from .machine import multiplies_bfloat16
from .progress import EMPTY, FILLED, SPINNER, Phase, bar, duration, line, number, shortened
from .store import Artifact

SECONDS_BETWEEN_LINES = 15.0
REFRESHES_PER_SECOND = 8
MOST_REASONS = 3  # of skipped rows that are told on the terminal; the report has all
WIDEST = 10_000  # characters: more than any table takes
PLAIN_WIDTH = 88  # of the facts in a line that is not on a terminal


def clipped(facts: list[str], width: int = PLAIN_WIDTH) -> str:
    """As many facts as fit a line; the tables and the report have the rest."""
    whole = "   ".join(facts)
    if len(whole) <= width:
        return whole
    kept: list[str] = []
    for fact in facts:
        if len("   ".join([*kept, fact, "..."])) > width:
            break
        kept.append(fact)
    return "   ".join([*kept, "..."]) if kept else ""


def titled(group: str, size: int | None) -> str:
    """A group of rows with their number, if it is one for all that stands beside it."""
    return (group or "all") + ("" if size is None else f"  (n={size})")


class Stream(RichConsole):
    """A stream of a person, who may stop to read; rich would end the process then and there."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError("nobody reads what is said")


class StageLine:
    """The line of one stage."""

    def __init__(self, console: Console, stage: Stage) -> None:
        self.console = console
        self.stage = stage
        self.said = self.started = time.monotonic()
        self.phase: Phase | None = None
        self.waiting = ""

    def update(self, done: int, total: int | None, text: str = "", unit: str = "", tokens: int | None = None) -> None:
        """How far the stage is; cheap enough to be called at every step."""
        if self.console.silent:
            return
        unit = unit or self.stage.spec.counts
        if self.phase is None or (unit, total) != (self.phase.unit, self.phase.total) or done < self.phase.done:
            self.phase = Phase(unit, total)
        self.phase.update(done, tokens, text)
        if self.console.live is None and time.monotonic() - self.said > SECONDS_BETWEEN_LINES:
            self.said = time.monotonic()
            facts = ", ".join([*self.phase.facts(), text] if text else self.phase.facts()).strip()
            self.note(f"{facts} (stage {self.console.place(self.stage)})")

    def note(self, text: str) -> None:
        """A line about the stage."""
        if not self.console.silent:
            self.console.say(f"    {self.stage.id}: {text}")

    def wait(self) -> None:
        """Say that another run makes it."""
        self.waiting = "waits for another run that makes it"
        if self.console.live is None:
            self.note(self.waiting)

    def shown(self, width: int) -> Text:
        """The line on a terminal while the stage is at work."""
        now = time.monotonic()
        spinner = SPINNER[int(now * REFRESHES_PER_SECOND) % len(SPINNER)] if self.console.fancy else "*"
        if self.waiting and self.phase is None:
            name, drawn, rest = shortened(self.stage.id, max(12, width // 3)), "", f"  {self.waiting}  {duration(now - self.started)}"
        else:
            name, drawn, rest = line(self.stage.id, self.phase, now - self.started, width - 5)
        return self.console.fitted(Text.assemble("  ", (spinner, "cyan"), " ", (name, "bold"), (drawn, "cyan"), rest))

    def finish(self, artifact: Artifact, cached: bool) -> None:
        """Close the line with what was made."""
        if self.console.silent:
            return
        self.console.closed += 1
        facts = [f"{name} {number(value)}" for name, value in artifact.manifest["summary"].items()]
        mark, style = ("=", "cyan") if cached else ("+", "green")
        seconds = "cached" if cached else duration(artifact.manifest["seconds"])
        self.console.line(mark, style, self.stage.id, facts, seconds)
        reasons = sorted(artifact.manifest["skipped"].items(), key=lambda t: -t[1])
        for reason, count in reasons[:MOST_REASONS]:
            self.console.say(f"      skipped {count:,}: {reason}")
        if len(reasons) > MOST_REASONS:
            self.console.say(f"      skipped {sum(c for _, c in reasons[MOST_REASONS:]):,} for {len(reasons) - MOST_REASONS} more reasons, told in the report")


class Console:
    """The terminal during a run; everything goes to stderr but the tables, which are the result."""

    def __init__(self, plan: Plan, silent: bool) -> None:
        self.plan = plan
        self.silent = silent
        self.out = Stream(stderr=True, highlight=False, force_terminal=None)
        self.on_terminal = self.out.is_terminal and not self.out.is_dumb_terminal
        self.fancy = self.out.encoding.lower().startswith("utf")
        self.live: Live | None = None
        self.at: StageLine | None = None
        self.closed = 0  # stages that are made or found
        self.started = time.monotonic()
        longest = max((len(s.id) for s in plan.stages), default=0)
        self.width = min(longest, max(16, self.out.width // 3)) if self.on_terminal else longest

    @contextmanager
    def running(self) -> Iterator[None]:
        """Show the head of the run, and while it lasts on a terminal the stage at work and how far the whole is."""
        if self.silent:
            yield
            return
        count = len(self.plan.stages)
        engine = self.plan.engine
        self.say(Text.assemble((self.plan.name, "bold"), f"  {count} stages on {engine.accelerator} in {engine.precision}, seed {self.plan.seed}"))
        if (engine.accelerator, engine.precision) == ("cpu", "bfloat16") and not multiplies_bfloat16():
            self.say(Text("    this processor has no units for bfloat16 and emulates it, many times slower: float32 is faster here", "yellow"))
        cores = os.cpu_count() or 1
        if engine.accelerator == "cpu" and engine.devices > cores:
            self.say(Text(f"    {engine.devices} processes share {cores} cores: as many as cores would be faster", "yellow"))
        if not self.on_terminal:
            yield
            return
        with Live(get_renderable=self.progress, console=self.out, refresh_per_second=REFRESHES_PER_SECOND, transient=True) as self.live:
            try:
                yield
            finally:
                self.at = None
        self.live = None

    def progress(self) -> Text:
        """The stage at work and the whole, each a line that fits the terminal."""
        width = self.out.width
        if self.at is None:
            return Text("")
        count = len(self.plan.stages)
        head, tail = f"    stage {self.place(self.at.stage)}", f"  {duration(time.monotonic() - self.started)}"
        free = min(30, width - len(head) - len(tail) - 4)
        drawn = f"  {self.bar(self.closed / max(1, count), free)}" if free >= 8 else ""
        return Text("\n").join([self.at.shown(width), self.fitted(Text.assemble((head, "dim"), (drawn, "dim"), (tail, "dim")))])

    def bar(self, share: float, width: int) -> str:
        return bar(share, width) if self.fancy else bar(share, width, "#", "-")

    def fitted(self, text: Text) -> Text:
        """One line of a terminal: never wrapped, and without its last column, where some terminals wrap already."""
        if not self.fancy:
            text = Text(text.plain.replace(FILLED, "#").replace(EMPTY, "-").replace("…", "~"))
        text.no_wrap, text.overflow = True, "crop"
        text.truncate(self.out.width - 1, overflow="ellipsis" if self.fancy else "crop")
        return text

    def place(self, stage: Stage) -> str:
        """Which of the stages one is, as `5 of 13`."""
        return f"{1 + next(i for i, s in enumerate(self.plan.stages) if s.id == stage.id)} of {len(self.plan.stages)}"

    def say(self, text: str | Text) -> None:
        """A line on stderr; on a terminal it never wraps."""
        plain = Text(text) if isinstance(text, str) else text
        self.out.print(self.fitted(plain) if self.on_terminal else plain, soft_wrap=not self.on_terminal)

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[StageLine]:
        """The line of a stage while it is worked on."""
        self.at = StageLine(self, stage)
        yield self.at

    def line(self, mark: str, style: str, id: str, facts: list[str], seconds: str) -> None:
        name = shortened(id, self.width) if self.on_terminal else id
        used = 2 + 1 + 1 + self.width + 2 + 12 + 2
        told = clipped(facts, self.out.width - 1 - used if self.on_terminal else PLAIN_WIDTH)
        bold = "bold" if id.startswith("stages.") else ""
        self.say(Text.assemble("  ", (mark, style), " ", (name.ljust(self.width), bold), "  ", (seconds.rjust(12), "dim"), "  ", told))

    def tables(self, made: Mapping[str, tuple[Artifact, bool]]) -> None:
        """Every table of the run, on stdout."""
        if self.silent:
            return
        out = Stream(highlight=False) if os.isatty(1) else Stream(width=160)
        cells = cell_table(self.plan, made)
        if cells is not None and cells.figures:
            out.print()
            out.print(self.cells(cells))
            return
        for id, (artifact, _) in made.items():
            for table in artifact.manifest["facts"].get("tables", ()):
                across = self.table(id, table)
                out.print()
                fits = out.measure(across, options=out.options.update(width=WIDEST)).maximum <= out.width
                out.print(across if fits else self.long_table(id, table))

    def cells(self, table: CellTable) -> Table:
        """A sweep: a cell a line, the values of the axes and the figures across. The tables of each cell are in the report."""
        shown = Table(
            title=f"{self.plan.name}: {len(table.rows)} cells", title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False
        )
        for axis in table.axes:
            shown.add_column(axis, no_wrap=True, style="cyan")
        for name in table.figures:
            shown.add_column(name, justify="right")
        for values, figures in table.rows:
            shown.add_row(*values, *figures)
        return shown

    def table(self, id: str, table: Mapping[str, Any]) -> Table:
        """One metric: groups down; models, differences, and what stands beside them across."""
        by = {(line["role"], line["model"], line["group"]): line for line in table["lines"]}
        groups = list(dict.fromkeys(line["group"] for line in table["lines"]))
        columns = list(dict.fromkeys((line["role"], line["model"]) for line in table["lines"]))
        columns.sort(key=lambda c: {"model": 0, "difference": 1}.get(c[0], 2))
        shown = Table(
            title=f"{id}: {table['name']}", title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False, padding=(0, 3, 0, 0)
        )
        shown.add_column("")
        for role, name in columns:
            shown.add_column(name.replace("stages.", ""), justify="right", no_wrap=True, style={"model": "", "difference": "cyan"}.get(role, "dim"))
        for group in groups:
            size = size_of([line for line in table["lines"] if line["group"] == group])
            shown.add_row(titled(group, size), *(self.cell(by.get((role, name, group)), role, size) for role, name in columns))
        return shown

    def long_table(self, id: str, table: Mapping[str, Any]) -> Table:
        """The same as lines, for a terminal that is too narrow for columns."""
        shown = Table(title=f"{id}: {table['name']}", title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
        shown.add_column("", overflow="fold")
        shown.add_column("", justify="right", no_wrap=True)
        for group in dict.fromkeys(x["group"] for x in table["lines"]):
            lines = [x for x in table["lines"] if x["group"] == group]
            size = size_of(lines)
            shown.add_row(Text(titled(group, size), "dim"), "")
            for one in lines:
                shown.add_row(f"  {one['model'].replace('stages.', '')}", self.cell(one, one["role"], size))
        return shown

    def cell(self, line: Mapping[str, Any] | None, role: str, size: int | None) -> Text:
        """A mean with its interval; what is not measured without. The number of rows, unless it is the `size` of all that is beside it."""
        if line is None:
            return Text("-")
        told = with_interval(line, "+" if role == "difference" else "") if role in MEASURED else figure(line["value"], 3)
        return Text(told if size is not None else f"{told}  n={line['n']}")
