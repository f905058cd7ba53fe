"""Nodes of a tree of answers: a prompt at the root, and below it segments that were written in one go each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

Why = Literal["prompt", "length", "stop", "end", "context", "clause"]
ALIGNED = 8  # matrix products of a GPU take rows of so many numbers at once
Segment = list[tuple[Tensor, Tensor]]  # per layer the keys and values of some tokens, [K, T, D] each


@dataclass(eq=False)
class Trunk:
    """Keys and values of several prompts, per layer [G, K, T, D] each, padded on the right: each prompt is stored once, however many
    nodes stand on it, and lives as long as one of them."""

    layers: Segment
    lengths: tuple[int, ...]

    @staticmethod
    def of_cache(cache: Any, lengths: Sequence[int]) -> Trunk:
        """What a cache of transformers holds; under autocast in its format, for that cache keeps float32 as soon as keys are rotated in it."""
        kind = cache.layers[0].values.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else cache.layers[0].values.dtype
        return Trunk([(layer.keys.to(dtype), layer.values.to(dtype)) for layer in cache.layers], tuple(lengths))

    def select(self, indices: Sequence[int]) -> Trunk:
        """The trunk of some of its prompts."""
        if tuple(indices) == tuple(range(len(self.lengths))):
            return self
        lengths = tuple(self.lengths[i] for i in indices)
        index, width = torch.tensor(indices, device=self.layers[0][0].device), max(lengths)
        return Trunk([(k[index, :, :width], v[index, :, :width]) for k, v in self.layers], lengths)


def joined(parts: Sequence[tuple[Trunk, Sequence[int]]]) -> Trunk:
    """One trunk of some prompts of several."""
    chosen = [trunk.select(indices) for trunk, indices in parts]
    if len(chosen) == 1:
        return chosen[0]
    lengths = tuple(length for trunk in chosen for length in trunk.lengths)
    layers = []
    for number, (key, value) in enumerate(chosen[0].layers):
        made = []
        for which, like in enumerate((key, value)):
            whole = like.new_zeros(len(lengths), like.shape[1], max(trunk.layers[0][0].shape[2] for trunk in chosen), like.shape[3])
            start = 0
            for trunk in chosen:
                part = trunk.layers[number][which]
                whole[start : start + len(part), :, : part.shape[2]] = part
                start += len(part)
            made.append(whole)
        layers.append((made[0], made[1]))
    return Trunk(layers, lengths)


@dataclass(eq=False)
class Node:
    """Some tokens that continue those of `parent`; a root has none and holds a prompt.

    `logp` is the natural logarithm of the probability, under the policy at temperature 1, of all tokens below the root down to here,
    the end token included where `why` is `end`. `why` says why it is no longer: `length` (as long as was asked for), `stop` (a stop
    text, which begins at letter `stop_at` of `text`), `end` (the end token, which `tokens` does not hold), `context` (the model reads no
    more), `clause` (a segment that ends with a clause). A node's cache holds keys and values of all its tokens but the last, which is read when
    the node is continued.
    """

    parent: Node | None
    tokens: tuple[int, ...]
    text: str
    logp: float
    why: Why
    stream: int
    path: tuple[int, ...]  # number of the prompt, number of the child, of the child's child, ...
    stop_at: int | None = None
    trunk: tuple[Trunk, int] | None = field(default=None, repr=False)
    segment: Segment | None = field(default=None, repr=False)

    @property
    def ended(self) -> bool:
        """Whether nothing can follow."""
        return self.why in ("end", "context")

    @property
    def line(self) -> list[Node]:
        """The nodes from the root to this one."""
        found = [self]
        while (parent := found[-1].parent) is not None:
            found.append(parent)
        return found[::-1]

    @property
    def context(self) -> list[int]:
        """All tokens from the start of the prompt to the end of this node."""
        return [token for node in self.line for token in node.tokens]

    @property
    def depth(self) -> int:
        """Tokens below the root."""
        return sum(len(node.tokens) for node in self.line[1:])

    @property
    def nbytes(self) -> int:
        """Bytes of its own cache; that of a trunk is counted by share."""
        own = sum(t.nbytes for pair in self.segment or () for t in pair)
        if self.trunk is not None:
            trunk, index = self.trunk
            own += sum(t[index].nbytes for pair in trunk.layers for t in pair)
        return own

    @property
    def above(self) -> list[int]:
        """Tokens of the answer that stand above this node."""
        return [token for node in self.line[1:-1] for token in node.tokens]

    def parts(self, cuts: Sequence[int], texts: Sequence[str]) -> list[Node]:
        """The same tokens as a line of nodes, cut after so many of them; `texts` are those of the nodes. Only the last one knows its `logp`."""
        bounds = [0, *cuts, len(self.tokens)]
        made: list[Node] = []
        for number, (start, end) in enumerate(itertools.pairwise(bounds)):
            last = number == len(cuts)
            above, logp = made[-1] if made else self.parent, self.logp if last else math.nan
            node = Node(above, self.tokens[start:end], texts[number], logp, "clause", self.stream, self.path)
            node.segment = None if self.segment is None else [(k[:, start:end], v[:, start:end]) for k, v in self.segment]
            if last:
                node.why, node.stop_at = self.why, self.stop_at
            made.append(node)
        return made

    def free(self) -> None:
        """Forget keys and values. The node can still be continued: what is missing is read anew."""
        self.trunk = self.segment = None
