"""A file seen by the schema: what it refuses, each at its place in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from aligncompiler.diagnostic import Place, Report
from aligncompiler.load import parse
from aligncompiler.schema import language_schema
from aligncompiler.tree import Node


def plain(node: Node) -> Any:
    """The JSON value of a tree."""
    if node.is_map:
        return {key: plain(value) for key, value in node.value.items()}
    return [plain(item) for item in node.value] if node.is_list else node.value


def leads_to(root: Node, path: Iterator[str | int]) -> tuple[Node, Place]:
    """The node at a path, and where it is named: its key, or itself where it is an item of a list."""
    node, named = root, root.place
    for step in path:
        named = node.keys[str(step)] if node.is_map else node.value[step].place
        node = node.value[step]
    return node, named


def places(error: jsonschema.ValidationError, root: Node) -> Iterator[Place]:
    """Where `check` would point: at a key that is not known or no name, at the statement that lacks a key, otherwise at the value."""
    node, named = leads_to(root, iter(error.absolute_path))
    if error.validator == "additionalProperties":
        known, patterns = error.schema.get("properties", {}), error.schema.get("patternProperties", {})
        yield from (node.keys[key] for key in node.value if key not in known and not any(re.search(p, key) for p in patterns))
    elif "propertyNames" in error.absolute_schema_path:
        yield node.keys[error.instance]
    else:
        yield named if error.validator in ("required", "minProperties") else node.place


class Seen:
    """What the schema says about texts."""

    def __init__(self) -> None:
        self.schema = language_schema()
        self.validator = jsonschema.Draft7Validator(self.schema)

    def refused(self, text: str, file: str = "spec.yaml") -> dict[tuple[int, int], list[str]]:
        """(line, column) -> messages of what is wrong there; the text must be YAML."""
        root = parse(text, file, Report())
        assert root is not None
        found: dict[tuple[int, int], list[str]] = {}
        for error in self.validator.iter_errors(plain(root)):
            for place in places(error, root):
                found.setdefault((place.line, place.col), []).append(error.message[:200])
        return found


@pytest.fixture(scope="session")
def seen() -> Seen:
    """The schema at work."""
    return Seen()
