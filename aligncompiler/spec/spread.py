"""Figures that are made of standard deviations: which they are, and when they say nothing."""

from __future__ import annotations

from collections.abc import Iterator

from .base import Output, Problem
from .reward import UNCERTAINTY

SPREADS = ("frobenius", "aleatoric")  # figures made of variances, beside the standard deviation of each attribute


def spreads_in(figures: tuple[str, ...], uncertainty: str) -> tuple[str, ...]:
    """Those of the figures of a scorer that are made of its standard deviations; `uncertainty` says what the figure of this name is made of."""

    def is_spread(figure: str) -> bool:
        if figure == UNCERTAINTY:
            return uncertainty in SPREADS
        return figure in SPREADS or (figure.endswith("_std") and figure.removesuffix("_std") in figures)

    return tuple(filter(is_spread, figures))


def check_spread(name: str, output: Output, figure: str, field: str) -> Iterator[Problem]:
    """A figure of standard deviations says nothing where nothing has trained these, or training drove them to zero: of a scorer, or of the rows that it
    labelled. A scorer whose `uncertainty` would be of zeros is refused where it is trained."""
    if figure not in output.hollow:
        return
    if output.collapsed:
        text = f"objective `{output.collapsed}` drives every standard deviation to zero, so `{figure}` of `{name}` would say nothing"
    else:
        text = f"nothing has trained the standard deviations that `{figure}` of `{name}` is made of, so it would say nothing"
    yield Problem("M526", field, text, ("train by `gaussian_likelihood`", "or name a figure that is made of no variances, such as `gap` of an ensemble"))
