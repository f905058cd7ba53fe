"""The table of a metric: what it measured of every model, beside baselines and differences, each with its interval; and the plot of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from aligncompiler.spec.base import Kind
from aligncompiler.spec.reward import Reward

from .encoded import Floats, Ints
from .intervals import Estimate, Tell, estimate, estimate_of
from .judge import Group, Judge, Measured
from .registry import Bound
from .work import Work


def tell_apart(tables: Sequence[dict[str, Any]], metrics: Sequence[Bound]) -> None:
    """Metrics of one name are told apart by what their fields and those of their rewards say, and where that is the same, by their place."""
    names = told_apart([one["name"] for one in tables], [metrics[one.pop("place")].spec for one in tables])
    for one, name in zip(tables, names, strict=True):
        one["name"] = name


def told_apart(names: Sequence[str], specs: Sequence[Kind | None]) -> list[str]:
    """Names, those that stand there twice with what was stated of what they name, and those that still do with a number."""
    words = ["" if spec is None or names.count(name) == 1 else in_words(spec) for name, spec in zip(names, specs, strict=True)]
    stated = [f"{name} ({said})" if said else name for name, said in zip(names, words, strict=True)]
    return [name if stated.count(name) == 1 else f"{name} {1 + stated[:place].count(name)}" for place, name in enumerate(stated)]


def in_words(spec: Kind) -> str:
    """The plain fields of a kind that are not as they are without a word, and those of the rewards in it."""
    stated = {name: getattr(spec, name) for name, info in type(spec).model_fields.items() if name != "kind" and getattr(spec, name) != info.default}
    plain = [
        f"{name} {value}"
        for name, value in stated.items()
        if all(isinstance(one, str | int | float) for one in (value if isinstance(value, tuple) else [value]))
    ]
    return ", ".join([*plain, *(words for value in stated.values() if isinstance(value, Reward) and (words := in_words(value)))])


def metric_name(metric: Bound) -> str:
    """The metric with the rewards, rows and figures it looks at, a reward by its declared name, else its kind: `mean_score steps step`."""
    words = [metric.spec.tag]
    for name in ("reward", "truth", "against"):
        one = metric.fields.get(name)
        words += [] if one is None else [one.called if isinstance(one, Bound) else one.id.removeprefix("stages.")]
    usual = {"part": "score", "figure": "uncertainty"}
    words += [str(metric.fields[name]) for name, word in usual.items() if metric.fields.get(name, word) != word]
    return " ".join(words)


def table(metric: Bound, judges: Sequence[Judge], confidence: float, work: Work) -> dict[str, Any]:
    """All lines of one metric; nothing where no statistic has a value, which is told among what was skipped."""
    measured = [metric(judge) for judge in judges]
    first = measured[0]
    teller = next((place for place, one in enumerate(measured) if np.isfinite(one.values).any()), 0)  # a model that scores nothing has no baseline
    told = metric_name(metric)
    tell = partial(work.progress.update, text=f"interval of {told}", unit="resamples")
    clusters = judges[0].prompts if first.clusters is None else first.clusters
    lines: list[dict[str, Any]] = []

    def add(role: str, model: str, name: str, found: Estimate | None) -> None:
        if found is not None:
            lines.append({"role": role, "model": model, "group": name, **asdict(found)})

    for name in dict.fromkeys(name for one in measured for name in ("", *one.groups)):
        figures = [Figure(one, name, clusters, confidence, tell) for one in measured]
        for judge, figure, one in zip(judges, figures, measured, strict=True):
            add("model", judge.name, name, figure.of(one.values))
            for variant, values in one.variants.items():
                add("model", f"{judge.name}, {variant}", name, figure.of(values))
        for judge, figure, one in zip(judges, figures, measured, strict=True):
            if judge is not judges[0] and figure.compares_with(figures[0]):
                add("difference", f"{judge.name} - {judges[0].name}", name, figure.difference(one.values, first.values))
            for variant, values in one.variants.items():
                add("difference", f"{judge.name}, {variant} - {judge.name}", name, figure.difference(values, one.values))
        for baseline, values in measured[teller].baselines.items():
            add("baseline", baseline, name, figures[teller].of(values))
    if not lines:
        nothing = all(np.isnan(one.values).reshape(len(one.values), -1).any(1).all() for one in measured)
        work.skipped[f"`{told}` as a whole: {'no row has what it needs' if nothing else 'what it compares does not vary'}"] += 1
        return {}
    return {
        "name": told,
        "metric": metric.spec.tag,
        "by": getattr(metric.spec, "by", None),
        "lines": lines,
        "plot": plot_of(first, lines),
    }


def plot_of(measured: Measured, lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
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
    return {"over": measured.over, "log": False, "log_x": True, "subjects": subjects, "lines": drawn} if many else {}


class Figure:
    """What is made of the values of a group of rows: their mean, or another statistic."""

    def __init__(self, measured: Measured, name: str, clusters: Ints, confidence: float, tell: Tell) -> None:
        group = measured.groups.get(name, Group(np.arange(len(measured.values) if not name else 0)))
        self.rows, self.clusters, self.confidence, self.tell = group.rows, clusters, confidence, tell
        self.statistic, self.share, self.columns = group.statistic or measured.statistic, measured.share, group.columns

    def compares_with(self, other: Figure) -> bool:
        """A model may have groups of its own, with other rows in them."""
        return np.array_equal(self.rows, other.rows)

    def of(self, values: Floats) -> Estimate | None:
        """None where nothing could be measured."""
        inside, clusters = self.known(values)
        if not len(clusters):
            return None
        if self.statistic is None:
            return estimate(inside, clusters, self.confidence, tell=self.tell)
        return estimate_of(self.statistic, inside, clusters, self.confidence, self.share, self.tell)

    def difference(self, values: Floats, first: Floats) -> Estimate | None:
        """Over the rows where both could be measured."""
        statistic = self.statistic
        if statistic is None:
            inside, clusters = self.known(values - first)
            return estimate(inside, clusters, self.confidence, signed=True, tell=self.tell) if len(clusters) else None
        inside, clusters = self.known(np.stack([values, first], -1))
        if not len(clusters):
            return None
        return estimate_of(lambda both: statistic(both[..., 0]) - statistic(both[..., 1]), inside, clusters, self.confidence, tell=self.tell)

    def known(self, values: Floats) -> tuple[Floats, Ints]:
        """The values of the group that are there, and the cluster of each row."""
        asked = values if self.columns is None else values[:, self.columns]
        whole_N = ~np.isnan(asked).reshape(len(values), -1).any(1)
        kept = self.rows[whole_N[self.rows]]
        return values[kept], self.clusters[kept]
