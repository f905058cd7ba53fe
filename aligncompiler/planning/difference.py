"""Two pre-images of one stage, value by value: which fields differ, what they say, and where they were written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..diagnostic import Place
from ..flow import flow
from ..flow import written as as_written
from ..ir import Stage
from ..spec.base import Kind, Spec
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
    if parent in stage.places and parent and (last == "kind" or last.isdigit()):  # a bare name; an item of a list that was named as a whole
        return stage.places[parent], False
    while parent and f"{parent}.kind" not in stage.places and parent not in stage.places:
        parent = parent.rpartition(".")[0]
    statement = stage.places.get(f"{parent}.kind") or stage.places.get(parent)  # of an inlined declaration the declaration, not its name
    return statement, not stage.why
