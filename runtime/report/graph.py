"""A layered drawing of a DAG: each node one column to the right of the last thing it reads, rows ordered to keep arrows short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 180, 44, 44, 16, 6
TITLE = 25  # letters that fit a box


@dataclass(frozen=True, slots=True)
class Box:
    """A node: its corner, its name, its name as it fits, the line below it, and its classes on the page."""

    x: int
    y: int
    title: str
    fits: str
    subtitle: str
    look: str


@dataclass(frozen=True)
class Drawing:
    """Boxes, arrows as SVG paths, and the extent."""

    boxes: tuple[Box, ...]
    arrows: tuple[str, ...]
    width: int
    height: int


def fitting(title: str) -> str:
    """A name cut in its middle: both ends tell names apart."""
    return title if len(title) <= TITLE else f"{title[: TITLE - 11]}…{title[-10:]}"


def layered(nodes: Mapping[str, tuple[str, str, str]], reads: Mapping[str, tuple[str, ...]]) -> Drawing:
    """The drawing of a graph whose nodes, each (title, subtitle, look), are given in an order that can be run."""
    level: dict[str, int] = {}
    for id in nodes:
        level[id] = 1 + max((level[r] for r in reads[id]), default=-1)
    columns: dict[int, list[str]] = {}
    for id in nodes:
        columns.setdefault(level[id], []).append(id)
    row: dict[str, float] = {}
    for number in sorted(columns):
        ids = columns[number]
        wish = {id: sum(row[r] for r in reads[id]) / len(reads[id]) if reads[id] else float(i) for i, id in enumerate(ids)}
        lowest = 0.0
        for id in sorted(ids, key=lambda i: wish[i]):
            row[id] = max(lowest, wish[id])
            lowest = row[id] + 1
    corner = {id: (MARGIN + level[id] * (BOX_WIDTH + GAP_X), round(MARGIN + row[id] * (BOX_HEIGHT + GAP_Y))) for id in nodes}
    boxes = tuple(Box(*corner[id], title, fitting(title), subtitle, look) for id, (title, subtitle, look) in nodes.items())
    arrows = []
    for id in nodes:
        for source in reads[id]:
            x1, y1 = corner[source][0] + BOX_WIDTH, corner[source][1] + BOX_HEIGHT // 2
            x2, y2 = corner[id][0], corner[id][1] + BOX_HEIGHT // 2
            bend = max(20, (x2 - x1) // 2)
            arrows.append(f"M{x1},{y1} C{x1 + bend},{y1} {x2 - bend},{y2} {x2},{y2}")
    width = max((b.x for b in boxes), default=0) + BOX_WIDTH + MARGIN
    height = max((b.y for b in boxes), default=0) + BOX_HEIGHT + MARGIN
    return Drawing(boxes, tuple(arrows), width, height)
