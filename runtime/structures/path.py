"""Responses in a row."""

from __future__ import annotations

import numpy as np

from aligncompiler.spec.structure import Path

from ..information.bias import Bias, Numbers, sizes
from ..registry import implements


@implements(Path)
def path(*, responses: int, information: float) -> Bias:
    """n responses in a row with edges of variance v are `v (n + 1) / 3` apart in the mean over pairs; v is such that this is `information`.

    F is exact: some cluster has at least n / M members, and of all sets of one size a stretch has the least mean distance. It is
    about `I / M`; the paper states a rate for exponents below 1 only, so none is given here.
    """
    variance = 3 * information / (responses + 1)
    first_E = np.arange(responses - 1)

    def structural(clusters_M: Numbers) -> Numbers:
        size_M = sizes(responses, clusters_M)
        return np.where(size_M > 1, variance * (size_M + 1) / 3, 0.0)

    return Bias(responses, responses, np.stack([first_E, first_E + 1], axis=1), np.full(responses - 1, variance), structural)
