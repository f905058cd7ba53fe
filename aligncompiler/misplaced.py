"""Where an unknown key belongs: under another name, one level deeper, or in another statement altogether."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .spec.base import Spec
from .spec.experiment import Experiment
from .spec.registry import FAMILIES, kinds, singular
from .spec.slot import slots
from .suggest import FOREIGN, did_you_mean, nearest

COMPOSED = ("extends", "vars", "profiles", "rounds")  # keys of a file that composition reads and takes out


def keys_of(cls: type[Spec]) -> list[str]:
    """The keys that a person may write in a statement."""
    return [*slots(cls), *(COMPOSED if cls is Experiment else ())]


def leads_somewhere(cls: type[Spec], dotted: str) -> bool:
    """Whether a dotted path names a field of a statement, or of one inside it."""
    head, _, rest = dotted.partition(".")
    slot = slots(cls).get(head)
    if slot is None or not rest:
        return slot is not None
    inner = [slot.nested] if slot.nested else list(kinds(slot.family.family).values()) if slot.family else []
    return any(leads_somewhere(one, rest) for one in inner)


def right_place(cls: type[Spec], word: str) -> tuple[str, str | None]:
    """A sentence that says where `word` belongs, empty if the language has no such word; and the key of this statement that it is about."""
    target = FOREIGN.get(word, word)
    for dotted in (target, target.rpartition(".")[2]):
        if leads_somewhere(cls, dotted):
            return f"here it is called `{dotted}`", dotted.partition(".")[0]
    deeper = [f"{name}.{word}" for name in slots(cls) if leads_somewhere(cls, f"{name}.{word}")]
    if deeper:
        return f"`{word}` belongs one level deeper: `{deeper[0]}`", deeper[0].partition(".")[0]
    owners = [f"{singular(family)} `{tag}`" for family in FAMILIES for tag, kind in kinds(family).items() if leads_somewhere(kind, target)]
    if leads_somewhere(Experiment, target):
        return f"here it is called `{target}`, at the top of the spec", None
    said = f"`{word}` is a key" if target == word else f"here it is called `{target}`, a key"
    return (f"{said} of {' or '.join(owners[:3])}" if owners else ""), None


@dataclass(frozen=True, slots=True)
class Mending:
    """What to tell about an unknown key: the help, the word to rename it to, and the keys of the statement that were meant by it."""

    help: tuple[str, ...]
    rename: str | None
    meant: frozenset[str]


def mending(cls: type[Spec], word: str, name: str) -> Mending:
    near = nearest(word, keys_of(cls))
    first = re.split(r"[\s{\[]", word)[0]
    if first != word and first in keys_of(cls):
        return Mending((f"a `:` is missing after `{first}`",), None, frozenset({first}))
    sentence, about = right_place(cls, word)
    if sentence and (not near or word in FOREIGN):
        return Mending((sentence,), None, frozenset({about} if about else ()))
    return Mending(did_you_mean(word, keys_of(cls), f"keys of {name}"), near[0] if len(near) == 1 else None, frozenset(near))
