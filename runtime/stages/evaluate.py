"""Measure models on the same rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from aligncompiler.spec.measuring import Evaluate

from ..encoded import Floats
from ..fault import Fault, Skip
from ..generate import Decoding
from ..intervals import Estimate, estimate, estimate_of
from ..judge import Group, Judge, Measured
from ..registry import Bound, implements
from ..rows import Row
from ..store import Artifact
from ..work import TABLE_FILE, Work, load_rows

SAMPLES = 6


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
    rows = load_rows(data, limit)
    decoding = Decoding(max_new_tokens, temperature, 1.0, answers_at_once, None, stop, sampler)
    shortcuts = tuple(data.facts.get("shortcuts", ()))
    judges = [Judge(work, name, model, rows, decoding, tokens_at_once, shortcuts) for name, model in zip(names(models), models, strict=True)]
    tables = [one | {"place": place} for place, metric in enumerate(metrics) if (one := table(metric, judges, rows, confidence, work))]
    tell_apart(tables, metrics)
    if not tables:
        raise nothing_measured(judges, metrics)
    plots = [drawn for one in tables if (drawn := one.pop("plot"))]
    whole = {"tables": tables, "plots": plots, "samples": samples(judges, rows), "confidence": confidence, "data": data.id}
    (work.folder / TABLE_FILE).write_text(json.dumps(whole, indent=1, ensure_ascii=False), encoding="utf-8")
    work.facts["tables"] = tables
    for judge in judges:
        work.skipped.update(skip.reason for skip in judge.skipped())
    for one in tables:
        for line in one["lines"]:
            if line["group"] == "" and line["role"] == "model":
                work.summary[f"{one['name']} {line['model'].removeprefix('stages.')}"] = line["value"]


def names(models: Sequence[Artifact | Bound]) -> list[str]:
    """The ids of artifacts, and the kinds of rewards; several of a kind are counted."""
    plain = [one.spec.tag if isinstance(one, Bound) else one.id for one in models]
    return [name if plain.count(name) == 1 else f"{name} {1 + plain[:place].count(name)}" for place, name in enumerate(plain)]


def nothing_measured(judges: Sequence[Judge], metrics: Sequence[Bound]) -> Fault:
    """Why there is no table."""
    reasons = Counter(skip.reason for judge in judges for skip in judge.skipped())
    told = "".join(f"; {reason}: {count}" for reason, count in reasons.most_common(3))
    tags = " nor ".join(f"`{metric.spec.tag}`" for metric in metrics)
    return Fault("P604", f"no row could be measured by {tags}{told}", "data", (f"see what it needs: `alignc explain {metrics[0].spec.tag}`",))


def tell_apart(tables: Sequence[dict[str, Any]], metrics: Sequence[Bound]) -> None:
    """Metrics of one name are told apart by those of their fields that are not as they are without a word."""
    plain = [one["name"] for one in tables]
    for one in tables:
        spec = metrics[one.pop("place")].spec
        if plain.count(one["name"]) > 1:
            stated = {field: getattr(spec, field) for field, info in type(spec).model_fields.items() if getattr(spec, field) != info.default}
            told = [f"{field} {value}" for field, value in stated.items() if isinstance(value, str | int | float | tuple)]
            one["name"] += f" ({', '.join(told)})" if told else ""


def metric_name(metric: Bound) -> str:
    """The metric with the rewards, rows and figures it looks at: `mean_score deduction_steps step`."""
    words = [metric.spec.tag]
    for name in ("reward", "truth", "against"):
        one = metric.fields.get(name)
        words += [] if one is None else [one.spec.tag if isinstance(one, Bound) else one.id.removeprefix("stages.")]
    usual = {"part": "score", "figure": "uncertainty"}
    words += [str(metric.fields[name]) for name, word in usual.items() if metric.fields.get(name, word) != word]
    return " ".join(words)


def table(metric: Bound, judges: Sequence[Judge], rows: Sequence[Row], confidence: float, work: Work) -> dict[str, Any]:
    """All lines of one metric; nothing where no statistic has a value, which is told among what was skipped."""
    measured = [metric(judge) for judge in judges]
    first = measured[0]
    clusters = first.clusters or [row.get("prompt", str(i)) for i, row in enumerate(rows)]
    lines: list[dict[str, Any]] = []

    def add(role: str, model: str, name: str, found: Estimate | None) -> None:
        if found is not None:
            lines.append({"role": role, "model": model, "group": name, **asdict(found)})

    for name in dict.fromkeys(name for one in measured for name in ("", *one.groups)):
        figures = [Figure(one, name, clusters, confidence) for one in measured]
        for judge, figure, one in zip(judges, figures, measured, strict=True):
            add("model", judge.name, name, figure.of(one.values))
            for variant, values in one.variants.items():
                add("model", f"{judge.name}, {variant}", name, figure.of(values))
        for judge, figure, one in zip(judges, figures, measured, strict=True):
            if judge is not judges[0] and figure.compares_with(figures[0]):
                add("difference", f"{judge.name} - {judges[0].name}", name, figure.difference(one.values, first.values))
            for variant, values in one.variants.items():
                add("difference", f"{judge.name}, {variant} - {judge.name}", name, figure.difference(values, one.values))
        for baseline, values in first.baselines.items():
            add("baseline", baseline, name, figures[0].of(values))
    if not lines:
        nothing = all(np.isnan(one.values).reshape(len(one.values), -1).any(1).all() for one in measured)
        work.skipped[f"`{metric_name(metric)}` as a whole: {'no row has what it needs' if nothing else 'what it compares does not vary'}"] += 1
        return {}
    return {
        "name": metric_name(metric),
        "metric": metric.spec.tag,
        "by": getattr(metric.spec, "by", None),
        "lines": lines,
        "plot": plot_of(metric, first, lines),
    }


def plot_of(metric: Bound, measured: Measured, lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures of all models over the axis on which the groups of a metric lie; nothing where they lie on none."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        if line["role"] == "model" and line["group"] in measured.curve:
            found.setdefault(line["model"], []).append(line)
    subjects = [name.removeprefix("stages.") for name in found]
    drawn = []
    for subject, points in zip(subjects, found.values(), strict=True):
        points.sort(key=lambda line: measured.curve[line["group"]])
        values = {axis: [point[name] for point in points] for axis, name in (("y", "value"), ("low", "low"), ("high", "high"))}
        drawn.append({"of": subject, "label": subject, "x": [measured.curve[point["group"]] for point in points], **values})
    many = any(len(points) > 1 for points in found.values())
    return {"name": metric_name(metric), "over": measured.over, "log": False, "log_x": True, "subjects": subjects, "lines": drawn} if many else {}


class Figure:
    """What is made of the values of a group of rows: their mean, or another statistic."""

    def __init__(self, measured: Measured, name: str, clusters: Sequence[object], confidence: float) -> None:
        group = measured.groups.get(name, Group(np.arange(len(measured.values) if not name else 0)))
        self.rows, self.clusters, self.confidence = group.rows, clusters, confidence
        self.statistic, self.share, self.columns = group.statistic or measured.statistic, measured.share, group.columns

    def compares_with(self, other: Figure) -> bool:
        """A model may have groups of its own, with other rows in them."""
        return np.array_equal(self.rows, other.rows)

    def of(self, values: Floats) -> Estimate | None:
        """None where nothing could be measured."""
        inside, clusters = self.known(values)
        if not clusters:
            return None
        if self.statistic is None:
            return estimate(inside, clusters, self.confidence)
        return estimate_of(self.statistic, inside, clusters, self.confidence, self.share)

    def difference(self, values: Floats, first: Floats) -> Estimate | None:
        """Over the rows where both could be measured."""
        statistic = self.statistic
        if statistic is None:
            inside, clusters = self.known(values - first)
            return estimate(inside, clusters, self.confidence, signed=True) if clusters else None
        inside, clusters = self.known(np.stack([values, first], -1))
        return estimate_of(lambda both: statistic(both[..., 0]) - statistic(both[..., 1]), inside, clusters, self.confidence) if clusters else None

    def known(self, values: Floats) -> tuple[Floats, list[object]]:
        """The values of the group that are there, and the cluster of each row."""
        asked = values if self.columns is None else values[:, self.columns]
        whole_N = ~np.isnan(asked).reshape(len(values), -1).any(1)
        kept = self.rows[whole_N[self.rows]]
        return values[kept], [self.clusters[number] for number in kept]


def samples(judges: Sequence[Judge], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """A few prompts with the answers of every model, where answers were written."""
    writers = [judge for judge in judges if "answers" in vars(judge)]
    shown = []
    for number in range(0, len(rows), max(1, len(rows) // SAMPLES)):
        answers = {judge.name: judge.answers[number] for judge in writers}
        texts = {id: answer.text for id, answer in answers.items() if not isinstance(answer, Skip)}
        if texts:
            shown.append({"prompt": rows[number]["prompt"], "reference": rows[number].get("answer"), "answers": texts})
    return shown[:SAMPLES]
