"""A layered drawing of a DAG: each node one column to the right of the last thing it reads, rows ordered to keep arrows short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 170, 40, 46, 16, 8


@dataclass(frozen=True, slots=True)
class Box:
    """A node: its corner, its two lines of text, and the family that it belongs to."""

    x: int
    y: int
    title: str
    subtitle: str
    family: str


def layered(titles: Mapping[str, tuple[str, str, str]], reads: Mapping[str, tuple[str, ...]]) -> tuple[list[Box], list[str], int, int]:
    """(boxes, arrows as SVG paths, width, height) of a graph whose nodes are given in an order that can be run."""
    level: dict[str, int] = {}
    for id in titles:
        level[id] = 1 + max((level[r] for r in reads[id]), default=-1)
    columns: dict[int, list[str]] = {}
    for id in titles:
        columns.setdefault(level[id], []).append(id)
    row: dict[str, float] = {}
    for number in sorted(columns):
        ids = columns[number]
        wish = {id: sum(row[r] for r in reads[id]) / len(reads[id]) if reads[id] else float(i) for i, id in enumerate(ids)}
        lowest = 0.0
        for id in sorted(ids, key=lambda i: wish[i]):
            row[id] = max(lowest, wish[id])
            lowest = row[id] + 1
    corner = {id: (MARGIN + level[id] * (BOX_WIDTH + GAP_X), round(MARGIN + row[id] * (BOX_HEIGHT + GAP_Y))) for id in titles}
    boxes = [Box(*corner[id], *titles[id]) for id in titles]
    arrows = []
    for id in titles:
        for source in reads[id]:
            x1, y1 = corner[source][0] + BOX_WIDTH, corner[source][1] + BOX_HEIGHT // 2
            x2, y2 = corner[id][0], corner[id][1] + BOX_HEIGHT // 2
            bend = max(20, (x2 - x1) // 2)
            arrows.append(f"M{x1},{y1} C{x1 + bend},{y1} {x2 - bend},{y2} {x2},{y2}")
    width = max((b.x for b in boxes), default=0) + BOX_WIDTH + MARGIN
    height = max((b.y for b in boxes), default=0) + BOX_HEIGHT + MARGIN
    return boxes, arrows, width, height
