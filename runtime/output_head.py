"""Log-probabilities of tokens from hidden states, without more of [tokens, vocabulary] than needed.

Probabilities are computed in chunks, each in one buffer. Up to `LOGITS_KEPT` numbers they are kept for the backward pass, which turns the same
buffer into the gradient of the logits; beyond it they are computed again, so that memory does not grow with the number of tokens.

Shapes: N tokens, C tokens of a chunk, D dimensions, V words.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

LOGITS_AT_ONCE = 1 << 24  # numbers of one chunk of [tokens, vocabulary]
LOGITS_KEPT = 1 << 26  # numbers that are kept for the backward pass at most


def token_logp(head: nn.Module, hidden_ND: Tensor, token_N: Tensor) -> Tensor:
    """log p of `token_N` where the model has these hidden states, [N], natural log, in float32. A head that is more than a matrix is asked as it is."""
    if type(head) is nn.Linear and head.bias is None:
        logp_N: Tensor = TokenLogp.apply(hidden_ND, head.weight, token_N)
        return logp_N
    step = max(1, LOGITS_AT_ONCE // (int(head(hidden_ND[:1]).shape[-1])))
    if len(hidden_ND) <= step:
        return plain_logp(head, hidden_ND, token_N)
    chunks = zip(hidden_ND.split(step), token_N.split(step), strict=True)
    return torch.cat([checkpoint(plain_logp, head, hidden_CD, token_C, use_reentrant=False) for hidden_CD, token_C in chunks])


def plain_logp(head: nn.Module, hidden_ND: Tensor, token_N: Tensor) -> Tensor:
    return -nn.functional.cross_entropy(head(hidden_ND).float(), token_N, reduction="none")


def probabilities(hidden_CD: Tensor, weight_VD: Tensor, token_C: Tensor) -> tuple[Tensor, Tensor]:
    """softmax(hidden_CD weight_VD^T), [C, V], and the logarithm of that of each token, [C]; in float32, in one buffer."""
    logits_CV = (hidden_CD @ weight_VD.T).float()
    logits_CV -= logits_CV.amax(1, keepdim=True)
    own_C = logits_CV.gather(1, token_C[:, None])[:, 0]
    total_C1 = logits_CV.exp_().sum(1, keepdim=True)
    return logits_CV.div_(total_C1), own_C - total_C1[:, 0].log()


class TokenLogp(torch.autograd.Function):
    """logp_N = log softmax(hidden_ND weight_VD^T)[token_N]; d logp_n / d logits_n = onehot(token_n) - softmax_n."""

    @staticmethod
    def forward(ctx: Any, hidden_ND: Tensor, weight_VD: Tensor, token_N: Tensor) -> Tensor:
        kind = torch.get_autocast_dtype(hidden_ND.device.type) if torch.is_autocast_enabled(hidden_ND.device.type) else hidden_ND.dtype
        hidden_ND, weight = hidden_ND.to(kind), weight_VD.to(kind)
        words = len(weight)
        ctx.step = max(1, LOGITS_AT_ONCE // words)
        keep = any(ctx.needs_input_grad) and len(hidden_ND) * words <= LOGITS_KEPT
        with torch.autocast(hidden_ND.device.type, enabled=False):
            found, ctx.kept = [], []
            for hidden_CD, token_C in zip(hidden_ND.split(ctx.step), token_N.split(ctx.step), strict=True):
                prob_CV, logp_C = probabilities(hidden_CD, weight, token_C)
                found.append(logp_C)
                if keep:
                    ctx.kept.append(prob_CV)
        ctx.save_for_backward(hidden_ND, weight_VD, token_N)
        return torch.cat(found)

    @staticmethod
    def backward(ctx: Any, gradient_N: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # type: ignore[override]  # torch declares any
        hidden_ND, weight_VD, token_N = ctx.saved_tensors
        weight = weight_VD.to(hidden_ND.dtype)
        for_hidden, for_weight = ctx.needs_input_grad[:2]
        hidden_gradients = []
        weight_gradient = torch.zeros_like(weight_VD) if for_weight else None
        chunks = zip(hidden_ND.split(ctx.step), token_N.split(ctx.step), gradient_N.split(ctx.step), strict=True)
        for number, (hidden_CD, token_C, gradient_C) in enumerate(chunks):
            prob_CV = ctx.kept[number] if ctx.kept else probabilities(hidden_CD, weight, token_C)[0]
            logits_gradient_CV = prob_CV.mul_(-gradient_C[:, None])
            logits_gradient_CV.scatter_add_(1, token_C[:, None], gradient_C[:, None])
            logits_gradient_CV = logits_gradient_CV.to(hidden_ND.dtype)
            if for_hidden:
                hidden_gradients.append(logits_gradient_CV @ weight)
            if weight_gradient is not None:
                weight_gradient += logits_gradient_CV.T @ hidden_CD
            if ctx.kept:
                ctx.kept[number] = None  # its buffer is spent
        ctx.kept = []
        return (torch.cat(hidden_gradients) if for_hidden else None), weight_gradient, None
