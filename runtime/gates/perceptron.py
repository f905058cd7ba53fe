"""Weights of attributes that depend on the prompt and the answer."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from aligncompiler.spec.scorer import Perceptron

from ..registry import implements


@implements(Perceptron)
def perceptron(width: int, names: Sequence[str], *, layers: int) -> nn.Module:
    """A module [L, width] -> [L, attributes]: `layers` linear layers, SELU between them, raw weights at the end. Source: arXiv:2410.00847."""
    hidden = [part for _ in range(layers - 1) for part in (nn.Linear(width, width), nn.SELU())]
    return nn.Sequential(*hidden, nn.Linear(width, len(names)))
