"""The tree of a YAML text: nodes that know where they stand, and what a plain scalar means (YAML 1.2 core schema)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .diagnostic import Place

MAX_DIGITS = 300  # a longer number fits no float and is kept as the text it is
MAX_QUOTED = 60

INT = re.compile(r"[-+]?[0-9]+\Z")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
BASED = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
WORDS: dict[str, Any] = {w: v for v, ws in ((None, "~ null Null NULL"), (True, "true True TRUE"), (False, "false False FALSE")) for w in ws.split()}
WORDS |= {f"{sign}.{word}": math.inf if sign != "-" else -math.inf for sign in ("", "+", "-") for word in ("inf", "Inf", "INF")}
REFERENCE = re.compile(r"\$\{([^${}\n]*)\}")


NOTHING: Mapping[str, Any] = MappingProxyType({})


def nothing() -> Mapping[str, Any]:
    """One empty mapping for all nodes."""
    return NOTHING


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands. `value` is a scalar, a list of nodes, or a dict of nodes; `text` is a plain scalar as written.

    `below` is the value that this one overrode; `via` is where a variable was named that this value came through; `dropped` holds, of a mapping,
    the `null` that took each key away, upon what stood there.
    """

    value: Any
    place: Place
    text: str | None = None
    keys: dict[str, Place] = field(default_factory=dict)
    below: Node | None = None
    via: Place | None = None
    dropped: Mapping[str, Node] = field(default_factory=nothing)

    @property
    def is_map(self) -> bool:
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        return isinstance(self.value, list)

    def noun(self) -> str:
        """What a person would call this value."""
        v = self.value
        if v is None:
            return "nothing (null)"
        if isinstance(v, bool):
            return f"the truth value {str(v).lower()}"
        if isinstance(v, dict):
            return "a mapping"
        if isinstance(v, list):
            return "a list"
        if isinstance(v, str) and self.text is not None and len(v) > MAX_DIGITS and FLOAT.match(v):
            return f"a number of {len(v):,} {'digits' if v.isdigit() else 'characters'}"
        return f"the text `{shortened(v)}`" if isinstance(v, str) else f"the number {shortened(self.text or str(v))}"


def shortened(text: str) -> str:
    """A text as a message can quote it: one line, and not a long one."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_QUOTED else line[: MAX_QUOTED - 3] + "..."


def place_in(node: Node, dotted: str, key: Place | None) -> Place:
    """The place of a field of a statement, or of the nearest thing above it that is written in the file."""
    place = key or node.place
    for step in filter(None, dotted.split(".")):
        if node.is_map and step in node.value:
            place, node = node.keys[step], node.value[step]
        elif node.is_list and step.isdigit() and int(step) < len(node.value):
            node = node.value[int(step)]
            place = node.keys["kind"] if node.is_map and "kind" in node.keys else node.place
        else:
            return place
    return place if node.is_map or node.is_list else node.place


def references(node: Node) -> Iterator[str]:
    """What every `${...}` of a tree names, in the order of the text."""
    if node.is_list or node.is_map:
        for inner in node.value.values() if node.is_map else node.value:
            yield from references(inner)
    elif isinstance(node.value, str) and (match := REFERENCE.fullmatch(node.value)):
        yield match[1]


def scalar(text: str) -> Any:
    """A plain scalar under the YAML 1.2 core schema."""
    if text in WORDS:
        return WORDS[text]
    if text == "":
        return None
    if len(text) > MAX_DIGITS:
        return text
    if INT.match(text):
        return int(text)
    if BASED.match(text):
        return int(text, 0)
    return float(text) if FLOAT.match(text) else text
