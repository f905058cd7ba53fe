"""True reward of the answer that a scorer likes best among N."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from aligncompiler.spec.judging import BestOfN

from ..encoded import Floats, Ints
from ..fault import Fault
from ..judge import Group, Judge, Measured
from ..registry import Bound, implements
from ..store import Artifact

SHUFFLES = 20  # for what is left out at random


@implements(BestOfN)
def best_of_n(
    judge: Judge, *, truth: Bound | Artifact, part: str, sizes: tuple[int, ...], sure: tuple[float, ...], strength: tuple[float, ...], figure: str
) -> Measured:
    """For each prompt, [prompts, sizes], the mean true reward of the best-liked answer over all subsets of N of its n answers, NaN where too few are scored:

        sum over ranks i = 0 ... n - N of C(n - 1 - i, N - 1) / C(n, N) x true reward of the answer at rank i

    Answers of equal rank share their mean. Source: the counting argument of pass@k, arXiv:2107.03374; the fall, arXiv:2210.10760. Raises Fault if no
    prompt has enough answers, scored or not.
    """
    prompts = judge.by_prompt()
    counts = np.sort(np.diff(prompts.bounds))
    usual = int(counts[len(counts) // 10])  # nine prompts of ten have as many
    sizes = sizes or tuple(2**power for power in range(usual.bit_length()))
    if counts[-1] < sizes[-1]:
        raise Fault("P604", f"no prompt has {sizes[-1]} answers; the most that one has is {counts[-1]}", "data", ("lower `sizes`, or write more answers",))
    true_N = judge.completion_scores(truth, part)
    score_N = judge.own_completions.of("score")[:, 0]
    known = ~np.isnan(score_N + true_N)
    enough = np.fromiter((known[members].sum() >= sizes[-1] for members in prompts), np.bool_, len(prompts))
    kept = np.flatnonzero(enough)
    if len(kept) < len(prompts):
        judge.work.skipped[f"prompt with fewer than {sizes[-1]} scored answers"] += len(prompts) - len(kept)

    def curve(key_N: Floats) -> Floats:
        """[prompts, sizes] where answers are preferred by falling key."""
        found = np.full((len(prompts), len(sizes)), np.nan)
        for place in kept:
            members = prompts[place][known[prompts[place]]]
            found[place] = expected_best(key_N[members], true_N[members], sizes)
        return found

    variants, baselines = {}, {"truth": curve(true_N)}
    unsure_N = judge.own_completions.of(figure)[:, 0] if sure or strength else score_N
    random_SN = np.random.default_rng(0).random((SHUFFLES, len(score_N)))
    for share in sure if len(kept) else ():
        variants[f"surest {share:g}"] = curve(sure_first(score_N, unsure_N, unsure_N <= np.nanquantile(unsure_N[known], share)))
        baselines[f"dropped to {share:g}"] = np.mean([curve(sure_first(score_N, draw_N, draw_N <= share)) for draw_N in random_SN], 0)
    for multiple in strength:
        variants[f"less {multiple:g} {figure}"] = curve(score_N - multiple * unsure_N)
    every, log_sizes = np.arange(len(prompts)), np.log(sizes)
    groups = {f"best of {size}": Group(every, partial(at, place=place)) for place, size in enumerate(sizes)}
    if len(sizes) > 1:
        groups |= {"slope over ln N": Group(every, partial(slope, log_sizes=log_sizes)), "fall from the highest": Group(every, fall)}
    clusters = judge.prompts[prompts.order_N[prompts.bounds[:-1]]]
    axis = {f"best of {size}": float(size) for size in sizes}
    last = partial(at, place=len(sizes) - 1)
    return Measured(curve(score_N), groups, baselines, variants, statistic=last, clusters=clusters, curve=axis, over="N")


def sure_first(score_N: Floats, unsure_N: Floats, sure_N: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Floats:
    """A key that prefers sure answers by their score, all of them before the others, and of these the surer ones; equal ones have one key."""
    both_N2 = np.stack([sure_N, np.where(sure_N, score_N, -unsure_N)], 1)
    return np.unique(both_N2, axis=0, return_inverse=True)[1].reshape(-1).astype(float)


def expected_best(key: Floats, true: Floats, sizes: tuple[int, ...]) -> Floats:
    """The mean true reward of the answer with the highest key over all subsets of each size, [sizes]."""
    order = (-key).argsort(kind="stable")
    ranked, groups = true[order], np.unique(-key, return_inverse=True)[1][order]
    ranked = (np.bincount(groups, weights=ranked) / np.bincount(groups))[groups]  # answers with one key share their mean
    return np.array([chances(len(ranked), size) @ ranked for size in sizes])


@cache
def chances(n: int, size: int) -> Floats:
    """How likely the best of a random subset of `size` of n answers is the one at rank i, [n]: C(n - 1 - i, size - 1) / C(n, size)."""
    share, chance = np.zeros(n), size / n
    for rank in range(n - size + 1):
        share[rank] = chance
        chance *= (n - size - rank) / max(1, n - 1 - rank)
    return share


def at(rows_PK: Floats, place: int) -> float:
    return float(rows_PK[:, place].mean())


def slope(rows_PK: Floats, log_sizes: Floats) -> float:
    """Least-squares slope of the mean curve over ln N, reward per nat."""
    centred = log_sizes - log_sizes.mean()
    return float(centred @ rows_PK.mean(0) / (centred @ centred))


def fall(rows_PK: Floats) -> float:
    """The highest point of the mean curve less its end."""
    curve_K: Ints | Floats = rows_PK.mean(0)
    return float(curve_K.max() - curve_K[-1])
