"""Score answers with a reward and keep them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aligncompiler.spec.answering import Label

from ..fault import Skip
from ..registry import Bound, implements
from ..rows import Row
from ..scoring import Score, reward_rows
from ..store import Artifact
from ..work import Work, load_rows


@implements(Label)
def label(work: Work, *, completions: Artifact, reward: Bound | Artifact) -> None:
    """Write the rows with a column `score`, and one for each part that the reward gives."""
    rows = load_rows(completions)
    scores = reward_rows(reward, rows, work.device, work.progress.update, work.keep("scores"))
    work.save_rows(work.usable(scored(rows, scores)))
    names = next(tuple(score) for score in scores if not isinstance(score, Skip))
    work.facts["answer_columns"] = sorted({*completions.facts["answer_columns"], *names})
    work.summary |= {name: sum(s[name] for s in scores if not isinstance(s, Skip)) / work.facts["rows"] for name in names}


def scored(rows: Sequence[Row], scores: Sequence[Score | Skip]) -> Iterator[Row | Skip]:
    for row, score in zip(rows, scores, strict=True):
        yield score if isinstance(score, Skip) else row | score
