"""Values worked out by hand: methods/dpo_3d.md, section 8."""

import math

import pytest
import torch

from aligncompiler.spec.objective import DPO
from runtime.registry import bind


def numbers(*values):
    return [torch.tensor([v], dtype=torch.float64, requires_grad=True) for v in values]


def loss(*logps, **fields):
    return bind(DPO(**fields), {})(*logps)[0]


def at(chosen, rejected, reference_chosen=math.log(0.12), reference_rejected=math.log(0.12), **options):
    tensors = numbers(chosen, rejected, reference_chosen, reference_rejected)
    value = loss(*tensors, **options)
    value.sum().backward()
    return value.item(), tensors[0].grad.item(), tensors[1].grad.item()


def test_loss_and_gradients_have_the_published_values():
    value, by_chosen, by_rejected = at(math.log(0.3), math.log(0.01))
    assert value == pytest.approx(0.537478, abs=1e-6)
    assert by_chosen / 0.3 == pytest.approx(-0.138593, abs=1e-6)
    assert by_rejected / 0.01 == pytest.approx(4.157804, abs=1e-6)
    assert (by_rejected / 0.01) / (by_chosen / 0.3) == pytest.approx(-30, rel=1e-9)


@pytest.mark.parametrize(("probability", "by_chosen", "by_rejected"), [(1e-12, 0.0221467, None), (1e-24, 0.00149012, 4.47036e20)], ids=["at 1e-12", "at 1e-24"])
def test_gradient_on_chosen_dies_as_rejected_vanishes(probability, by_chosen, by_rejected):
    _, chosen, rejected = at(math.log(0.3), math.log(probability))
    assert -chosen / 0.3 == pytest.approx(by_chosen, rel=1e-5)
    if by_rejected is not None:
        assert rejected / probability == pytest.approx(by_rejected, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("logp", [-0.1, -30.0, -1000.0])
def test_at_the_reference_a_pair_costs_log_two(logp, smoothing):
    value, by_chosen, by_rejected = at(logp, logp - 2, logp, logp - 2, label_smoothing=smoothing)
    assert value == pytest.approx(math.log(2), abs=1e-12)
    assert by_chosen == pytest.approx(-(0.5 - smoothing) * 0.1, abs=1e-12)
    assert by_rejected == -by_chosen


@pytest.mark.parametrize(("share", "wanted"), [(0.12, 0.416667), (0.02, 2.5)])
def test_slope_at_the_reference_is_beta_over_two_probabilities(share, wanted):
    _, by_chosen, _ = at(math.log(share), math.log(share), math.log(share), math.log(share))
    assert -by_chosen / share == pytest.approx(wanted, abs=1e-6)


def test_gradients_of_one_softmax_row_touch_only_the_pair():
    logits = torch.tensor([0.2, -1.0, 0.5, 3.0], dtype=torch.float64, requires_grad=True)
    logp = logits.log_softmax(-1)
    margin = 0.1 * (logp[0] - logp[1])
    loss(logp[:1], logp[1:2], torch.zeros(1), torch.zeros(1)).sum().backward()
    slope = 0.1 * torch.sigmoid(-margin).item()
    assert logits.grad.tolist() == pytest.approx([-slope, slope, 0.0, 0.0], abs=1e-12)


def test_smoothing_is_the_mean_of_both_orders():
    pair = numbers(-3.0, -4.5, -3.3, -4.0)
    swapped = [pair[1], pair[0], pair[3], pair[2]]
    mixed = loss(*pair, label_smoothing=0.2)
    assert torch.allclose(mixed, 0.8 * loss(*pair) + 0.2 * loss(*swapped))


def test_an_added_likelihood_term_keeps_pulling_the_chosen_answer_up():
    value, by_chosen, by_rejected = at(math.log(0.3), math.log(1e-24))
    more, pulled, same = at(math.log(0.3), math.log(1e-24), sft_weight=0.01)
    assert more - value == pytest.approx(-0.01 * math.log(0.3))
    assert (pulled - by_chosen) / 0.3 == pytest.approx(-0.01 / 0.3)
    assert same == by_rejected
    assert at(-3.0, -4.0, sft_weight=0.0) == at(-3.0, -4.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_huge_margins_stay_finite(dtype):
    for chosen, rejected, wanted in [(0.0, -1e6, 0.0), (-1e6, 0.0, 1e5)]:
        tensors = [torch.tensor([v], dtype=dtype, requires_grad=True) for v in (chosen, rejected, 0.0, 0.0)]
        value = loss(*tensors)
        value.sum().backward()
        assert value.item() == pytest.approx(wanted, rel=1e-6)
        assert torch.isfinite(tensors[0].grad).all()
    assert math.isfinite(at(-1000.0, -1000.0, -1.0, -2.0)[0])


def test_losses_are_one_a_pair_and_metrics_too():
    logps = [torch.randn(5) for _ in range(4)]
    losses, metrics = bind(DPO(), {})(*logps)
    assert losses.shape == (5,)
    assert {name: value.shape for name, value in metrics.items()} == dict.fromkeys(("accuracy", "margin", "chosen_reward", "rejected_reward"), (5,))
    assert torch.equal(metrics["accuracy"], (metrics["margin"] > 0).float())
