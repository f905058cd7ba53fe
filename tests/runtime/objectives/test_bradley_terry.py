"""Golden values: the stated figures are means over the pairs; the sums would be 2.683556 and 4.711627."""

import math

import pytest
import torch

from runtime.objectives.bradley_terry import bradley_terry

CHOSEN = torch.tensor([1.540998, -1.756550], dtype=torch.float64)
REJECTED = torch.tensor([-0.084059, 0.661961], dtype=torch.float64)


def losses(chosen, rejected, margin=None, center=0.0):
    return bradley_terry(chosen, rejected, torch.zeros_like(chosen) if margin is None else margin, center=center)[0]


def test_mean_loss_has_the_golden_value():
    assert losses(CHOSEN, REJECTED).mean().item() == pytest.approx(1.341778, abs=1e-6)


def test_margins_are_taken_off_the_gap():
    margin = torch.tensor([0.5, 2.0], dtype=torch.float64)
    assert losses(CHOSEN, REJECTED, margin).mean().item() == pytest.approx(2.355814, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_hopeless_pair_costs_its_gap_not_infinity(dtype):
    chosen = torch.tensor([-1000.0], dtype=dtype, requires_grad=True)
    value = losses(chosen, torch.tensor([1000.0], dtype=dtype))
    value.sum().backward()
    assert value.item() == 2000.0
    assert chosen.grad.item() == -1.0
    assert losses(torch.tensor([1000.0], dtype=dtype), torch.tensor([-1000.0], dtype=dtype)).item() == 0.0


@pytest.mark.parametrize("reward", [0.0, 3.0, -500.0])
def test_equal_rewards_cost_log_two(reward):
    assert losses(torch.tensor([reward]), torch.tensor([reward])).item() == pytest.approx(math.log(2))


def test_gradients_on_the_two_rewards_are_equal_and_opposite():
    chosen, rejected = CHOSEN.clone().requires_grad_(), REJECTED.clone().requires_grad_()
    losses(chosen, rejected).sum().backward()
    assert torch.allclose(chosen.grad, -torch.sigmoid(REJECTED - CHOSEN))
    assert torch.equal(chosen.grad, -rejected.grad)


def test_centering_costs_the_square_of_the_sum():
    extra = losses(CHOSEN, REJECTED, center=0.25) - losses(CHOSEN, REJECTED)
    assert torch.allclose(extra, 0.25 * (CHOSEN + REJECTED) ** 2)


def test_accuracy_counts_the_right_order_whatever_the_margin():
    _, metrics = bradley_terry(CHOSEN, REJECTED, torch.full_like(CHOSEN, 9.0), center=0.0)
    assert metrics["accuracy"].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("accuracy", "logit"), [(0.545, 0.180), (0.611, 0.452), (0.702, 0.857), (0.778, 1.254), (0.815, 1.483)])
def test_the_gap_of_scores_is_the_logit_of_how_often_the_chosen_answer_wins(accuracy, logit):
    """The accuracies by gap of Baichuan 2 (arXiv:2309.10305)."""
    assert math.exp(-losses(torch.tensor([logit]), torch.zeros(1)).item()) == pytest.approx(accuracy, abs=5e-4)
