"""Tables and samples of evaluations as the page shows them: every mean a row with its interval drawn to a common scale."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cells import MEASURED, figure, size_of
from ..work import TABLE_FILE
from .charts import COLOURS, Scale, Tick, compact, nice_ticks

MOST_LINES = 1_500  # of all tables of a page; beyond that only the lines over all rows are shown, beyond that none
MOST_SAMPLES = 24


@dataclass(frozen=True)
class Mean:
    """A row: its label, its figure in words, where mark and interval stand in percent of the scale, and its class on the page."""

    label: str
    text: str
    at: float
    low: float
    width: float
    look: str


@dataclass(frozen=True)
class Group:
    """What was measured on one group of data; the number of its rows, None where each mean has its own."""

    title: str
    num_rows: int | None
    means: tuple[Mean, ...]


@dataclass(frozen=True)
class Panel:
    """Groups that share a scale: of values, or of differences to the first model. `zero` is where zero stands, or -1."""

    title: str
    groups: tuple[Group, ...]
    ticks: tuple[Tick, ...]
    zero: float


@dataclass(frozen=True)
class Metric:
    """One metric of one evaluation."""

    stage: str
    name: str
    confidence: int
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Sample:
    """A prompt, the answer that was expected, and the answer of each model."""

    prompt: str
    head: str
    reference: str
    answers: tuple[tuple[str, str], ...]


def read_tables(folders: Mapping[str, Path]) -> dict[str, Any]:
    """`table.json` of the stages that have one."""
    files = {id: folder / TABLE_FILE for id, folder in folders.items()}
    return {id: json.loads(file.read_text(encoding="utf-8")) for id, file in files.items() if file.is_file()}


def results_of(wholes: Mapping[str, Any]) -> tuple[list[Metric], list[Sample], int]:
    """Metrics and samples of the stages that measured, and the number of table lines that were left out."""
    tables = [(id, whole["confidence"], table) for id, whole in wholes.items() for table in whole["tables"]]
    every = sum(len(table["lines"]) for _, _, table in tables)
    if every > MOST_LINES:
        tables = [(id, c, table | {"lines": [x for x in table["lines"] if x["group"] == ""]}) for id, c, table in tables]
    kept = sum(len(table["lines"]) for _, _, table in tables)
    if kept > MOST_LINES:
        tables, kept = [], 0
    metrics = [metric(id, confidence, table) for id, confidence, table in tables]
    samples = [sample(one) for whole in wholes.values() for one in whole["samples"]] if metrics else []
    return metrics, samples[:MOST_SAMPLES], every - kept


def metric(id: str, confidence: float, table: Mapping[str, Any]) -> Metric:
    """Values first, differences below them, each with a scale of their own."""
    models = list(dict.fromkeys(x["model"] for x in table["lines"] if x["role"] == "model"))
    looks = {name: f"c{i % COLOURS + 1}" for i, name in enumerate(models)}
    values = [x for x in table["lines"] if x["role"] != "difference"]
    differences = [x for x in table["lines"] if x["role"] == "difference"]
    over = table.get("over", "rows")
    panels = [panel("", values, looks, over)]
    if differences:
        panels.append(panel(f"difference to {short(models[0])}, paired by row", differences, looks, over))
    return Metric(id, table["name"], round(100 * confidence), tuple(panels))


def short(name: str) -> str:
    return name.replace("stages.", "")


def panel(title: str, lines: Sequence[Mapping[str, Any]], looks: Mapping[str, str], over: str) -> Panel:
    signed = bool(title)
    spread = [x[k] for x in lines for k in ("low", "high", "value")] + ([0.0] if signed else [])
    low, high = min(spread), max(spread)
    pad = 0.04 * (high - low) or 0.05
    low, high = (low - pad, high + pad) if signed or low < 0 or high > 1 else (max(0.0, low - pad), min(1.0, high + pad))
    scale = Scale(low, high, 0, 100)
    groups = []
    for name in dict.fromkeys(x["group"] for x in lines):
        inside = [x for x in lines if x["group"] == name]
        size = size_of(inside)
        groups.append(Group(name or f"all {over}", size, tuple(mean(x, scale, looks, size is None) for x in inside)))
    ticks = tuple(Tick(round(scale.at(v), 2), compact(v)) for v in nice_ticks(low, high))
    return Panel(title, tuple(groups), ticks, round(scale.at(0.0), 2) if low < 0 < high else -1)


def mean(line: Mapping[str, Any], scale: Scale, looks: Mapping[str, str], counted: bool) -> Mean:
    """A line; with the number of its rows, where it is `counted` by itself."""
    stated, signed = line["role"] not in MEASURED, line["role"] == "difference"
    sign = "+" if signed else ""
    text = figure(line["value"], 3, sign) + ("" if stated else f" [{figure(line['low'], 3, sign)}, {figure(line['high'], 3, sign)}]")
    text += f" (n = {line['n']})" if counted else ""
    low, high = scale.at(line["low"]), scale.at(line["high"])
    subject = line["model"].partition(" - ")[0] if signed else line["model"]
    label = short(subject) + (" (baseline)" if line["role"] == "baseline" else "")
    width = 0.0 if stated else round(high - low, 2)
    return Mean(label, text, round(scale.at(line["value"]), 2), round(low, 2), width, "base" if stated else looks.get(subject, "c1"))


def sample(one: Mapping[str, Any]) -> Sample:
    prompt = str(one["prompt"])
    head = " ".join(prompt.split())
    reference = "" if one["reference"] is None else str(one["reference"])
    return Sample(prompt, head if len(head) <= 120 else head[:117] + "...", reference, tuple((short(m), str(t)) for m, t in one["answers"].items()))
