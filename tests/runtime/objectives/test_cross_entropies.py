"""Cross-entropies against their formulas."""

import math

import pytest
import torch

from aligncompiler.spec.objective import CrossEntropy, StepCrossEntropy
from runtime.registry import bind

NAN = float("nan")


def losses(spec, *values):
    return bind(spec, {})(*(torch.tensor(v, dtype=torch.float64) for v in values))


@pytest.mark.parametrize("spec", [CrossEntropy(), StepCrossEntropy()])
@pytest.mark.parametrize(("logit", "label"), [(0.0, 1.0), (2.0, 0.0), (-1.5, 0.3), (4.0, 1.0)])
def test_the_loss_is_minus_the_expected_log_probability(spec, logit, label):
    p = 1 / (1 + math.exp(-logit))
    due = -label * math.log(p) - (1 - label) * math.log(1 - p)
    assert float(losses(spec, [logit], [label])[0]) == pytest.approx(due, abs=1e-12)


@pytest.mark.parametrize("spec", [CrossEntropy(), StepCrossEntropy()])
def test_the_gradient_is_probability_less_label(spec):
    logit = torch.tensor([-3.0, 0.5, 40.0, -900.0], dtype=torch.float64, requires_grad=True)
    label = torch.tensor([1.0, 0.2, 0.0, 1.0], dtype=torch.float64)
    bind(spec, {})(logit, label)[0].sum().backward()
    assert torch.allclose(logit.grad, logit.detach().sigmoid() - label)


def test_a_step_without_a_label_costs_nothing_and_moves_nothing():
    logit = torch.tensor([1.0, 2.0, -3.0], requires_grad=True)
    loss, metrics = bind(StepCrossEntropy(), {})(logit, torch.tensor([1.0, NAN, 1.0]))
    loss.sum().backward()
    assert (loss == 0).tolist() == [False, True, False]
    assert (logit.grad == 0).tolist() == [False, True, False]
    assert metrics["accuracy"].tolist() == [1.0, 0.0, 0.0]


def test_accuracy_asks_on_which_side_of_a_half_both_lie():
    assert losses(CrossEntropy(), [1.0, -1.0, 1.0, -1.0], [0.6, 0.6, 0.4, 0.4])[1]["accuracy"].tolist() == [1.0, 0.0, 0.0, 1.0]
