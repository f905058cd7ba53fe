"""Let a policy answer prompts, several times each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from functools import partial

from aligncompiler.spec.answering import WRITTEN, Sample
from aligncompiler.spec.base import OF_ANSWERS

from ..distinct_prompts import distinct_prompts
from ..fault import Skip
from ..generate import Decoding
from ..registry import Bound, implements
from ..rows import Row
from ..store import Artifact
from ..work import Work
from ..writing import Family, Request


@implements(Sample)
def sample(
    work: Work,
    *,
    policy: Artifact,
    prompts: Artifact,
    count: int,
    topology: Bound,
    max_new_tokens: int,
    stop: tuple[str, ...],
    temperature: float,
    top_k: int | None,
    top_p: float,
    limit: int | None,
    sampler: str,
    answers_at_once: int,
) -> None:
    """Write one row per answer: the prompt's columns, `completion`, `group` (number of the prompt), `sample`, `tokens`, `ended`, and what the topology adds."""
    rows = distinct_prompts(prompts, limit, work.skipped)
    decoding = Decoding(max_new_tokens, temperature, top_p, answers_at_once, top_k, stop, sampler)
    tell = partial(work.progress.update, unit="answers")
    answers = topology(Request(policy, rows, count, decoding, work.seed, work.device, tell, work.keep("answers")))
    work.facts["answer_columns"] = ["completion", *WRITTEN, *topology.spec.columns]
    totals = {"ended": 0, "tokens": 0}
    old = {*OF_ANSWERS, *prompts.facts.get("answer_columns", ())}  # what rows that hold answers say of those
    work.save_rows(answered(work, rows, answers, totals, old))
    work.summary |= {"ended": totals["ended"] / work.facts["rows"], "tokens": totals["tokens"]}


def answered(work: Work, rows: Sequence[Row], answers: Family, totals: dict[str, int], old: Set[str]) -> Iterator[Row]:
    """A row an answer, without the `old` columns, which speak of other answers; the sums of what is told of all are added to `totals`."""
    for group, (row, found) in enumerate(zip(rows, answers, strict=True)):
        if isinstance(found, Skip):
            work.skipped[found.reason] += 1
            continue
        for number, (answer, more) in enumerate(found):
            totals["ended"] += answer.ended
            totals["tokens"] += answer.tokens
            new = {"completion": answer.text, "group": group, "sample": number, "tokens": answer.tokens, "ended": answer.ended}
            yield {k: v for k, v in row.items() if k not in old} | new | more
