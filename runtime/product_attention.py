"""Attention in bfloat16 on a CPU, for training: the fused kernel forwards, matrix products backwards.

The fused kernel's backward pass makes no use of the units for bfloat16 and took a quarter of a training step; five batched products and two fused
softmax kernels take 0.1 to 0.9 of its time (`docs/decisions/0013-forest.md`). Scores are computed again for some rows and queries at a time, so that
they stay in the caches of the processor.

Shapes: B rows of T places, Q query heads, K heads of keys and values, D their size.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

QUERIES = 512  # of a row at a time, about
SCORES = 1 << 21  # at a time, about


def faster(query: Tensor, dropout: float) -> bool:
    """Whether a training pass with such queries is better attended here."""
    return query.device.type == "cpu" and query.dtype == torch.bfloat16 and not dropout and torch.is_grad_enabled()


class ProductAttention(torch.autograd.Function):
    """softmax(q k^T scaling + bias) v, [B, Q, T, D], as `scaled_dot_product_attention` has it. The bias is [B, 1, T or 1, T]; if it is None, all is
    seen or, where `causal`, what comes before. `causal` with a bias says that it hides what comes later."""

    generate_vmap_rule = True

    @staticmethod
    def forward(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, causal: bool, scaling: float) -> Tensor:  # type: ignore[override]
        grouped = query.shape[1] != key.shape[1]
        return nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=bias, is_causal=causal and bias is None, scale=scaling, enable_gqa=grouped
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        query, key, value, bias, ctx.causal, ctx.scaling = inputs
        ctx.save_for_backward(query, key, value, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]  # torch declares any
        query, key, value, bias = ctx.saved_tensors
        rows, heads, length, _ = query.shape
        if bias is None and ctx.causal:
            bias = query.new_full((length, length), -torch.inf).triu_(1)[None, None]
        at_once = max(1, SCORES // (heads * min(length, QUERIES) * length))
        parts = []
        for start in range(0, rows, at_once):
            some = slice(start, start + at_once)
            of_rows = bias if bias is None or len(bias) == 1 else bias[some]
            parts.append(gradients(query[some], key[some], value[some], gradient[some], of_rows, ctx.causal, ctx.scaling))
        query_grad, key_grad, value_grad = (torch.cat(part) for part in zip(*parts, strict=True))
        return query_grad, key_grad, value_grad, None, None, None


def gradients(query: Tensor, key: Tensor, value: Tensor, gradient: Tensor, bias: Tensor | None, causal: bool, scaling: float) -> tuple[Tensor, ...]:
    """Gradients of queries, keys and values for the `gradient` of the output."""
    rows, heads, length = query.shape[:3]
    kv_heads = key.shape[1]
    batch = (rows * heads, length, -1)
    query_NTD, gradient_NTD = (t.reshape(batch) for t in (query, gradient))
    key_NTD, value_NTD = (t[:, :, None].expand(rows, kv_heads, heads // kv_heads, length, -1).reshape(batch) for t in (key, value))
    blocks = max(1, round(length / QUERIES))
    cuts = [round(length * number / blocks) for number in range(blocks + 1)]
    query_grads = []
    key_grad = value_grad = None
    for start, end in itertools.pairwise(cuts):
        seen = end if causal else length  # what comes later has no weight
        keys, values, queries, given = key_NTD[:, :seen], value_NTD[:, :seen], query_NTD[:, start:end], gradient_NTD[:, start:end]
        if bias is None:
            scores = torch.baddbmm(queries.new_zeros(1), queries, keys.mT, beta=0, alpha=scaling)
        else:
            hidden = bias[..., start:end, :seen] if bias.shape[2] > 1 else bias[..., :seen]
            hidden_NTS = hidden.expand(rows, heads, end - start, seen).reshape(rows * heads, end - start, seen)
            scores = torch.baddbmm(hidden_NTS, queries, keys.mT, alpha=scaling)
        weights = scores.softmax(-1)
        of_scores = torch.ops.aten._softmax_backward_data(torch.bmm(given, values.mT), weights, -1, weights.dtype)
        query_grads.append(torch.bmm(of_scores, keys))
        of_keys, of_values = (torch.bmm(t.mT, by) for t, by in ((of_scores, queries), (weights, given)))
        if blocks > 1:  # sums of several are made in float32
            of_keys, of_values = (nn.functional.pad(t.float(), (0, 0, 0, length - seen)) for t in (of_keys, of_values))
        key_grad = of_keys if key_grad is None else key_grad.add_(of_keys)
        value_grad = of_values if value_grad is None else value_grad.add_(of_values)
    query_grad = torch.cat(query_grads, 1) if blocks > 1 else query_grads[0]
    assert key_grad is not None and value_grad is not None
    if kv_heads < heads:
        key_grad, value_grad = (t.view(rows, kv_heads, -1, length, t.shape[2]).float().sum(2) for t in (key_grad, value_grad))
    return (
        query_grad.mul_(scaling).view(query.shape),
        key_grad.mul_(scaling).to(key.dtype).view(key.shape),
        value_grad.to(value.dtype).view(value.shape),
    )
