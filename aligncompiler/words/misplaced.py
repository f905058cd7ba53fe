"""What was meant by an unknown word: a key under another name, one level deeper or in another statement; a kind or a choice that others call differently."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..diagnostic import Fix, Place, Report
from ..fixes import replacing
from ..spec.base import Spec
from ..spec.composed import COMPOSED
from ..spec.experiment import Experiment
from ..spec.registry import DECLARED, FAMILIES, find, kinds, plugin_problems, singular
from ..spec.slot import Slot, slots
from ..tree import Node, shortened
from .foreign import INSTEAD, UNITS, meant_by, plain, targets
from .suggest import bare, did_you_mean, nearest
from .wording import field_name


def keys_of(cls: type[Spec]) -> list[str]:
    """The keys that a person may write in a statement."""
    return [*slots(cls), *(COMPOSED if cls is Experiment else ())]


def leads_somewhere(cls: type[Spec], dotted: str) -> bool:
    """Whether a dotted path names a field of a statement, or of one inside it."""
    head, _, rest = dotted.partition(".")
    if cls is Experiment and head in COMPOSED:
        return not rest or rest in COMPOSED[head].inside
    slot = slots(cls).get(head)
    if slot is None or not rest:
        return slot is not None
    inner = [slot.nested] if slot.nested else list(kinds(slot.family.family).values()) if slot.family else []
    return any(leads_somewhere(one, rest) for one in inner)


def right_place(cls: type[Spec], word: str) -> tuple[str, str | None]:
    """A sentence that says where `word` belongs, empty if the language has no such word; and the key of this statement that it is about."""
    wanted = targets(word)
    for target in wanted:
        for dotted in (target, target.rpartition(".")[2]):
            if leads_somewhere(cls, dotted):
                return f"here it is called `{dotted}`", dotted.partition(".")[0]
    for name in slots(cls):
        for target in (word, *(target.rpartition(".")[2] for target in wanted)):
            if leads_somewhere(cls, f"{name}.{target}"):
                said = f"`{word}` belongs one level deeper: `{name}.{word}`" if target == word else f"here it is called `{name}.{target}`"
                return said, name
    for target in (*wanted, word):
        said = f"`{word}` is a key" if target == word else f"here it is called `{target}`, a key"
        if leads_somewhere(Experiment, target):
            return (f"`{word}` stands" if target == word else f"here it is called `{target}`,") + " at the top of the spec", None
        owners = [f"{singular(family)} `{tag}`" for family in FAMILIES for tag, kind in kinds(family).items() if leads_somewhere(kind, target)]
        if owners:
            return f"{said} of {' or '.join(owners[:3])}", None
    return "", None


def mistaken_kind(family: str, written: Mapping[str, Any]) -> str:
    """The key of a statement without `kind` that was meant by it; empty if there is none."""
    keys = {key for cls in kinds(family).values() for key in slots(cls)}
    unknown = [word for word in written if word not in keys]
    return next(
        (word for word in unknown if not {"kind", f"{singular(family)}.kind"}.isdisjoint(targets(word)) or nearest(word, [*keys, "kind"])[:1] == ["kind"]), ""
    )


@dataclass(frozen=True, slots=True)
class Mending:
    """What to tell about an unknown key: the help, the word to rename it to, and the keys of the statement that were meant by it."""

    help: tuple[str, ...]
    rename: str | None
    meant: frozenset[str]


def mending(cls: type[Spec], word: str, name: str, value: Node | None = None) -> Mending:
    """What to tell about an unknown key of a statement, and the value behind it."""
    known = keys_of(cls)
    if cls is Experiment and value is not None and (sentence := astray(word, value)):
        return Mending((sentence,), None, frozenset())
    first = re.split(r"[\s{\[:=]", word)[0]
    if first != word and first in known:
        said = f"a space is missing after `{first}:`" if word.startswith(f"{first}:") else f"a `:` is missing after `{first}`"
        return Mending((said,), None, frozenset({first}))
    if word.isdigit() and value is not None and value.value is None:
        return Mending(("a `,` separates values; write a number without it, and its fraction after a `.`",), None, frozenset())
    if plain(word) in INSTEAD and plain(word) not in known:
        return Mending((INSTEAD[plain(word)],), None, frozenset())
    near = nearest(word, known)
    sentence, about = right_place(cls, word)
    if sentence and not (near and (bare(near[0]).rstrip("s") == bare(word).rstrip("s") or not targets(word))):
        unit = next((UNITS[target] for target in targets(word) if target in UNITS and f"{target.rpartition('.')[2]}`" in sentence), "")
        return Mending((f"{sentence}: {unit}" if unit else sentence,), None, frozenset({about} if about else ()))
    return Mending(did_you_mean(word, known, f"keys of {name}"), near[0] if len(near) == 1 else None, frozenset(near))


def astray(word: str, value: Node) -> str:
    """Where a declaration belongs that stands at the top of the spec; empty if the value is none."""
    kind = value.value.get("kind") if value.is_map else None
    family = next((f for f in DECLARED if isinstance(kind.value, str) and find(f, kind.value)), "") if kind is not None else ""
    return f"`{kind.value}` is a kind of {singular(family)}: move it under `{family}:`, as `{family}.{word}`" if kind is not None and family else ""


def without_kind(report: Report, family: str, node: Node, path: tuple[str, ...], key: Place) -> Node | None:
    """Report a statement that says no `kind`; the statement as it was meant, if only the key is wrong."""
    noun = singular(family)
    meant = mistaken_kind(family, node.value)
    if not meant:
        what = f"`{field_name(path)}`" if field_name(path) == noun else f"{noun} `{field_name(path)}`"
        report.add("S402", f"{what} does not say its `kind`", key, path=path, help=(f"kinds of {noun}: {', '.join(kinds(family))}",))
        return None
    near = nearest(meant, ["kind"])
    where = f"`{noun}`" if field_name(path) == noun else f"{noun} `{field_name(path)}`"
    place = node.keys[meant]
    help = "did you mean `kind`?" if near else f"`{meant}` is called `kind` here"
    fixes = [replacing(report, place, "kind", "rename to")]
    report.add("S401", f"unknown key `{shortened(meant)}` in {where}", place, path=(*path, meant), help=(help,), fixes=fixes)
    right = {"kind" if word == meant else word: child for word, child in node.value.items()}
    return replace(node, value=right, keys=node.keys | {"kind": place}) if near or find(family, str(right["kind"].value)) else None


def wrong_kind(report: Report, slot: Slot, node: Node, tag: Node, path: tuple[str, ...], called: Callable[[str], list[str]]) -> Node | None:
    """Report a `kind` that there is not; the statement with the one that was meant, if that is certain. `called` are references of a name."""
    assert slot.family is not None
    family = slot.family.family
    noun, known = singular(family), kinds(family)
    word = str(tag.value) if not isinstance(tag.value, dict | list) else ""
    help, fixes = meant_word(report, word, [*known, *slot.choices], tag.place, f"kinds of {noun}")
    named = [] if node.is_map else called(word)
    if named:
        help, fixes = (f"did you mean `{named[0]}`?",), [replacing(report, tag.place, named[0])]
    help += ("a plug-in that could not be loaded may add it",) if plugin_problems() else ()
    text = f"there is no {noun} of kind `{shortened(word)}`" if word else f"`kind` takes a word; this is {tag.noun()}"
    report.add("S406", text, tag.place, path=(*path, "kind"), help=help, fixes=fixes)
    meant = fixes[0].text.strip("\"'") if len(fixes) == 1 and fixes[0].certain else ""
    return replace(node, value=node.value | {"kind": replace(tag, value=meant)}) if node.is_map and meant in known else None


def meant_word(report: Report, word: str, choices: Iterable[Any], place: Place, noun: str) -> tuple[tuple[str, ...], list[Fix]]:
    """Help and fixes for a word that is none of the choices: what other frameworks mean by it, else a near one, else all of them."""
    known = [*map(str, choices)]
    near = nearest(word, known)
    foreign = meant_by(word, {*known})
    if foreign and bare(word) not in map(bare, near):
        return (f"did you mean `{foreign}`?",), [replacing(report, place, foreign)]
    return did_you_mean(word, known, noun), [replacing(report, place, near[0])] if len(near) == 1 else []
