"""Measure models on the same rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from aligncompiler.spec.measuring import Evaluate

from ..distinct_prompts import distinct_prompts, whole_prompts
from ..fault import Fault, Skip
from ..generate import Decoding
from ..judge import Judge
from ..registry import Bound, implements
from ..scoring import refuse_missing
from ..store import Artifact
from ..tables import table, tell_apart, told_apart
from ..work import TABLE_FILE, Work

SAMPLES = 6
ANSWER = {"completion": ""}  # what each answer of a row is to a reward


@implements(Evaluate)
def evaluate(
    work: Work,
    *,
    models: tuple[Artifact | Bound, ...],
    data: Artifact,
    metrics: tuple[Bound, ...],
    max_new_tokens: int,
    stop: tuple[str, ...],
    temperature: float,
    confidence: float,
    limit: int | None,
    sampler: str,
    answers_at_once: int,
    tokens_at_once: int,
) -> None:
    """Write `table.json`: per metric the figure of every model and baseline with its interval, overall and by group, and the paired
    difference of every model to the first; plots of figures that lie on a curve; and a few answers side by side.
    """
    written = [metric.spec.measures == "answers" for metric in metrics]
    prompts = distinct_prompts(data, limit, work.skipped) if any(written) else whole_prompts(data, limit)
    rows = prompts if all(written) else whole_prompts(data, limit)
    decoding = Decoding(max_new_tokens, temperature, 1.0, answers_at_once, None, stop, sampler)
    shortcuts = tuple(data.facts.get("shortcuts", ()))
    writers, readers = (
        [Judge(work, name, model, one, decoding, tokens_at_once, shortcuts) for name, model in zip(names(models), models, strict=True)]
        for one in (prompts, rows)
    )
    judging = [writers if one else readers for one in written]
    refuse(models, metrics, judging)
    found = [table(metric, judges, confidence, work) for metric, judges in zip(metrics, judging, strict=True)]
    tables = [one | {"place": place} for place, one in enumerate(found) if one]
    tell_apart(tables, metrics)
    judges = [*writers, *readers]
    if not tables:
        raise nothing_measured(judges, metrics)
    plots = [drawn | {"name": one["name"]} for one in tables if (drawn := one.pop("plot"))]
    whole = {"tables": tables, "plots": plots, "samples": samples(writers), "confidence": confidence, "data": data.id}
    (work.folder / TABLE_FILE).write_text(json.dumps(whole, indent=1, ensure_ascii=False), encoding="utf-8")
    work.facts["tables"] = tables
    for one in (writers, readers):
        work.skipped.update(reasons(one))
    for one in tables:
        for line in one["lines"]:
            if line["group"] == "" and line["role"] == "model":
                work.summary[f"{one['name']} {line['model'].removeprefix('stages.')}"] = line["value"]


def refuse(models: Sequence[Artifact | Bound], metrics: Sequence[Bound], judging: Sequence[Sequence[Judge]]) -> None:
    """Raise the first Fault that a model or a metric finds in the rows, at its place: before any of them computes, so that none does in vain."""
    looks = [(f"models.{place}", partial(refuse_missing, one, judging[0][0].rows[0] | ANSWER)) for place, one in enumerate(models)]
    looks += [(f"metrics.{place}", partial(judges[0].look, metric)) for place, (metric, judges) in enumerate(zip(metrics, judging, strict=True))]
    for place, look in looks:
        try:
            look()
        except Fault as fault:
            raise Fault(fault.code, fault.message, place if fault.field in ("metrics", "reward") else fault.field, fault.help) from None


def names(models: Sequence[Artifact | Bound]) -> list[str]:
    """The ids of artifacts; of rewards the names that they were declared by, else the kinds, of which several are told apart."""
    kinds = [one.spec if isinstance(one, Bound) else None for one in models]
    ids = [one.id if not isinstance(one, Bound) else f"rewards.{one.name}" if one.name else one.spec.tag for one in models]
    return told_apart(ids, kinds)


def reasons(judges: Sequence[Judge]) -> Counter[str]:
    """Why rows could not be measured, and how many: once where as many are so for every model, else with the model's name."""
    each = {judge.name: Counter(skip.reason for skip in judge.skipped()) for judge in judges}
    first = next(iter(each.values()))
    alike = Counter({reason: count for reason, count in first.items() if all(one[reason] == count for one in each.values())})
    return alike + Counter({f"{reason} ({name})": count for name, one in each.items() for reason, count in one.items() if reason not in alike})


def nothing_measured(judges: Sequence[Judge], metrics: Sequence[Bound]) -> Fault:
    """Why there is no table."""
    skips = Counter(skip.reason for judge in judges for skip in judge.skipped())
    told = "".join(f"; {reason}: {count}" for reason, count in skips.most_common(3))
    tags = " nor ".join(f"`{metric.spec.tag}`" for metric in metrics)
    return Fault("P604", f"no row could be measured by {tags}{told}", "data", (f"see what it needs: `alignc explain {metrics[0].spec.tag}`",))


def samples(judges: Sequence[Judge]) -> list[dict[str, Any]]:
    """A few prompts with the answers of every model, where answers were written."""
    writers = [judge for judge in judges if "answers" in vars(judge)]
    rows = judges[0].rows
    shown = []
    for number in range(0, len(rows), max(1, len(rows) // SAMPLES)):
        answers = {judge.name: judge.answers[number] for judge in writers}
        texts = {id: answer.text for id, answer in answers.items() if not isinstance(answer, Skip)}
        if texts:
            shown.append({"prompt": rows[number]["prompt"], "reference": rows[number].get("answer"), "answers": texts})
    return shown[:SAMPLES]
