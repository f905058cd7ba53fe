"""Measure models on the same rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from aligncompiler.spec.measuring import Evaluate

from ..fault import Fault, Skip
from ..generate import Decoding
from ..intervals import estimate
from ..judge import Judge, Measured
from ..registry import Bound, implements
from ..rows import Row
from ..store import Artifact
from ..work import TABLE_FILE, Work, load_rows

SAMPLES = 6


@implements(Evaluate)
def evaluate(
    work: Work,
    *,
    models: tuple[Artifact, ...],
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
    """Write `table.json`: per metric the mean of every model and baseline with its interval, overall and by group, and the paired
    difference of every model to the first; and a few answers side by side.
    """
    rows = load_rows(data, limit)
    decoding = Decoding(max_new_tokens, temperature, 1.0, answers_at_once, None, stop, sampler)
    shortcuts = tuple(data.facts.get("shortcuts", ()))
    judges = [Judge(work, model, rows, decoding, tokens_at_once, shortcuts) for model in models]
    tables = [table(metric, judges, rows, confidence) for metric in metrics]
    whole = {"tables": tables, "samples": samples(judges, rows), "confidence": confidence, "data": data.id}
    (work.folder / TABLE_FILE).write_text(json.dumps(whole, indent=1, ensure_ascii=False), encoding="utf-8")
    work.facts["tables"] = tables
    for judge in judges:
        if "answers" in vars(judge):
            work.skipped.update(a.reason for a in judge.answers if isinstance(a, Skip))
        if "own_pair_scores" in vars(judge):
            work.skipped.update(s.reason for s in judge.own_pair_scores if isinstance(s, Skip))
    for one in tables:
        for line in one["lines"]:
            if line["group"] == "" and line["role"] == "model":
                work.summary[f"{one['name']} {line['model'].removeprefix('stages.')}"] = line["value"]


def metric_name(metric: Bound) -> str:
    """The metric with the reward and the part it looks at: `mean_score deduction_steps step`."""
    reward = metric.fields.get("reward")
    judge = [] if reward is None else [reward.spec.tag if isinstance(reward, Bound) else reward.id.removeprefix("stages.")]
    part = getattr(metric.spec, "part", "score")
    return " ".join([metric.spec.tag, *judge, *([part] if part != "score" else [])])


def table(metric: Bound, judges: Sequence[Judge], rows: Sequence[Row], confidence: float) -> dict[str, Any]:
    """All lines of one metric."""
    measured = [metric(judge) for judge in judges]
    first = measured[0]
    groups = ["", *sorted(set(first.groups) - {""}, key=natural)]
    clusters = [row.get("prompt", str(i)) for i, row in enumerate(rows)]
    lines: list[dict[str, Any]] = []

    def add(role: str, model: str, group: str, values: Sequence[float | None], groups: Sequence[str]) -> None:
        inside = [i for i, v in enumerate(values) if v is not None and group in ("", groups[i])]
        if inside:
            found = estimate([values[i] or 0.0 for i in inside], [clusters[i] for i in inside], confidence, signed=role == "difference")
            lines.append({"role": role, "model": model, "group": group, **asdict(found)})

    for group in groups:
        for judge, one in zip(judges, measured, strict=True):
            add("model", judge.model.id, group, one.values, one.groups)
        for judge, one in zip(judges[1:], measured[1:], strict=True):
            if group == "" or one.groups == first.groups:  # a model may have groups of its own, with other rows in them
                add("difference", f"{judge.model.id} - {judges[0].model.id}", group, difference(one, first), first.groups)
        for name, values in first.baselines.items():
            add("baseline", name, group, values, first.groups)
    if not lines:
        raise Fault("P604", f"no row could be measured by `{metric.spec.tag}`", "data")
    return {"name": metric_name(metric), "metric": metric.spec.tag, "by": getattr(metric.spec, "by", None), "lines": lines}


def difference(one: Measured, first: Measured) -> list[float | None]:
    """Row by row, where both could be measured."""
    return [None if a is None or b is None else a - b for a, b in zip(one.values, first.values, strict=True)]


def natural(group: str) -> tuple[int, str]:
    """Groups that end in a number sort by it."""
    tail = group.rsplit(" ", 1)[-1]
    return (int(tail), "") if tail.isdigit() else (0, group)


def samples(judges: Sequence[Judge], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """A few prompts with the answers of every model, where answers were written."""
    writers = [judge for judge in judges if "answers" in vars(judge)]
    shown = []
    for number in range(0, len(rows), max(1, len(rows) // SAMPLES)):
        answers = {judge.model.id: judge.answers[number] for judge in writers}
        texts = {id: answer.text for id, answer in answers.items() if not isinstance(answer, Skip)}
        if texts:
            shown.append({"prompt": rows[number]["prompt"], "reference": rows[number].get("answer"), "answers": texts})
    return shown[:SAMPLES]
