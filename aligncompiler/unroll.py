"""`rounds` -> plain declarations: a part of the experiment is repeated by copying it, so that every round is nodes of the plan with keys of their own.

    rounds:
      loop:
        count: 3                                    # or `over`, a list with the values of each round
        start: {policy: ${stages.sft}}              # what the first round begins with
        stages:                                     # any section may stand here; each is copied once a round
          drafts: {kind: sample, policy: ${round.policy}, ...}
          dpo: {kind: train, model: ${round.policy}, ...}
        next: {policy: ${round.dpo}}                # what the names of `start` stand for one round later

Inside, `${round.NAME}` is a name of `start`, a value of this round's `over`, a declaration of the same round, or `number`, counted from 1;
`${round.history.NAME}` lists what a name of `start` has stood for so far, this round included. Outside, `${rounds.loop.NAME}` is that of the
last round (for a name of `start`, what it stands for after it), `${rounds.loop.2.NAME}` that of round 2, and `${rounds.loop.all.NAME}` the
list over all rounds. The copies are called `stages.loop.2.dpo` and so on. Loops nest: `${round...}` belongs to the innermost, whose
`count`, `over` and `start` are read in the outer one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from .compose import POISON
from .diagnostic import Place, Report
from .load import REFERENCE, Node
from .spec.registry import DECLARED
from .suggest import did_you_mean

SECTIONS = (*DECLARED, "rounds")
KEYS = ("count", "over", "start", "next", *SECTIONS)
RESERVED = ("number", "history", "all")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
MAX_ROUNDS = 1_000
MAX_COPIES = 10_000


@dataclass(frozen=True)
class Loop:
    """A loop after copying: how many rounds, name -> section of what each round declares, and what the names of `start` end as."""

    rounds: int
    declared: Mapping[str, str]
    end: Mapping[str, Node]


@dataclass
class Unrolled:
    """What copying made: per section the name, text and place of each copy; and the loops, for references into them."""

    copies: dict[str, dict[str, tuple[Node, Place]]] = field(default_factory=lambda: {family: {} for family in DECLARED})
    loops: dict[str, Loop] = field(default_factory=dict)
    count: int = 0


def unroll(tree: Node, report: Report) -> tuple[Node, frozenset[tuple[str, str]]]:
    """The tree without `rounds`, and (section, name) of every copy."""
    section = tree.value.get("rounds")
    if section is None:
        return tree, frozenset()
    made = Unrolled()
    rest = {key: node for key, node in tree.value.items() if key != "rounds"}
    if section.is_map:
        for name, node in section.value.items():
            copy_rounds(name, node, section.keys[name], made, report)
    else:
        report.add("S403", f"`rounds` is a mapping of names to loops; this is {section.noun()}", section.place, path=("rounds",))
    for family, copies in made.copies.items():
        old = rest.get(family) or Node({}, section.place)
        if copies and old.is_map:
            values = old.value | {name: node for name, (node, _) in copies.items()}
            rest[family] = replace(old, value=values, keys=old.keys | {name: key for name, (_, key) in copies.items()})
    whole = outside(replace(tree, value=rest), made.loops, report, 0)
    return whole, frozenset((family, name) for family, copies in made.copies.items() for name in copies)


def copy_rounds(name: str, node: Node, key: Place, made: Unrolled, report: Report) -> None:
    """Copy every round of a loop; a loop at fault is reported and left out."""
    rounds = check_loop(name, node, key, report)
    if rounds is None:
        return
    start, next_ = entries(node, "start"), entries(node, "next")
    declared = {n: section for section in SECTIONS for n in entries(node, section)}
    made.count += len(rounds) * len(declared)
    if made.count > MAX_COPIES:
        report.add("Y106", f"the rounds of this spec unroll into more than {MAX_COPIES:,} declarations", key, path=("rounds", name))
        return
    carried = dict(start)
    history: dict[str, list[Node]] = {n: [] for n in start}
    for number, own in enumerate(rounds, 1):
        for n, value in carried.items():
            history[n].append(value)
        here = {n: Node(f"${{{section}.{name}.{number}.{n}}}", key) for n, section in declared.items()}
        lists = {f"history.{n}": Node(list(values), key) for n, values in history.items()}
        scope = {"number": Node(number, key), **carried, **own, **lists, **here}
        for n, section in declared.items():
            inner, place = node.value[section].value[n], node.value[section].keys[n]
            if section == "rounds":
                copy_rounds(f"{name}.{number}.{n}", loop_inside(inner, scope, report), place, made, report)
            else:
                made.copies[section][f"{name}.{number}.{n}"] = (inside(inner, scope, report), place)
        carried = {n: inside(v, scope, report) for n, v in next_.items()}
    made.loops[name] = Loop(len(rounds), declared, carried)


def entries(node: Node, word: str) -> dict[str, Node]:
    inner = node.value.get(word)
    return dict(inner.value) if inner is not None and inner.is_map else {}


def check_loop(name: str, node: Node, key: Place, report: Report) -> list[dict[str, Node]] | None:
    """The values of `over` for each round (none for `count`), or None if the loop cannot be unrolled."""
    path, before = ("rounds", name), len(report.errors)
    if not node.is_map:
        report.add("S403", f"a loop is a mapping; this is {node.noun()}", node.place, path=path)
        return None
    for word, value in node.value.items():
        if word not in KEYS:
            report.add("S401", f"unknown key `{word}` in rounds `{name}`", node.keys[word], path=(*path, word), help=did_you_mean(word, KEYS, "keys of rounds"))
        elif word not in ("count", "over") and not value.is_map:
            report.add("S403", f"`{word}` is a mapping of names; this is {value.noun()}", value.place, path=(*path, word))
    if not any(entries(node, section) for section in SECTIONS):
        report.add("S402", f"rounds `{name}` repeat nothing", key, path=path, help=("add `stages:` with the stages of one round",))
    if ("count" in node.value) == ("over" in node.value):
        said = "both are given" if "count" in node.value else "neither is given"
        report.add("M505", f"rounds take exactly one of `count`, `over`; {said}", node.keys.get("over", key), path=path)
    if len(report.errors) > before:
        return None
    rounds = each_round(node, path, report)
    names = [n for word in ("start", *SECTIONS) for n in entries(node, word)] + list(rounds[0] if rounds else ())
    for n in dict.fromkeys(names):
        if names.count(n) > 1 or n in RESERVED or not NAME.fullmatch(n):
            why = "stands for two things in one round" if names.count(n) > 1 else "is no name that a round can give"
            report.add("S405", f"`{n}` {why}", key, path=(*path, n), help=("names are letters, digits, `_` and `-`; `number`, `history`, `all` are taken",))
    start, next_ = entries(node, "start"), entries(node, "next")
    for n in [n for n in (*start, *next_) if (n in start) != (n in next_)]:
        word, other = ("start", "next") if n in start else ("next", "start")
        report.add("S402", f"`{n}` stands in `{word}` but not in `{other}`", node.value[word].keys[n], path=(*path, other, n))
    return rounds if len(report.errors) == before else None


def each_round(node: Node, path: tuple[str, ...], report: Report) -> list[dict[str, Node]]:
    count, over = node.value.get("count"), node.value.get("over")
    if count is not None:
        if type(count.value) is int and 1 <= count.value <= MAX_ROUNDS:
            return [{}] * count.value
        report.add("S405", f"`count` is a number of rounds from 1 to {MAX_ROUNDS:,}; this is {count.noun()}", count.place, path=(*path, "count"))
        return []
    if over.is_list and over.value and all(item.is_map and set(item.value) == set(over.value[0].value) for item in over.value):
        return [dict(item.value) for item in over.value]
    report.add("S403", "`over` is a list with one mapping a round, all with the same names", over.place, path=(*path, "over"))
    return []


def loop_inside(node: Node, scope: Mapping[str, Node], report: Report) -> Node:
    """A loop in a loop: what it reads from outside is filled in, its own `${round...}` stay."""
    outer = ("count", "over", "start")
    return replace(node, value={word: inside(v, scope, report) if word in outer else v for word, v in node.value.items()}) if node.is_map else node


def inside(node: Node, scope: Mapping[str, Node], report: Report) -> Node:
    """A declaration of one round, its `${round...}` filled in."""

    def value(steps: list[str], at: Place) -> Node | None:
        if steps[0] != "round":
            return None
        for cut in range(len(steps), 1, -1):
            known = scope.get(".".join(steps[1:cut]))
            if known is not None and (cut == len(steps) or is_reference(known)):
                return known if cut == len(steps) else Node(".".join([known.value[:-1], *steps[cut:]]) + "}", at)
        word = ".".join(steps[1:])
        report.add("R301", f"this round has no `{word}`", at, help=did_you_mean(word, scope, "it has"))
        return Node(POISON, at)

    return exchanged(node, value)


def outside(node: Node, loops: Mapping[str, Loop], report: Report, depth: int) -> Node:
    """A tree with every `${rounds...}` exchanged for what it stands for."""

    def value(steps: list[str], at: Place) -> Node | None:
        if steps[0] != "rounds":
            return None
        cut = next((c for c in range(len(steps) - 1, 1, -1) if ".".join(steps[1:c]) in loops), 0)
        name, rest = ".".join(steps[1:cut]), steps[cut:]
        loop = loops.get(name)
        wanted = rest[1:] if loop is not None and (rest[0] == "all" or rest[0].isdigit()) else rest
        if loop is None or depth > len(loops) or not wanted or wanted[0] not in (*loop.declared, *loop.end):
            report.add(
                "R301", f"`${{{'.'.join(steps)}}}` names nothing", at, help=did_you_mean(wanted[0], loop.declared, "a round has") if loop and wanted else ()
            )
            return Node(POISON, at)

        def of(number: int) -> Node:
            return Node("${" + ".".join([loop.declared[wanted[0]], name, str(number), *wanted]) + "}", at)

        if wanted[0] not in loop.declared:
            found = loop.end[wanted[0]]
        elif rest[0] == "all":
            found = Node([of(number) for number in range(1, loop.rounds + 1)], at)
        else:
            found = of(int(rest[0]) if rest[0].isdigit() else loop.rounds)
        return outside(found, loops, report, depth + 1)

    return exchanged(node, value)


def is_reference(node: Node) -> bool:
    return isinstance(node.value, str) and REFERENCE.fullmatch(node.value) is not None


def exchanged(node: Node, by: Callable[[list[str], Place], Node | None]) -> Node:
    """A tree with every reference for which `by` gives a value exchanged for it; a list in the place of an item becomes items."""
    if node.is_map:
        return replace(node, value={word: exchanged(value, by) for word, value in node.value.items()})
    if node.is_list:
        items = [(item, exchanged(item, by)) for item in node.value]
        return replace(node, value=[one for old, new in items for one in (new.value if new.is_list and not old.is_list else [new])])
    match = REFERENCE.fullmatch(node.value) if isinstance(node.value, str) else None
    return node if match is None else by(match[1].split("."), node.place) or node
