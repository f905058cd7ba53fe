"""Score answers with a reward and keep them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aligncompiler.spec.answering import Label

from ..fault import Fault, Skip
from ..registry import Bound, implements
from ..rows import Row
from ..scores import Scores
from ..scoring import figures_of, reward_rows
from ..store import Artifact
from ..work import Work, load_rows


@implements(Label)
def label(work: Work, *, completions: Artifact, reward: Bound | Artifact) -> None:
    """Write the rows with a column `score`, and one for each part that the reward gives."""
    rows = load_rows(completions)
    refuse_lost(reward, rows.columns, completions.labelled)
    scores = reward_rows(reward, rows, work.device, work.progress.update, work.keep)
    work.save_rows(work.usable(scored(rows, scores, completions.labelled)))
    work.facts["answer_columns"] = sorted({*completions.facts["answer_columns"]} - {*completions.labelled} | {*scores.figures})
    known = scores.known()
    work.summary |= {name: float(values[known].mean()) for name, values in scores.figures.items()}


def refuse_lost(reward: Bound | Artifact, columns: Sequence[str], labelled: Sequence[str]) -> None:
    """Raise Fault if a figure would take the place of a column that no earlier reward wrote."""
    lost = [name for name in figures_of(reward) if name in columns and name not in labelled]
    if lost:
        text = f"the figure `{lost[0]}` of the reward would take the place of the column `{lost[0]}`"
        raise Fault("P603", text, "reward", ("give the part of the reward another name, or the column with `columns: {ours: theirs}`",))


def scored(rows: Sequence[Row], scores: Scores, labelled: Sequence[str]) -> Iterator[Row | Skip]:
    """The rows with their scores, and without what an earlier reward said of them."""
    for row, score in zip(rows, scores, strict=True):
        yield score if isinstance(score, Skip) else {name: value for name, value in row.items() if name not in labelled} | score
