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


def origin(name: str) -> str:
    """What a name stands for: `brevity (my-rules 1.2)`; the bare name where nothing of this name is installed."""
    points = functions().get(name, ())
    return f"{name} ({', '.join(f'{p.dist.name} {p.dist.version}' for p in points if p.dist is not None)})" if points else name
