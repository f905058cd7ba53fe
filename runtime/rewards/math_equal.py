"""Whether an answer means the same as the reference answer of its problem."""

from __future__ import annotations

from collections.abc import Sequence

from aligncompiler.spec.rule import MathEqual

from ..fault import Skip
from ..mathematics import equal
from ..registry import implements
from ..rows import Row, number_text
from ..scores import Score


@implements(MathEqual)
def math_equal(rows: Sequence[Row], *, digits: int) -> list[Score | Skip]:
    """`score` 1 if math-verify takes the completion and the column `answer` for the same, else 0; numbers to so many decimal places.

    Of a completion it reads what stands in `\\boxed{}` or between dollars, or else the last number, and passes over tags such as `<answer>` and
    over brackets around an answer that is one number; numbers such as `1.5e3` it reads as such. A row is a
    skip without an answer, where the answer is no mathematics, and where comparing takes more than 10 s or 4 GiB.
    """
    answers = [row.get("answer") for row in rows]
    written = [number_text(one) if isinstance(one, float) else str(one) for one in answers]
    answered = [(text, row["completion"], digits) for text, one, row in zip(written, answers, rows, strict=True) if one is not None]
    found = equal(answered)
    return [Skip("no answer to compare with") if row.get("answer") is None else scored(next(found)) for row in rows]


def scored(same: bool | Skip) -> Score | Skip:
    return same if isinstance(same, Skip) else {"score": float(same)}
