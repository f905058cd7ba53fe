"""Sentences about values of the wrong type or size."""

from __future__ import annotations

import math
import re
from typing import Any

from ..spec.base import extra_of
from ..spec.registry import kinds, singular
from ..spec.slot import Slot
from ..tree import MAX_DIGITS, Node, scalar

PLAIN_WORDS = (("greater than or equal to", "at least"), ("less than or equal to", "at most"), ("greater than", "above"), ("less than", "below"))
SCALES = {"": 1, "k": 1e3, "m": 1e6, "b": 1e9, "%": 0.01}
PURE = ("", "1", "count")  # units that say nothing more than that it is a number
YES_NO = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false", "1": "true", "0": "false"}


def field_name(path: tuple[str, ...]) -> str:
    """The last word of a path, with the number of the item where it is one of a list."""
    cut = next((i for i in range(len(path) - 1, 0, -1) if not path[i].isdigit()), 0)
    return ".".join(path[cut:])


def wrong_type(slot: Slot, node: Node, path: tuple[str, ...]) -> str:
    unit = f", in {slot.unit}" if slot.unit not in PURE and (int in slot.scalars or float in slot.scalars) else ""
    return f"`{field_name(path)}` takes {slot.describe()}{unit}; this is {node.noun()}"


def way_out(slot: Slot, node: Node) -> tuple[str, ...]:
    """Help for a value of the wrong type."""
    numeric = bool({int, float} & set(slot.scalars))
    if node.value is None:
        return ("write a value; a key that has a default can also be left out",)
    if numeric and not isinstance(node.value, list | dict):
        plain = plain_number(node.text or str(node.value), float in slot.scalars)
        unit = f" of {slot.unit}" if slot.unit not in PURE else ""
        return (f"write `{plain}`",) if plain else (f"write a {'number, for example `0.1` or `1e-5`' if float in slot.scalars else f'whole number{unit}'}",)
    if str in slot.scalars and node.text is not None:
        return ("quote it, to keep it a text",)
    if bool in slot.scalars:
        word = YES_NO.get(str(node.value).lower())
        return (
            (f"write `{word}`; YAML 1.2 takes `{node.value}` for {'a text' if isinstance(node.value, str) else 'a number'}",)
            if word
            else ("write `true` or `false`",)
        )
    if slot.items is not None and not node.is_list:
        return ("write it in `[]`",)
    if node.is_list and len(node.value) == 1 and slot.items is None:
        return ("write it without the list around it",)
    return (f"kinds of {singular(slot.family.family)}: {', '.join(kinds(slot.family.family))}",) if slot.family is not None else ()


def plain_number(text: str, fractions: bool = True) -> str:
    """The number that a text such as `1_000`, `1,000`, `10k`, `5%`, `1/8`, `100 steps` or `4e1` stands for, as YAML writes it; empty if there is none."""
    from .lookalikes import folded  # needed for this fault alone

    text = folded(text).strip()
    if based := re.fullmatch(r"0([bB][01]+|[oO][0-7]+|[xX][0-9a-fA-F]+)", text):
        return str(int(based[0], 0))
    if share := re.fullmatch(r"([0-9.]+)\s?/\s?([0-9.]+)", text):
        bottom = scalar(share[2])
        return f"{scalar(share[1]) / bottom:.6g}" if fractions and isinstance(bottom, int | float) and bottom and not isinstance(scalar(share[1]), str) else ""
    if re.fullmatch(r"[-+]?[0-9]+,[0-9]+([eE][-+]?[0-9]+)?%?", text) and not re.match(r"[-+]?[1-9][0-9]{0,2},[0-9]{3}(?![0-9])", text):
        text = text.replace(",", ".")  # a comma before three digits groups them, any other stands before a fraction
    match = re.fullmatch(r"([-+]?[0-9][0-9_,]*(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)(?:\s?([kKmMbB%])|\s[a-z_]+)?", text)
    if match is None or len(text) > MAX_DIGITS:
        return ""
    number = float(re.sub("[_,]", "", match[1])) * SCALES[(match[2] or "").lower()]
    whole = number == int(number) if math.isfinite(number) else False
    return str(int(number)) if whole and abs(number) < 1e15 else f"{number:.10g}" if fractions and math.isfinite(number) else ""


def out_of_range(info: Any, message: str) -> str:
    """What a field should be: its own words if it has some, else pydantic's in plain ones."""
    text = extra_of(info)["says"] or message.removeprefix("Input ")
    for theirs, ours in PLAIN_WORDS:
        text = text.replace(theirs, ours)
    return str(text)
