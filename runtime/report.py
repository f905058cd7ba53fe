"""The report of a run: one HTML file, no network, no script. Curves, tables with intervals, the stage graph, answers, the spec."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import markupsafe
import yaml

from aligncompiler.ir import Plan
from aligncompiler.package_data import data_folder
from aligncompiler.spec.codec import dump

from .cells import cell_table
from .console import duration, number
from .graph import Box, layered
from .stages.evaluate import TABLE_FILE
from .store import Artifact
from .work import CURVES_FILE

Made = Mapping[str, tuple[Artifact, bool]]


def write_report(plan: Plan, made: Made, path: Path) -> None:
    """Render the report from finished data."""
    loader = jinja2.FileSystemLoader(data_folder("templates"))
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    tables, samples = results(made)
    boxes, arrows, width, height = graph(plan, made)
    text = environment.get_template("report.html.j2").render(
        plan=plan,
        stages=stage_rows(plan, made),
        cells=cell_table(plan, made),
        tables=tables,
        samples=samples,
        curves=curves(made),
        boxes=boxes,
        arrows=arrows,
        graph_width=width,
        graph_height=height,
        spec=resolved(plan),
        versions=next(iter(made.values()))[0].manifest["versions"] if made else {},
        seconds=duration(sum(a.manifest["seconds"] for a, _ in made.values())),
    )
    path.write_text(text, encoding="utf-8")


def stage_rows(plan: Plan, made: Made) -> list[dict[str, Any]]:
    rows = []
    for stage in plan.stages:
        manifest = made[stage.id][0].manifest
        figures = {name: number(value) for name, value in manifest["summary"].items()}
        rows.append(
            {"id": stage.id, "kind": stage.spec.tag, "makes": str(stage.output), "figures": figures, "skipped": manifest["skipped"]}
            | {"seconds": duration(manifest["seconds"]), "cached": made[stage.id][1], "key": stage.key[:12], "why": stage.why}
        )
    return rows


def results(made: Made) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Tables and samples of every evaluation."""
    tables, samples = [], []
    for id, (artifact, _) in made.items():
        if not (artifact.folder / TABLE_FILE).is_file():
            continue
        whole = json.loads((artifact.folder / TABLE_FILE).read_text(encoding="utf-8"))
        for one in whole["tables"]:
            tables.append({"id": id, "name": one["name"], "confidence": round(100 * whole["confidence"]), "figure": interval_figure(one), **grid(one)})
        samples += whole["samples"]
    return tables, samples


def grid(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table as columns (groups) and rows (models, differences, baselines) of cells; an absent cell is an empty text."""
    groups = list(dict.fromkeys(line["group"] for line in table["lines"]))
    cells = {(x["role"], x["model"], x["group"]): x for x in table["lines"]}
    rows = []
    for role, model in dict.fromkeys((x["role"], x["model"]) for x in table["lines"]):
        sign = "+" if role == "difference" else ""
        found = [cells.get((role, model, group)) for group in groups]
        texts = [f"{c['value']:{sign}.3f} [{c['low']:{sign}.3f}, {c['high']:{sign}.3f}]" if c else "" for c in found]
        rows.append({"role": role, "model": model, "cells": texts})
    sizes = [next(x["n"] for x in table["lines"] if x["group"] == group) for group in groups]
    return {"groups": [f"{group or 'all'} (n={n})" for group, n in zip(groups, sizes, strict=True)], "rows": rows}


def svg(figure: Any) -> markupsafe.Markup:
    """A matplotlib figure as inline SVG, the same bytes for the same data."""
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "alignc", "svg.fonttype": "none"}):
        figure.savefig(out, format="svg", bbox_inches="tight", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")), transparent=True)
    text = out.getvalue()
    return markupsafe.Markup(text[text.index("<svg") :])  # noqa: S704  our own drawing; texts in it are escaped by matplotlib


def new_figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes


def interval_figure(table: Mapping[str, Any]) -> markupsafe.Markup:
    """Means with intervals by group, one mark a model or baseline."""
    groups = list(dict.fromkeys(line["group"] for line in table["lines"]))
    names = list(dict.fromkeys((x["role"], x["model"]) for x in table["lines"] if x["role"] != "difference"))
    figure, axes = new_figure(max(4.0, 1.1 * len(groups) + 2), 2.8)
    for place, (role, name) in enumerate(names):
        lines = [x for x in table["lines"] if (x["role"], x["model"]) == (role, name)]
        at = [groups.index(x["group"]) + 0.12 * (place - (len(names) - 1) / 2) for x in lines]
        middle = [x["value"] for x in lines]
        below = [x["value"] - x["low"] for x in lines]
        above = [x["high"] - x["value"] for x in lines]
        style = {"fmt": "o", "capsize": 3, "markersize": 5} if role == "model" else {"fmt": "xsd^"[place % 4], "capsize": 2, "markersize": 4, "color": "0.6"}
        axes.errorbar(at, middle, yerr=[[max(0, v) for v in below], [max(0, v) for v in above]], label=name, **style)
    axes.set_xticks(range(len(groups)), [group or "all" for group in groups])
    axes.set_ylabel(table["name"])
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return svg(figure)


def curves(made: Made) -> list[dict[str, Any]]:
    """One figure a training stage and quantity."""
    found = []
    for id, (artifact, _) in made.items():
        path = artifact.folder / CURVES_FILE
        if path.is_file():
            points = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            names = [name for name in points[0] if name != "step"]
            found.append({"id": id, "figures": [curve_figure(points, name) for name in names]})
    return found


def curve_figure(points: Sequence[Mapping[str, float]], name: str) -> markupsafe.Markup:
    figure, axes = new_figure(3.2, 2.0)
    axes.plot([p["step"] for p in points], [p[name] for p in points], linewidth=1.4)
    axes.set_xlabel("step", fontsize=8)
    axes.set_title(name.replace("_", " "), fontsize=9)
    axes.tick_params(labelsize=8)
    return svg(figure)


def graph(plan: Plan, made: Made) -> tuple[list[Box], list[str], int, int]:
    """The stage graph, laid out."""
    titles = {s.id: (s.id, f"{s.spec.tag}  {duration(made[s.id][0].manifest['seconds'])}", s.spec.family) for s in plan.stages}
    return layered(titles, {s.id: s.reads for s in plan.stages})


def resolved(plan: Plan) -> str:
    """Every stage with all of its fields, as YAML."""
    whole = {"name": plan.name, "seed": plan.seed, "engine": dump(plan.engine), "stages": {s.id: dump(s.spec) for s in plan.stages}}
    return yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=120)
