"""Responses as the leaves of a perfect binary tree."""

from __future__ import annotations

import numpy as np

from aligncompiler.spec.structure import Hierarchy

from ..information.bias import Bias, Numbers
from ..registry import implements

LAWS = {
    "power": lambda depth_L, alpha: 2.0 ** (-alpha * depth_L),
    "logarithm": lambda depth_L, alpha: (1.0 + depth_L) ** -alpha,
}


@implements(Hierarchy)
def hierarchy(*, responses: int, information: float, alpha: float, decay: str) -> Bias:
    """Two leaves whose deepest common node has depth m are `C law(m)` apart, C such that the mean over pairs is `information`.

    An edge from depth m to m + 1 has half of the difference between the distances at m and m + 1; the last one, at the leaves, half of the
    distance of two siblings. F is the mean distance inside a subtree: exact where M is a power of two, because a smallest mean distance for
    a given size is that of a subtree; between two powers it is the value at the smaller one, an upper bound, reached by splitting some of
    its subtrees once more.
    """
    levels = responses.bit_length() - 1
    apart_L = LAWS[decay](np.arange(levels, dtype=np.float64), alpha)
    pairs_L = 2.0 ** (levels - 1 - np.arange(levels))  # of a leaf, by the depth of the deepest common node
    inside_L = np.cumsum((pairs_L * apart_L)[::-1])[::-1] / np.cumsum(pairs_L[::-1])[::-1]  # mean distance in a subtree at each depth
    scale = information / inside_L[0]
    apart_L, inside_L = scale * apart_L, scale * inside_L
    edge_L = np.append(apart_L[:-1] - apart_L[1:], apart_L[-1]) / 2

    # Numbered as a heap, 1 the root and `responses` to 2 `responses` - 1 the leaves; leaves come first here.
    child_E = np.arange(2, 2 * responses)
    edges_E2 = (np.stack([child_E // 2, child_E], axis=1) - responses) % (2 * responses - 1)
    depth_E = np.floor(np.log2(child_E)).astype(np.int64)
    table_L = np.append(inside_L, 0.0)

    def structural(clusters_M: Numbers) -> Numbers:
        return table_L[np.clip(np.floor(np.log2(clusters_M)), 0, levels).astype(np.int64)]

    return Bias(responses, 2 * responses - 1, edges_E2, edge_L[depth_E - 1], structural, decay, alpha)
