"""The cells of a sweep side by side: the values of the axes and the figures of every table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aligncompiler.ir import Plan

from .store import Artifact

LABEL = re.compile(r"\[[^\]]*\]")  # the cell in the name of a model
MEASURED = ("model", "difference")  # roles of those lines of a table whose figures have an interval


def figure(value: float, places: int, sign: str = "") -> str:
    """A figure to so many places, to fewer where it is large."""
    return f"{value:{sign},.{places if abs(value) < 100 else min(places, 1) if abs(value) < 10_000 else 0}f}"


def with_interval(line: Mapping[str, Any], sign: str) -> str:
    """A figure of a table with its interval, in two places, or in three where two would not hold the figure."""
    places = 2 if line["high"] - line["low"] >= 0.005 else 3
    return f"{figure(line['value'], 3, sign)} [{figure(line['low'], places, sign)}, {figure(line['high'], places, sign)}]"


def size_of(lines: Sequence[Mapping[str, Any]]) -> int | None:
    """The number of rows that all of these lines of a table are taken over; None where they differ."""
    sizes = {line["n"] for line in lines}
    return sizes.pop() if len(sizes) == 1 else None


@dataclass(frozen=True)
class CellTable:
    """`axes` and `figures` name the columns; each row has the values of a cell as they were written, then its figures, `-` where it has none."""

    axes: tuple[str, ...]
    figures: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]


def figures_of(artifact: Artifact) -> Iterator[tuple[str, str]]:
    """(name, text) of the figures of a table: of each model, and of each difference to the first, over all rows, with its interval."""
    tables = artifact.manifest["facts"].get("tables", ())
    for table in tables:
        for line in (x for x in table["lines"] if x["group"] == "" and x["role"] in MEASURED):
            sign = "+" if line["role"] == "difference" else ""
            name = LABEL.sub("", line["model"]).replace("stages.", "")
            yield f"{table['name']} {name} (n={line['n']})", with_interval(line, sign)
    yield from () if tables else ((name, f"{value:.4g}") for name, value in artifact.manifest["summary"].items())


def cell_table(plan: Plan, made: Mapping[str, tuple[Artifact, bool]]) -> CellTable | None:
    """What came of each cell so far, or None for a plan without a sweep."""
    if not plan.cells:
        return None
    found = []
    for cell in plan.cells:
        tables = {base: id for base, id in cell.stages.items() if plan[id].output.artifact == "table"}
        found.append({(base, name): text for base, id in tables.items() if id in made for name, text in figures_of(made[id][0])})
    columns = list(dict.fromkeys(name for figures in found for name in figures))
    several = len({base for base, _ in columns}) > 1
    names = tuple(f"{base.removeprefix('stages.')}: {name}" if several else name for base, name in columns)
    values = [tuple(str(value) for value in cell.values.values()) for cell in plan.cells]
    rows = tuple((own, tuple(figures.get(column, "-") for column in columns)) for own, figures in zip(values, found, strict=True))
    return CellTable(tuple(plan.cells[0].values), names, rows)
