"""Answers that share beginnings: the leaves of trees of segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

from aligncompiler.spec.topology import Cooling, Tree

from ..decoding.decoder import Decoder
from ..fault import Skip
from ..generate import Answer, Jobs, jobs_of
from ..growing import Grower, Shape
from ..model_files import load_encoder, load_policy
from ..on_demand import OnDemand
from ..registry import implements
from ..rows import Row
from ..spool import Spool
from ..writing import Family, Request


class Grown(OnDemand[list[tuple[Answer, Row]] | Skip]):
    """The leaves that stand on each prompt, in the order of the rows; they lie in a file until they are asked for."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.spool = Spool(jobs.rows * jobs.count)
        self.fits = set(jobs.encoded.rows_N.tolist())

    def put(self, row: int, tree: int, leaves: Sequence[Any]) -> None:
        self.spool.put(row * self.jobs.count + tree, leaves)

    def __len__(self) -> int:
        return self.jobs.rows

    def item(self, row: int) -> list[tuple[Answer, Row]] | Skip:
        if row not in self.fits:
            return self.jobs.skip
        found = [leaf for tree in range(self.jobs.count) for leaf in self.spool.get(row * self.jobs.count + tree)]
        return [(Answer(text, tokens, ended), {"segments": segments, "path": path}) for text, tokens, ended, segments, path in found]


@implements(Tree)
def tree(asked: Request, *, depth: int, branching: int, method: str, separator: str, min_clauses: int | str, cooling: Cooling) -> Family:
    """As many trees for each prompt as the answers asked for make whole ones; `segments` and `path` stand beside each leaf."""
    leaves = branching**depth
    encoder = load_encoder(asked.policy)
    jobs = jobs_of(encoder, asked.rows, asked.count // leaves, asked.seed)
    decoder = Decoder(load_policy(asked.policy).to(asked.device), encoder, asked.decoding.answers_at_once)
    shape = Shape(depth, branching, separator, min_clauses, cooling.per_depth, cooling.similarity)
    kept = leaves if method == "generic" else leaves // branching  # paths of a tree whose keys and values are kept; the last segments of `dfs` are not
    found, trees, together = Grown(jobs), len(jobs.answered) * jobs.count, max(1, asked.decoding.answers_at_once // kept)
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        asked.tell(done, trees * leaves)

    grower = Grower(decoder, shape, asked.decoding, asked.seed, tell)
    grow = {"dfs": grower.dfs, "generic": grower.generic}[method]
    for start in range(0, trees, together):
        group = jobs.group(start, together)

        def write(group: Sequence[tuple[int, int]] = group) -> list[list[Any]]:
            roots = grower.roots([jobs.prompt(row) for row, _ in group], group)
            grow(roots)
            return [[astuple(leaf) for leaf in grower.leaves(root)] for root in roots]

        for (row, number), one in zip(group, asked.keep(group, write), strict=True):
            found.put(row, number, one)
        done = (start + len(group)) * leaves
        tell(0)
    return found
