"""Two pre-images of one stage, value by value: which fields differ, what they say, and where they were written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..diagnostic import Place
from ..flow import flow
from ..flow import written as as_written
from ..ir import Stage
from ..spec.base import Kind, Ref, Spec
from ..spec.codec import dump
from ..tree import shortened


class Absent:
    """Stands for a value that one of two pre-images does not have."""

    def __repr__(self) -> str:
        return "not there"


ABSENT = Absent()


def differences(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[str]:
    """The fields in which two pre-images differ: of a statement whose kind differs, or that only one has, just its kind; of a file just its content."""
    moved = [f for f, value in now.items() if then.get(f, ABSENT) != value] + [f for f in then if f not in now]
    tops = [name[: -len("kind")] for name in moved if name == "kind" or name.endswith(".kind")]
    if tops:
        moved = [f for f in moved if not any(f.startswith(top) and (f != f"{top}kind" or f[: -len(".kind")] in moved) for top in tops)]
    contents = {f.removesuffix("#content") for f in moved if f.endswith("#content")}
    if contents:
        named = {f for f in contents if f in moved and not (hashed(now.get(f)) and hashed(then.get(f)))}
        moved = [f for f in moved if (bare := f.removesuffix("#content")) not in contents or (f == bare) == (bare in named)]
    return moved


# ---- items of lists


@dataclass(frozen=True, slots=True)
class Aligned:
    """An older pre-image under the names that its fields have now.

    An item of a list (`metrics.2`) has the place of the item that it is now; one that is no more has a name that no field has (`metrics.-2`).
    `moves` holds the lists whose items have other places: (path of the list, place now -> place then).
    """

    image: Mapping[str, Any]
    names: Mapping[str, str]
    moves: tuple[tuple[str, Mapping[str, str]], ...]

    def was(self, name: str) -> str:
        """The name then of a field; of one in an item that was not there then, a name that no field had."""
        if name not in self.names:
            for path, places in reversed(self.moves):
                name = renamed(name, path, places)
            return name
        return self.names[name]


def aligned(now: Mapping[str, Any], then: Mapping[str, Any], spec: Any, before: Any) -> Aligned:
    """`then` with its list items in the places of those of `now`; `spec` and `before` are what the two were made from."""
    names = {name: name for name in then}
    moves: list[tuple[str, Mapping[str, str]]] = []
    for path in sorted((path for path in listed(now) if isinstance(at(spec, path), list | tuple)), key=lambda path: path.count(".")):
        old = items({name: then[was] for name, was in names.items()}, path)
        new = items(now, path)
        if not old or all(item == new.get(place) for place, item in old.items()):
            continue
        first = {place: next(iter(item)) for place, item in old.items()}
        labels = [label(at(before, names[f"{path}.{place}{rest}"].removesuffix(rest))) for place, rest in first.items()]
        pairs = matched(list(zip(old.values(), labels, strict=True)), [(item, label(at(spec, f"{path}.{place}"))) for place, item in new.items()])
        found = {list(old)[i]: list(new)[j] for i, j in pairs.items()}
        names = {renamed(name, path, found): was for name, was in names.items()}
        moves.append((path, {ours: theirs for theirs, ours in found.items()}))
    return Aligned({name: then[was] for name, was in names.items()}, names, tuple(moves))


def listed(image: Mapping[str, Any]) -> set[str]:
    """The dotted paths that numbers follow."""
    return {name[: found.start()] for name in image for found in re.finditer(r"\.\d+(?=[.#]|$)", name)}


def items(image: Mapping[str, Any], path: str) -> dict[str, dict[str, Any]]:
    """The items of the list at a path, in order: its place -> the rest of a field's name -> value."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in image.items():
        if name.startswith(f"{path}.") and (split := re.fullmatch(r"(\d+)([.#].*|)", name[len(path) + 1 :])):
            found.setdefault(split[1], {})[split[2]] = value
    return {place: found[place] for place in sorted(found, key=int)}


def renamed(name: str, path: str, places: Mapping[str, str]) -> str:
    """The name of a field when the items of the list at a path have other places; of one in an item without a place, a name that no field has."""
    split = re.fullmatch(r"(\d+)([.#].*|)", name[len(path) + 1 :]) if name.startswith(f"{path}.") else None
    return name if split is None else f"{path}.{places.get(split[1], f'-{split[1]}')}{split[2]}"


def label(item: Any) -> str | None:
    """What an item is called: the stage that it refers to, or its kind; None if it has neither."""
    if isinstance(item, Ref):
        return item.to
    if isinstance(item, Kind):
        return item.tag
    name = (item.get("ref") or item.get("kind")) if isinstance(item, Mapping) else None
    return name if isinstance(name, str) else None


Item = tuple[Mapping[str, Any], str | None]


def matched(old: Sequence[Item], new: Sequence[Item]) -> dict[int, int]:
    """Place in `old` -> place in `new` of the same item: of equal ones; between those, of ones with the same label; between those, by order."""
    equal = ([json.dumps(image, sort_keys=True) for image, _ in side] for side in (old, new))
    alike = ([name or f"{which} {number}" for number, (_, name) in enumerate(side)] for which, side in (("old", old), ("new", new)))
    found: dict[int, int] = {}
    for names in (equal, alike):
        theirs, ours = names
        ends = [(-1, -1), *sorted(found.items()), (len(old), len(new))]
        for (a, b), (c, d) in pairwise(ends):
            found |= common(theirs, ours, range(a + 1, c), range(b + 1, d))
    ends = [(-1, -1), *sorted(found.items()), (len(old), len(new))]
    for (a, b), (c, d) in pairwise(ends):
        found |= dict(zip(range(a + 1, c), range(b + 1, d), strict=False))
    return found


def common(theirs: Sequence[str], ours: Sequence[str], old: range, new: range) -> dict[int, int]:
    """Places of the names that two stretches have in common, in the order of both."""
    from difflib import SequenceMatcher  # here alone, so that nothing else waits for it

    blocks = SequenceMatcher(None, [theirs[i] for i in old], [ours[i] for i in new], autojunk=False).get_matching_blocks()
    return {old[block.a + k]: new[block.b + k] for block in blocks for k in range(block.size)}


def hashed(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("sha256:")


def at(value: Any, dotted: str) -> Any:
    """The value at a dotted path of a spec or of its JSON form; ABSENT if the path leads nowhere."""
    for step in dotted.split("."):
        if isinstance(value, Spec) and step in type(value).model_fields:
            value = getattr(value, step)
        elif isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list | tuple) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return ABSENT
    return value


def said(value: Any) -> str:
    """A value as it would be written in a spec, on one line; of a member of a family its kind."""
    if value is ABSENT:
        return repr(value)
    if isinstance(value, Kind):
        return value.tag
    if isinstance(value, Mapping) and isinstance(value.get("kind"), str):
        return str(value["kind"])
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value).replace("e-0", "e-")
    return shortened(flow(as_written(dump(value))))


def spot(place: Place) -> str:
    """A place in a sentence: file, line and column, or the option that a value was given by."""
    return place.file.partition(" (number ")[0] if place.file.startswith("--set ") else str(place)


def written(stage: Stage, dotted: str) -> tuple[Place | None, bool]:
    """Where a field was written; or the statement around it, and that it is a default."""
    if dotted in stage.places:
        return stage.places[dotted], False
    parent, _, last = dotted.rpartition(".")
    if parent in stage.places and parent and (last == "kind" or last.lstrip("-").isdigit()):  # a bare name; an item of a list that was named as a whole
        return stage.places[parent], False
    while parent and f"{parent}.kind" not in stage.places and parent not in stage.places:
        parent = parent.rpartition(".")[0]
    statement = stage.places.get(f"{parent}.kind") or stage.places.get(parent)  # of an inlined declaration the declaration, not its name
    return statement, not stage.why
