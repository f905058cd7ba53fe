"""Inductive bias as a graph: what is assumed of the rewards of responses before a comparison is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Whole = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Bias:
    """A graph whose nodes are the responses, 0 to `responses` - 1, then what they share; edges E_IB are rows of `edges_E2` with `variance_E`.

    Responses are numbered so that those of a cluster follow each other. `structural` is the structural function F for an array of numbers
    of clusters M, each at least 1: the least d such that the responses split into M clusters of relative size in [1/(2M), 2/M] with a
    mean distance of at most d between two different members; it is 0 for clusters of one. `law` names how it falls, `power` or
    `logarithm` with the exponent `alpha`, `slow` where it falls slower than any power of the logarithm, and is empty where the paper
    states no rate.
    """

    responses: int
    nodes: int
    edges_E2: Whole
    variance_E: Numbers
    structural: Callable[[Numbers], Numbers]
    law: str = ""
    alpha: float = 0.0

    @property
    def information(self) -> float:
        """I = F(1): mean distance between two different responses before any comparison."""
        return float(self.structural(np.array([1.0]))[0])


def sizes(responses: int, clusters_M: Numbers) -> Whole:
    """Size of the largest cluster where the sizes are as equal as they can be; a number of clusters that is not whole is rounded down."""
    whole_M = np.clip(np.floor(clusters_M), 1, responses).astype(np.int64)
    return -(-responses // whole_M)
