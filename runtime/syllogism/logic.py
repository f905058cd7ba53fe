"""Exact consistency and entailment of categorical statements, and the valid moods derived from it.

A model is a set of regions, one region a sign pattern over the terms. A and E statements are Horn clauses on a region
(X -> Y; not both X and Y); I and O statements, and existential import, each demand one region that satisfies all
clauses. The least region that holds the demanded terms is their closure under the A statements, so every demand is
decided by one walk, and 50 statements cost no more than 50 walks; the 2^t regions are never listed.

Left out: statements with more than two terms, for which the clauses would not be Horn.
"""

from collections.abc import Collection, Iterable
from functools import cache
from itertools import product
from typing import NamedTuple

from runtime.syllogism.proposition import FORMS, Proposition, contradictory

# (major, minor) as term letters: S subject and P predicate of the conclusion, M the middle term.
_FIGURES = {1: ("MP", "SM"), 2: ("PM", "SM"), 3: ("MP", "MS"), 4: ("PM", "MS")}


class Mood(NamedTuple):
    """The forms of both premises and the figure that places their terms; the conclusion's form is kept beside it."""

    major: str
    minor: str
    figure: int

    def premises(self, subject: str, predicate: str, middle: str) -> tuple[Proposition, Proposition]:
        """Return (minor, major) over real terms; the minor premise holds the subject, the major the predicate."""
        term = {"S": subject, "P": predicate, "M": middle}
        major, minor = _FIGURES[self.figure]
        return (
            Proposition(self.minor, term[minor[0]], term[minor[1]]),
            Proposition(self.major, term[major[0]], term[major[1]]),
        )


def consistent(statements: Collection[Proposition], *, existential: bool) -> bool:
    """Tell whether some model satisfies all statements at once.

    With `existential`, every term mentioned must also have a member. Exact, by Horn closure.
    """
    above: dict[str, list[str]] = {}
    clashes: list[frozenset[str]] = []
    demands: list[tuple[tuple[str, ...], str | None]] = []
    for form, subject, predicate in statements:
        if form == "A":
            above.setdefault(subject, []).append(predicate)
        elif form == "E":
            clashes.append(frozenset((subject, predicate)))
        elif form == "I":
            demands.append(((subject, predicate), None))
        else:
            demands.append(((subject,), predicate))
    if existential:
        demands.extend(((term,), None) for statement in statements for term in statement.terms)
    for present, absent in demands:
        region = _closure(present, above)
        if absent in region or any(clash <= region for clash in clashes):
            return False
    return True


def _closure(seeds: Iterable[str], above: dict[str, list[str]]) -> set[str]:
    """The least region that holds the seeds and obeys every A statement."""
    region = set(seeds)
    waiting = list(region)
    while waiting:
        for term in above.get(waiting.pop(), ()):
            if term not in region:
                region.add(term)
                waiting.append(term)
    return region


def entails(premises: Collection[Proposition], conclusion: Proposition, *, existential: bool) -> bool:
    """Tell whether the conclusion holds in every model of the premises.

    ``premises |= c  iff  premises + {contradictory of c} has no model``. With `existential`, only models in which
    every term has a member count (the 24 moods instead of the 15).
    """
    return not consistent([*premises, contradictory(conclusion)], existential=existential)


@cache
def valid_moods(existential: bool) -> dict[str, tuple[Mood, ...]]:
    """List the valid moods by the form of their conclusion: 15 in all, or 24 with existential import.

    Derived, not listed: every one of the 4^3 x 4 combinations of forms and figure is decided by `entails`.
    """
    found: dict[str, list[Mood]] = {form: [] for form in FORMS}
    for major, minor, conclusion, figure in product(FORMS, FORMS, FORMS, _FIGURES):
        mood = Mood(major, minor, figure)
        if entails(mood.premises("S", "P", "M"), Proposition(conclusion, "S", "P"), existential=existential):
            found[conclusion].append(mood)
    return {form: tuple(moods) for form, moods in found.items()}


def strongest_conclusion(first: Proposition, second: Proposition, *, existential: bool) -> Proposition | None:
    """Return the most that two premises with one shared term say about their two other terms, or None.

    Universal conclusions come first: with existential import "all" entails "some" and "no" entails "some ... not".
    The term of the first premise is the subject where both orders are valid.
    """
    shared = first.terms & second.terms
    if len(shared) != 1:
        return None
    (start,), (end,) = first.terms - shared, second.terms - shared
    for form in ("A", "E", "I", "O"):
        for subject, predicate in ((start, end), (end, start)):
            conclusion = Proposition(form, subject, predicate)
            if entails((first, second), conclusion, existential=existential):
                return conclusion
    return None
