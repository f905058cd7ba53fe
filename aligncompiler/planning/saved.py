"""Saved plans: `alignc plan SPEC -o FILE` keeps beside the plan how it was made; `alignc run FILE` carries it out if that still holds."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from .. import __version__
from ..compile import compile_spec
from ..diagnostic import Diagnostic, Report, SpecError
from ..ir import NotAPlan, Plan, Stage, read_json, write_plan
from ..spec.base import Ref, extra_of
from ..spec.codec import UnknownKind, leaves
from ..spec.experiment import Engine
from ..store.artifacts import CHECKSUM, checksum
from ..store.inputs import shown
from .difference import ABSENT, aligned, at, differences, said, written
from .verify import Shape, check_shape, is_mapping, is_named_texts, is_text, is_texts, verified

RECORD = "saved"
MADE: Shape = {
    "spec": (is_text, "the path of a spec"),
    "profiles": (is_texts, "a list of texts"),
    "sets": (is_texts, "a list of texts"),
    "code": (is_mapping, "a mapping"),
    CHECKSUM: (is_text, "the sha256 of the rest of the file"),
}
CODE: Shape = {"version": (is_text, "a text"), "files": (is_named_texts, "a mapping to texts"), "plugins": (is_named_texts, "a mapping to texts")}
SHOWN_FILES = 3


@dataclass(frozen=True)
class Saved:
    """A plan from a file, and how it was made: from which spec, under which profiles and values, by which code."""

    plan: Plan
    spec: Path
    profiles: tuple[str, ...]
    sets: tuple[str, ...]
    code: Mapping[str, Any]


def save(plan: Plan, path: Path, spec: str, profiles: Sequence[str], sets: Sequence[str]) -> None:
    """Write a plan with the record of how it was made, and the checksum of both. Raises OSError."""
    record = {"spec": str(Path(spec).resolve()), "profiles": list(profiles), "sets": list(sets), "code": code()}
    write_plan(plan, path, {RECORD: record | {CHECKSUM: checksum(plan.to_json() | {RECORD: record})}})


def load_saved(path: Path) -> Saved:
    """A saved plan. Raises SpecError if the file holds none, or another than was saved: where the rest of it tells which value is wrong, with that."""
    try:
        data = read_json(path)
        plan = verified({name: value for name, value in data.items() if name != RECORD})
        record = checked(data.get(RECORD))
        if record[CHECKSUM] != checksum(data | {RECORD: {name: value for name, value in record.items() if name != CHECKSUM}}):
            raise NotAPlan("it was edited after it was made")
        return Saved(plan, Path(record["spec"]), tuple(record["profiles"]), tuple(record["sets"]), record["code"])
    except OSError as error:
        raise SpecError(Diagnostic("P601", f"the plan `{path}` cannot be read: {error.strerror}", help=("name a file that `alignc plan` wrote",))) from None
    except NotAPlan as error:
        text = f"`{path}` is no saved plan that can be carried out: {error}"
        raise SpecError(Diagnostic("P615", text, help=("make one with `alignc plan SPEC -o FILE.json`",))) from None
    except UnknownKind as error:
        text = f"`{path}` is no saved plan that can be carried out here: `{'.'.join(reversed(error.__notes__))}`: {error}"
        raise SpecError(Diagnostic("P615", text, help=("install the plug-in that adds it, or make a plan with `alignc plan SPEC -o FILE.json`",))) from None


def checked(record: Any) -> dict[str, Any]:
    """The record of how a plan was made. Raises NotAPlan if it is missing or not whole."""
    if record is None:
        raise NotAPlan("it has no record of how it was made")
    if not isinstance(record, dict):
        raise NotAPlan(f"`{RECORD}` is {said(record)}; it should be the record of how the plan was made")
    check_shape(f"`{RECORD}`: ", record, MADE)
    check_shape(f"`{RECORD}.code`: ", record["code"], CODE)
    return record


# ---- code


def code() -> dict[str, Any]:
    """What makes and carries out plans: our version, a digest of every source file, and the versions of plug-ins."""
    files = {}
    for package in ("aligncompiler", "runtime"):
        found = importlib.util.find_spec(package)
        for root in (found.submodule_search_locations or ()) if found else ():
            for path in sorted(Path(root).rglob("*.py")):
                files[f"{package}/{path.relative_to(root).as_posix()}"] = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    points = entry_points(group="alignc.plugins")
    return {"version": __version__, "files": files, "plugins": {p.dist.name: p.dist.version for p in points if p.dist is not None}}


def moved_code(then: Mapping[str, Any]) -> Iterator[str]:
    """What is other in the code now."""
    now = code()
    if now["version"] != then["version"]:
        yield f"alignc is {now['version']} now; the plan was made by {then['version']}"
    names = sorted(name for name in {*now["files"], *then["files"]} if now["files"].get(name) != then["files"].get(name))
    if names:
        more = f" and {len(names) - SHOWN_FILES} more" if len(names) > SHOWN_FILES else ""
        was = [f"`{name}` ({str(then['files'].get(name, 'none'))[:8]}, now {now['files'].get(name, 'none')[:8]})" for name in names[:SHOWN_FILES]]
        yield f"the code of alignc has changed: {', '.join(was)}{more}"
    for name in sorted({*now["plugins"], *then["plugins"]}):
        a, b = now["plugins"].get(name, "not installed"), then["plugins"].get(name, "not installed")
        if a != b:
            yield f"the plug-in {name} is {a} now; the plan was made with {b}"


# ---- the spec and its data


def image(plan: Plan, stage: Stage) -> dict[str, Any]:
    """Field -> value of everything in a stage that can change its result or its cost."""
    found: dict[str, Any] = {"family": stage.spec.family}
    for path, value, role, is_path in leaves(stage.spec):
        dotted = ".".join(path)
        if role == "cosmetic" or value is None:
            continue
        if isinstance(value, Ref):
            found[dotted] = f"{value!r} = {stage.source(value)}" if stage.source(value) != value.to else repr(value)
        else:
            found[dotted] = value if not is_path else f"sha256:{stage.files[dotted]}" if dotted in stage.files else value
    found |= {f"{name}#content": digest for name, digest in stage.files.items()}
    return found


def moved(saved: Saved) -> Report:
    """Why the plan must not be carried out: one diagnostic for each thing that moved since it was saved; none if nothing has."""
    spec = Path(shown(str(saved.spec)))
    compiled = compile_spec(spec, saved.profiles, saved.sets)
    report = compiled.report
    options = "".join(f" --profile {name}" for name in saved.profiles) + "".join(f" --set '{text}'" for text in saved.sets)
    help = (f"make the plan again: `alignc plan {spec}{options} -o FILE.json`",)
    for text in moved_code(saved.code):
        report.add("P612", text, None, help=help)
    if compiled.plan is None:
        report.add("P612", f"the plan cannot be compared with its spec `{spec}`, which has errors now", None, help=help)
        return report
    compare(saved.plan, compiled.plan, report, help)
    return report


def compare(old: Plan, new: Plan, report: Report, help: tuple[str, ...]) -> None:
    for name, info in Engine.model_fields.items():
        now, then = getattr(new.engine, name), getattr(old.engine, name)
        if now != then and extra_of(info)["role"] != "cosmetic":
            text = f"`engine.{name}` is {said(now)} now; the plan was made with {said(then)}"
            report.add("P612", text, new.places.get(f"engine.{name}"), path=("engine", name), help=help)
    gone = [stage.id for stage in old.stages if stage.id not in new.by_id]
    for stage in new.stages:
        if stage.id not in old.by_id:
            report.add("P612", f"`{stage.id}` is not in the plan, but is in the spec now", stage.place(), path=tuple(stage.base.split(".")), help=help)
        else:
            compare_stage(old, new, stage, report, help)
    for id in gone:
        report.add("P612", f"`{id}` is in the plan, but not in the spec any more", None, help=help)
    assert report.errors or all(old[stage.id].key == stage.key for stage in new.stages), "keys differ, but nothing that they are made of"


def compare_stage(old: Plan, new: Plan, stage: Stage, report: Report, help: tuple[str, ...]) -> None:
    """Report every field of a stage that is other now, both values, at its line."""
    before = old[stage.id]
    now, then = image(new, stage), image(old, before)
    same = aligned(now, then, stage.spec, before.spec)
    for dotted in differences(now, same.image):
        was = same.was(dotted)
        bare = dotted.partition("#")[0]
        place, _ = written(stage, bare)
        path = (*stage.base.split("."), *filter(None, bare.split(".")))
        if dotted.endswith("#content"):
            a, b = (str(x.get(name, "none"))[:8] for x, name in ((now, dotted), (then, was)))
            text = f"the content of `{shown(str(at(stage.spec, bare)))}` has changed: sha256 {a} now, {b} in the plan"
        else:
            a, b = (value_of(x, y, name) for x, y, name in ((stage.spec, now, dotted), (before.spec, then, was)))
            text = f"`{stage.base}.{(dotted if dotted in now else was).replace('#', '')}` is {a} now; the plan was made with {b}"
        report.add("P612", text, place, path=path, help=help)
    seeds = [plan.seeds.get(stage.id, plan.seed) for plan in (new, old)]
    if stage.seed != before.seed:
        place = stage.places.get("seed#", new.places.get(""))
        report.add("P612", f"`seed` is {seeds[0]} now; the plan was made with {seeds[1]}", place, path=("seed",), help=help)


def value_of(spec: Any, image: Mapping[str, Any], dotted: str) -> str:
    """A field as it would be written."""
    found = image.get(dotted, ABSENT)
    given = at(spec, dotted)
    return (
        said(shown(given)) if isinstance(given, str) and isinstance(found, str) and found.startswith("sha256:") else said(given if found is ABSENT else found)
    )
