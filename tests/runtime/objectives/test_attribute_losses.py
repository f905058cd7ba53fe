"""Losses of attributes against values and facts of arXiv:2410.00847, section 2 and its derivations."""

import math

import pytest
import torch

from aligncompiler.spec.objective import GaussianLikelihood, GaussianRegression, SquaredError
from runtime.registry import bind

NAN = float("nan")


def losses(spec, *tensors):
    return bind(spec, {})(*(torch.as_tensor(t, dtype=torch.float64) for t in tensors))[0]


@pytest.mark.parametrize(
    ("label", "mean", "log_std", "expected"), [(1.0, 0.0, 0.0, 0.5), (1.0, 0.0, math.log(2), 0.818147), (2.0, 0.0, math.log(0.5), 7.306853)]
)
def test_likelihood_of_one_attribute(label, mean, log_std, expected):
    assert float(losses(GaussianLikelihood(), [[mean]], [[log_std]], [[label]])) == pytest.approx(expected, abs=1e-6)


def test_gradients_of_the_likelihood_are_those_of_the_formula():
    torch.manual_seed(0)
    mean, log_std, label = (torch.randn(4, 5, dtype=torch.float64, requires_grad=name != "label") for name in ("mean", "log_std", "label"))
    bind(GaussianLikelihood(), {})(mean, log_std, label)[0].sum().backward()
    variance, error = (2 * log_std).exp(), mean - label
    assert torch.allclose(mean.grad, error / variance)
    assert torch.allclose(log_std.grad, 1 - error.square() / variance)


def test_the_likelihood_is_smallest_where_the_variance_is_the_mean_squared_residual():
    torch.manual_seed(0)
    residuals = torch.randn(500, 1, dtype=torch.float64) * 0.3 + 0.1
    log_std = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_std], max_iter=100, line_search_fn="strong_wolfe")

    def step():
        optimizer.zero_grad()
        loss = bind(GaussianLikelihood(), {})(torch.zeros_like(residuals), log_std.expand(500, 1), residuals)[0].sum()
        loss.backward()
        return loss

    optimizer.step(step)
    assert float((2 * log_std).exp()) == pytest.approx(float(residuals.square().mean()), rel=1e-6)


@pytest.mark.parametrize(("log_std", "expected"), [(0.0, 2.0), (math.log(2), 5.0)])
def test_reparameterised_regression_means_error_and_variance(log_std, expected):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(200_000, 1, generator=generator, dtype=torch.float64)
    found = losses(GaussianRegression(), torch.ones_like(noise), torch.full_like(noise, log_std), torch.zeros_like(noise), noise)
    assert abs(float(found.mean()) - expected) < 4 * float(found.std()) / len(noise) ** 0.5


def test_reparameterised_regression_always_lowers_the_spread():
    """d E / d log_std = 2 sigma^2 > 0, whatever the error is: by symmetric noise, exactly."""
    mean = torch.linspace(-3, 3, 7, dtype=torch.float64)[:, None]
    log_std = torch.linspace(-2, 2, 7, dtype=torch.float64)[:, None].requires_grad_()
    total = sum(bind(GaussianRegression(), {})(mean, log_std, torch.zeros_like(mean), torch.full_like(mean, a))[0].sum() / 2 for a in (-1.0, 1.0))
    total.backward()
    assert torch.allclose(log_std.grad, 2 * (2 * log_std.detach()).exp())
    assert GaussianRegression.collapses
    assert not GaussianLikelihood.collapses


@pytest.fixture(scope="module")
def two_groups():
    """20,000 points y = 2 x + s noise with s = 1.0 in one half and 0.2 in the other; what full-batch Adam finds by an objective: slope, spread of each."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20_000, 1, generator=generator)
    group = torch.arange(20_000) % 2
    y = 2 * x + torch.tensor([1.0, 0.2])[group][:, None] * torch.randn(20_000, 1, generator=generator)

    def fitted(spec):
        slope, log_std = torch.zeros(1, requires_grad=True), torch.zeros(2, requires_grad=True)
        optimizer = torch.optim.Adam([slope, log_std], lr=0.05)
        for _ in range(400):
            noise = (torch.randn(x.shape, generator=generator),) if spec.tag == "gaussian_regression" else ()
            optimizer.zero_grad()
            bind(spec, {})(slope * x, log_std[group][:, None], y, *noise)[0].mean().backward()
            optimizer.step()
        return slope.item(), log_std.exp().tolist()

    return fitted


def test_likelihood_finds_how_far_labels_scatter_in_each_group(two_groups):
    slope, spread = two_groups(GaussianLikelihood())
    assert slope == pytest.approx(2, abs=0.03)
    assert spread == pytest.approx([1.0, 0.2], abs=0.03)


def test_regression_finds_the_slope_and_no_spread(two_groups):
    slope, spread = two_groups(GaussianRegression())
    assert slope == pytest.approx(2, abs=0.03)
    assert max(spread) < 0.1


@pytest.mark.parametrize("spec", [SquaredError(), GaussianLikelihood(), GaussianRegression()])
def test_a_label_that_is_not_there_counts_for_nothing(spec):
    torch.manual_seed(0)
    mean, log_std, noise = (torch.randn(1, 3, dtype=torch.float64, requires_grad=True) for _ in range(3))
    extra = {"squared_error": (), "gaussian_likelihood": (log_std,), "gaussian_regression": (log_std,)}[spec.tag]
    more = (noise,) if spec.tag == "gaussian_regression" else ()
    with_gap = bind(spec, {})(mean, *extra, torch.tensor([[1.0, NAN, 2.0]]), *more)[0]
    kept = [0, 2]
    without = bind(spec, {})(mean[:, kept], *(e[:, kept] for e in extra), torch.tensor([[1.0, 2.0]]), *(m[:, kept] for m in more))[0]
    assert float(with_gap) == pytest.approx(float(without))
    with_gap.backward()
    assert torch.isfinite(mean.grad).all()
    assert mean.grad[0, 1] == 0
    assert all(torch.isfinite(e.grad).all() and e.grad[0, 1] == 0 for e in extra)
