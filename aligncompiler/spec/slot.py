"""What a field accepts, read once from its annotation: an edge, a member of a family, a nested statement, a list, or plain values."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from .base import Kind, Needs, Ref, Spec, extra_of
from .registry import singular, tag_of

NOUNS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


@dataclass(frozen=True, slots=True)
class Slot:
    """The alternatives that a field accepts; empty ones do not apply."""

    needs: Needs | None = None
    family: type[Kind] | None = None
    nested: type[Spec] | None = None
    items: Slot | None = None
    length: int | None = None
    values: Slot | None = None
    choices: tuple[Any, ...] = ()
    scalars: tuple[type, ...] = ()
    optional: bool = False
    path: bool = False
    unit: str = ""

    @property
    def structured(self) -> bool:
        return any(x is not None for x in (self.needs, self.family, self.nested, self.items, self.values))

    def describe(self) -> str:
        """What the field takes, in words."""
        parts = []
        if self.needs is not None:
            parts.append(f"a reference to a {self.needs}")
        if self.family is not None:
            parts.append(f"{article(singular(self.family.family))} {singular(self.family.family)}")
        if self.nested is not None:
            parts.append(f"a mapping with {', '.join(f'`{f}`' for f in self.nested.model_fields)}")
        if self.items is not None:
            size = "" if self.length is None else f" of {self.length}"
            parts.append(f"a list{size} ({self.items.describe()} each)")
        if self.values is not None:
            parts.append(f"a mapping of names to {self.values.describe()}")
        if self.choices:
            words = [f"`{c}`" for c in self.choices]
            parts.append(words[0] if len(words) == 1 else f"one of {', '.join(words)}")
        parts += [NOUNS[s] for s in self.scalars]
        if self.optional:
            parts.append("null")
        return " or ".join(parts)


def article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def combine(slots: list[Slot]) -> Slot:
    """The union of alternatives."""
    merged: dict[str, Any] = {}
    for slot in slots:
        for name in Slot.__dataclass_fields__:
            value = getattr(slot, name)
            if isinstance(value, tuple):
                merged[name] = merged.get(name, ()) + value
            elif value:
                merged[name] = value
    return Slot(**merged)


def slot_of(annotation: Any, metadata: tuple[Any, ...] = ()) -> Slot:
    """The slot of a type annotation."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return slot_of(args[0], args[1:])
    if annotation is Ref:
        return Slot(needs=next(m for m in metadata if isinstance(m, Needs)))
    if annotation is type(None):
        return Slot(optional=True)
    if origin in (Union, types.UnionType):
        return combine([slot_of(a) for a in args])
    if origin is Literal:
        return Slot(choices=args)
    if origin is tuple:
        return Slot(items=slot_of(args[0]), length=None if args[-1] is Ellipsis else len(args))
    if origin is not None and issubclass(origin, Mapping):
        return Slot(values=slot_of(args[1]))
    if isinstance(annotation, type) and issubclass(annotation, Kind) and not tag_of(annotation):
        return Slot(family=annotation)
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return Slot(nested=annotation)
    assert annotation in NOUNS, f"the language has no values of type {annotation}"
    return Slot(scalars=(annotation,))


@cache
def slots(cls: type[Spec]) -> dict[str, Slot]:
    """Field name -> slot, for every field of a spec class."""
    found = {}
    for name, info in cls.model_fields.items():
        slot = slot_of(info.annotation, tuple(info.metadata))
        extra = extra_of(info)
        found[name] = combine([slot, Slot(path=extra["path"], unit=extra["unit"])])
    return found
