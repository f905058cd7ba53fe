"""What a function of an installed package says of answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from aligncompiler.spec.functions import functions, package_of
from aligncompiler.spec.rule import Function

from ..fault import Fault, Skip
from ..registry import implements
from ..rows import Row
from ..scores import SCORE, Score


@implements(Function)
def function(rows: Sequence[Row], *, name: str, reads: tuple[str, ...], tells: tuple[str, ...]) -> list[Score | Skip]:
    """Call the function with a list of rows, each a mapping with `prompt`, `completion` and the columns in `reads`, and nothing else.

    It gives for each row, in their order: a number, or where `tells` names figures a mapping of `score` and each of these to numbers; or None
    for an answer that it cannot score, which is a skip. Raises Fault where the function cannot be loaded, raises, or gives anything else.
    """
    shown = [{column: row.get(column) for column in ("prompt", "completion", *reads)} for row in rows]
    scored = list(called(name, shown))
    if len(scored) != len(rows):
        raise fault(name, f"gave {len(scored)} scores for {len(rows)} answers")
    return [one_score(name, tells, score) for score in scored]


def called(name: str, rows: list[dict[str, Any]]) -> Iterator[Any]:
    try:
        yield from loaded(name)(rows)
    except Fault:
        raise
    except Exception as error:  # a stranger's function may raise anything
        raise fault(name, f"stopped with {type(error).__name__}: {str(error).partition(chr(10))[0]}", passes=True) from error


def loaded(name: str) -> Callable[[list[dict[str, Any]]], Any]:
    points = functions().get(name, ())
    if len(points) != 1:
        raise Fault("P606", f"there {'are several functions' if points else 'is no function'} `{name}` in the packages installed here", "reward")
    found: Callable[[list[dict[str, Any]]], Any] = points[0].load()
    return found


def one_score(name: str, tells: Sequence[str], found: Any) -> Score | Skip:
    if found is None:
        return Skip(f"`{name}` gave no score")
    wanted = (SCORE, *tells)
    given = found if isinstance(found, Mapping) else {SCORE: found}
    if set(given) != set(wanted):
        raise fault(name, f"gave {', '.join(map(str, given))} where the spec tells of {', '.join(wanted)}")
    for figure in wanted:
        if not is_number(given[figure]):
            raise fault(name, f"gave {given[figure]!r} for `{figure}`, which is no finite number")
    return {figure: float(given[figure]) for figure in wanted}


def is_number(value: Any) -> bool:
    try:
        return not isinstance(value, str) and math.isfinite(value)
    except TypeError:
        return False


def fault(name: str, text: str, passes: bool = False) -> Fault:
    return Fault("P633", f"the function `{name}` of {package_of(name)} {text}", "reward", passes=passes)
