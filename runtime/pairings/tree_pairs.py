"""Pairs drawn from each tree of answers: of leaves, and of nodes that are none."""

from __future__ import annotations

import math
from itertools import accumulate

from aligncompiler.spec.pairing import TreePairs

from ..candidates import Candidates, Pairs
from ..registry import implements


@implements(TreePairs)
def tree_pairs(answers: Candidates, *, per_tree: int, full: float, cross: float, unfinished: float, drop_same: bool, min_gap: float) -> Pairs:
    """`per_tree` pairs of each tree, `full`, `cross` and `unfinished` ones in these proportions; those of a sort with fewer pairs are fewer.

    How many of a sort are drawn is rounded up or down by chance, so that the proportions hold in the mean. A pair has two texts, neither of which begins the
    other's path, and scores at least `min_gap` apart. Of equal texts of a sort `drop_same` keeps the first.
    """
    trees: dict[int, list[int]] = {}
    for number, path in enumerate(answers.paths):
        trees.setdefault(path[0], []).append(number)
    found: Pairs = []
    for members in trees.values():
        kept = firsts(answers, members) if drop_same else members
        pairs = [pair for pair in answers.apart(kept, min_gap) if not above(answers.paths[pair[0]], answers.paths[pair[1]])]
        for leaves, count in zip((2, 1, 0), rounded(per_tree, (full, cross, unfinished), answers.random.random()), strict=True):
            found += answers.drawn([(a, b) for a, b in pairs if answers.whole[a] + answers.whole[b] == leaves], count)
    return found


def firsts(answers: Candidates, members: list[int]) -> list[int]:
    """The first answer of each text, whole ones and others apart."""
    first: dict[tuple[str, bool], int] = {}
    for number in members:
        first.setdefault((answers.texts[number], answers.whole[number]), number)
    return list(first.values())


def above(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether one node stands on the path to the other."""
    size = min(len(a), len(b))
    return a[:size] == b[:size]


def rounded(count: int, shares: tuple[float, ...], offset: float) -> list[int]:
    """Whole numbers in these proportions that add up to `count`; `offset`, uniform in [0, 1), decides which are rounded up: each is right in the mean."""
    whole = sum(shares)
    ends = [math.floor(count * share / whole + offset) for share in accumulate(shares)]
    return [end - start for start, end in zip([0, *ends[:-1]], [*ends[:-1], count], strict=True)]
