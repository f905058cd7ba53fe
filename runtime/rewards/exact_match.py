"""Whether an answer equals the reference answer of its problem."""

from __future__ import annotations

import string
from collections.abc import Sequence

from aligncompiler.spec.rule import ExactMatch

from ..fault import Skip
from ..patterns import matches
from ..registry import implements
from ..rows import Row

PUNCTUATION = str.maketrans("", "", string.punctuation)


@implements(ExactMatch)
def exact_match(rows: Sequence[Row], *, extract: str | None, ignore: tuple[str, ...]) -> list[dict[str, float] | Skip]:
    """`score` 1 if the completion, or what `extract` finds in it, equals the column `answer`, else 0; no match scores 0.

    A row without an answer is a skip. Left out: numbers written differently (`1/2`, `0.5`), which need a reader of mathematics.
    """
    return [Skip("no answer to compare with") if row.get("answer") is None else {"score": float(found(row, extract, ignore))} for row in rows]


def found(row: Row, extract: str | None, ignore: tuple[str, ...]) -> bool:
    text = row["completion"]
    if extract is not None:
        marked = matches(extract, text)
        if not marked:
            return False
        text = marked[-1].group(1 if marked[-1].re.groups else 0) or ""
    return plain(text, ignore) == plain(str(row["answer"]), ignore)


def plain(text: str, ignore: tuple[str, ...]) -> str:
    """The text without the differences that do not count."""
    text = text.casefold() if "case" in ignore else text
    text = text.translate(PUNCTUATION) if "punctuation" in ignore else text
    return " ".join(text.split()) if "space" in ignore else text
