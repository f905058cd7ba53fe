"""Typed specs -> plan: every stage, and every dataset, model and learned reward that a stage needs, in an order that can be run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .diagnostic import Place
from .elaborate import Elaborator
from .ir import Cell, Plan, Stage
from .memo import Memo
from .spec.base import Kind, Spec
from .spec.experiment import Experiment
from .tree import Node


def build(experiment: Experiment, elaborator: Elaborator, spec_file: str) -> Plan:
    """The plan as it was written, before any pass."""
    stages: dict[str, Stage] = {}
    todo = [f"stages.{name}" for name in reversed(list(experiment.stages))]
    while todo:  # depth first with a stack of its own: a chain of stages may be longer than Python's
        id = todo[-1]
        if id in stages:
            todo.pop()
            continue
        stage = stage_of(id, experiment, elaborator.root, elaborator.memo)
        first = [read for read in stage.reads if read not in stages]
        todo += reversed(first)
        if not first:
            stages[todo.pop()] = stage
    head: dict[str, Any] = {"seed": experiment.seed, "description": experiment.description, "cites": experiment.cites, "places": head_places(elaborator.root)}
    return Plan(experiment.name, spec_file, tuple(stages.values()), experiment.engine, **head)


def head_places(root: Node) -> dict[str, Place]:
    """Where the keys above the declarations were written, by their dotted path; "" is the first of them."""
    found = {"": next(iter(root.keys.values()), root.place)}
    for word, node in root.value.items():
        if word in ("seed", "engine"):
            found[word] = root.keys.get(word, node.place) if node.is_map else node.place
            found |= {f"{word}.{inner}": one.place for inner, one in node.value.items()} if node.is_map else {}
    return found


def stage_of(name: str, experiment: Experiment, root: Node, memo: Memo) -> Stage:
    """The stage of a declaration, made once for one spec and seed."""
    family, _, short = name.partition(".")
    spec = getattr(experiment, family)[short]
    seed = seed_of(experiment.seed, name) if spec.draws else 0
    key = (name, id(spec), seed)
    if key not in memo.stages:
        output = spec.output()
        assert output is not None, f"{name} makes no artifact"
        if id(spec) not in memo.places:
            memo.places[id(spec)] = dict(places(spec, memo.nodes))
        where = {"": root.value[family].keys[short]} | memo.places[id(spec)]
        if spec.draws and "seed" in root.value:
            where["seed#"] = root.value["seed"].place
        declared = {id(reward): short for short, reward in experiment.rewards.items()}
        memo.stages[key] = Stage(name, spec, output, where, seed, names=dict(names_in(spec, declared)))
    return memo.stages[key]


def seed_of(experiment_seed: int, id: str) -> int:
    """Seed of a stage that draws random numbers: the first 31 bits of sha256(seed of the experiment, id of the stage).

    Adding a stage moves nobody else's randomness.
    """
    digest = hashlib.sha256(f"{experiment_seed}/{id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def join(plans: Sequence[tuple[str, Mapping[str, Any], Plan]]) -> Plan:
    """One plan of the cells of a sweep, given as (name, values of the axes, plan): a stage that several cells have in common is in it once."""
    variants: dict[str, dict[tuple[object, ...], int]] = {}  # id -> what makes a stage what it is -> number of the variant
    chosen: list[dict[str, tuple[Stage, int]]] = []  # for each cell, id -> (stage, number of its variant)
    for _, _, plan in plans:
        mine: dict[str, tuple[Stage, int]] = {}
        for stage in plan.stages:
            known = variants.setdefault(stage.id, {})
            made_of = (id(stage), *(mine[read][1] for read in stage.reads))
            mine[stage.id] = (stage, known.setdefault(made_of, len(known)))
        chosen.append(mine)
    names = {base: distinct_names(base, len(known), plans, chosen) for base, known in variants.items()}
    stages: dict[str, Stage] = {}
    cells = []
    for (name, values, plan), mine in zip(plans, chosen, strict=True):
        called = {base: names[base][number] for base, (_, number) in mine.items()}
        for base, (stage, _) in mine.items():
            if called[base] not in stages:
                links = {read: called[read] for read in stage.reads if called[read] != read}
                stages[called[base]] = replace(stage, id=called[base], links=links) if called[base] != base or links else stage
        cells.append(Cell(name, values, called, plan.seed))
    return replace(plans[0][2], stages=tuple(stages.values()), cells=tuple(cells))


def distinct_names(base: str, count: int, plans: Sequence[tuple[str, Mapping[str, Any], Plan]], chosen: Sequence[Mapping[str, tuple[Stage, int]]]) -> list[str]:
    """A name for each variant of a stage: with the axes of the sweep that it depends on, or just the name where there is one variant."""
    if count == 1:
        return [base]
    labels = [dict(part.partition("=")[::2] for part in name.split(",")) for name, _, _ in plans]
    members: list[list[int]] = [[] for _ in range(count)]
    for cell, mine in enumerate(chosen):
        if base in mine:
            members[mine[base][1]].append(cell)
    axes = [axis for axis in labels[0] if all(len({labels[cell][axis] for cell in cells}) == 1 for cells in members)]
    found = [",".join(f"{axis}={labels[cells[0]][axis]}" for axis in axes) for cells in members]
    clear = len(set(found)) == count
    return [f"{base}[{text}]" if clear else f"{base}[{number}]" for number, text in enumerate(found, 1)]


def names_in(value: Any, declared: Mapping[int, str], path: str = "") -> Iterator[tuple[str, str]]:
    """(dotted path, name) of every reward inside a value that is declared by a name, given the names by identity."""
    inside: Mapping[Any, Any] = {}
    if isinstance(value, Spec):
        inside = {name: getattr(value, name) for name in type(value).model_fields}
    elif isinstance(value, tuple | Mapping):
        inside = value if isinstance(value, Mapping) else dict(enumerate(value))
    if path and id(value) in declared:
        yield path, declared[id(value)]
    for step, one in inside.items():
        yield from names_in(one, declared, f"{path}.{step}".lstrip("."))


def places(spec: Spec, nodes: Mapping[int, Node], prefix: str = "") -> Iterator[tuple[str, Place]]:
    """(dotted path, place) of everything in a statement that was written somewhere, inlined declarations included."""
    node = nodes.get(id(spec))
    if node is None or not node.is_map:
        return
    for name, child in node.value.items():
        if name not in type(spec).model_fields:
            continue
        path = f"{prefix}{name}"
        value = getattr(spec, name)
        yield path, child.place if not (child.is_map or child.is_list) else node.keys.get(name, child.place)
        if isinstance(value, Spec):
            yield from places(value, nodes, f"{path}.")
        elif isinstance(value, tuple) and child.is_list:
            same = len(value) == len(child.value)  # otherwise a reference to a list stands for several items
            for index, (item, inner) in enumerate(zip(value, child.value, strict=True) if same else ()):
                yield f"{path}.{index}", inner.place
                if isinstance(item, Kind):
                    yield from places(item, nodes, f"{path}.{index}.")
        elif isinstance(value, Mapping) and child.is_map:
            for key, inner in child.value.items():
                yield f"{path}.{key}", inner.place
                if isinstance(value[key], Kind):
                    yield from places(value[key], nodes, f"{path}.{key}.")
