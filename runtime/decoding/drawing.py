"""Which token comes next: temperature, top-k, top-p, and the noise of the answer's own stream."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .noise import gumbel

CHUNK_CPU, CHUNK_GPU = 1 << 17, 1 << 26  # numbers of [rows, vocabulary] at a time: what a core's cache holds; what a GPU likes
CANDIDATES = 256  # most likely tokens that are sorted first; all are, where these do not hold enough probability


@dataclass(frozen=True, slots=True)
class Drawing:
    """How tokens are drawn. `temperature` 0 takes the most likely one; `top_k` None and `top_p` 1 leave out none."""

    temperature: float
    top_k: int | None = None
    top_p: float = 1.0


def draw(logits_BV: Tensor, how: Drawing, stream_B: Tensor, step_B: Tensor) -> Tensor:
    """The next token of every row, [B]. Logits are float32; `stream_B` are mixed stream numbers."""
    if how.temperature == 0:
        return logits_BV.argmax(-1)
    size = logits_BV.shape[1]
    rows = max(1, (CHUNK_CPU if logits_BV.device.type == "cpu" else CHUNK_GPU) // size)
    found = []
    for start in range(0, len(logits_BV), rows):
        part = slice(start, start + rows)
        scores_CV = logits_BV[part] if how.temperature == 1 else logits_BV[part] / how.temperature
        noise_CV = gumbel(stream_B[part], step_B[part], size)
        found.append(noise_CV.add_(truncated(scores_CV, how)).argmax(-1))
    return torch.cat(found)


def truncated(scores_BV: Tensor, how: Drawing) -> Tensor:
    """Scores with -inf for what may not be drawn: all but the `top_k` largest, then all but the smallest set that holds `top_p` of what
    is left. Tokens that tie with the last of the k stay."""
    if how.top_k is not None and how.top_k < scores_BV.shape[1]:
        last_B1 = scores_BV.topk(how.top_k).values[:, -1:]
        scores_BV = scores_BV.masked_fill(scores_BV < last_B1, -torch.inf)
    if how.top_p < 1:
        scores_BV = scores_BV.masked_fill(scores_BV < nucleus_floor(scores_BV, how.top_p), -torch.inf)
    return scores_BV


def nucleus_floor(scores_BV: Tensor, top_p: float) -> Tensor:
    """The smallest score of the smallest set of tokens that holds `top_p` of the probability, [B, 1].

    Sorting a whole vocabulary costs more than a forward pass of a small model, so the most likely tokens are tried first.
    """
    total_B1 = scores_BV.logsumexp(-1, keepdim=True)
    size = scores_BV.shape[1]
    floors_B1 = torch.full_like(total_B1, -torch.inf)
    left = torch.arange(len(scores_BV), device=scores_BV.device)
    count = min(CANDIDATES, size)
    while True:
        sorted_CK = scores_BV[left].topk(count).values
        before_CK = (sorted_CK - total_B1[left]).exp().cumsum(-1)
        before_CK = torch.cat([torch.zeros_like(before_CK[:, :1]), before_CK[:, :-1]], -1)
        inside_C = (before_CK < top_p).sum(-1)  # how many belong to the set, of those that were sorted
        floors_B1[left] = sorted_CK.gather(1, inside_C[:, None] - 1)
        left = left[inside_C == count]
        if count == size or not len(left):
            return floors_B1
        count = size
