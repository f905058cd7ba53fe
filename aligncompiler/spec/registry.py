"""Which kinds exist: family -> tag -> class, found by name, imported only when a family is used.

Our own come first. What is installed beside them (`plugins.py`) is asked only for a tag that is none of ours, or where all are wanted:
finding out what is installed takes longer than checking a spec.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from .base import Kind, Problem

if TYPE_CHECKING:
    from .plugins import Added, Plugin

# Family -> (modules that hold its kinds, the first of them its base class; name of that class). The first group may be declared at the top of a spec.
DECLARED: dict[str, tuple[tuple[str, ...], str]] = {
    "models": (("model",), "Model"),
    "datasets": (("dataset",), "Dataset"),
    "rewards": (("reward", "rule", "scorer", "combined"), "Reward"),
    "objectives": (("objective",), "Objective"),
    "stages": (("stage", "training", "answering", "selecting", "measuring", "theory"), "Stage"),
}
NESTED: dict[str, tuple[tuple[str, ...], str]] = {
    "tokenizers": (("model",), "Tokenizer"),
    "adapters": (("model",), "Adapter"),
    "metrics": (("metric", "judging"), "Metric"),
    "gates": (("scorer",), "Gate"),
    "pairings": (("pairing",), "Pairing"),
    "topologies": (("topology",), "Topology"),
    "reductions": (("reduction",), "Reduction"),
    "optimizers": (("optimizer",), "Optimizer"),
    "structures": (("structure",), "Structure"),
}
FAMILIES = DECLARED | NESTED


def tag_of(cls: type[Kind]) -> str:
    """The value of `kind` that selects this class; empty for an abstract class."""
    info = cls.model_fields.get("kind")
    return "" if info is None else str(info.default)


@cache
def base_of(family: str) -> type[Kind]:
    """The class that all kinds of a family extend."""
    modules, base_name = FAMILIES[family]
    found: type[Kind] = vars(import_module(f"{__package__}.{modules[0]}"))[base_name]
    return found


@cache
def built_in(family: str) -> dict[str, type[Kind]]:
    """Our own kinds of a family by their tag, in the order they are written in its modules."""
    namespaces = [vars(import_module(f"{__package__}.{module}")) for module in FAMILIES[family][0]]
    base = base_of(family)
    classes = [c for namespace in namespaces for c in namespace.values() if isinstance(c, type) and issubclass(c, base)]
    return {tag_of(c): c for c in classes if tag_of(c)}


@cache
def added() -> Added:
    """What the installed plug-ins add."""
    from .plugins import load

    return load()


@cache
def kinds(family: str) -> dict[str, type[Kind]]:
    """All kinds of a family by their tag: our own, then those of plug-ins."""
    return built_in(family) | {tag: cls for tag, cls in added().kinds.items() if cls.family == family}


def find(family: str, tag: str) -> type[Kind] | None:
    """The kind of a family that has this tag, if there is one."""
    return built_in(family).get(tag) or kinds(family).get(tag)


def plugin_of(cls: type[Kind]) -> Plugin | None:
    """The plug-in that adds a kind; None for our own."""
    return None if cls.__module__.startswith(f"{__package__}.") else added().plugins.get(cls)


def home_of(cls: type[Kind]) -> str:
    """The package that holds the implementation of a kind, as the function `<kind>` of its module `<family>.<kind>`."""
    plugin = plugin_of(cls)
    return "runtime" if plugin is None else plugin.package


def used_plugins() -> tuple[Plugin, ...]:
    """The plug-ins that had to be asked so far."""
    return tuple(dict.fromkeys(added().plugins.values())) if added.cache_info().currsize else ()


def plugin_problems() -> tuple[Problem, ...]:
    """What is wrong with the installed plug-ins, if anything had to be asked of them so far."""
    return added().problems if added.cache_info().currsize else ()


def singular(family: str) -> str:
    """`objectives` -> `objective`, `topologies` -> `topology`, for messages."""
    return f"{family.removesuffix('ies')}y" if family.endswith("ies") else family.removesuffix("s")
