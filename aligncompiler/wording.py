"""Sentences about values of the wrong type or size."""

from __future__ import annotations

from typing import Any

from .load import Node
from .spec.base import extra_of
from .spec.registry import kinds, singular
from .spec.slot import Slot

PLAIN_WORDS = (("greater than or equal to", "at least"), ("less than or equal to", "at most"), ("greater than", "above"), ("less than", "below"))
YES_NO = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def field_name(path: tuple[str, ...]) -> str:
    """The last word of a path, with the number of the item where it is one of a list."""
    cut = next((i for i in range(len(path) - 1, 0, -1) if not path[i].isdigit()), 0)
    return ".".join(path[cut:])


def wrong_type(slot: Slot, node: Node, path: tuple[str, ...]) -> str:
    return f"`{field_name(path)}` takes {slot.describe()}; this is {node.noun()}"


def way_out(slot: Slot, node: Node) -> tuple[str, ...]:
    """Help for a value of the wrong type."""
    if node.value is None:
        return ("write a value; a key that has a default can also be left out",)
    if str in slot.scalars and node.text is not None:
        return ("quote it, to keep it a text",)
    if bool in slot.scalars and str(node.value).lower() in YES_NO:
        return (f"write `{YES_NO[str(node.value).lower()]}`; YAML 1.2 takes `{node.value}` for a text",)
    if slot.items is not None and not node.is_list:
        return ("write it in `[]`",)
    return (f"kinds of {singular(slot.family.family)}: {', '.join(kinds(slot.family.family))}",) if slot.family is not None else ()


def out_of_range(info: Any, message: str) -> str:
    """What a field should be: its own words if it has some, else pydantic's in plain ones."""
    text = extra_of(info)["says"] or message.removeprefix("Input ")
    for theirs, ours in PLAIN_WORDS:
        text = text.replace(theirs, ours)
    return str(text)
