"""Order of two scores."""

from types import SimpleNamespace

import pytest

from runtime.fault import Skip
from runtime.judge import in_order
from runtime.metrics.pair_accuracy import pair_accuracy


@pytest.mark.parametrize(("pair", "wanted"), [([2.0, 1.0], 1.0), ([1.0, 1.0], 0.5), ([1.0, 2.0], 0.0)])
def test_a_tie_counts_one_half(pair, wanted):
    assert in_order(pair) == wanted


def test_the_length_baseline_is_measured_on_the_same_rows():
    rows = [{"chosen": "long one", "rejected": "s"}, {"chosen": "s", "rejected": "long"}, {"chosen": "ab", "rejected": "cd"}]
    judge = SimpleNamespace(rows=rows, pair_scores=lambda reference: [[1.0, 0.0], Skip("long"), [0.0, 0.0]], groups=lambda by: [""] * 3)
    measured = pair_accuracy(judge, reference=None)
    assert measured.values == [1.0, None, 0.5]
    assert measured.baselines == {"longer": [1.0, None, 0.5], "shorter": [0.0, None, 0.5]}
