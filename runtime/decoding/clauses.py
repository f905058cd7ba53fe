"""Clauses of a text, and where a segment of an answer may end: behind a token at which a clause ends."""

from __future__ import annotations

from collections.abc import Sequence

import regex

from ..patterns import matches
from .stopping import Stops

TAIL = 8  # tokens in whose text what ends a clause is looked for: to look through all of an answer at every token would cost as much as a small model


class Clauses:
    """What `separator`, a regular expression, cuts an answer into: each clause is text that is not blank, up to a separator or the end."""

    def __init__(self, stops: Stops, separator: str) -> None:
        self.stops = stops
        self.separator = separator

    def separators(self, text: str) -> list[regex.Match[str]]:
        """The separators in a text. Raises Fault for a pattern that takes too long."""
        return matches(self.separator, text, field="topology.separator")

    def count(self, text: str) -> int:
        """How many clauses a text has."""
        found = [match.span() for match in self.separators(text)]
        starts = [0, *(end for _, end in found)]
        ends = [*(start for start, _ in found), len(text)]
        return sum(1 for start, end in zip(starts, ends, strict=True) if text[start:end].strip())

    def ends(self, text: str) -> bool:
        """Whether a text ends with a separator."""
        return any(match.end() == len(text) for match in self.separators(text))

    def close(self, above: Sequence[int], own: Sequence[int], least: int) -> bool:
        """Whether the segment `own`, which stands below the tokens `above` of the answer, may end here: with a separator, with `least` clauses or more,
        and not within what may become a stop text."""
        if not self.ends(self.stops.decode(own[-TAIL:])):
            return False
        text = self.stops.decode([*above, *own])
        mine = text[len(self.stops.decode(above)) :]
        return self.ends(mine) and self.count(mine) >= least and not self.half_stopped(text)

    def half_stopped(self, text: str) -> bool:
        """Whether a text ends with the beginning of a stop text, or of a letter: what follows could not be told from it."""
        return text.endswith("\ufffd") or any(text.endswith(stop[:size]) for stop in self.stops.texts for size in range(1, len(stop)))

    def cuts(self, tokens: Sequence[int], text: str, parts: int) -> list[int]:
        """After how many tokens an answer of this text is cut into `parts` segments as alike in clauses as can be, or into as many as it has clauses."""
        places = []
        for match in self.separators(text):
            if text[match.end() :].strip() and not self.half_stopped(text[: match.end()]):
                count = self.tokens_of(tokens, match.end())
                if count is not None and (not places or count > places[-1]):
                    places.append(count)
        parts = min(parts, len(places) + 1)
        return [places[number * (len(places) + 1) // parts - 1] for number in range(1, parts)]

    def tokens_of(self, tokens: Sequence[int], place: int) -> int | None:
        """How many tokens write exactly `place` letters; None where a token goes on beyond."""
        low, high = 1, len(tokens)
        while low < high:
            middle = (low + high) // 2
            if len(self.stops.decode(tokens[:middle])) < place:
                low = middle + 1
            else:
                high = middle
        return low if len(self.stops.decode(tokens[:low])) == place else None
