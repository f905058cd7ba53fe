"""One-edit typos of a word, by class, as people make them on a keyboard."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
NEIGHBOURS = {
    c: "".join(row[max(0, i - 1) : i] + row[i + 1 : i + 2] for row in ROWS for i, d in enumerate(row) if d == c)
    + "".join(
        other[j : j + 1]
        for n, row in enumerate(ROWS)
        for i, d in enumerate(row)
        if d == c
        for other in (*ROWS[n - 1 : n], *ROWS[n + 1 : n + 2])
        for j in (i, i - 1)
        if j >= 0
    )
    for c in string.ascii_lowercase
}


def deletion(word: str, r: random.Random) -> Iterator[str]:
    yield from (word[:i] + word[i + 1 :] for i in range(len(word)) if len(word) > 1)


def insertion(word: str, r: random.Random) -> Iterator[str]:
    yield from (word[:i] + r.choice(string.ascii_lowercase) + word[i:] for i in range(len(word) + 1))


def doubling(word: str, r: random.Random) -> Iterator[str]:
    yield from (word[: i + 1] + word[i:] for i in range(len(word)))


def replacement(word: str, r: random.Random) -> Iterator[str]:
    yield from (word[:i] + r.choice(string.ascii_lowercase) + word[i + 1 :] for i in range(len(word)))


def neighbouring_key(word: str, r: random.Random) -> Iterator[str]:
    yield from (word[:i] + c + word[i + 1 :] for i in range(len(word)) for c in NEIGHBOURS.get(word[i], ""))


def transposition(word: str, r: random.Random) -> Iterator[str]:
    yield from (word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1))


def case(word: str, r: random.Random) -> Iterator[str]:
    yield from (word.upper(), word.capitalize(), *(word[:i] + word[i].swapcase() + word[i + 1 :] for i in range(len(word))))


def hyphen(word: str, r: random.Random) -> Iterator[str]:
    yield word.replace("_", "-")


def missing_underscore(word: str, r: random.Random) -> Iterator[str]:
    yield word.replace("_", "")


def number(word: str, r: random.Random) -> Iterator[str]:
    """Plural for singular, and the other way round, of any part."""
    parts = word.split("_")
    yield from ("_".join([*parts[:i], part[:-1] if part.endswith("s") else part + "s", *parts[i + 1 :]]) for i, part in enumerate(parts) if len(part) > 2)


def camel_case(word: str, r: random.Random) -> Iterator[str]:
    first, *rest = word.split("_")
    yield from (first + "".join(part.capitalize() for part in rest), "".join(part.capitalize() for part in (first, *rest)))


CLASSES = (deletion, insertion, doubling, replacement, neighbouring_key, transposition, case, hyphen, missing_underscore, number, camel_case)


def typos(word: str, seed: int, count: int | None) -> list[tuple[str, str]]:
    """(class, typo) of a word, each typo once; `count` of them drawn so that every class has its turn, or all."""
    r = random.Random(f"{seed}/{word}")
    known: dict[str, str] = {}
    piles = []
    for cls in CLASSES:
        pile = [t for t in dict.fromkeys(cls(word, r)) if t != word and t not in known]
        known |= dict.fromkeys(pile, cls.__name__)
        r.shuffle(pile)
        piles.append(pile)
    drawn = [(known[pile[turn]], pile[turn]) for turn in range(max(map(len, piles))) for pile in piles if turn < len(pile)]
    return drawn if count is None else drawn[:count]
