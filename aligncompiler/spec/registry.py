"""Which kinds exist: family -> tag -> class, found by name, imported only when a family is used."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from .base import Kind

# Family -> (modules that hold its kinds, the first of them its base class; name of that class). The first group may be declared at the top of a spec.
DECLARED: dict[str, tuple[tuple[str, ...], str]] = {
    "models": (("model",), "Model"),
    "datasets": (("dataset",), "Dataset"),
    "rewards": (("reward",), "Reward"),
    "objectives": (("objective",), "Objective"),
    "stages": (("stage",), "Stage"),
}
NESTED: dict[str, tuple[tuple[str, ...], str]] = {
    "tokenizers": (("model",), "Tokenizer"),
    "adapters": (("model",), "Adapter"),
    "metrics": (("metric",), "Metric"),
    "pairings": (("pairing",), "Pairing"),
    "optimizers": (("optimizer",), "Optimizer"),
}
FAMILIES = DECLARED | NESTED


def tag_of(cls: type[Kind]) -> str:
    """The value of `kind` that selects this class; empty for an abstract class."""
    info = cls.model_fields.get("kind")
    return "" if info is None else str(info.default)


@cache
def kinds(family: str) -> dict[str, type[Kind]]:
    """The kinds of a family by their tag, in the order they are written in its modules."""
    modules, base_name = FAMILIES[family]
    namespaces = [vars(import_module(f"{__package__}.{module}")) for module in modules]
    base = namespaces[0][base_name]
    classes = [c for namespace in namespaces for c in namespace.values() if isinstance(c, type) and issubclass(c, base)]
    return {tag_of(c): c for c in classes if tag_of(c)}


def singular(family: str) -> str:
    """`objectives` -> `objective`, for messages."""
    return family.removesuffix("s")
