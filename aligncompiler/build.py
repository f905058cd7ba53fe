"""Typed specs -> plan: every stage, and every dataset, model and learned reward that a stage needs, in an order that can be run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .diagnostic import Place
from .elaborate import Elaborator
from .ir import Plan, Stage
from .load import Node
from .spec.base import Kind, Spec
from .spec.codec import refs
from .spec.experiment import Experiment


def build(experiment: Experiment, elaborator: Elaborator, spec_file: str) -> Plan:
    """The plan as it was written, before any pass."""
    stages: dict[str, Stage] = {}

    todo = [f"stages.{name}" for name in reversed(list(experiment.stages))]
    while todo:  # depth first with a stack of its own: a chain of stages may be longer than Python's
        id = todo[-1]
        family, _, name = id.partition(".")
        spec = getattr(experiment, family)[name]
        first = [ref.to for ref in refs(spec) if ref.to not in stages]
        if first and id not in stages:
            todo += reversed(first)
            continue
        todo.pop()
        if id not in stages:
            output = spec.output()
            assert output is not None, f"{id} makes no artifact"
            key = elaborator.root.value[family].keys[name]
            stages[id] = Stage(id, spec, output, {"": key} | dict(places(spec, elaborator.nodes)))
    head = {"seed": experiment.seed, "description": experiment.description, "cites": experiment.cites}
    return Plan(experiment.name, spec_file, tuple(stages.values()), experiment.engine, **head)  # type: ignore[arg-type]  # the head is typed above


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
