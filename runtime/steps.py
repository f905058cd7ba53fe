"""Answers in steps: where each step ends in the tokens of the answer, and how what is read at the ends of steps becomes one value of the answer.

An answer is tokenised once and whole, as it is for every other use; only then each step gets the tokens up to the one that holds its last letter. So
no token depends on where steps end. A token that reaches over the end of a step belongs to the step that it ends, and a step that has no token of its
own ends where the one before it does. The token that ends an answer belongs to no step: a step is judged by what stands there up to its end, whether
the answer goes on or not.

Shapes: L steps of all answers, A answers, M members.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from .patterns import matches
from .rows import Row
from .tokens import Encoder, Parts

STEPS = "steps"  # the column of rows that say themselves what the steps of their answer are


@dataclass(frozen=True)
class Cut:
    """How answers are read in steps: a step ends behind each match of `separator`, and where that is empty an answer is one step; behind each step
    stands a `tail` of tokens, which may be empty."""

    separator: str
    tail: tuple[int, ...] = ()

    @staticmethod
    def of(separator: str, question: str, encoder: Encoder) -> Cut:
        """The cut of a judge that asks a `question`, or none, in the tokens of its backbone. An encoder expects its separator behind whatever it reads."""
        ending = (encoder.end,) if encoder.pair else ()
        return Cut(separator, encoder.asked(question) if question else ending)

    def parts_of(self, encoder: Encoder, rows: Sequence[Row], leaves: Sequence[str], told: bool) -> Iterator[tuple[Parts, list[list[int]]]]:
        """Tokens of the prompt and of each answer of some rows, and behind how many tokens of the answer each of its steps ends. `told`: the rows say
        themselves what the steps are."""
        texts = [encoder.texts(row, leaves) for row in rows]
        trunks = encoder.ids_of([prompt for prompt, *_ in texts])
        spans = iter(encoder.spans_of([answer for _, *answers in texts for answer in answers]))
        for row, trunk, (_, *written) in zip(rows, trunks, texts, strict=True):
            answers: list[list[int]] = []
            ends: list[list[int]] = []
            for leaf, answer in zip(leaves, written, strict=True):
                ids, starts, stops = next(spans)
                cuts = told_ends(row.get(STEPS)) if told else text_ends(row[leaf], self.separator)
                ends.append([token_end(starts, stops, end) for end in written_ends(cuts, row[leaf], answer)])
                answers.append(ids[: ends[-1][-1]])
            yield (encoder.opened(trunk, "prompt" in row), answers), ends


def text_ends(text: str, separator: str) -> list[int]:
    """Where the steps of a text end, in letters: behind each match of the separator. Blanks alone are no step: they belong to the step before them,
    or at the start of the text to the one behind them."""
    ends: list[int] = []
    start = 0
    for end in [*(match.end() for match in matches(separator, text)), len(text)] if separator else [len(text)]:
        if text[start:end].strip():
            ends.append(end)
        elif ends:
            ends[-1] = end
        else:
            continue
        start = end
    return ends or [len(text)]


def told_ends(steps: Sequence[str] | None) -> list[int]:
    """Where steps end that are given, in letters of the text that they make up."""
    return np.cumsum([len(step) for step in steps]).tolist() if steps else [0]


def written_ends(ends: Sequence[int], text: str, written: str) -> list[int]:
    """The same places in what is written of a text: a chat template may write something before it, and trim it. Then letters are counted, blanks are not."""
    at = written.rfind(text)
    if at >= 0:
        return [at + end for end in ends]
    letters = [place + 1 for place, letter in enumerate(written) if not letter.isspace()]
    before = "".join(written.split()).index("".join(text.split()))
    counts = [before + len("".join(text[:end].split())) for end in ends]
    return [letters[count - 1] if count else 0 for count in counts]


def token_end(starts: Sequence[int], stops: Sequence[int], end: int) -> int:
    """How many tokens there are up to the last that has a letter before `end`. Some tokenizers leave the blanks of a token out of the letters that they
    give it; one of blanks alone then stands behind itself, and counts by where it stops."""
    return max(int(np.searchsorted(starts, end, "left")), int(np.searchsorted(stops, end, "right")))


# ---- values


def last(logit_LM: Tensor, answer_L: Tensor, answers: int) -> Tensor:
    """Log-odds of the last step."""
    return logit_LM[num_steps(answer_L, answers).cumsum(0) - 1]


def least(logit_LM: Tensor, answer_L: Tensor, answers: int) -> Tensor:
    """Log-odds of the least likely step."""
    return reduced(logit_LM, answer_L, answers, "amin", math.inf)


def mean(logit_LM: Tensor, answer_L: Tensor, answers: int) -> Tensor:
    """Log-odds of the mean over steps of their probabilities, log sum_k sigma(z_k) - log sum_k sigma(-z_k), without leaving logarithms."""
    return log_sum(logsigmoid(logit_LM), answer_L, answers) - log_sum(logsigmoid(-logit_LM), answer_L, answers)


def product(logit_LM: Tensor, answer_L: Tensor, answers: int) -> Tensor:
    """Log-odds of the product of the probabilities of steps, log p - log(1 - p) with log p = sum_k log sigma(z_k)."""
    log_AM = logit_LM.new_zeros(answers, logit_LM.shape[1]).index_add(0, answer_L, logsigmoid(logit_LM))
    log_AM = log_AM.clamp(max=-torch.finfo(log_AM.dtype).tiny)  # a product that rounds to 1 would have infinite odds
    return log_AM - (-torch.expm1(log_AM)).log()


OVER_STEPS: dict[str, Callable[[Tensor, Tensor, int], Tensor]] = {"last": last, "min": least, "mean": mean, "product": product}


def reduced(value_LM: Tensor, answer_L: Tensor, answers: int, how: str, worst: float) -> Tensor:
    """The largest or smallest value of the steps of each answer, [A, M]; none is as bad as `worst`, which would take a share of the gradient."""
    index_LM = answer_L[:, None].expand_as(value_LM)
    return value_LM.new_full((answers, value_LM.shape[1]), worst).scatter_reduce(0, index_LM, value_LM, how)


def log_sum(log_LM: Tensor, answer_L: Tensor, answers: int) -> Tensor:
    """log of the sum over the steps of each answer of exp of these, [A, M]."""
    most_AM = reduced(log_LM.detach(), answer_L, answers, "amax", -math.inf)
    return most_AM + torch.zeros_like(most_AM).index_add(0, answer_L, (log_LM - most_AM[answer_L]).exp()).log()


def num_steps(answer_L: Tensor, answers: int) -> Tensor:
    """Steps of each answer, [A]; a GPU is not waited for."""
    return answer_L.new_zeros(answers).index_add(0, answer_L, torch.ones_like(answer_L))


def first_wrong(logit_L: Tensor, answer_L: Tensor, answers: int) -> Tensor:
    """Number of the first step of each answer whose probability is below 1/2, counted from 1; 0 where there is none, [A]."""
    counts_A = num_steps(answer_L, answers)
    number_L = torch.arange(len(answer_L), device=answer_L.device) - (counts_A.cumsum(0) - counts_A)[answer_L] + 1
    none = len(answer_L) + 1
    first_A = reduced(number_L.masked_fill(logit_L >= 0, none)[:, None], answer_L, answers, "amin", none)[:, 0]
    return first_A.masked_fill(first_A == none, 0)
