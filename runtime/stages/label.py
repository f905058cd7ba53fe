"""Score answers with a reward and keep them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aligncompiler.spec.answering import Label

from ..fault import Fault, Skip
from ..registry import Bound, implements
from ..rows import Row
from ..scores import SCORE, Scores
from ..scoring import figures_of, reward_rows
from ..store import Artifact
from ..work import Work, load_rows


@implements(Label)
def label(work: Work, *, completions: Artifact, reward: Bound | Artifact) -> None:
    """Write the rows with a column `score`, and one for each part that the reward gives."""
    rows = load_rows(completions)
    refuse_lost(reward, rows.columns)
    scores = reward_rows(reward, rows, work.device, work.progress.update, work.keep)
    work.save_rows(work.usable(scored(rows, scores)))
    work.facts["answer_columns"] = sorted({*completions.facts["answer_columns"], *scores.figures})
    known = scores.known()
    work.summary |= {name: float(values[known].mean()) for name, values in scores.figures.items()}


def refuse_lost(reward: Bound | Artifact, columns: Sequence[str]) -> None:
    """Raise Fault if a figure would take the place of a column, unless the rows carry scores already, which are made anew."""
    lost = [name for name in figures_of(reward) if name in columns]
    if lost and SCORE not in columns:
        text = f"the figure `{lost[0]}` of the reward would take the place of the column `{lost[0]}`"
        raise Fault("P603", text, "reward", ("give the part of the reward another name, or the column with `columns: {ours: theirs}`",))


def scored(rows: Sequence[Row], scores: Scores) -> Iterator[Row | Skip]:
    for row, score in zip(rows, scores, strict=True):
        yield score if isinstance(score, Skip) else row | score
