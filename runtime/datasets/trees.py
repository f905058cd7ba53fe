"""Answers that share beginnings, one leaf of a tree a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from aligncompiler.spec.dataset import Trees

from ..fault import Fault, Skip
from ..registry import implements
from ..rows import Row, is_number, kept, set_prompt, text_fault
from ..source import read_source


@implements(Trees)
def trees(
    *,
    file: str | None,
    hub: str | None,
    revision: str | None,
    subset: str | None,
    split: str | None,
    columns: Mapping[str, str],
    between: tuple[float, float],
    limit: int | None,
) -> Iterator[Row | Skip]:
    """Yield rows with `prompt`, `segments`, `completion`, which is the segments one after the other, and `path`; a `label` becomes a `score`.

    Where the data have no `path`, nodes of a prompt are one where all segments down to them are alike, and are numbered as they come.
    """
    paths = Paths()
    rows = read_source(file, hub, revision, subset, split, columns, ("prompt", "segments"))
    yield from with_trees(kept((as_leaf(row, paths) for row in rows), "prompt", between, limit), "file" if hub is None else "hub")


def with_trees(rows: Iterator[Row | Skip], field: str) -> Iterator[Row | Skip]:
    """The same rows. Raises Fault at the end if no two leaves come from one node: answers side by side are no trees."""
    nodes: set[int] = set()
    found = False
    for row in rows:
        if not isinstance(row, Skip) and not found:
            node = hash((str(row["prompt"]), *row["path"][:2]))
            found = node in nodes
            nodes.add(node)
        yield row
    if nodes and not found:
        text = "no two of these answers come from one node below their prompt, so there are no trees"
        raise Fault("P603", text, field, ("read answers that stand side by side with `kind: completions`",))


def as_leaf(row: Row, paths: Paths) -> Row | Skip:
    """One leaf; `paths` numbers the nodes of data that do not."""
    segments = row["segments"]
    if not isinstance(segments, list) or not segments or not all(isinstance(segment, str) for segment in segments):
        return Skip("segments is no list of texts")
    made = {k: v for k, v in row.items() if k != "label"}
    set_prompt(made, row["prompt"])
    made["completion"] = "".join(segments)
    if made.get("path") is None:
        made["path"] = paths.of(made["prompt"], segments)
    path = made["path"]
    if not isinstance(path, list) or not all(isinstance(step, int) and step >= 0 for step in path) or len(path) != len(segments) + 1:
        return Skip("path is no list of a number for the tree and one for each segment")
    if row.get("label") is not None:
        if not is_number(row["label"]):
            return Skip("label is no number")
        made["score"] = float(row["label"])
    return text_fault(made, ("prompt", "completion")) or made


class Paths:
    """Numbers the nodes of trees as they come; a node is a text below another node, or a prompt."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[int, str], tuple[int, int]] = {}  # (number of the node above, text) -> (number of the node, of the child)
        self.children: Counter[int] = Counter()

    def child(self, above: int, text: str) -> tuple[int, int]:
        if (above, text) not in self.nodes:
            self.nodes[above, text] = (len(self.nodes) + 1, self.children[above])
            self.children[above] += 1
        return self.nodes[above, text]

    def of(self, prompt: Any, segments: list[str]) -> list[int]:
        """The only tree of a prompt, and the number of the child at each depth."""
        here, _ = self.child(0, str(prompt))
        path = [0]
        for segment in segments:
            here, place = self.child(here, segment)
            path.append(place)
        return path
