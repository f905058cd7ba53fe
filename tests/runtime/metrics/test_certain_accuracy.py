"""Accuracy of the surest pairs and of the least sure ones."""

import numpy as np

from aligncompiler.spec.metric import CertainAccuracy
from runtime.fault import Skip
from runtime.registry import bind
from runtime.scoring import Values


def test_pairs_are_grouped_by_the_sum_of_their_uncertainties(stand_in):
    scores = np.array([[[2, 0.1], [1, 0.1]], [[1, 5.0], [2, 0.1]], [[1, 0.2], [1, 0.2]], [[0, 9.0], [0, 9.0]], [[3, 1.0], [1, 1.0]]])
    fits = np.array([True, True, True, False, True])
    judge = stand_in(own_pair_scores=Values(scores, ("score", "uncertainty"), fits, Skip("longer")))
    found = bind(CertainAccuracy(), {})(judge)
    assert found.values == [1.0, 0.0, 0.5, None, 1.0]
    assert found.groups == ["most certain", "least certain", "most certain", "", "least certain"]
    assert bind(CertainAccuracy(share=0.3), {})(judge).groups == ["most certain", "least certain", "", "", ""]
