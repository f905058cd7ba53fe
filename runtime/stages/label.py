"""Score answers with a reward and keep them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aligncompiler.spec.answering import Label

from ..fault import Skip
from ..registry import Bound, implements
from ..rows import Row
from ..scores import Scores
from ..scoring import reward_rows
from ..store import Artifact
from ..work import Work, load_rows


@implements(Label)
def label(work: Work, *, completions: Artifact, reward: Bound | Artifact) -> None:
    """Write the rows with a column `score`, and one for each part that the reward gives."""
    rows = load_rows(completions)
    scores = reward_rows(reward, rows, work.device, work.progress.update, work.keep)
    work.save_rows(work.usable(scored(rows, scores)))
    work.facts["answer_columns"] = sorted({*completions.facts["answer_columns"], *scores.figures})
    known = scores.known()
    work.summary |= {name: float(values[known].mean()) for name, values in scores.figures.items()}


def scored(rows: Sequence[Row], scores: Scores) -> Iterator[Row | Skip]:
    for row, score in zip(rows, scores, strict=True):
        yield score if isinstance(score, Skip) else row | score
