"""What a person sees of a run: a line a stage, a progress bar on a terminal, throttled plain lines elsewhere, tables at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console as RichConsole
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from aligncompiler.ir import Plan, Stage

from .cells import CellTable, cell_table
from .store import Artifact

SECONDS_BETWEEN_LINES = 15.0


def number(value: Any) -> str:
    """A figure for a person: whole numbers with separators, others to three places."""
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer() and abs(value) >= 1000):
        return f"{int(value):,}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60):02d} s"


def clipped(facts: list[str], width: int = 88) -> str:
    """As many facts as fit a line; the tables and the report have the rest."""
    kept = [fact for i, fact in enumerate(facts) if len("   ".join(facts[: i + 1])) <= width]
    return "   ".join([*kept, "..."] if len(kept) < len(facts) else kept)


class Stream(RichConsole):
    """A stream of a person, who may stop to read; rich would end the process then and there."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError("nobody reads what is said")


class StageLine:
    """The line of one stage."""

    def __init__(self, console: Console, stage: Stage) -> None:
        self.console = console
        self.stage = stage
        self.task: TaskID | None = None
        self.said = time.monotonic()
        self.started = self.said
        self.phase: tuple[int | None, int] = (None, 0)  # what is counted to, and where the count began

    def update(self, done: int, total: int | None, text: str = "") -> None:
        """How far the stage is; cheap enough to be called at every step."""
        if self.console.silent:
            return
        if total != self.phase[0]:  # reading rows, then steps: each has a pace of its own
            self.phase = (total, done)
            self.started = time.monotonic()
            if self.console.bar is not None and self.task is not None:
                self.console.bar.reset(self.task, total=total)
        if self.console.bar is not None:
            if self.task is None:
                self.task = self.console.bar.add_task(self.stage.id, total=total, text=text)
            self.console.bar.update(self.task, completed=done, total=total, text=text)
        elif time.monotonic() - self.said > SECONDS_BETWEEN_LINES:
            self.said = time.monotonic()
            share = f"{done:,} of {total:,}" if total else f"{done:,}"
            rate = (done - self.phase[1]) / max(1e-9, self.said - self.started)
            left = f", about {duration((total - done) / rate)} left" if total and rate > 0 else ""
            self.console.out.print(f"    {self.stage.id}: {share} {text}{left}".rstrip(), highlight=False, markup=False)

    def note(self, text: str) -> None:
        """A line about the stage."""
        if not self.console.silent:
            self.console.out.print(f"    {self.stage.id}: {text}", highlight=False, markup=False)

    def wait(self) -> None:
        """Say that another run makes it."""
        self.note("another run is making it; waiting for that")

    def finish(self, artifact: Artifact, cached: bool) -> None:
        """Close the line with what was made."""
        if self.console.silent:
            return
        if self.console.bar is not None and self.task is not None:
            self.console.bar.remove_task(self.task)
        facts = clipped([f"{name} {number(value)}" for name, value in artifact.manifest["summary"].items()])
        mark, style = ("=", "cyan") if cached else ("+", "green")
        seconds = "cached" if cached else duration(artifact.manifest["seconds"])
        self.console.line(mark, style, self.stage.id, facts, seconds)
        skipped = artifact.manifest["skipped"]
        if skipped:
            reasons = ", ".join(f"{count:,} x {reason}" for reason, count in sorted(skipped.items(), key=lambda t: -t[1]))
            self.console.line(" ", "yellow", "", f"skipped: {reasons}", "")


class Console:
    """The terminal during a run; everything goes to stderr but the tables, which are the result."""

    def __init__(self, plan: Plan, silent: bool) -> None:
        self.plan = plan
        self.silent = silent
        self.out = Stream(stderr=True, soft_wrap=True)
        self.bar: Progress | None = None
        self.width = max((len(s.id) for s in plan.stages), default=0)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Show the head of the run, and the bar while it lasts."""
        if self.silent:
            yield
            return
        count = len(self.plan.stages)
        head = Text.assemble(
            (self.plan.name, "bold"), f"  {count} stages on {self.plan.engine.accelerator} in {self.plan.engine.precision}, seed {self.plan.seed}"
        )
        self.out.print(head)
        if self.out.is_terminal:
            columns = [
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=30),
                TextColumn("{task.percentage:>3.0f}%  {task.fields[text]}"),
                TimeRemainingColumn(compact=True),
            ]
            with Progress(*columns, console=self.out, transient=True) as self.bar:
                yield
            self.bar = None
        else:
            yield

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[StageLine]:
        """The line of a stage while it is worked on."""
        yield StageLine(self, stage)

    def line(self, mark: str, style: str, id: str, facts: str, seconds: str) -> None:
        text = Text.assemble(
            "  ", (mark, style), " ", (id.ljust(self.width), "bold" if id.startswith("stages.") else ""), "  ", (seconds.rjust(12), "dim"), "  ", facts
        )
        self.out.print(text, soft_wrap=True)

    def tables(self, made: Mapping[str, tuple[Artifact, bool]]) -> None:
        """Every table of the run, on stdout."""
        if self.silent:
            return
        out = Stream(width=None if self.out.is_terminal else 160)
        cells = cell_table(self.plan, made)
        if cells is not None and cells.figures:
            out.print()
            out.print(self.cells(cells))
            return
        for id, (artifact, _) in made.items():
            for table in artifact.manifest["facts"].get("tables", ()):
                out.print()
                out.print(self.table(id, table))

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
        """One metric: groups down; models, differences and baselines across."""
        by = {(line["role"], line["model"], line["group"]): line for line in table["lines"]}
        groups = list(dict.fromkeys(line["group"] for line in table["lines"]))
        columns = list(dict.fromkeys((line["role"], line["model"]) for line in table["lines"]))
        columns.sort(key=lambda c: ("model", "difference", "baseline").index(c[0]))
        shown = Table(
            title=f"{id}: {table['name']}", title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False, padding=(0, 3, 0, 0)
        )
        shown.add_column("")
        for role, name in columns:
            shown.add_column(name.replace("stages.", ""), justify="right", no_wrap=True, style={"baseline": "dim", "difference": "cyan"}.get(role, ""))
        for group in groups:
            size = next(line["n"] for line in table["lines"] if line["group"] == group)
            shown.add_row(f"{group or 'all'}  (n={size})", *(self.cell(by.get((role, name, group)), role) for role, name in columns))
        return shown

    def cell(self, line: Mapping[str, Any] | None, role: str) -> Text:
        """A mean with its interval; a baseline without."""
        if line is None:
            return Text("-")
        if role == "baseline":
            return Text(f"{line['value']:.3f}")
        sign = "+" if role == "difference" else ""
        return Text(f"{line['value']:{sign}.3f} [{line['low']:{sign}.2f}, {line['high']:{sign}.2f}]")
