"""Reward for multi-step deduction: what an answer proves, what it concludes, and whether it keeps to the format.

Left out: a share of credit for JSON that almost parses, and a penalty on length; the paper (arXiv 2410.09528) names
neither. The scores are rules, so no model is loaded here.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from aligncompiler.spec.rule import DeductionSteps
from runtime.registry import implements
from runtime.syllogism.answer import read_answer
from runtime.syllogism.problem import Problem, score_answer

# Two different step scores k/m and k'/m' differ by at least 1/(m m'), and m < 50 for prompts of up to 50 leaves.
_LEAST_GAP = {"result": 1.0, "format": 1.0, "step": 1.0 / (49 * 48)}


@implements(DeductionSteps)
def deduction_steps(rows: Iterable[Mapping[str, Any]], *, combine: str, order: Sequence[str], weights: Mapping[str, float]) -> list[dict[str, float]]:
    """Score each answer to a deduction prompt by its sound steps, its result and its format.

    Each row holds `completion`, the text to score, and `problem`, the column of the dataset `deduction`. Returned for
    each row, without units: `step` in [0, 1], the share of eliminable middle terms soundly eliminated; `result` and
    `format`, 0 or 1; and `score`, which combines them.

    combine "lexicographic": ``score = sum_i w_i x_i / sum_i w_i`` over the names in `order`, first name first, with
    ``w_i * least_gap(x_i) > sum_{j > i} w_j``; so the score lies in [0, 1], and a better earlier part is never
    outweighed, on prompts of up to 50 leaves. combine "weighted": ``score = sum_i weights_i x_i``.

    Any text gives scores. Raises ValueError for a part that is none of step, result, format.

    Source: arXiv 2410.09528 (three scores, several combinations; the exact rules are ours, see `score_answer`).
    """
    used = _lexicographic_weights(order) if combine == "lexicographic" else _named(weights)
    whole = sum(used.values()) if combine == "lexicographic" else 1.0
    scored = []
    for row in rows:
        problem = _problem(row["problem"])
        found = score_answer(problem, read_answer(row["completion"], response=problem.response))
        parts = {"step": found.step, "result": found.result, "format": found.format}
        score = sum(weight * parts[name] for name, weight in used.items()) / whole
        scored.append({"score": score, **parts})
    return scored


# Drafts come several to a prompt, so the same problem text is read again and again.
_problem = lru_cache(maxsize=4096)(Problem.from_text)


def _lexicographic_weights(order: Sequence[str]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for name in reversed(_named(dict.fromkeys(order, 1.0))):
        weights[name] = (1.0 + sum(weights.values())) / _LEAST_GAP[name]
    return weights


def _named(weights: Mapping[str, float]) -> dict[str, float]:
    if not weights or not weights.keys() <= _LEAST_GAP.keys():
        raise ValueError(f"a score is combined from some of step, result and format, not from {list(weights)}")
    return dict(weights)
