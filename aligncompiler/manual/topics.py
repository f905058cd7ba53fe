"""What `alignc explain` can explain beside codes: kinds, families, keys at any depth, by the names a person would ask with."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..spec.base import Spec
from ..spec.composed import COMPOSED, Key
from ..spec.experiment import Experiment
from ..spec.registry import DECLARED, FAMILIES, kinds, singular
from ..spec.slot import Slot, article, slots
from ..words.suggest import did_you_mean, nearest
from .docstrings import FieldDoc, field_docs


@dataclass(frozen=True, slots=True)
class Topic:
    """A name, what sort of thing it is, its text, the keys to list, an example; `family` where it is a kind."""

    name: str
    what: str
    text: str
    fields: list[FieldDoc]
    example: str = ""
    family: str = ""


def known() -> dict[str, list[str]]:
    """Sort of topic -> names, all but the keys inside of statements."""
    return {singular(family): list(kinds(family)) for family in FAMILIES} | {"key": [*slots(Experiment), *COMPOSED]}


def find(topic: str) -> Topic:
    """The topic of this name: `dpo`, `objectives.dpo`, `train.batch.rows`, `engine.precision`, `vars.type`, `budget`. Raises LookupError with help."""
    first, *steps = topic.split(".")
    if topic == "kind":
        return Topic("kind", "key of every declaration", "\n".join(["Which kind of its family a statement is.", "", *map(listed, FAMILIES)]), [])
    if first in FAMILIES and steps and steps[0] in kinds(first):
        first, *steps = steps
    elif first in DECLARED and steps:
        steps = without_name(first, steps)
    for family in FAMILIES:
        if first in kinds(family):
            return of_kind(kinds(family)[first], family, first, steps)
    if first in COMPOSED:
        return of_composed(first, steps)
    family = first if first in FAMILIES else f"{first}s"
    if family in FAMILIES:
        return of_family(family, first, steps)
    if first in slots(Experiment):
        return of_key([("", Experiment)], [first, *steps], "key of the spec")
    owners = [(where, cls) for where, cls in everywhere() if first in slots(cls) and first != "kind"]
    composed = [word for word, key in COMPOSED.items() if first in key.inside and not steps]
    if owners:
        found = of_key(owners, [first, *steps], "key", prefixed=True)
        return replace(found, fields=[*found.fields, *(plain(f"{word}.{first}", COMPOSED[word].inside[first]) for word in composed)])
    if composed:
        return Topic(first, "key", "", [plain(f"{word}.{first}", COMPOSED[word].inside[first]) for word in composed])
    words = {name for names in known().values() for name in names} | {name for _, cls in everywhere() for name in slots(cls)} - {"kind"}
    near = nearest(first, sorted(words)) or nearest(first, sorted({word for key in COMPOSED.values() for word in key.inside}))
    raise LookupError(f"nothing is called `{topic}` ({didyou(near) if near else '`alignc explain` lists what there is'})")


def listed(family: str) -> str:
    """A family with its kinds."""
    return f"  {singular(family)}: {', '.join(kinds(family))}"


def everywhere() -> Iterator[tuple[str, type[Spec]]]:
    """(path, class) of every statement: kinds, the spec's own, and those without a kind inside of them, at any depth."""
    todo: list[tuple[str, type[Spec]]] = [(tag, cls) for family in FAMILIES for tag, cls in kinds(family).items()]
    todo += [(name, cls) for name, slot in slots(Experiment).items() if name not in DECLARED for cls in statements(slot)]
    seen = set()
    while todo:
        where, cls = todo.pop(0)
        yield where, cls
        inside = [(f"{where}.{name}", one) for name, slot in slots(cls).items() for one in statements(slot)]
        todo += [pair for pair in inside if pair not in seen]
        seen.update(inside)


def without_name(family: str, steps: list[str]) -> list[str]:
    """The steps below a section without the name of a declaration, where the rest is a key: `stages.sft.budget` is about `budget`.

    Raises LookupError, which says what to do, for a name alone.
    """
    fields = {name for cls in kinds(family).values() for name in slots(cls)}
    if steps[0] in fields or (nearest(steps[0], fields) and len(steps) == 1):
        return steps
    if len(steps) > 1 and steps[1] in fields:
        return steps[1:]
    name = f"{family}.{steps[0]}"
    raise LookupError(f"`{name}` is a name that a spec declares: `alignc show SPEC {name}` shows it, `alignc explain {family}` explains the section")


def didyou(names: list[str]) -> str:
    return "did you mean " + " or ".join(f"`{name}`" for name in names) + "?"


def of_kind(cls: type[Spec], family: str, tag: str, steps: list[str]) -> Topic:
    if steps:
        return of_key([(tag, cls)], steps, f"key of {singular(family)} `{tag}`")
    return Topic(tag, singular(family), inspect.cleandoc(cls.__doc__ or ""), field_docs(cls), family=family)


def of_family(family: str, name: str, steps: list[str]) -> Topic:
    """The kinds of a family; or a key that some of them have."""
    if steps:
        return of_key(list(kinds(family).items()), steps, f"key of {family}", prefixed=True)
    noun = singular(family)
    top = [doc.text for doc in field_docs(Experiment) if doc.name == family]
    text = f"{top[0]} A mapping of names to {family}, at the top of the spec." if top else f"{article(noun).capitalize()} {noun} stands where one is due."
    summaries = [f"{tag}: {(cls.__doc__ or '').strip().splitlines()[0]}" for tag, cls in kinds(family).items()]
    return Topic(name, "section of the spec" if top else "family of kinds", "\n".join([text, "", "Kinds:", *(f"  {line}" for line in summaries)]), [])


def of_composed(name: str, steps: list[str]) -> Topic:
    key, inside = COMPOSED[name], COMPOSED[name].inside
    if not steps:
        return Topic(name, "key of the spec", f"{key.text} Takes {key.takes}.", [plain(word, one) for word, one in inside.items()], key.example)
    found = [word for word in steps if word in inside]  # the name of a variable or of a loop may stand before it
    if not found or found[-1] != steps[-1]:
        near = "; ".join(did_you_mean(steps[-1], inside, "keys")) or f"its keys are names of your own; `alignc explain {name}` says what stands there"
        raise LookupError(f"`{name}` has no key `{steps[-1]}` ({near})")
    return Topic(f"{name}.{found[-1]}", f"key in `{name}`", "", [plain(found[-1], inside[found[-1]])])


def plain(name: str, key: Key) -> FieldDoc:
    return FieldDoc(name, key.takes, False, None, "", "", key.text)


def of_key(roots: Sequence[tuple[str, type[Spec]]], steps: list[str], what: str, prefixed: bool = False) -> Topic:
    """A key below some statements, listed for each that has it, `prefixed` with its name; where its value is a statement, so are the keys of that."""
    found = [one for tag, cls in roots for one in owners_of(cls, tag, steps)]
    if not found:
        raise LookupError(missing(roots, steps))
    docs: dict[str, FieldDoc] = {}
    below: dict[type[Spec], None] = {}
    for where, cls in found:
        doc = next(d for d in field_docs(cls) if d.name == steps[-1])
        name = f"{where}.{doc.name}" if prefixed or len(found) > 1 else doc.name
        docs[name] = FieldDoc(name, doc.takes, doc.required, doc.default, doc.unit, doc.role, doc.text)
        below |= dict.fromkeys(statements(slots(cls)[steps[-1]]))
    fields = [*docs.values(), *(doc for one in below for doc in field_docs(one))]
    families = {slot.family.family for _, cls in found for slot in parts(slots(cls)[steps[-1]]) if slot.family is not None}
    text = [inspect.cleandoc(cls.__doc__ or "") for cls in below] + [f"Kinds of {singular(f)}: {', '.join(kinds(f))}." for f in sorted(families)]
    return Topic(".".join(steps), what, "\n".join(text), fields)


def missing(roots: Sequence[tuple[str, type[Spec]]], steps: list[str]) -> str:
    """What to say of a path that leads nowhere: where it ends, and what is there."""
    depth = max((d for d in range(1, len(steps)) if any(list(owners_of(cls, tag, steps[:d])) for tag, cls in roots)), default=0)
    ends = [slots(cls)[steps[depth - 1]] for tag, root in roots for _, cls in owners_of(root, tag, steps[:depth])] if depth else []
    here = [cls for slot in ends for cls in insides(slot)] if depth else [cls for _, cls in roots]
    names = list(dict.fromkeys(doc.name for cls in here for doc in field_docs(cls)))
    owner = ".".join(([roots[0][0]] if len(roots) == 1 and roots[0][0] else []) + steps[:depth]) or "the spec"
    return f"`{owner}` has no field `{steps[depth]}` ({'; '.join(did_you_mean(steps[depth], names, 'fields')) or 'it has no fields'})"


def owners_of(cls: type[Spec], where: str, steps: list[str]) -> Iterator[tuple[str, type[Spec]]]:
    """(path, statement) of everything below `cls` to which the path leads; the last step is a key of it."""
    slot = slots(cls).get(steps[0]) if steps[0] != "kind" else None
    if slot is not None and len(steps) == 1:
        yield where, cls
    for inner in insides(slot) if slot is not None and len(steps) > 1 else ():
        yield from owners_of(inner, f"{where}.{steps[0]}", steps[1:])


def parts(slot: Slot | None) -> Iterator[Slot]:
    """A slot and those of its items and values."""
    if slot is not None:
        yield slot
        yield from parts(slot.items)
        yield from parts(slot.values)


def statements(slot: Slot) -> Iterator[type[Spec]]:
    """The statements without a kind that a slot takes."""
    return (one.nested for one in parts(slot) if one.nested is not None)


def insides(slot: Slot) -> Iterator[type[Spec]]:
    """The statements that a slot takes, kinds included."""
    for one in parts(slot):
        yield from (one.nested,) if one.nested is not None else ()
        yield from kinds(one.family.family).values() if one.family is not None else ()
