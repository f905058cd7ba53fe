"""Files and folders that the spec names enter keys by their content, never by their name or date."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from ..diagnostic import Place, Report
from ..ir import Plan, Stage
from ..store.inputs import hash_of, inputs_of, shown


def hash_inputs(plan: Plan, report: Report) -> Plan:
    """The plan with the hash of every file; a file that is missing, or is a folder where a file is due, is reported."""
    found: dict[int, dict[str, str]] = {}  # by the identity of the spec: the stages of a sweep share them
    for stage in plan.stages:
        if id(stage.spec) not in found:
            found[id(stage.spec)] = files_of(stage, report)
    return plan.map({stage.id: replace(stage, files=files) for stage in plan.stages if (files := found[id(stage.spec)])})


def files_of(stage: Stage, report: Report) -> dict[str, str]:
    found = {}
    for one in inputs_of(stage.spec):
        place = stage.place(one.at)
        if one.target is None:
            report.add("P606", f"the package `{one.name}` is not installed", place, help=(f"pip install {one.name.replace('_', '-')}",))
        elif check(one.target, one.is_folder, one.name, place, report):
            found[one.field] = hash_of(one.target)
    return found


def check(target: Path, wants_folder: bool, name: str, place: Place | None, report: Report) -> bool:
    """Whether the path names what it should; otherwise the problem is reported."""
    if not os.path.exists(target):  # which is False also for what cannot be the name of a file
        link = next((str(one) for one in (target, *target.parents) if os.path.islink(one) and not os.path.exists(one)), None)
        if link is not None:
            report.add("P601", f"`{shown(link)}` is a link {led(link)}", place, help=("mend the link, or name what it should lead to",))
            return False
        noun = "folder" if wants_folder else "file"
        report.add("P601", f"there is no {noun} `{shown(name)}`", place, help=(way_out(target, name),))
        return False
    if target.is_dir() != wants_folder:
        is_folder = target.is_dir()
        text = f"`{shown(name)}` is a folder; a file is needed here" if is_folder else f"`{shown(name)}` is a file; a folder is needed here"
        inside = ", ".join(sorted(p.name for p in target.iterdir())[:5]) if is_folder else ""
        report.add("P601", text, place, help=(f"in it there are: {inside}",) if inside else (f"its folder is `{shown(str(target.parent))}`",))
        return False
    return True


def led(link: str) -> str:
    """Where a link leads that leads nowhere."""
    end = os.path.realpath(link)
    return "that leads back to itself" if os.path.islink(end) else f"to `{shown(end)}`, which is not there"


def way_out(target: Path, name: str) -> str:
    """A help line about a path that leads nowhere."""
    if "://" in name:
        return "nothing is fetched: copy it here and name the copy, or name rows of the Hugging Face hub by `hub`"
    if any(part.startswith("~") for part in target.parts):
        return "`~` stands for itself here; write the path of the home folder out, or one that starts at the folder of the spec"
    if any(part.startswith("$") for part in target.parts):
        return "an experiment reads no environment; write the path out, or give it by `--set`"
    if re.search(r"[*?]|\[.*\]", name):
        return "this names one file; `*` and `?` stand for themselves"
    folder = shown(str(target.parent))
    if not os.path.isdir(target.parent):
        return f"the folder `{folder}` is not there either"
    beside = sorted(p.name for p in target.parent.iterdir())[:5]
    return f"in its folder there are: {', '.join(beside)}" if beside else f"its folder `{folder}` is empty"
