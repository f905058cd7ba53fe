"""Specs as JSON, both ways: references become `{"ref": "stages.sft"}`, tuples become lists, everything else stays what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from .base import Kind, Output, Ref, Spec, extra_of
from .registry import find, plugin_of, singular
from .slot import Slot, slots

MISFITS = (AssertionError, AttributeError, LookupError, TypeError, ValueError)  # what foreign data lead to here


def dump(value: Any) -> Any:
    """The JSON form of a spec or of a value inside one."""
    if isinstance(value, Ref):
        return {"ref": value.to, "inside": value.inside} if value.inside else {"ref": value.to}
    if isinstance(value, Spec):
        return {name: dump(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, tuple):
        return [dump(v) for v in value]
    return {k: dump(v) for k, v in value.items()} if isinstance(value, Mapping) else value


def is_ref(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is the form of a reference."""
    return set(value) in ({"ref"}, {"ref", "inside"})


class UnknownKind(LookupError):
    """A kind that was known where the JSON was written: the plug-in that adds it is not installed here, or cannot be loaded."""


def restore(family: str, data: Mapping[str, Any], outputs: Mapping[str, Output]) -> Kind:
    """The spec of a family whose JSON form `dump` gave; `outputs` types its references.

    Raises UnknownKind for a kind that is not there, pydantic's error on foreign data.
    """
    cls = find(family, data["kind"])
    if cls is None:
        raise UnknownKind(f"there is no {singular(family)} of kind `{data['kind']}` here")
    made = restore_spec(cls, data, outputs)
    assert isinstance(made, Kind)
    return made


def restore_spec(cls: type[Spec], data: Mapping[str, Any], outputs: Mapping[str, Output]) -> Spec:
    fields = slots(cls)
    return cls(**{name: below(name, fields[name], value, outputs) if name in fields else value for name, value in data.items()})


def below(step: str, slot: Slot, value: Any, outputs: Mapping[str, Output]) -> Any:
    """`undump` of a part; an error notes on its way up each step of the path to the value that does not fit."""
    try:
        return undump(slot, value, outputs)
    except MISFITS as error:
        error.add_note(step)
        raise


def undump(slot: Slot, value: Any, outputs: Mapping[str, Output]) -> Any:
    if isinstance(value, Mapping) and is_ref(value) and slot.needs is not None:
        inside = value.get("inside", "")
        if value["ref"] not in outputs:
            raise ValueError(f"it refers to `{value['ref']}`, which is no stage of the plan")
        output = outputs[value["ref"]].inside(inside)
        if output is None:
            raise ValueError(f"it refers to `{inside}` in `{value['ref']}`, which holds no such part")
        return Ref(value["ref"], output, inside)
    if isinstance(value, Mapping) and slot.family is not None:
        return restore(slot.family.family, value, outputs)
    if isinstance(value, Mapping) and slot.nested is not None:
        return restore_spec(slot.nested, value, outputs)
    if isinstance(value, Mapping) and slot.values is not None:
        return {k: below(k, slot.values, v, outputs) for k, v in value.items()}
    if isinstance(value, list) and slot.items is not None:
        return tuple(below(str(i), slot.items, v, outputs) for i, v in enumerate(value))
    return value


@cache
def structured(cls: type[Spec]) -> tuple[str, ...]:
    """The fields of a class whose values are no plain ones."""
    return tuple(name for name, slot in slots(cls).items() if slot.structured)


def refs(value: Any) -> Iterator[Ref]:
    """Every reference inside a spec, in the order of its fields."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, Spec):
        for name in structured(type(value)):
            yield from refs(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from refs(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from refs(item)


def leaves(value: Any, path: tuple[str, ...] = (), role: str = "semantic", is_path: bool = False) -> Iterator[tuple[tuple[str, ...], Any, str, bool]]:
    """(path, value, role, names a file) of every plain value or reference inside a spec; under `version#`, `plugin#` and `package#` of its kinds'
    versions, of the plug-ins that add them, and of the packages whose code they name. What a default says in other words stands there as the default.

    A role holds for all that lies below it.
    """
    if isinstance(value, Kind):
        yield (*path, "version#"), value.version, role, False
        plugin = plugin_of(type(value))
        if plugin is not None:
            yield (*path, "plugin#"), str(plugin), role, False
        if value.calls:
            yield (*path, "package#"), value.calls, role, False
    if isinstance(value, Spec):
        same = value.canonical()
        for name, info in type(value).model_fields.items():
            extra = extra_of(info)
            inner = extra["role"] if role == "semantic" else role
            yield from leaves(same.get(name, getattr(value, name)), (*path, name), inner, extra["path"])
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, str(index)), role)
    elif isinstance(value, Mapping):
        for key in sorted(value):
            yield from leaves(value[key], (*path, key), role)
    else:
        yield path, value, role, is_path


def replaced(spec: Kind, **changes: Any) -> Kind:
    """The same spec with some fields exchanged, validated again."""
    values = {name: getattr(spec, name) for name in type(spec).model_fields}
    return type(spec)(**values | changes)
