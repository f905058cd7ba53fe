"""Random numbers of one answer: Gumbel noise by (stream, step, token), a hash, so that no answer's noise depends on another's.

The largest of logits / temperature + noise is a draw from softmax(logits / temperature).
Streams are mixed in 64 bits once a step; a column costs two rounds in 32 bits, which CPUs multiply eight at a time (64-bit products, eight
times as slow, were half of the time of a step).
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

M1, M2, M3 = -7046029254386353131, -4658895280553007687, -7723592293110705685  # splitmix64, as signed 64-bit numbers
C1, C2, C3 = -1640531527, -2048144789, -1028477387  # golden ratio and murmur3, as signed 32-bit numbers


def stream_number(seed: int, *path: int) -> int:
    """The number of the random stream of one answer, a signed 64-bit hash of (seed, prompt, sample, ...)."""
    name = "/".join(map(str, (seed, *path)))
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def wrapped(x: int) -> int:
    """A whole number as the signed 64-bit number it becomes on overflow."""
    return (x + (1 << 63)) % (1 << 64) - (1 << 63)


def mix(x: Tensor) -> Tensor:
    """One round of splitmix64 on int64 (wrapping): a well-spread hash."""
    x = x + M1
    x = (x ^ ((x >> 30) & 0x3FFFFFFFF)) * M2
    x = (x ^ ((x >> 27) & 0x1FFFFFFFFF)) * M3
    return x ^ ((x >> 31) & 0x1FFFFFFFF)


def gumbel(stream_B: Tensor, step_B: Tensor | int, size: int) -> Tensor:
    """Standard Gumbel noise [B, size] in float32 that depends on each row's mixed stream number, its step and the column only.

    -log(-log(1 - u)) with u of 31 bits: the largest noises, which decide, come from small u and keep all their digits.
    """
    key_B = mix(stream_B + (wrapped(step_B * M2) if isinstance(step_B, int) else step_B * M2))
    first_B1, second_B1 = (key_B >> 32).int()[:, None], ((key_B << 32) >> 32).int()[:, None]
    x = torch.arange(size, dtype=torch.int32, device=stream_B.device) * C1 ^ first_B1
    x ^= (x >> 16) & 0xFFFF
    x *= C2
    x ^= second_B1
    x ^= (x >> 13) & 0x7FFFF
    x *= C3
    x ^= (x >> 16) & 0xFFFF
    # The sign is dropped: small whole numbers become floats without loss, and it is small u that decide.
    minus_u = (x & 0x7FFFFFFF).float().add_(0.5).mul_(-(2.0**-31)).clamp_(min=-1 + 2.0**-24)
    return minus_u.log1p_().neg_().log_().neg_()
