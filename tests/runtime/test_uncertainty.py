"""The figures of arXiv:2410.00847, by hand."""

import math

import pytest
import torch

from runtime.uncertainty import COMBINE, aleatoric, frobenius, gap


def test_a_gaussian_of_unit_variance_in_five_attributes():
    one = torch.zeros(1, 1, 5)
    assert float(aleatoric(one)) == 5.0
    assert float(frobenius(one)) == pytest.approx(2.236068, abs=1e-6)
    one[..., 0] = math.log(2)
    assert float(frobenius(one)) == pytest.approx(4.472136, abs=1e-6)


def test_the_most_unsure_member_decides_the_frobenius_norm_and_the_mean_the_aleatoric_one():
    spread = torch.zeros(1, 2, 5)
    spread[0, 1] = math.log(2)
    assert float(frobenius(spread)) == pytest.approx(4 * math.sqrt(5))
    assert float(aleatoric(spread)) == pytest.approx((5 + 20) / 2)


def test_the_gap_is_that_of_the_extremes_whatever_their_order_and_common_height():
    rewards = torch.tensor([[1.0, 2.5, 2.0]])
    assert float(gap(rewards)) == 1.5
    assert float(gap(rewards[:, [2, 0, 1]])) == 1.5
    assert float(gap(rewards + 7)) == 1.5
    assert float(gap(torch.full((1, 3), 4.0))) == 0.0


@pytest.mark.parametrize(("how", "expected"), [("mean", 3.0), ("min", 1.0), ("median", 2.5)])
def test_members_make_one_reward(how, expected):
    assert float(COMBINE[how](torch.tensor([[1.0, 6.0, 2.0, 3.0]]))) == expected
