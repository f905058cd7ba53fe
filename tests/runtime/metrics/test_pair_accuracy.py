"""Order of two scores."""

import numpy as np
import pytest

from runtime.judge import in_order
from runtime.metrics.pair_accuracy import pair_accuracy


@pytest.mark.parametrize(("pair", "wanted"), [([2.0, 1.0], 1.0), ([1.0, 1.0], 0.5), ([1.0, 2.0], 0.0)])
def test_a_tie_counts_one_half(pair, wanted):
    assert in_order(np.array([pair])).tolist() == [wanted]


def test_the_length_baseline_is_measured_on_the_same_rows(stand_in):
    rows = [{"chosen": "long one", "rejected": "s"}, {"chosen": "s", "rejected": "long"}, {"chosen": "ab", "rejected": "cd"}]
    scores = np.array([[1.0, 0.0], [np.nan, np.nan], [0.0, 0.0]])
    measured = pair_accuracy(stand_in(rows=rows, pair_scores=lambda reference: scores, groups=lambda by: {}), reference=None, by=None)
    np.testing.assert_equal(measured.values, [1.0, np.nan, 0.5])
    np.testing.assert_equal(measured.baselines, {"longer": np.array([1.0, np.nan, 0.5]), "shorter": np.array([0.0, np.nan, 0.5])})
