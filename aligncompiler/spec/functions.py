"""Functions of other distributions that score answers, named by the entry-point group `alignc.functions`.

An entry point is `name = "package.module:function"`. A spec names it and cannot name a module; the compiler reads the name and the version of the
distribution, and only the runtime imports it.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

GROUP = "alignc.functions"


@cache
def functions() -> dict[str, tuple[EntryPoint, ...]]:
    """The entry points by their name; more than one where distributions clash."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda p: (p.name, p.value)):
        found[point.name] = (*found.get(point.name, ()), point)
    return found


def package_of(name: str) -> str:
    """The distribution that holds the function of this name, with its version; empty where none is installed."""
    return ", ".join(f"{p.dist.name} {p.dist.version}" for p in functions().get(name, ()) if p.dist is not None)
