"""Log-probabilities and their gradients are those of the plain formula, however the head is cut, kept or built."""

import pytest
import torch
from torch import nn

from runtime import output_head
from runtime.output_head import token_logp

N, D, V = 13, 8, 31


def plain(head, hidden, token):
    return head(hidden).log_softmax(-1)[torch.arange(len(token)), token]


def result(compute, head, hidden, token):
    """Values, and gradients with respect to hidden states and weights, for weights of either sign on the values."""
    hidden = hidden.clone().requires_grad_()
    head.zero_grad()
    values = compute(head, hidden, token)
    (values * torch.linspace(-1, 1.5, len(values), dtype=values.dtype)).sum().backward()
    return [values.detach(), hidden.grad, *(p.grad.clone() for p in head.parameters() if p.grad is not None)]


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(N, D, generator=generator), torch.randint(V, (N,), generator=generator)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize(("at_once", "kept"), [(1 << 24, 1 << 26), (4 * V, 1 << 26), (4 * V, 0), (1, 0)])
def test_values_and_gradients_are_those_of_the_plain_formula(data, monkeypatch, bias, trained, at_once, kept):
    monkeypatch.setattr(output_head, "LOGITS_AT_ONCE", at_once)
    monkeypatch.setattr(output_head, "LOGITS_KEPT", kept)
    head = nn.Linear(D, V, bias=bias).requires_grad_(trained)
    ours, wanted = result(token_logp, head, *data), result(plain, head, *data)
    assert len(ours) == len(wanted) == 2 + trained * (1 + bias)
    for a, b in zip(ours, wanted, strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_logits_of_a_thousand_give_no_infinity(data):
    head = nn.Linear(D, V, bias=False)
    values, gradient, weights = result(token_logp, head, 1000 * data[0], data[1])
    assert all(torch.isfinite(x).all() for x in (values, gradient, weights))


def test_a_second_backward_pass_finds_the_same_gradient(data):
    head = nn.Linear(D, V, bias=False)
    total = token_logp(head, *data).sum()
    first, second = (torch.autograd.grad(total, head.weight, retain_graph=True)[0] for _ in range(2))
    assert torch.allclose(first, second, atol=1e-6) and first.abs().max() > 0


def test_under_bfloat16_it_is_the_plain_formula_to_the_precision_of_the_products(data):
    head = nn.Linear(D, V, bias=False)
    with torch.autocast("cpu", torch.bfloat16):
        ours = result(token_logp, head, *data)
    assert ours[0].dtype == torch.float32
    for a, b in zip(ours, result(plain, head, *data), strict=True):
        assert torch.allclose(a.float(), b, atol=0.1)


def test_no_more_than_one_buffer_of_probabilities_is_kept(data):
    """The probabilities of the forward pass are the logits' gradient after it: nothing of their size is saved beside them."""
    head = nn.Linear(D, V, bias=False)
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t.numel()) or t, lambda t: t):
        values = token_logp(head, data[0].clone().requires_grad_(), data[1])
    assert N * V not in saved
    assert [kept.numel() for kept in values.grad_fn.kept] == [N * V]
