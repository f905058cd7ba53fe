"""Answers of invented words with known attributes, and noisy ratings of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from random import Random

from aligncompiler.spec.base import Range
from aligncompiler.spec.dataset import RatedText, Spread

from ..registry import implements
from ..rows import Row, hash_share

DOUBT = "perhaps"
CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"


@implements(RatedText)
def rated_text(
    *,
    count: int,
    answers: int,
    names: Sequence[str],
    words: Range,
    vocabulary: int,
    skew: float,
    unseen: bool,
    noise: Spread,
    doubtful: float,
    between: tuple[float, float],
    seed: int,
) -> Iterator[Row]:
    """Rows with `prompt`, `completion`, a rating and `true_<name>` of each attribute, `gold`, `rated`, and `noise`, the standard deviation of ratings.

        true_a = sum_w value(w, a) / sqrt(n)    rating_a = true_a + noise x standard normal
        gold = sum_a weight(a) true_a           rated = sum_a weight(a) rating_a

    Values are standard normal and weights uniform in [0.2, 1]; both hang on the names of words and attributes alone.
    """
    random = Random(f"{seed} {unseen}")
    known = [word(number + vocabulary * unseen) for number in range(vocabulary)]
    frequency = list(accumulate((rank + 1) ** -skew for rank in range(vocabulary))) if skew else None
    made = number = 0
    while made < count:
        prompt = f"{number}: {' '.join(random.choices(known, k=2))}?"
        number += 1
        rows = [rated(random, known, frequency, prompt, names, words, noise, doubtful) for _ in range(answers)]
        if between[0] <= hash_share(prompt) < between[1] or between == (0.0, 1.0):
            made += 1
            yield from rows


def rated(
    random: Random,
    known: Sequence[str],
    frequency: Sequence[float] | None,
    prompt: str,
    names: Sequence[str],
    words: Range,
    noise: Spread,
    doubtful: float,
) -> Row:
    """One answer with its ratings; `frequency` is cumulative."""
    said = random.choices(known, cum_weights=frequency, k=random.randint(words.min, words.max))
    doubt = random.random() < doubtful
    std = noise.max if doubt else noise.min
    true = {name: sum(value(one, name) for one in said) / math.sqrt(len(said)) for name in names}
    row: Row = {"prompt": prompt, "completion": " ".join([DOUBT, *said] if doubt else said), "noise": std}
    row["gold"] = sum(weight(name) * true[name] for name in names)
    for name in names:
        row[name], row[f"true_{name}"] = random.gauss(true[name], std), true[name]
    row["rated"] = sum(weight(name) * row[name] for name in names)
    return row


def word(number: int) -> str:
    """Invented words of syllables, a different one for each number."""
    syllables = []
    for _ in range(3):
        number, vowel = divmod(number, len(VOWELS))
        number, consonant = divmod(number, len(CONSONANTS))
        syllables.append(CONSONANTS[consonant] + VOWELS[vowel])
    return "".join(syllables) + (str(number) if number else "")


@lru_cache(maxsize=1 << 16)
def value(word: str, name: str) -> float:
    return Random(f"{word} {name}").gauss(0.0, 1.0)


@lru_cache(maxsize=1 << 10)
def weight(name: str) -> float:
    return Random(f"weight of {name}").uniform(0.2, 1.0)
