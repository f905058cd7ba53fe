"""Statements, families and fields as schemas.

What a field accepts is written flat: `anyOf` names the alternatives by their JSON type or their words and goes no deeper, and everything
below them (`items`, `minimum`, the definition of a statement) stands beside it, where it applies to values of its type alone. A fault
deep inside a value is then reported at its own place, and not as "none of the alternatives fits" around all of it.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from pydantic.fields import FieldInfo

from ..elaborate import NAME
from ..manual.docstrings import field_docs
from ..spec.base import Kind, Output, Spec, extra_of
from ..spec.registry import DECLARED, base_of, kinds, singular
from ..spec.slot import NOUNS, Slot, article, slots
from .words import about, annotated, choice, closed, hover, one_of, or_null

TYPES = {int: "integer", float: "number", str: "string", bool: "boolean"}
LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum", "multiple_of": "multipleOf"}
NOTHING: Mapping[str, dict[str, Any]] = MappingProxyType({})
ANYWHERE = ("vars", "round", "rounds")  # what a reference to these stands for, only the whole spec can tell


class Schemas:
    """Makes schemas of statements and keeps those with a name."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}

    def named(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A reference to a definition, which is made when it is first asked for."""
        if name not in self.definitions:
            self.definitions[name] = {}  # a statement may stand somewhere inside itself
            self.definitions[name] = make()
        return {"$ref": f"#/definitions/{name}"}

    def reference(self, families: Sequence[str] = ()) -> dict[str, Any]:
        return self.named(".".join(["reference", *families]), lambda: reference_to(families))

    # ---- statements

    def statement(self, cls: type[Spec], part: bool, title: str = "", ready: Mapping[str, dict[str, Any]] = NOTHING) -> dict[str, Any]:
        """A statement of a known class; a `part` of it need not say everything; `ready` are values of fields that are made already."""
        properties = {}
        for doc in field_docs(cls):
            value = ready[doc.name] if doc.name in ready else self.slot(slots(cls)[doc.name], part, cls.model_fields[doc.name])
            plain = isinstance(doc.default, bool | int | float | str)
            properties[doc.name] = annotated(hover(doc), ({"default": doc.default} if plain else {}) | value)
        required = [] if part else [doc.name for doc in field_docs(cls) if doc.required]
        return about(cls) | closed(title or cls.__name__.lower(), properties, required)

    def kind(self, cls: type[Kind], tag: str, part: bool) -> dict[str, Any]:
        """A member of a family. `kind` itself is offered and explained by the family."""

        def make() -> dict[str, Any]:
            made = self.statement(cls, part, tag)
            return made | {"properties": {"kind": {"const": tag, "doNotSuggest": True}} | made["properties"]}

        same = part and self.statement(cls, part=True) == self.statement(cls, part=False)
        return self.named(f"{'part.' * (part and not same)}{cls.family}.{tag}", make)

    def family(self, base: type[Kind], part: bool, inline: bool) -> dict[str, Any]:
        """A mapping that names its `kind`, with the fields of that kind and no others. What is a node of the plan is not written `inline`."""
        chosen = kinds_of(base.family, inline)
        fewer = len(chosen) < len(kinds(base.family))

        def make() -> dict[str, Any]:
            noun = singular(base.family)
            tag = {"description": f"Which {noun}.", "anyOf": [choice(f"kind of {noun}", chosen, chosen), self.reference()]}
            one = [
                {"if": {"type": "object", "properties": {"kind": {"const": t}}, "required": ["kind"]}, "then": self.kind(c, t, part)} for t, c in chosen.items()
            ]
            unsaid = {"if": {"required": ["kind"]}, "else": self.named(f"part.{base.family}.any", lambda: self.any_kind(base))}
            return {"title": noun, "properties": {"kind": tag}} | (
                {"allOf": [*one, unsaid]} if part else {"required": ["kind"], **({"allOf": one} if one else {})}
            )

        return self.named(f"{'part.' * part}{base.family}{'.inline' * fewer}", make)

    def any_kind(self, base: type[Kind]) -> dict[str, Any]:
        """A part that leaves the `kind` to what it overrides: the fields of every kind."""
        fields = [self.statement(cls, part=True)["properties"] for cls in kinds(base.family).values()]
        names = dict.fromkeys(name for some in fields for name in some)
        return closed(singular(base.family), {name: one_of(some[name] for some in fields if name in some) for name in names})

    # ---- values

    def slot(self, slot: Slot, part: bool, info: FieldInfo | None = None) -> dict[str, Any]:
        """The value of a field. Lists replace each other, so their items are always whole."""
        schema: dict[str, Any] = {}
        either: list[dict[str, Any]] = []
        if slot.choices:
            either.append(choice("one of a few words", slot.choices))
        if slot.family is not None:
            schema["allOf"] = [self.family(slot.family, part, inline=True)]
            either += members(slot.family.family, inline=True)
        if slot.nested is not None:
            nested = slot.nested
            schema["allOf"] = [self.named(f"{'part.' * part}{nested.__name__}", lambda: self.statement(nested, part))]
            either.append({"title": "a mapping", "type": "object"})
        if slot.values is not None:
            schema["additionalProperties"] = self.slot(slot.values, part)
            either.append({"title": "a mapping", "type": "object"})
        if slot.items is not None:
            schema |= {"items": self.slot(slot.items, part=False)} | ({} if slot.length is None else {"minItems": slot.length, "maxItems": slot.length})
            either.append({"title": "a list", "type": "array"})
        either += [{"title": NOUNS[one], "type": TYPES[one], **(text_limits(info) if one is str else {})} for one in slot.scalars]
        either += [{"title": "null", "type": "null"}] if slot.optional else []
        schema |= limits(info)
        return schema | ({"anyOf": [*either, self.reference(sources(slot))]} if either else reference_to(sources(slot)))


def section(schemas: Schemas, family: str, part: bool, name: str = NAME.pattern) -> dict[str, Any]:
    """A mapping of names to declarations of a family."""
    names = {"pattern": f"^({name})$", "patternErrorMessage": "names are letters, digits, `_` and `-`, and start with a letter"}
    return or_null({"title": family, "type": "object", "propertyNames": names, "additionalProperties": declaration(schemas, family, part)}, part)


def declaration(schemas: Schemas, family: str, part: bool) -> dict[str, Any]:
    """What stands under a name at the top of a spec."""
    either = [*members(family, inline=False), schemas.reference(own_family(family))]
    either += [{"title": "null", "type": "null"}] if part else []
    return {"allOf": [schemas.family(base_of(family), part, inline=False)], "anyOf": either}


def members(family: str, inline: bool) -> list[dict[str, Any]]:
    """A member of a family: a mapping, or the bare word of a kind that needs no more."""
    noun = f"{article(singular(family))} {singular(family)}"
    bare = {tag: cls for tag, cls in kinds_of(family, inline).items() if not any(info.is_required() for info in cls.model_fields.values())}
    return [*([choice(f"{noun} with its defaults", bare, bare)] if bare else []), {"title": noun, "type": "object"}]


def kinds_of(family: str, inline: bool) -> Mapping[str, type[Kind]]:
    """The kinds of a family; `inline` those that may stand where they are used, because they are no nodes of the plan."""
    return {tag: cls for tag, cls in kinds(family).items() if not inline or artifacts_of(cls) in (frozenset(), None)}


@cache
def artifacts_of(cls: type[Kind]) -> frozenset[str] | None:
    """The artifact kinds that a kind makes, as its source says them; none for a value that is inlined; None where they depend on what it is given."""
    if cls.output is Kind.output:
        return frozenset()
    function = ast.parse(textwrap.dedent(inspect.getsource(cls.output)))
    found = set()
    for one in (node.value for node in ast.walk(function) if isinstance(node, ast.Return)):
        named = one.args[0] if isinstance(one, ast.Call) and getattr(one.func, "id", "") == Output.__name__ and one.args else None
        if not isinstance(named, ast.Constant) or any(keyword.arg == "holds" for keyword in getattr(one, "keywords", ())):
            return None
        found.add(str(named.value))
    return frozenset(found)


def own_family(family: str) -> list[str]:
    """Declarations of a family that may be named where one of its values is due."""
    return [family] if family in DECLARED and any(artifacts_of(cls) == frozenset() for cls in kinds(family).values()) else []


def sources(slot: Slot) -> list[str]:
    """The families whose declarations may be named in a slot, its members' where a reference may stand for the whole list."""
    found = set(own_family(slot.family.family)) if slot.family is not None else set()
    if slot.needs is not None:
        wanted = frozenset(slot.needs.artifacts)
        made = {family: [artifacts_of(cls) for cls in kinds(family).values()] for family in DECLARED}
        found |= {family for family, all_made in made.items() if any(one is None or one & wanted for one in all_made)}
    if slot.items is not None and slot.length is None:
        found.update(sources(slot.items))
    return [family for family in DECLARED if family in found]


def reference_to(families: Iterable[str]) -> dict[str, Any]:
    """`${family.name}`, or a reference whose meaning only the whole spec knows."""
    roots = [*families, *ANYWHERE]
    says = f"a reference here starts with {', '.join(f'`${{{root}.`' for root in roots)}"
    return {"title": "a reference", "type": "string", "pattern": rf"^\$\{{({'|'.join(roots)})(\.[\w-]+)+\}}$", "patternErrorMessage": says}


def limits(info: FieldInfo | None) -> dict[str, Any]:
    """The range of a number, from pydantic's constraints."""
    said = info.metadata if info is not None else []
    return {theirs: getattr(one, ours) for one in said for ours, theirs in LIMITS.items() if getattr(one, ours, None) is not None}


def text_limits(info: FieldInfo | None) -> dict[str, Any]:
    """The pattern of a text, with its words."""
    patterns = [one.pattern for one in (info.metadata if info is not None else []) if getattr(one, "pattern", None) is not None]
    if info is None or not patterns:
        return {}
    says = extra_of(info)["says"]
    return {"pattern": patterns[0]} | ({"patternErrorMessage": says} if says else {})
