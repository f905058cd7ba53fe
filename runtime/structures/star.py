"""Responses that are like one centre."""

from __future__ import annotations

import numpy as np

from aligncompiler.spec.structure import Star

from ..information.bias import Bias, Numbers, sizes
from ..registry import implements


@implements(Star)
def star(*, responses: int, information: float) -> Bias:
    """An edge of half the variance `information` from each response to a centre. F is exact: constant, until clusters hold one response each."""
    response_E = np.arange(responses)
    edges_E2 = np.stack([response_E, np.full(responses, responses)], axis=1)

    def structural(clusters_M: Numbers) -> Numbers:
        return np.where(sizes(responses, clusters_M) > 1, information, 0.0)

    return Bias(responses, responses + 1, edges_E2, np.full(responses, information / 2), structural, "slow")
