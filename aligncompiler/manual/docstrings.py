"""The documentation that stands in the source of the language: docstrings of kinds and of their fields, read without importing more."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from ..spec.base import Spec, extra_of
from ..spec.codec import dump
from ..spec.slot import slots


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """One field: what it takes, its default (None where it is required), unit, role and meaning."""

    name: str
    takes: str
    required: bool
    default: Any
    unit: str
    role: str
    text: str


@cache
def attribute_docs(cls: type[Spec]) -> dict[str, str]:
    """Field name -> the text under its declaration, inherited fields included."""
    found: dict[str, str] = {}
    for base in reversed([c for c in cls.__mro__ if issubclass(c, Spec)]):
        tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(base)))
        body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
        for before, after in pairwise(body):
            if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name) and isinstance(after, ast.Expr):
                value = after.value
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    found[before.target.id] = inspect.cleandoc(value.value)
    return found


def field_docs(cls: type[Spec]) -> list[FieldDoc]:
    """Every field of a statement but its `kind`, in the order of the source."""
    docs = attribute_docs(cls)
    found = []
    for name, info in cls.model_fields.items():
        if name == "kind":
            continue
        extra = extra_of(info)
        required = info.is_required()
        default = None if required else dump(info.default)
        found.append(FieldDoc(name, slots(cls)[name].describe(), required, default, extra["unit"], extra["role"], docs.get(name, "")))
    return found
