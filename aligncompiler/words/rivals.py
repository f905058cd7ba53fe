"""Two fields that exclude each other, perhaps written in different files: which one is too many, and how to take the other back."""

from __future__ import annotations

from collections.abc import Sequence

from ..diagnostic import Place, Report
from ..tree import Node

Rival = tuple[str, Place, tuple[str, ...], list[tuple[Place, str]]]


def one_too_many(node: Node, fields: Sequence[str], report: Report) -> Rival:
    """The field of a statement that was written last, its place, a help line, and the places of the others."""
    files = list(report.sources)  # a child is read before its parent, and comes before it

    def standing(place: Place) -> tuple[bool, int, int, int]:
        return place.file.startswith("--set "), -files.index(place.file), place.line, place.col

    written = {field: node.value[field].via or node.value[field].place for field in fields}
    last, *others = sorted(written, key=lambda field: standing(written[field]), reverse=True)
    far = [field for field in others if written[field].file != written[last].file]
    help = tuple(f"to take back what `{written[field].file}` gives, set `{field}` to `null`" for field in far)
    return last, written[last], help, [(written[field], "given here") for field in others]
