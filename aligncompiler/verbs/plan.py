"""`alignc plan`: the stages in order, what each takes and makes, and which are done already."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from ..compile import compile_spec
from ..ir import Plan, artifact_folder
from ..planning.estimate import estimate, total
from ..planning.table import plan_table
from ..planning.why import reasons
from ..render import refusal
from ..spec.cost import Estimate
from ..store.artifacts import complaint, read_manifest
from ..store.resume import half_done
from ..terminal import paint_for, print_json, print_report, say
from .run import says_plan

NARROWEST, WIDEST = 80, 120  # columns of the table


def plan(args: argparse.Namespace) -> int:
    """Print the plan; 1 if the spec has errors, 3 under `--check` if there is work to do.

    `--json` prints the plan as it is written to a file, and beside it `cached` (stage -> whether it is in the store) and
    `resumes` (stage -> how far an earlier run has come with it); for each stage
    `estimate`: `rows`, `parameters`, `trainable`, `flops`, `memory`, `disk`, each a whole number (bytes for the last two) or null, and
    `bounds`, which says of each figure that has a meaning there how sure it is: `exact`, `at_most`, `about`, `unknown`; and `totals` of
    `all` stages and of those `to_do`: `stages`, the sums `flops` and `disk`, the greatest `memory`, `bounds`, and under `unknown` how
    many stages each leaves out.
    """
    compiled = compile_spec(Path(args.spec), args.profiles, args.sets)
    fault = complaint(Path(args.store))
    if fault:
        compiled.report.add("P605", fault, None, help=("name the folder of a store with `--store`",))
    print_report(compiled.report)
    made = compiled.plan
    if made is None or fault:
        if args.json:
            print_json(refusal(compiled.report))
        return 1
    done = finished(made, Path(args.store))
    cached = {stage.id: stage.id in done for stage in made.stages}
    estimates = estimate(made, done)
    resumed = {stage.id: at for stage in made.stages if stage.id not in done and (at := half_done(Path(args.store), stage.key))}
    if args.output:
        fault = unfit(Path(args.output))
        if fault:
            say(f"error: {fault}")
            return 2
        from ..planning.saved import save

        try:
            save(made, Path(args.output), args.spec, args.profiles, args.sets)
        except OSError as error:
            say(f"error: `{args.output}` cannot be written: {error.strerror}")
            return 2
        say(f"wrote {args.output}")
    if args.json:
        print_json(with_estimates(made, estimates, cached) | {"resumes": resumed})
    else:
        width = min(WIDEST, max(NARROWEST, shutil.get_terminal_size((100, 24)).columns))
        notes = {id: reason.brief() for id, reason in reasons(made, Path(args.store)).items()}
        notes |= {id: "; ".join(filter(None, (notes.get(id, ""), f"goes on from {at}"))) for id, at in resumed.items()}
        print(plan_table(made, estimates, cached, paint_for(sys.stdout), width, notes))
    return 3 if args.check and not all(cached.values()) else 0


def unfit(path: Path) -> str:
    """Why a plan may not be written there; empty if it may. Nothing but an older plan is overwritten."""
    if not path.parent.is_dir():
        return f"there is no folder `{path.parent}` to write `{path.name}` to"
    if path.is_dir():
        return f"`{path}` is a folder; name a file in it, such as `{path / 'plan.json'}`"
    if path.exists() and not says_plan(path):
        return f"`{path}` exists and is no saved plan; name another file, or remove it first"
    return ""


def finished(made: Plan, store: Path) -> dict[str, tuple[dict[str, Any], int]]:
    """Stage -> (manifest, bytes of all its files) of what is in the store."""
    found = {}
    for stage in made.stages:
        manifest = read_manifest(store, stage.key)
        if manifest is not None:
            folder = artifact_folder(store, stage.key)
            found[stage.id] = (manifest, sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()))
    return found


def with_estimates(made: Plan, estimates: dict[str, Estimate], cached: dict[str, bool]) -> dict[str, Any]:
    """The plan as JSON, with what the table shows."""
    whole = made.to_json()
    for stage in whole["stages"]:
        stage["estimate"] = estimates[stage["id"]].to_json()
    todo = {id: one for id, one in estimates.items() if not cached[id]}
    return whole | {"cached": cached, "totals": {"all": total(estimates), "to_do": total(todo)}}
