"""Likelihood of ratings under the Gaussians of a scorer."""

from __future__ import annotations

import numpy as np

from aligncompiler.spec.judging import AttributeNLL

from ..encoded import Floats
from ..judge import Group, Judge, Measured
from ..registry import implements


@implements(AttributeNLL)
def attribute_nll(judge: Judge) -> Measured:
    """sum over attributes of ln sigma + (rating - mean)^2 / (2 sigma^2) + ln(2 pi) / 2, in nats an answer; a group for each attribute.

    The baseline `constant` has one Gaussian an attribute, with the mean and the standard deviation of the ratings here.
    """
    names, mean_NA, std_NA, rating_NA = judge.gaussians()
    with np.errstate(divide="ignore"):
        nll_NA = cost(rating_NA, mean_NA, std_NA)
    spread_A = np.nanstd(rating_NA, 0)
    constant_NA = cost(rating_NA, np.nanmean(rating_NA, 0), np.where(spread_A > 0, spread_A, np.nan))  # of ratings that vary
    rows = np.arange(len(nll_NA))
    groups = {name: Group(rows, lambda values_NA, place=place: float(values_NA[:, place].mean()), (place,)) for place, name in enumerate(names)}
    return Measured(nll_NA, groups, {"constant": np.where(np.isnan(nll_NA), np.nan, constant_NA)}, statistic=lambda values_NA: float(values_NA.sum(1).mean()))


def cost(rating_NA: Floats, mean_NA: Floats, std_NA: Floats) -> Floats:
    """Negative log-likelihood of each rating, nats."""
    return np.log(std_NA) + (rating_NA - mean_NA) ** 2 / (2 * std_NA**2) + np.log(2 * np.pi) / 2
