"""Random numbers of one answer: Gumbel noise by (stream, step, token), a hash, so that no answer's noise depends on another's.

The largest of logits / temperature + noise is a draw from softmax(logits / temperature).
Streams are mixed in 64 bits once a step; a column costs two rounds in 32 bits, which CPUs multiply eight at a time (64-bit products, eight
times as slow, were half of the time of a step). The two logarithms of the noise cost more than the hash; `Bounds` tell without them which
columns can have the largest sum.

Shapes: B rows, V columns (all tokens, or some).
"""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor

M1, M2, M3 = -7046029254386353131, -4658895280553007687, -7723592293110705685  # splitmix64, as signed 64-bit numbers
C1, C2, C3 = -1640531527, -2048144789, -1028477387  # golden ratio and murmur3, as signed 32-bit numbers
LN2 = math.log(2)
LIFT = (127 + 31) * LN2  # what `Bounds` leaves out: it is the same in every column


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
    """Standard Gumbel noise [B, size] in float32 that depends on each row's mixed stream number, its step and the column only."""
    return gumbel_at(keys(stream_B, step_B), torch.arange(size, dtype=torch.int32, device=stream_B.device)[None])


def keys(stream_B: Tensor, step_B: Tensor | int) -> Tensor:
    """What the hash of a row starts from, int32 [B, 2]."""
    key_B = mix(stream_B + (wrapped(step_B * M2) if isinstance(step_B, int) else step_B * M2))
    return torch.stack([key_B >> 32, (key_B << 32) >> 32], -1).int()


def gumbel_at(key_B2: Tensor, column_BV: Tensor) -> Tensor:
    """Gumbel noise [B, V] at these columns (int32; one row of them stands for every row).

    -log(-log(1 - u)) with u of 31 bits: the largest noises, which decide, come from small u and keep all their digits.
    """
    hash_BV = column_BV * C1 ^ key_B2[:, :1]
    u_BV = uniform(hash_BV, key_B2[:, 1:], torch.empty_like(hash_BV))
    return u_BV.mul_(-(2.0**-31)).clamp_(min=-1 + 2.0**-24).log1p_().neg_().log_().neg_()


def uniform(hash_BV: Tensor, second_B1: Tensor, other_BV: Tensor) -> Tensor:
    """2^31 u [B, V] in float32, for u between 0 and 1. `hash_BV`, columns and the first half of the key, is spoiled; the answer lies in
    the memory of `other_BV`."""
    shifted(hash_BV, 16, 0xFFFF, other_BV)
    hash_BV *= C2
    hash_BV ^= second_B1
    shifted(hash_BV, 13, 0x7FFFF, other_BV)
    hash_BV *= C3
    shifted(hash_BV, 16, 0xFFFF, other_BV)
    hash_BV &= 0x7FFFFFFF  # the sign is dropped: small whole numbers become floats without loss, and it is small u that decide
    return other_BV.view(torch.float32).copy_(hash_BV).add_(0.5)


def shifted(hash_BV: Tensor, places: int, mask: int, other_BV: Tensor) -> None:
    """hash ^= hash >> places, as if it had no sign, in place; `other_BV` is spoiled."""
    torch.bitwise_right_shift(hash_BV, places, out=other_BV)
    other_BV &= mask
    hash_BV ^= other_BV


class Bounds:
    """Numbers that no score with its Gumbel noise exceeds, but for rounding (`slack`), for up to `rows` rows of `size` columns.

    -log(-log(1 - u)) <= -log(u), and log2(y) >= bits(y) / 2^23 - 127 where the bits of a float32 are read as a whole number: so this takes
    no logarithm. It is at most 2.9 too large, and seldom more than 0.1 where u is small, as that of a token that is drawn mostly is.
    Memory is used again at every step: to ask for it anew cost as much as the hash.
    """

    def __init__(self, rows: int, size: int, device: torch.device) -> None:
        self.rows = rows
        self.spread_V = torch.arange(size, dtype=torch.int32, device=device) * C1
        self.room_2BV = torch.empty(2, rows, size, dtype=torch.int32, device=device)

    def of(self, key_B2: Tensor, scores_BV: Tensor) -> Tensor:
        """Bounds [B, V], less `LIFT`; the next call overwrites them."""
        hash_BV, other_BV = self.room_2BV[:, : len(scores_BV)]
        torch.bitwise_xor(self.spread_V, key_B2[:, :1], out=hash_BV)
        u_BV = uniform(hash_BV, key_B2[:, 1:], other_BV)
        bits_BV = hash_BV.view(torch.float32).copy_(u_BV.view(torch.int32))
        return torch.add(scores_BV, bits_BV, alpha=-LN2 / 2**23, out=u_BV)


def slack(most_B1: Tensor) -> Tensor:
    """By how much rounding can put a bound below the sum it bounds, where the sum is the largest of its row and about `most_B1`."""
    return 1e-3 + most_B1.abs() * 1e-6
