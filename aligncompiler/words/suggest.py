"""The word a person probably meant: one of ours that is near."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from itertools import islice

KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
APART = re.compile(r"[\W_]")
MAX_LENGTH = 64  # a longer word is no misspelt one
MAX_LISTED = 40


def distance(a: str, b: str) -> int:
    """Optimal string alignment distance: insertions, deletions, replacements, exchanges of neighbours."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


@lru_cache(maxsize=1 << 16)
def letters(word: str) -> frozenset[str]:
    return frozenset(word)


@lru_cache(maxsize=1 << 16)
def bare(word: str) -> str:
    """A word without case, `_` and `-`."""
    return APART.sub("", word.lower())


def slip(word: str, meant: str) -> int:
    """How unlikely one edit is, to choose among words that are equally near: a key beside the right one and a doubled letter are the likeliest."""
    pairs = [(x, y) for x, y in zip(word, meant, strict=False) if x != y]
    if len(word) == len(meant):
        if len(pairs) == 1 and any(x in row and y in row and abs(row.index(x) - row.index(y)) == 1 for row in KEYBOARD for x, y in pairs):
            return 0
        return 0 if sorted(word) == sorted(meant) else 2
    return 1 if word[:1] == meant[:1] else 2


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """The known words within a third of the word's length, the nearest first; words that differ in case and `_` alone are the same."""
    if len(word) > MAX_LENGTH or not word:
        return []
    if not word.isascii():
        from .lookalikes import folded  # needed for such words alone

        word = folded(word)
    known = list(known)
    naked = bare(word)
    same = [k for k in known if bare(k) == naked] if naked else []
    if same:
        return same
    low = word.lower()
    most = max(1, len(word) // 3)
    own = letters(low)  # an edit changes at most two of them
    alike = [k for k in known if abs(len(k) - len(word)) <= most and len(own ^ letters(k.lower())) <= 2 * most]
    near = [(distance(low, k.lower()), k) for k in alike]
    best = min((d for d, _ in near), default=99)
    return sorted((k for d, k in near if d == best and d <= most), key=lambda k: slip(low, k.lower()))


def akin(word: str, known: Iterable[str]) -> list[str]:
    """Known words that begin with this one, or that this one begins with."""
    low = word.lower()
    return [k for k in known if min(len(k), len(low)) > 3 and (k.lower().startswith(low) or low.startswith(k.lower()))]


def did_you_mean(word: str, known: Iterable[str], noun: str) -> tuple[str, ...]:
    """A help line: the near words, else all of them."""
    known = list(known)
    near = nearest(word, known) or akin(word, known)
    if near:
        return ("did you mean " + " or ".join(f"`{n}`" for n in near[:3]) + "?",)
    return (f"{noun}: {listed(known)}",) if known and noun else ()


def listed(words: Collection[str]) -> str:
    """Words with commas between them, as many as a person reads."""
    some = ", ".join(islice(words, MAX_LISTED))
    return some if len(words) <= MAX_LISTED else f"{some} and {len(words) - MAX_LISTED:,} more"
