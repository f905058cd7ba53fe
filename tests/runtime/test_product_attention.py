"""Attention whose backward pass is made of products has the gradients of the fused kernel."""

import pytest
import torch

from runtime import product_attention
from runtime.product_attention import ProductAttention, faster

ROWS, LENGTH, SIZE = 3, 26, 8


def bias_of(kind, dtype):
    if kind == "padding":
        return torch.zeros(ROWS, 1, 1, LENGTH, dtype=dtype).masked_fill_(torch.arange(LENGTH) > LENGTH - 4, -torch.inf)
    if kind == "trees":
        hidden = torch.ones(LENGTH, LENGTH).triu(1).bool() | (torch.rand(ROWS, 1, LENGTH, LENGTH) < 0.4)
        return torch.zeros(hidden.shape, dtype=dtype).masked_fill_(hidden & ~torch.eye(LENGTH).bool(), -torch.inf)
    return None


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("kind", ["paths", "trees", "padding", "everything"])
@pytest.mark.parametrize(("queries", "scores"), [(512, 1 << 21), (10, 1 << 21), (7, 1)], ids=["at once", "in blocks", "row by row"])
def test_gradients_are_those_of_the_fused_kernel(monkeypatch, kind, kv_heads, queries, scores):
    torch.manual_seed(0)
    monkeypatch.setattr(product_attention, "QUERIES", queries)
    monkeypatch.setattr(product_attention, "SCORES", scores)
    query, gradient = (torch.randn(ROWS, 4, LENGTH, SIZE, dtype=torch.float64) for _ in range(2))
    key, value = (torch.randn(ROWS, kv_heads, LENGTH, SIZE, dtype=torch.float64) for _ in range(2))
    bias, causal = bias_of(kind, torch.float64), kind in ("paths", "trees")
    found = []
    for ours in (False, True):
        given = [t.clone().requires_grad_() for t in (query, key, value)]
        if ours:
            out = ProductAttention.apply(*given, bias, causal, 0.3)
        else:
            more = {"attn_mask": bias, "is_causal": causal and bias is None, "scale": 0.3, "enable_gqa": kv_heads < 4}
            out = torch.nn.functional.scaled_dot_product_attention(*given, **more)
        out.backward(gradient)
        found.append([out, *(t.grad for t in given)])
    tolerance = 1e-5 if queries < LENGTH or kv_heads < 4 else 1e-10  # sums of several are made in float32
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("kind", ["paths", "trees", "padding"])
def test_in_bfloat16_it_is_as_near_to_float32_as_the_fused_kernel(kind):
    torch.manual_seed(0)
    query, gradient, key, value = (torch.randn(ROWS, 4, LENGTH, SIZE) for _ in range(4))
    causal, found = kind in ("paths", "trees"), []
    bias = bias_of(kind, torch.float32)
    for dtype, ours in ((torch.float32, False), (torch.bfloat16, False), (torch.bfloat16, True)):
        given = [t.clone().to(dtype).requires_grad_() for t in (query, key, value)]
        hidden = None if bias is None else bias.to(dtype)
        if ours:
            out = ProductAttention.apply(*given, hidden, causal, 0.3)
        else:
            out = torch.nn.functional.scaled_dot_product_attention(*given, attn_mask=hidden, is_causal=causal and bias is None, scale=0.3)
        out.backward(gradient.to(dtype))
        found.append(torch.cat([t.grad.float().flatten() for t in given]))
    theirs, ours = (float((one - found[0]).norm() / found[0].norm()) for one in found[1:])
    assert ours < max(0.01, 1.5 * theirs)


def test_only_training_in_bfloat16_on_a_cpu_asks_for_it():
    half = torch.zeros(1, dtype=torch.bfloat16)
    assert faster(half, 0.0)
    assert not faster(half.float(), 0.0)
    assert not faster(half, 0.1)
    with torch.no_grad():
        assert not faster(half, 0.0)
