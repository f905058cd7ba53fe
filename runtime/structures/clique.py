"""Responses of which every two are alike."""

from __future__ import annotations

import numpy as np

from aligncompiler.spec.structure import Clique

from ..information.bias import Bias, Numbers, sizes
from ..registry import implements


@implements(Clique)
def clique(*, responses: int, information: float) -> Bias:
    """An edge of variance `information` between every two responses. F is exact: constant, until clusters hold one response each."""
    edges_E2 = np.stack(np.triu_indices(responses, 1), axis=1)

    def structural(clusters_M: Numbers) -> Numbers:
        return np.where(sizes(responses, clusters_M) > 1, information, 0.0)

    return Bias(responses, responses, edges_E2, np.full(len(edges_E2), information), structural, "slow")
