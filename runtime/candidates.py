"""What a pairing rule chooses from: the scored answers to one prompt, and how they hang together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from random import Random

Pairs = list[tuple[int, int]]  # (number of the better answer, number of the worse)


@dataclass(frozen=True)
class Candidates:
    """Answers to one prompt by their numbers.

    `figures` are their figures by name, `score` among them. `paths` and `whole`, where they are leaves of trees: the number of the tree, then of the child at
    each depth; and whether it is a leaf. `random` is the rule's own for this prompt.
    """

    figures: Mapping[str, Sequence[float]]
    texts: Sequence[str] = ()
    paths: Sequence[tuple[int, ...]] = ()
    whole: Sequence[bool] = ()
    random: Random = field(default_factory=lambda: Random(0))

    @property
    def scores(self) -> Sequence[float]:
        return self.figures["score"]

    def ordered(self, a: int, b: int, min_gap: float) -> tuple[int, int] | None:
        """Two answers, the better first; None where they score the same, or less than `min_gap` apart."""
        gap = self.scores[a] - self.scores[b]
        return ((a, b) if gap > 0 else (b, a)) if gap and abs(gap) >= min_gap else None

    def apart(self, numbers: Sequence[int], min_gap: float) -> Iterator[tuple[int, int]]:
        """All pairs of some answers with scores so far apart, and with texts that differ."""
        for a, b in combinations(numbers, 2):
            pair = self.ordered(a, b, min_gap)
            if pair is not None and not (self.texts and self.texts[a] == self.texts[b]):
                yield pair

    def drawn(self, pairs: Pairs, count: int) -> Pairs:
        """So many of some pairs, each set of them with the same probability; all where there are no more. In their order."""
        return [pairs[i] for i in sorted(self.random.sample(range(len(pairs)), min(count, len(pairs))))]
