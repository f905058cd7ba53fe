"""What the words of two answers tell of which one people prefer: a linear model on counts, the baseline that a reward model on a pretrained encoder has to beat."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import torch

WORD = re.compile(r"\w+|[?!]")
LEAST, PENALTY = 6, 20.0  # texts that a word is in; weight of the squared coefficients


def words_of(text: str) -> Counter[str]:
    return Counter(WORD.findall(text.lower()))


def differences(pairs: Sequence[tuple[Counter[str], Counter[str]]], vocabulary: Sequence[str]) -> torch.Tensor:
    """Counts of the chosen answer less those of the rejected one, [pairs, words]."""
    number = {word: place for place, word in enumerate(vocabulary)}
    found = np.zeros((len(pairs), len(vocabulary)))
    for row, sides in enumerate(pairs):
        for sign, counts in zip((1, -1), sides, strict=True):
            for word in counts.keys() & number.keys():
                found[row, number[word]] += sign * counts[word]
    return torch.from_numpy(found)


def right(train: Path, test: Path) -> list[float]:
    """Of each pair of `test` 1 where Bradley-Terry on counts of words, fitted to the pairs of `train`, orders it as people did, and 1/2 where it cannot tell."""
    taught, asked = ([(words_of(row["chosen"]), words_of(row["rejected"])) for row in rows_of(file)] for file in (train, test))
    texts = Counter(word for sides in taught for counts in sides for word in counts)
    vocabulary = sorted(word for word, count in texts.items() if count >= LEAST)
    seen_RW = differences(taught, vocabulary)
    weight_W = torch.zeros(len(vocabulary), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight_W], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = torch.nn.functional.softplus(-(seen_RW @ weight_W)).sum() + PENALTY / 2 * weight_W.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    scores = differences(asked, vocabulary) @ weight_W.detach()
    return ((scores.sign() + 1) / 2).tolist()


def rows_of(file: Path) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = parquet.read_table(file, columns=["chosen", "rejected"]).to_pylist()
    return rows
