"""What the language takes at a path of a spec: which keys, which values, and of which class they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..compose import VAR_TYPES
from ..spec.base import Spec
from ..spec.composed import COMPOSED, Key
from ..spec.experiment import Experiment
from ..spec.registry import DECLARED, base_of, find
from ..spec.slot import Slot, slots
from .mentions import is_override, loop_of

Steps = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Due:
    """What may stand at a path.

    `slot` is what the value may be; `statement` the class of the mapping there, where its kind is known; `owner` and `field` say of which
    field this is the value; `family` is set where the value is a `kind`; `key` where it belongs to composition.
    """

    slot: Slot | None = None
    statement: type[Spec] | None = None
    owner: type[Spec] | None = None
    field: str = ""
    family: str = ""
    key: Key | None = None


def due_at(path: Steps, kind_at: Callable[[Steps], str | None]) -> Due | None:
    """What is due at a path, None where the language has nothing to say; `kind_at` gives the `kind` of the mapping at a path."""
    if path[:1] and path[0] in COMPOSED:
        return in_composition(path, kind_at)
    return follow(Due(statement=Experiment), path, (), kind_at)


def follow(due: Due | None, rest: Steps, done: Steps, kind_at: Callable[[Steps], str | None]) -> Due | None:
    """What is due `rest` steps further down; `done` is where these steps start in the file."""
    for number, step in enumerate(rest):
        if due is None:
            return None
        due = down(due, step, (*done, *rest[: number + 1]), kind_at)
    return due


def down(due: Due, step: str, here: Steps, kind_at: Callable[[Steps], str | None]) -> Due | None:
    """One step further."""
    slot = due.slot
    if step == "kind" and slot is not None and slot.family is not None:
        return Due(family=slot.family.family, owner=due.statement, field="kind")
    if due.statement is not None and step in slots(due.statement):
        return known(slots(due.statement)[step], here, kind_at, due.statement, step)
    if slot is not None and slot.items is not None and step.isdigit():
        return known(slot.items, here, kind_at, due.owner, due.field)
    if slot is not None and slot.values is not None:
        declares = due.owner is Experiment and due.field in DECLARED
        return known(slot.values, here, kind_at, *((None, "") if declares else (due.owner, due.field)))
    return None


def known(slot: Slot, here: Steps, kind_at: Callable[[Steps], str | None], owner: type[Spec] | None, field: str) -> Due:
    """A slot with the class of the statement in it."""
    statement: type[Spec] | None = slot.nested
    if slot.family is not None:
        statement = find(slot.family.family, kind_at(here) or "")
    return Due(slot, statement, owner, field)


def in_composition(path: Steps, kind_at: Callable[[Steps], str | None]) -> Due | None:
    word = path[0]
    inside = COMPOSED[word].inside
    if word == "rounds" and len(path) > 2:
        return in_loop(path, 2, kind_at)
    if word == "vars" and len(path) == 3:
        return Due(slot=Slot(choices=tuple(VAR_TYPES)) if path[2] == "type" else None, key=inside.get(path[2]))
    if is_override(path[:3]) or is_override(path[:4]):
        at = 2 if is_override(path[:3]) else 3
        return overridden(path, at, listed=word == "sweep" and path[1] in ("axes", "zip"), kind_at=kind_at)
    return Due(key=inside.get(path[1]) if word == "sweep" and len(path) == 2 else COMPOSED[word] if len(path) < 3 else None)


def overridden(path: Steps, at: int, listed: bool, kind_at: Callable[[Steps], str | None]) -> Due | None:
    """At a dotted path, which is step `at` of the path, and below it; `listed` where a list of values stands there."""
    steps, below = tuple(path[at].split(".")), path[at + 1 :]
    found = due_at(steps, kind_at) if steps[0] not in ("profiles", "sweep") else None
    if listed and not below and found is not None:
        return Due(Slot(items=found.slot), None, found.owner, found.field)
    return follow(found, below[1:] if listed else below, steps, kind_at)


def in_loop(path: Steps, at: int, kind_at: Callable[[Steps], str | None]) -> Due | None:
    """Inside of a loop, whose keys stand at position `at` of the path."""
    word, key = path[at], COMPOSED["rounds"].inside.get(path[at])
    if word == "rounds" and len(path) > at + 2:
        return in_loop(path, at + 2, kind_at)
    if word in DECLARED and len(path) > at + 1:
        section = known(Slot(family=base_of(word)), path[: at + 2], kind_at, None, "")
        return follow(section, path[at + 2 :], path[: at + 2], kind_at)
    return Due(slot=Slot(scalars=(int,)) if word == "count" else None, key=key) if len(path) == at + 1 else None


def keys_at(path: Steps) -> Mapping[str, Key]:
    """The keys of composition that may stand in the mapping at a path."""
    if len(path) == 2 and path[0] == "vars":
        return COMPOSED["vars"].inside
    if path and path == tuple(step for loop in loop_of(path) for step in ("rounds", loop)):
        return COMPOSED["rounds"].inside
    return COMPOSED["sweep"].inside if path == ("sweep",) else {}
