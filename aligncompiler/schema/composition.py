"""The keys that put a spec together as schemas: `extends`, `vars`, `profiles`, `rounds`, `sweep`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pydantic.fields import FieldInfo

from ..compose import VAR_TYPES
from ..elaborate import NAME
from ..spec.composed import COMPOSED, Key
from ..spec.experiment import Experiment
from ..spec.registry import DECLARED, kinds
from ..spec.slot import Slot, slots
from ..sweep import SWEPT
from ..unroll import MAX_ROUNDS, RESERVED
from .statements import TYPES, Schemas, declaration, section
from .words import annotated, choice, closed, one_of, or_null

WORD = r"[A-Za-z][\w-]*"
IN_ROUNDS = rf"(?!({'|'.join(RESERVED)})$){NAME.pattern}"
MAPPING: dict[str, Any] = {"type": "object"}


def composed(schemas: Schemas, word: str, part: bool) -> dict[str, Any]:
    """The schema of a key that composition reads."""
    return said(COMPOSED[word], MAKERS[word](schemas, part))


def said(key: Key, schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with the text that an editor shows."""
    return annotated({"description": key.text, "markdownDescription": key.text}, schema)


def inner(word: str, schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A mapping with the keys that stand inside a key, and no others."""
    return MAPPING | closed(word, {name: said(key, schemas[name]) for name, key in COMPOSED[word].inside.items()})


def named(schema: dict[str, Any]) -> dict[str, Any]:
    """A mapping of names to such values."""
    return MAPPING | {"additionalProperties": schema}


def variable(part: bool) -> dict[str, Any]:
    """A variable, whose default is of its type."""
    made = inner("vars", {"type": choice("type of a variable", VAR_TYPES), "default": {}, "doc": {}})
    typed = [
        {"if": {"properties": {"type": {"const": word}}, "required": ["type"]}, "then": {"properties": {"default": {"type": TYPES[python[0]]}}}}
        for word, python in VAR_TYPES.items()
    ]
    return or_null(made | {"allOf": typed} | ({} if part else {"required": ["type", "default"]}), part)


def rounds(schemas: Schemas, part: bool) -> dict[str, Any]:
    """A mapping of names to loops."""
    return or_null(MAPPING | {"allOf": [schemas.named(f"{'part.' * part}rounds", lambda: {"additionalProperties": loop(schemas, part)})]}, part)


def loop(schemas: Schemas, part: bool) -> dict[str, Any]:
    """One construct of `rounds`."""
    count = {"anyOf": [{"title": "a whole number", "type": "integer", "minimum": 1, "maximum": MAX_ROUNDS}, schemas.reference()]}
    over = {"anyOf": [{"title": "a list", "type": "array"}, schemas.reference()], "items": MAPPING, "minItems": 1}
    sections = {family: section(schemas, family, part, IN_ROUNDS) for family in DECLARED}
    made = inner("rounds", {"count": count, "over": over, "start": MAPPING, "next": MAPPING, "rounds": rounds(schemas, part), **sections})
    return or_null(made, part)


def sweep(schemas: Schemas) -> dict[str, Any]:
    """A grid: axes are combined, the lists of a `zip` run in step, some cells are skipped and others added."""
    heads = {"propertyNames": {"pattern": rf"^({'|'.join(SWEPT)})(\.|$)", "patternErrorMessage": f"a sweep changes {', '.join(SWEPT)}"}}
    lists = heads | {"allOf": [schemas.named("paths.lists", lambda: by_path(schemas, lists=True))]}
    cells = {"type": "array", "items": heads | {"allOf": [overrides(schemas)]}}
    return inner("sweep", {"axes": lists, "zip": {"type": "array", "items": lists}, "skip": cells, "add": cells})


MAKERS: dict[str, Callable[[Schemas, bool], dict[str, Any]]] = {
    "extends": lambda _, part: {"type": "string"},
    "vars": lambda _, part: or_null(named(variable(part)), part),
    "profiles": lambda schemas, part: or_null(named(profile(schemas) if part else overrides(schemas)), part),
    "rounds": rounds,
    "sweep": lambda schemas, part: or_null(sweep(schemas), part),
}


# ---- paths


def overrides(schemas: Schemas) -> dict[str, Any]:
    """A mapping of dotted paths to values."""
    return schemas.named("paths", lambda: by_path(schemas, lists=False))


def profile(schemas: Schemas) -> dict[str, Any]:
    """The overrides of a child's profile, or `null` in the place of those of its parent."""
    return {"if": {"not": {"type": "null"}}, "then": overrides(schemas)}


def by_path(schemas: Schemas, lists: bool) -> dict[str, Any]:
    """A mapping whose keys are paths into a spec, each with the value that stands there, or with a list of such values."""
    found: dict[str, list[dict[str, Any]]] = {word: [composed(schemas, word, part=True)] for word in COMPOSED if word != "extends"}
    found |= {r"sweep(\.[\w-]+)+": [{}], r"vars\.[\w-]+(\.(type|default|doc))?": [{}], rf"rounds\.{WORD}(\.[\w-]+)*": [{}]}
    for name, slot in slots(Experiment).items():
        here, inner = name, slot
        found[name] = [section(schemas, name, part=True) if name in DECLARED else schemas.slot(slot, True, Experiment.model_fields[name])]
        if name in DECLARED and slot.values is not None:
            here, inner = rf"{name}\.{WORD}", slot.values
            found[here] = [declaration(schemas, name, part=True)]
        for path, schema in inside(schemas, here, inner, frozenset()):
            found.setdefault(path, []).append(schema)
    values = {f"^{path}$": one_of(schema) for path, schema in found.items()}
    many = {path: {"type": "array", "minItems": 1, "items": value} for path, value in values.items()}
    return {"title": "paths", "type": "object", "patternProperties": many if lists else values, "additionalProperties": False}


def inside(schemas: Schemas, here: str, slot: Slot, above: frozenset[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(pattern of a path, schema of the value there) of everything inside a slot. A family inside itself is followed once."""
    family = slot.family.family if slot.family is not None else ""
    if family in above:
        yield rf"{here}(\.[\w-]+)+", {}
        return
    classes = [slot.nested] if slot.nested is not None else list(kinds(family).values()) if family else []
    below: list[tuple[str, Slot, FieldInfo | None]] = [(name, inner, cls.model_fields[name]) for cls in classes for name, inner in slots(cls).items()]
    below += [(r"\d+", slot.items, None)] if slot.items is not None else []
    below += [(WORD, slot.values, None)] if slot.values is not None else []
    for name, inner, info in below:
        yield rf"{here}\.{name}", schemas.slot(inner, True, info)
        yield from inside(schemas, rf"{here}\.{name}", inner, above | {family} - {""})
