"""What stands at an offset of a text: a key or a value, and its path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..tree import Node
from .positions import Text

Path = tuple[str, ...]
ANCHOR = re.compile(r"&\S+\s+")


@dataclass(frozen=True, slots=True)
class Spot:
    """A key or a plain value: its path (a key has the path of its value), its node, and its offsets without quotes."""

    path: Path
    node: Node
    is_key: bool
    start: int
    end: int


def spots(root: Node, text: Text, path: Path = ()) -> Iterator[Spot]:
    """Every key and every plain value of a tree."""
    for word, inner in root.value.items() if root.is_map else enumerate(root.value) if root.is_list else ():
        here = (*path, str(word))
        if root.is_map:
            yield Spot(here, inner, True, *unquoted(text, *text.span(root.keys[str(word)])))
        if inner.is_map or inner.is_list:
            yield from spots(inner, text, here)
        else:
            yield Spot(here, inner, False, *unquoted(text, *text.span(inner.place)))


def spot_at(root: Node, text: Text, offset: int) -> Spot | None:
    """The key or value that touches an offset; the innermost where several do."""
    found = [spot for spot in spots(root, text) if spot.start <= offset <= spot.end]
    return min(found, key=lambda spot: (spot.end - spot.start, not spot.is_key), default=None)


def unquoted(text: Text, start: int, end: int) -> tuple[int, int]:
    """The offsets of what stands between quotes, and behind an anchor."""
    anchor = ANCHOR.match(text.text, start, end)
    start = start if anchor is None else anchor.end()
    quoted = end - start > 1 and text.text[start] in "\"'" and text.text[end - 1] == text.text[start]
    return (start + 1, end - 1) if quoted else (start, end)


def value_at(root: Node, path: Path) -> Node | None:
    """The node at a path."""
    node = root
    for step in path:
        if node.is_map and step in node.value:
            node = node.value[step]
        elif node.is_list and step.isdigit() and int(step) < len(node.value):
            node = node.value[int(step)]
        else:
            return None
    return node
