"""The verifier of plans that come from files: every name known, every stage after what it reads, every key the hash of its pre-image.

A file may have been edited by hand or cut short. The first value that is wrong is named, beside what it should be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from ..build import seed_of
from ..diagnostic import Report
from ..ir import FORMAT, NotAPlan, Plan, Stage, plan_from
from ..passes.key_stages import key_of, key_stages
from ..spec.experiment import NAME
from ..spec.registry import FAMILIES
from ..store.artifacts import KEY_LENGTH, is_key
from ..store.inputs import inputs_of
from ..tree import shortened
from ..words.suggest import did_you_mean
from .difference import ABSENT, differences

Shape = Mapping[str, tuple[Callable[[Any], bool], str]]
SHA256 = re.compile("[0-9a-f]{64}")


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def is_mappings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def is_named_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


def is_place(value: Any) -> bool:
    numbers = ("line", "col", "end_line", "end_col")
    return isinstance(value, dict) and value.keys() == {"file", *numbers} and is_text(value["file"]) and all(is_whole(value[name]) for name in numbers)


def is_plain(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str | int | float | bool) for one in value.values())


def is_part(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and is_text(value[0]) and is_mapping(value[1])


PLACES = (lambda value: isinstance(value, dict) and all(map(is_place, value.values())), "places, each with `file`, `line`, `col`, `end_line` and `end_col`")
HEAD: Shape = {
    "format": (lambda value: value == FORMAT, f"`{FORMAT}`"),
    "name": (lambda value: is_text(value) and re.search(NAME, value) is not None, "the name of an experiment"),
    "description": (is_text, "a text"),
    "cites": (is_texts, "a list of texts"),
    "spec_file": (is_text, "the path of a spec"),
    "seed": (is_whole, "a whole number"),
    "engine": (is_mapping, "a mapping"),
    "stages": (is_mappings, "a list of stages"),
    "cells": (is_mappings, "a list of cells"),
    "places": PLACES,
}
STAGE: Shape = {
    "id": (is_text, "the name of a stage"),
    "family": (lambda value: is_text(value) and value in FAMILIES, "the name of a section"),
    "spec": (lambda value: is_mapping(value) and is_text(value.get("kind")), "a mapping with a `kind`"),
    "output": (is_mapping, "a mapping"),
    "reads": (is_texts, "a list of stages"),
    "seed": (is_whole, "a whole number"),
    "files": (lambda value: is_named_texts(value) and all(SHA256.fullmatch(one) for one in value.values()), "the sha256 of each file"),
    "key": (lambda value: is_text(value) and is_key(value), f"{KEY_LENGTH} hexadecimal digits"),
    "why": (is_text, "a text"),
    "preimage": (is_plain, "a mapping to plain values"),
    "links": (is_named_texts, "a mapping to stages"),
    "names": (is_named_texts, "a mapping to names of rewards"),
    "places": PLACES,
}
OUTPUT: Shape = {
    "artifact": (is_text, "a text"),
    "rows": (is_texts, "a list of texts"),
    "columns": (is_texts, "a list of texts"),
    "space": (is_text, "a text"),
    "holds": (lambda value: isinstance(value, list) and all(map(is_part, value)), "a list of parts, each a name and what it is"),
    "context": (lambda value: value is None or is_whole(value), "a whole number or null"),
    "attributes": (is_texts, "a list of texts"),
    "uncertainty": (is_text, "a text"),
    "members": (is_whole, "a whole number"),
    "whole": (lambda value: isinstance(value, bool), "true or false"),
    "weights": (is_texts, "a list of texts"),
    "hollow": (is_texts, "a list of texts"),
    "collapsed": (is_text, "a text"),
    "answer_columns": (is_texts, "a list of texts"),
    "labelled": (is_texts, "a list of texts"),
}
CELL: Shape = {
    "name": (is_text, "a text"),
    "values": (is_mapping, "a mapping"),
    "stages": (is_named_texts, "a mapping to stages"),
    "seed": (is_whole, "a whole number"),
}


def verified(data: Mapping[str, Any]) -> Plan:
    """The plan in JSON data of any origin. Raises NotAPlan, which names the value that is wrong, or UnknownKind where a plug-in is missing."""
    check_shape("", data, HEAD)
    ids: set[str] = set()
    for number, stage in enumerate(data["stages"]):
        where = f"`{shortened(stage['id'])}`" if is_text(stage.get("id")) else f"stage {number}"
        check_shape(f"{where}: ", stage, STAGE)
        check_output(f"{where}: ", "output", stage["output"])
        if stage["id"] in ids:
            raise NotAPlan(f"two stages have the `id` {where}")
        ids.add(stage["id"])
    for number, cell in enumerate(data["cells"]):
        check_shape(f"cell {number}: ", cell, CELL)
    plan = plan_from(data)
    again = json.loads(json.dumps(plan.to_json()))
    for stage, found in zip(again["stages"], data["stages"], strict=True):
        check_same(f"`{stage['id']}`: ", "", found, stage)
    check_same("", "", {name: data[name] for name in again}, again)
    check_stages(plan)
    check_cells(plan)
    check_keys(plan)
    return plan


def check_shape(where: str, data: Mapping[str, Any], shape: Shape) -> None:
    """Raise NotAPlan if there are other names than the shape has, or a value is not what it says."""
    for name in data:
        if name not in shape:
            raise NotAPlan(f"{where}`{shortened(name)}` is no part of it ({'; '.join(did_you_mean(name, shape, 'its parts'))})")
    for name, (fits, what) in shape.items():
        if name not in data:
            raise NotAPlan(f"{where}`{name}` is missing")
        if not fits(data[name]):
            raise NotAPlan(f"{where}`{name}` is {shown(data[name])}; it should be {what}")


def check_output(where: str, path: str, output: Mapping[str, Any]) -> None:
    """Raise NotAPlan if an output, or a part that it holds at any depth, is not of its shape."""
    check_shape(f"{where}`{path}`: ", output, OUTPUT)
    for name, part in output["holds"]:
        check_output(where, f"{path}.holds.{shortened(name)}", part)


def check_same(where: str, path: str, found: Any, due: Any) -> None:
    """Raise NotAPlan for the first value that is not as the plan itself would write it."""
    if isinstance(found, dict) and isinstance(due, dict):
        for name in [*due, *(name for name in found if name not in due)]:
            check_same(where, f"{path}.{name}" if path else name, found.get(name, ABSENT), due.get(name, ABSENT))
    elif found != due or type(found) is not type(due):
        raise NotAPlan(f"{where}`{path}` is {shown(found)}; by the rest of the plan it is {shown(due)}")


def shown(value: Any) -> str:
    return repr(value) if value is ABSENT else shortened(json.dumps(value, ensure_ascii=False))


def check_stages(plan: Plan) -> None:
    """Each stage: its names lead to stages before it, and its output, its seed and its files are those of its spec."""
    before: set[str] = set()
    for stage in plan.stages:
        where = f"`{stage.id}`: "
        if not stage.id.startswith(f"{stage.spec.family}."):
            raise NotAPlan(f"{where}`family` is `{stage.spec.family}`, which its `id` does not begin with")
        for name, id in stage.links.items():
            if id not in plan.by_id or plan[id].base != name:
                raise NotAPlan(f"{where}`links.{name}` is `{shortened(id)}`, which is no variant of `{name}`")
        for read in stage.reads:
            if read not in before:
                raise NotAPlan(f"{where}it reads `{read}`, which does not come before it")
        before.add(stage.id)
        due = stage.spec.output()
        if stage.output != due:
            check_same(where, "output", asdict(stage.output), ABSENT if due is None else asdict(due))
        seed = seed_of(plan.seeds.get(stage.id, plan.seed), stage.base) if stage.spec.draws else 0
        if stage.seed != seed:
            raise NotAPlan(f"{where}`seed` is {stage.seed}; from the seed of the experiment, {plan.seeds.get(stage.id, plan.seed)}, follows {seed}")
        check_files(stage, where)


def check_files(stage: Stage, where: str) -> None:
    due = {one.field for one in inputs_of(stage.spec)}
    for name in sorted(due):
        if name not in stage.files:
            raise NotAPlan(f"{where}`files.{name}` is missing")
    for name in stage.files:
        if name not in due:
            raise NotAPlan(f"{where}`files.{shortened(name)}` names no file of its `spec`")


def check_cells(plan: Plan) -> None:
    """Each cell: a name of its own, and stages that there are; no stage without a cell."""
    names: set[str] = set()
    for cell in plan.cells:
        if cell.name in names:
            raise NotAPlan(f"two cells have the name `{shortened(cell.name)}`")
        names.add(cell.name)
        for base, id in cell.stages.items():
            if id not in plan.by_id or plan[id].base != base:
                raise NotAPlan(f"cell `{shortened(cell.name)}`: `{shortened(base)}` is `{shortened(id)}`, which is no variant of it in the plan")
    used = {id for cell in plan.cells for id in cell.stages.values()}
    for stage in plan.stages if plan.cells else ():
        if stage.id not in used:
            raise NotAPlan(f"`{stage.id}` is in no cell of the sweep")


def check_keys(plan: Plan) -> None:
    """Each pre-image is that of its spec, and each key the hash of it."""
    for stage, due in zip(plan.stages, key_stages(plan, Report()).stages, strict=True):
        for name in differences(stage.preimage, due.preimage):
            found, wanted = (shown(one.preimage.get(name, ABSENT)) for one in (stage, due))
            raise NotAPlan(f"`{stage.id}`: `{name}` is {found} in `preimage`; by the rest of the plan it is {wanted}")
        if stage.key != key_of(stage.preimage):
            raise NotAPlan(f"`{stage.id}`: `key` is {stage.key}; the hash of its `preimage` is {due.key}")
