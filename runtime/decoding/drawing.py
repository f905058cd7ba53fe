"""Which token comes next: temperature, top-k, top-p, and the noise of the answer's own stream."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .noise import LIFT, Bounds, gumbel_at, keys, slack

CHUNK_CPU, CHUNK_GPU = 1 << 16, 1 << 26  # numbers of [rows, vocabulary] at a time: what a processor's caches hold; what a GPU likes
BLOCK = 128  # columns whose noise is worked out together
CANDIDATES = 256  # most likely tokens that are sorted first; all are, where these do not hold enough probability


@dataclass(frozen=True, slots=True)
class Drawing:
    """How tokens are drawn. `temperature` 0 takes the most likely one; `top_k` None and `top_p` 1 leave out none."""

    temperature: float
    top_k: int | None = None
    top_p: float = 1.0


def bounds_for(logits_BV: Tensor) -> Bounds:
    """Room for the noise of rows like these."""
    at_once = (CHUNK_CPU if logits_BV.device.type == "cpu" else CHUNK_GPU) // logits_BV.shape[1]
    size = logits_BV.shape[1] + -logits_BV.shape[1] % BLOCK
    return Bounds(max(1, min(at_once, len(logits_BV))), size, logits_BV.device)


def draw(logits_BV: Tensor, how: Drawing, stream_B: Tensor, step_B: Tensor, bounds: Bounds | None = None, temperature_B: Tensor | None = None) -> Tensor:
    """The next token of every row, [B]. Logits are float32; `stream_B` are mixed stream numbers; `bounds` of an earlier step spare making them anew;
    `temperature_B` are temperatures above 0 of the rows, in place of the one that all have. On a GPU nothing waits for its numbers."""
    if how.temperature == 0:
        return logits_BV.argmax(-1)
    heat = how.temperature if temperature_B is None else temperature_B[:, None]
    scores_BV = logits_BV if temperature_B is None and how.temperature == 1 else logits_BV / heat
    on_cpu = logits_BV.device.type == "cpu"
    scores_BV, key_B2 = truncated(scores_BV, how, CANDIDATES if on_cpu else scores_BV.shape[1]), keys(stream_B, step_B)
    return largest(scores_BV, key_B2, bounds or bounds_for(logits_BV)) if on_cpu else largest_of_all(scores_BV, key_B2)


def largest_of_all(scores_BV: Tensor, key_B2: Tensor) -> Tensor:
    """What `largest` finds, from the noise of all columns: more arithmetic, but nothing that the CPU has to wait for, as a GPU likes it."""
    size = scores_BV.shape[1]
    column_1V = torch.arange(size, dtype=torch.int32, device=scores_BV.device)[None]
    at_once = max(1, CHUNK_GPU // size)
    parts = zip(key_B2.split(at_once), scores_BV.split(at_once), strict=True)
    return torch.cat([gumbel_at(key_C2, column_1V).add_(scores_CV).argmax(-1) for key_C2, scores_CV in parts])


def largest(scores_BV: Tensor, key_B2: Tensor, bounds: Bounds) -> Tensor:
    """The column of the largest sum of score and Gumbel noise in every row, the first of equal ones, [B].

    The noise is worked out only in blocks of columns whose bound is as large as the largest sum of the block with the largest bound.
    """
    size = scores_BV.shape[1]
    if size % BLOCK:
        scores_BV = nn.functional.pad(scores_BV, (0, -size % BLOCK), value=-torch.inf)
    parts = zip(key_B2.split(bounds.rows), scores_BV.split(bounds.rows), strict=True)
    bound_BG = torch.cat([bounds.of(key_C2, scores_CV).unflatten(1, (-1, BLOCK)).amax(-1) for key_C2, scores_CV in parts])
    sums_BV, column_BV = sums_in(bound_BG.argmax(-1, keepdim=True), scores_BV, key_B2)
    most_B1 = sums_BV.amax(-1, keepdim=True)
    blocks = int((bound_BG >= most_B1 - LIFT - slack(most_B1)).sum(-1).max())
    if blocks > 1:
        sums_BV, column_BV = sums_in(bound_BG.topk(blocks).indices.sort().values, scores_BV, key_B2)
    return column_BV.gather(1, sums_BV.argmax(-1, keepdim=True))[:, 0]


def sums_in(block_BK: Tensor, scores_BV: Tensor, key_B2: Tensor) -> tuple[Tensor, Tensor]:
    """(scores with their noise, the columns where they stand) of some blocks of every row, [B, K BLOCK] each."""
    column_BV = (block_BK[:, :, None] * BLOCK + torch.arange(BLOCK, device=block_BK.device)).flatten(1)
    return gumbel_at(key_B2, column_BV.int()).add_(scores_BV.gather(1, column_BV)), column_BV


def truncated(scores_BV: Tensor, how: Drawing, candidates: int = CANDIDATES) -> Tensor:
    """Scores with -inf for what may not be drawn: all but the `top_k` largest, then all but the smallest set that holds `top_p` of what
    is left. Tokens that tie with the last of the k stay."""
    if how.top_k is not None and how.top_k < scores_BV.shape[1]:
        last_B1 = scores_BV.topk(how.top_k).values[:, -1:]
        scores_BV = scores_BV.masked_fill(scores_BV < last_B1, -torch.inf)
    if how.top_p < 1:
        scores_BV = scores_BV.masked_fill(scores_BV < nucleus_floor(scores_BV, how.top_p, candidates), -torch.inf)
    return scores_BV


def nucleus_floor(scores_BV: Tensor, top_p: float, candidates: int = CANDIDATES) -> Tensor:
    """The smallest score of the smallest set of tokens that holds `top_p` of the probability, [B, 1].

    On a CPU, sorting a whole vocabulary costs more than a forward pass of a small model, so the most likely `candidates` are tried first.
    """
    total_B1 = scores_BV.logsumexp(-1, keepdim=True)
    size = scores_BV.shape[1]
    count = min(candidates, size)
    floors_B1, inside_B = floors(scores_BV, total_B1, count, top_p)
    if count < size and len(left := (inside_B == count).nonzero()[:, 0]):
        floors_B1[left] = floors(scores_BV[left], total_B1[left], size, top_p)[0]
    return floors_B1


def floors(scores_BV: Tensor, total_B1: Tensor, count: int, top_p: float) -> tuple[Tensor, Tensor]:
    """The smallest score of that set among the `count` most likely tokens [B, 1], and how many of these belong to it [B]."""
    sorted_BK = scores_BV.topk(count).values
    before_BK = (sorted_BK - total_B1).exp().cumsum(-1)
    before_BK = torch.cat([torch.zeros_like(before_BK[:, :1]), before_BK[:, :-1]], -1)
    inside_B = (before_BK < top_p).sum(-1)
    return sorted_BK.gather(1, inside_B[:, None] - 1), inside_B
