"""The plan as a table for a person: a line of figures a stage, below it its kind, what it makes and reads, and the totals."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from ..ir import Plan, Stage
from ..render import Paint, counted
from ..spec.cost import Estimate, Figure, Sure
from .estimate import total

SIGNS: dict[Sure, str] = {"exact": "", "at_most": "<=", "about": "~", "unknown": ""}
PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
LEGEND = "<= at most, ~ about, ? not known. Memory: most bytes of tensors on one device; the rest of the process comes on top."
INDENT = " " * 6
MOST_SHOWN = 60  # stages of a sweep, before its variants are folded into one line a stage


def plan_table(made: Plan, estimates: Mapping[str, Estimate], cached: Mapping[str, bool], paint: Paint, width: int, notes: Mapping[str, str]) -> str:
    """The whole text, at most `width` columns wide where its words allow; `notes` holds a further sentence on some stages, by id."""
    lines = [f"{paint(made.name, 'bold')}  on {made.engine.accelerator} in {made.engine.precision}, seed {made.seed}", ""]
    if made.cells and len(made.stages) > MOST_SHOWN:
        return "\n".join([*lines, *folded(made, estimates, cached, paint), "", *textwrap.wrap(LEGEND, width)])
    heads, cells = columns(made, estimates)
    todo = {id: one for id, one in estimates.items() if not cached[id]}
    sums = [sum_cells(heads, "to do", total(todo)), sum_cells(heads, "all", total(estimates))]
    widths = [max(len(row[i]) for row in (heads, *cells, *sums)) for i in range(len(heads))]
    lines.append(paint(INDENT[:4] + aligned(heads, widths), "bold"))
    for stage, row in zip(made.stages, cells, strict=True):
        lines.append(f"  {mark(cached[stage.id], paint)} {aligned(row, widths)}")
        lines += details(stage, notes.get(stage.id, ""), width)
    lines += ["", *(INDENT[:4] + aligned(row, widths) for row in sums), "", *textwrap.wrap(LEGEND, width)]
    done = sum(cached.values())
    return "\n".join([*lines, f"{counted(len(cells), 'stage')}: {done} cached (=), {len(cells) - done} to do (+)"])


def folded(made: Plan, estimates: Mapping[str, Estimate], cached: Mapping[str, bool], paint: Paint) -> list[str]:
    """A large sweep: a line for all variants of a stage. The single ones are in `--json`, and by `--set` of its axes a cell is shown alone."""
    groups: dict[str, list[str]] = {}
    for stage in made.stages:
        groups.setdefault(stage.base, []).append(stage.id)
    rows = [["stage", "variants", "to do", "FLOP", "memory", "disk"]]
    for base, ids in [*groups.items(), ("all", [stage.id for stage in made.stages])]:
        todo = sum(not cached[id] for id in ids)
        rows.append([base, f"{len(ids):,}", f"{todo:,}", *sum_texts(total({id: estimates[id] for id in ids}))])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [INDENT[:4] + aligned(row, widths) for row in rows]
    done = sum(cached.values())
    last = f"{len(made.cells):,} cells, {len(made.stages):,} stages: {done:,} cached, {len(made.stages) - done:,} to do"
    return [paint(lines[0], "bold"), *lines[1:-1], "", lines[-1], "", last]


def mark(cached: bool, paint: Paint) -> str:
    return paint("=", "help") if cached else paint("+", "warning")


def details(stage: Stage, note: str, width: int) -> list[str]:
    """The kind of a stage, what it makes and reads, and what else is to be said of it, wrapped."""
    reads = f" <- {', '.join(stage.reads)}" if stage.reads else ""
    texts = [f"{stage.spec.tag}: {stage.output}{reads}", *([note] if note else [])]
    wrap = textwrap.TextWrapper(width, initial_indent=INDENT, subsequent_indent=INDENT + "  ", break_long_words=False, break_on_hyphens=False)
    return [line for text in texts for line in wrap.wrap(text)]


def columns(made: Plan, estimates: Mapping[str, Estimate]) -> tuple[list[str], list[list[str]]]:
    """Heads and cells; what is trained has a column of its own where it is not everything."""
    found = [estimates[s.id] for s in made.stages]
    some = any(one.trainable != one.parameters for one in found)
    heads = ["stage", "rows", "parameters", *(["trained"] if some else []), "FLOP", "memory", "disk"]
    cells = []
    for stage, one in zip(made.stages, found, strict=True):
        weights = [count(one.parameters), *([count(one.trainable)] if some else [])]
        cells.append([stage.id, count(one.rows), *weights, *work(one.flops, one.memory, one.disk)])
    return heads, cells


def sum_cells(heads: Sequence[str], name: str, summed: Mapping[str, Any]) -> list[str]:
    """A line of totals."""
    return [f"{name}: {counted(summed['stages'], 'stage')}", *[""] * (len(heads) - 4), *sum_texts(summed)]


def sum_texts(summed: Mapping[str, Any]) -> list[str]:
    """The figures of a total; `+ ?` marks a sum that leaves out stages which are not known."""
    figures = [Figure(summed[key], summed["bounds"][key]) for key in ("flops", "memory", "disk")]
    left_out = [summed["unknown"][key] > 0 for key in ("flops", "memory", "disk")]
    return ["?" if more and not f.value else text + " + ?" * more for f, text, more in zip(figures, work(*figures), left_out, strict=True)]


def aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    """The first cell to the left, figures to the right."""
    return "  ".join(cell.ljust(size) if i == 0 else cell.rjust(size) for i, (cell, size) in enumerate(zip(row, widths, strict=True))).rstrip()


def work(flops: Figure, memory: Figure, disk: Figure) -> list[str]:
    """The three figures with their units; nothing to speak of is `-`."""
    return ["-" if f.value == 0 else sized(f, unit) for f, unit in ((flops, ""), (memory, "B"), (disk, "B"))]


def sized(one: Figure, unit: str) -> str:
    """Three digits with a decimal prefix: `~210 MB`, `<=1.23 T`."""
    return "?" if one.value is None else (SIGNS[one.sure] + short(one.value, " ") + unit).rstrip()


def count(one: Figure | None) -> str:
    """A number of things: whole up to 99,999, then with a prefix (`G` is written `B`, as for parameters); `-` where it has no meaning."""
    if one is None:
        return "-"
    if one.value is None:
        return "?"
    return SIGNS[one.sure] + (f"{round(one.value):,}" if one.value < 1e5 else short(one.value, "").replace("G", "B"))


def short(value: float, gap: str) -> str:
    power = 0
    while value >= 999.5 and power < len(PREFIXES) - 1:
        value, power = value / 1000, power + 1
    digits = f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}" if power else f"{round(value)}"
    return digits + gap + PREFIXES[power]
