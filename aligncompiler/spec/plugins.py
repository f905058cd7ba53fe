"""Kinds that other distributions add, through the entry-point group `alignc.plugins`.

An entry point names a module of spec classes, `name = "package.spec"`. Their implementations lie in `<family>/<kind>.py` of the package
that holds this module, and only the runtime imports them. To install a distribution is to trust its code; a spec cannot name a module.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from .base import Kind, Problem
from .registry import FAMILIES, base_of, built_in, tag_of
from .slot import slots

GROUP = "alignc.plugins"


@dataclass(frozen=True, slots=True)
class Plugin:
    """A distribution that adds kinds, and the module of its spec classes."""

    distribution: str
    version: str
    module: str

    @property
    def package(self) -> str:
        """The package that holds the module; a module at the top is its own."""
        return self.module.rpartition(".")[0] or self.module

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True, slots=True)
class Added:
    """The kinds of all plug-ins by their tag, the plug-in of each, and what is wrong with those that cannot be used."""

    kinds: Mapping[str, type[Kind]]
    plugins: Mapping[type[Kind], Plugin]
    problems: tuple[Problem, ...]


def load() -> Added:
    """Import the modules that the entry points name; what cannot be used is left out and told."""
    found: list[tuple[Plugin, type[Kind]]] = []
    problems: list[Problem] = []
    for point in sorted(entry_points(group=GROUP), key=lambda p: (p.value, p.name)):
        assert point.dist is not None, "entry points are read from distributions"
        plugin = Plugin(point.dist.name, point.dist.version, point.module)
        try:
            found += [(plugin, cls) for cls in classes(point)]
        except Exception as error:  # noqa: BLE001  a stranger's module may raise anything when it is imported
            problems.append(problem(plugin, f"`{point.value}` cannot be used: {type(error).__name__}: {str(error).partition(chr(10))[0]}"))
    owners = Counter(tag_of(cls) for _, cls in found)
    ours = {tag: family for family in FAMILIES for tag in built_in(family)}
    kept = {}
    for plugin, cls in found:
        tag = tag_of(cls)
        if tag in ours:
            problems.append(problem(plugin, f"its kind `{tag}` has the name of a kind of alignc, in the family {ours[tag]}; it is left out"))
        elif owners[tag] > 1:
            others = " and ".join(dict.fromkeys(str(p) for p, c in found if tag_of(c) == tag))
            problems.append(problem(plugin, f"its kind `{tag}` is defined {owners[tag]} times, by {others}; none of them is taken"))
        else:
            kept[tag] = (cls, plugin)
    return Added({tag: cls for tag, (cls, _) in kept.items()}, dict(kept.values()), tuple(problems))


def problem(plugin: Plugin, text: str) -> Problem:
    return Problem("S408", "", f"plug-in {plugin}: {text}", (f"mend it, or `pip uninstall {plugin.distribution}`",))


def classes(point: EntryPoint) -> Iterator[type[Kind]]:
    """The kinds that an entry point adds, each complete. Raises TypeError for one that is not, or where there is none."""
    module = point.load()
    if not isinstance(module, ModuleType):
        raise TypeError("an entry point names a module of spec classes")
    inside = (module.__name__, f"{module.__name__}.")
    own = [
        c for c in vars(module).values() if isinstance(c, type) and issubclass(c, Kind) and (c.__module__ == inside[0] or c.__module__.startswith(inside[1]))
    ]
    tagged = [c for c in own if tag_of(c)]
    if not tagged:
        raise TypeError("it defines no kind")
    for cls in tagged:
        examine(cls)
        yield cls


def examine(cls: type[Kind]) -> None:
    """Raise TypeError for a class that could not be a word of the language."""
    if cls.family not in FAMILIES or not issubclass(cls, base_of(cls.family)):
        raise TypeError(f"`{cls.__name__}` extends the base class of no family ({', '.join(base_of(family).__name__ for family in FAMILIES)})")
    cls.model_rebuild()
    try:
        choices = slots(cls)["kind"].choices
    except AssertionError as error:
        raise TypeError(f"`{cls.__name__}`: {error}") from None
    if choices != (tag_of(cls),) or not tag_of(cls).isidentifier():
        raise TypeError(f'`{cls.__name__}` states its kind as `kind: Literal["name"] = "name"`, a name that a function may have')
