"""Where every value of a resolved spec comes from, and what it overrode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .compile import Compiled
from .compose import may_drop
from .diagnostic import Place
from .spec.base import Ref, Spec
from .spec.codec import dump
from .sweep import plain
from .tree import Node


@dataclass(frozen=True)
class Origin:
    """One value of the resolved spec.

    `place` is where it was written, None for the built-in default; `via` is where a variable was named that it came through; `overrode`
    are the values that it took the place of, the latest first, each with its place (None for the built-in default).
    """

    path: str
    value: Any
    place: Place | None
    via: Place | None = None
    overrode: tuple[tuple[Any, Place | None], ...] = ()


def origins(compiled: Compiled) -> Iterator[Origin]:
    """Every leaf of the resolved spec, defaults included, in the order of the language; then what was dropped, with the value None."""
    assert compiled.experiment is not None and compiled.root is not None and compiled.composed is not None, "the spec has errors"
    yield from statement(compiled.experiment, compiled.root, (), compiled.nodes)
    yield from dropped(compiled.composed.tree, ())


def dropped(node: Node, path: tuple[str, ...]) -> Iterator[Origin]:
    """The sections and declarations below a path that a `null` took away."""
    for key, gone in node.dropped.items():
        yield Origin(".".join((*path, key)), None, gone.place, None, tuple(earlier(gone)))
    for key, inner in node.value.items():
        if inner.is_map and (len(path) % 2 or may_drop((*path, key))):  # sections and the loops in them
            yield from dropped(inner, (*path, key))


def statement(spec: Spec, node: Node | None, path: tuple[str, ...], nodes: Mapping[int, Node]) -> Iterator[Origin]:
    """The leaves of a statement; `node` is what was written of it."""
    written = node.value if node is not None and node.is_map else {}
    replaced = of_old_kind(node) if node is not None else {}
    for name, info in type(spec).model_fields.items():
        child = written.get(name)
        if child is None and name == "kind":
            child = node  # a bare name is short for a mapping with that kind only
        if child is not None and child.below is None and name in replaced:
            child = Node(child.value, child.place, child.text, child.keys, replaced[name], child.via)
        default = () if info.is_required() or name == "kind" else ((dump(info.default), None),)
        yield from value(getattr(spec, name), child, (*path, name), nodes, default)


def of_old_kind(node: Node) -> Mapping[str, Node]:
    """What a mapping held before an override changed its kind; otherwise each value knows by itself what it overrode."""
    old = node.below
    if old is None or not old.is_map or not node.is_map or "kind" not in old.value or "kind" not in node.value:
        return {}
    return old.value if old.value["kind"].value != node.value["kind"].value else {}


def value(made: Any, node: Node | None, path: tuple[str, ...], nodes: Mapping[int, Node], default: tuple[tuple[Any, None], ...] = ()) -> Iterator[Origin]:
    """The leaves of one value. What a reference stands for was written where it is declared."""
    if isinstance(made, Spec):
        yield from statement(made, nodes.get(id(made), node), path, nodes)
    elif isinstance(made, Mapping) and made:
        for key, inner in made.items():
            yield from value(inner, node.value.get(key) if node is not None and node.is_map else None, (*path, key), nodes)
    elif isinstance(made, tuple) and made:
        same = node is not None and node.is_list and len(node.value) == len(made)  # else a reference to a list stands for several items
        for index, inner in enumerate(made):
            yield from value(inner, node.value[index] if node is not None and same else node, (*path, str(index)), nodes)
    elif node is None:
        yield Origin(".".join(path), shown(made), None)
    else:
        yield Origin(".".join(path), shown(made), node.place, node.via, (*earlier(node), *default))


def shown(made: Any) -> Any:
    """A value as it is written in a spec."""
    return f"${{{made.path}}}" if isinstance(made, Ref) else dump(made)


def earlier(node: Node) -> Iterator[tuple[Any, Place]]:
    """What a value overrode, the latest first."""
    below = node.below
    while below is not None:
        yield plain(below), below.place
        below = below.below
