"""`report.html` of a run, however it ended: one file without script, which asks for nothing else. The template gets finished data only."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2

from aligncompiler.ir import Plan
from aligncompiler.package_data import data_folder

from ..cells import cell_table
from ..machine import machine
from ..progress import duration
from ..versions import versions
from ..work import CURVES_FILE
from .charts import HEIGHT, LEFT, RIGHT, TOP, WIDTH, Chart, chart
from .curves import Curve, read_curves
from .lineage import Made, drawing, fields_of, other_versions, skip_rows, stage_rows
from .plots import plots_of
from .results import read_tables, results_of

REPORT = "report.html"
MOST_VARIANTS = 48  # of a stage whose curves are drawn into one chart


def write_report(plan: Plan, made: Made, folder: Path, ending: Mapping[str, Any]) -> Path:
    """Render the report into the run folder, as a whole or not at all; `ending` is what `run.json` says, and of a run that goes on when it was
    `written`. Raises OSError."""
    loader = jinja2.FileSystemLoader(data_folder("templates"))
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    at = "running" if "written" in ending else "interrupted"
    stopped = {ending[name]: how for name, how in (("stage", at), ("failed", "failed")) if name in ending}
    tables = read_tables({id: artifact.folder for id, (artifact, _) in made.items()})
    metrics, samples, left_out = results_of(tables)
    plots, more_plots = plots_of(tables)
    fields, more_fields = fields_of(plan)
    curves, more_curves = curve_charts(plan, made)
    text = environment.get_template("report.html.j2").render(
        plan=plan,
        status=ending["status"],
        written=moment(ending["written"]) if "written" in ending else "",
        facts=facts(plan, made, ending),
        problems=ending.get("problems", [{"code": "", "message": ending["why"], "place": "", "source": "", "help": []}] if "why" in ending else []),
        cells=cell_table(plan, made),
        metrics=metrics,
        left_out=left_out,
        samples=samples,
        plots=plots,
        more_plots=more_plots,
        curves=curves,
        more_curves=more_curves,
        frame={"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT, "top": TOP},
        graph=drawing(plan, made, stopped),
        any_cached=any(cached for _, cached in made.values()),
        stages=stage_rows(plan, made, stopped),
        skips=skip_rows(plan, made),
        fields=fields,
        more_fields=more_fields,
        commands=commands(folder, ending),
        machine=machine(),
        versions={name: v for name, v in versions().items() if name != "machine"},
        other_versions=other_versions(made, versions()),
    )
    making = folder / f"{REPORT}.{os.getpid()}"
    try:
        making.write_text(text, encoding="utf-8", errors="replace")
        os.replace(making, folder / REPORT)
    finally:
        making.unlink(missing_ok=True)
    return folder / REPORT


def facts(plan: Plan, made: Made, ending: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The figures under the name of the run."""
    found = sum(1 for _, cached in made.values() if cached)
    stages = f"{len(made)} of {len(plan.stages)}" if len(made) < len(plan.stages) else str(len(plan.stages))
    work = sum(a.manifest["seconds"] for a, cached in made.values() if not cached)
    saved = sum(a.manifest["seconds"] for a, cached in made.values() if cached)
    rows = [
        ("stages", stages + (", all cached" if found == len(plan.stages) else f", {found} cached" if found else "")),
        ("run time", duration(ending["seconds"])),
        ("work", duration(work)),
    ]
    rows += [("saved by the store", duration(saved))] if found else []
    rows += [("seed", str(plan.seed)), ("device", f"{plan.engine.accelerator}, {plan.engine.precision}")]
    return [*rows, ("started", moment(ending["started"])), ("spec", plan.spec_file)]


def moment(text: str) -> str:
    """A time as `run.json` has it, for a reader."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M UTC")


def commands(folder: Path, ending: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What to type to get the same again."""
    same = ("the very same plan, by content", f"alignc run {shlex.quote(str(folder / 'plan.json'))}")
    return [("as it was started", ending["command"]), same] if ending.get("command") else [same]


def curve_charts(plan: Plan, made: Made) -> tuple[list[tuple[str, list[Chart]]], int]:
    """(name of a stage, its charts) of every stage with curves; variants in a sweep share the charts of their stage. Of many variants an even
    choice is drawn; the number of those that are not."""
    files: dict[str, list[tuple[str, Path]]] = {}
    for stage in plan.stages:
        if stage.id in made and (made[stage.id][0].folder / CURVES_FILE).is_file():
            files.setdefault(stage.base, []).append((stage.id.removeprefix(stage.base).strip("[]"), made[stage.id][0].folder / CURVES_FILE))
    charts, more = [], 0
    for base, variants in files.items():
        kept = spread(variants, MOST_VARIANTS)
        more += len(variants) - len(kept)
        quantities: dict[str, list[tuple[str, Curve]]] = {}
        read = 1.0
        for label, path in kept:
            found = read_curves(path)
            read = min(read, found.read)
            for curve in found.curves:
                quantities.setdefault(curve.name, []).append((label, curve))
        order = sorted(quantities, key=lambda name: ("loss" not in name, name in ("learning_rate", "gradient_norm")))
        charts.append((base, [chart(name, quantities[name], read) for name in order]))
    return charts, more


def spread(items: Sequence[tuple[str, Path]], most: int) -> Sequence[tuple[str, Path]]:
    """At most so many items, evenly chosen."""
    return items if len(items) <= most else [items[i * len(items) // most] for i in range(most)]
