"""The texts of the schema: what an editor shows beside a key, and the shapes that carry them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..manual.docstrings import FieldDoc

ROLES = {"semantic": "changes the results", "runtime": "changes the cost, not the results", "cosmetic": "changes neither results nor cost"}


def docstring(cls: type) -> str:
    return inspect.cleandoc(cls.__doc__ or "")


def first_paragraph(cls: type) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join(docstring(cls).split("\n\n")[0].split())


def facts(doc: FieldDoc) -> list[str]:
    """What is to be known of a field beside its meaning."""
    state = "required" if doc.required else f"default `{json.dumps(doc.default, ensure_ascii=False)}`"
    said = [doc.takes, f"unit: {doc.unit}" if doc.unit else "", state, ROLES[doc.role]]
    return [fact for fact in said if fact]


def hover(doc: FieldDoc) -> dict[str, str]:
    """The texts of a field, plain and as Markdown: its docstring, what it takes, unit, default and role."""
    lines = "\n".join(f"- {fact}" for fact in facts(doc))
    return {"description": f"{doc.text} ({'; '.join(facts(doc)).replace('`', '')})", "markdownDescription": f"{doc.text}\n\n{lines}"}


def about(cls: type) -> dict[str, str]:
    """The texts of a statement: its docstring."""
    return {"description": docstring(cls), "markdownDescription": docstring(cls)}


def annotated(texts: Mapping[str, str], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with texts. An editor shows those that it meets first, so they also stand before those of a statement inside."""
    return {**texts, **schema} if "allOf" not in schema else {**texts, **schema, "allOf": [dict(texts), *schema["allOf"]]}


def choice(title: str, words: Iterable[Any], documented: Mapping[Any, type] | None = None) -> dict[str, Any]:
    """One of a few words, in the order given; `documented` maps them to the classes that explain them."""
    words = list(words)
    texts = {"markdownEnumDescriptions": [first_paragraph(documented[word]) for word in words]} if documented else {}
    return {"title": title, "enum": words, **texts}


def closed(title: str, properties: Mapping[str, Any], required: Iterable[str] = ()) -> dict[str, Any]:
    """What a mapping has to be: these keys and no others. Values that are no mappings pass."""
    required = list(required)
    needs = {"required": required} if required else {}
    titled = {name: {"title": name, **schema} for name, schema in properties.items()}
    return {"title": title, "properties": titled, **needs, "additionalProperties": False}


def or_null(schema: dict[str, Any], part: bool) -> dict[str, Any]:
    """A mapping; in a `part` of a spec also `null`, which drops what the parent declares there."""
    return schema | {"type": ["object", "null"]} if part else schema


def one_of(schemas: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Whichever of these fits; equal ones count once."""
    different = list({json.dumps(one): one for one in schemas}.values())
    return different[0] if len(different) == 1 else {"anyOf": different}
