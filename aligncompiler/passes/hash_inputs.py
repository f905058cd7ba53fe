"""Files and folders that the spec names enter keys by their content, never by their name or date."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
from dataclasses import replace
from pathlib import Path

from ..diagnostic import Place, Report
from ..ir import Plan, Stage
from ..spec.base import Kind
from ..spec.codec import leaves
from ..store.artifacts import file_hash


def hash_inputs(plan: Plan, report: Report) -> Plan:
    """The plan with the hash of every file; a file that is missing, or is a folder where a file is due, is reported."""
    found: dict[int, dict[str, str]] = {}  # by the identity of the spec: the stages of a sweep share them
    for stage in plan.stages:
        if id(stage.spec) not in found:
            found[id(stage.spec)] = files_of(stage, report)
    return plan.map({stage.id: replace(stage, files=files) for stage in plan.stages if (files := found[id(stage.spec)])})


def files_of(stage: Stage, report: Report) -> dict[str, str]:
    found = {}
    for path, value, _, is_path in leaves(stage.spec):
        dotted = ".".join(path)
        if is_path and value is not None:
            target = Path(value)
            wants_folder = path[-1] == "folder"
            if check(target, wants_folder, value, stage.place(dotted), report):
                found[dotted] = hash_of(target)
        elif path == ("package",) and value is not None:
            folder = package_folder(value, getattr(stage.spec, "path", None))
            if folder is None:
                name = value.replace("_", "-")
                report.add("P606", f"the package `{value}` is not installed", stage.place(dotted), help=(f"pip install {name}",))
            elif check(folder, True, f"{value}/{getattr(stage.spec, 'path', None) or ''}", stage.place("path"), report):
                found[dotted] = hash_of(folder)
    return found


def hashed_fields(spec: Kind) -> set[str]:
    """The dotted paths of the fields of a spec whose content enters keys."""
    found = ((path, value, is_path) for path, value, _, is_path in leaves(spec))
    return {".".join(path) for path, value, is_path in found if value is not None and (is_path or path == ("package",))}


def check(target: Path, wants_folder: bool, name: str, place: Place | None, report: Report) -> bool:
    """Whether the path names what it should; otherwise the problem is reported."""
    if not os.path.exists(target):  # which is False also for what cannot be the name of a file
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


def shown(name: str) -> str:
    """A path as a person here would write it."""
    return str(Path(name).relative_to(Path.cwd())) if Path(name).is_relative_to(Path.cwd()) else name


def package_folder(package: str, path: str | None) -> Path | None:
    """The folder inside an installed package, found without running its code."""
    found = importlib.util.find_spec(package) if package.isidentifier() else None
    if found is None or not found.submodule_search_locations:
        return None
    root = Path(found.submodule_search_locations[0]).resolve()
    if "\0" in (path or ""):
        return root / str(path)  # which is not there
    folder = (root / (path or "")).resolve()
    return folder if folder.is_relative_to(root) else None


def hash_of(target: Path) -> str:
    """sha256 of a file, or of the names and hashes of all files of a folder."""
    if target.is_file():
        return file_hash(target)
    whole = hashlib.sha256()
    for file in sorted(p for p in target.rglob("*") if p.is_file()):
        whole.update(f"{file.relative_to(target).as_posix()}\0{hash_of(file)}\n".encode())
    return whole.hexdigest()
