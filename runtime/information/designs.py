"""Which pairs of responses are compared."""

from __future__ import annotations

import numpy as np

from .bias import Whole


def among(generator: np.random.Generator, members_N: Whole, count: int) -> Whole:
    """So many pairs of different members, drawn with replacement; members that stand for the same response make no pair."""
    found: list[Whole] = []
    missing = count
    while missing > 0:
        drawn_P2 = members_N[generator.integers(len(members_N), size=(missing + missing // 8 + 8, 2))]
        found.append(drawn_P2[drawn_P2[:, 0] != drawn_P2[:, 1]])
        missing -= len(found[-1])
    return np.concatenate(found)[:count]


def chain(generator: np.random.Generator, responses: int, count: int, members: int) -> Whole:
    """Pairs among so many responses, all different, which are drawn first where they are not all there are."""
    return among(generator, generator.choice(responses, members, replace=False), count)


def tree(generator: np.random.Generator, responses: int, count: int, roots: int, margin: float) -> Whole:
    """Pairs of the B^2 leaves of B roots.

    A root stands above the cluster that holds a response drawn uniformly: of relative size B^-(1 + margin), rounded on a logarithmic scale to
    2^k responses, at least 2, so that in a hierarchy it is a subtree. B leaves are drawn below it with replacement, as a policy would
    write them.
    """
    size = 2 ** max(1, round(float(np.log2(responses / roots ** (1 + margin)))))
    while True:
        start_B = generator.integers(responses, size=roots) // size * size
        width_B = np.minimum(size, responses - start_B)
        leaves_N = (start_B[:, None] + (generator.random((roots, roots)) * width_B[:, None]).astype(np.int64)).ravel()
        if (leaves_N != leaves_N[0]).any():
            return among(generator, leaves_N, count)
