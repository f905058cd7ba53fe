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
from .fixes import renaming
from .spec.composed import COMPOSED
from .spec.registry import DECLARED
from .tree import REFERENCE, Node, references
from .words.suggest import did_you_mean, nearest

SECTIONS = (*DECLARED, "rounds")
KEYS = tuple(COMPOSED["rounds"].inside)
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


@dataclass(frozen=True)
class Scope:
    """What `${round.NAME}` stands for in one round of a loop, `whole` if these are all names; those that were read are added to `used`.

    `deeper` says where the names of a loop inside of this one lead: `dpo` -> `inner.dpo`.
    """

    names: Mapping[str, Node]
    whole: bool
    loop: str
    key: Place
    used: set[str]
    deeper: Mapping[str, str]


@dataclass
class Unrolled:
    """What copying made: per section the name, text and place of each copy; the loops, for references into them; and what the spec names."""

    named: frozenset[str] = frozenset()

    copies: dict[str, dict[str, tuple[Node, Place]]] = field(default_factory=lambda: {family: {} for family in DECLARED})
    loops: dict[str, Loop] = field(default_factory=dict)
    count: int = 0
    faulty: set[str] = field(default_factory=set)


def unroll(tree: Node, report: Report) -> tuple[Node, frozenset[tuple[str, str]]]:
    """The tree without `rounds`, and (section, name) of every copy."""
    section = tree.value.get("rounds")
    if section is None:
        return tree, frozenset()
    made = Unrolled(frozenset(references(tree)))
    rest = {key: node for key, node in tree.value.items() if key != "rounds"}
    if section.is_map:
        for name, node in section.value.items():
            if not NAME.fullmatch(name):
                text = f"`{name}` is no name of a loop; names are letters, digits, `_` and `-`, and start with a letter"
                report.add("S405", text, section.keys[name], path=("rounds", name), help=("rename it",))
                made.faulty.add(name)
            copy_rounds(spelt(name), node, section.keys[name], made, report)
    else:
        report.add("S403", f"`rounds` is a mapping of names to loops; this is {section.noun()}", section.place, path=("rounds",))
    for family, copies in made.copies.items():
        old = rest.get(family) or Node({}, section.place)
        for name in (n for n in copies if old.is_map and n in old.value):
            text = f"`{family}.{name}` is what a round makes, and is declared here as well"
            report.add("S405", text, old.keys[name], path=(family, name), also=[(copies[name][1], "made here")], help=("give one of them another name",))
        if copies and old.is_map:
            values = old.value | {name: node for name, (node, _) in copies.items()}
            rest[family] = replace(old, value=values, keys=old.keys | {name: key for name, (_, key) in copies.items()})
    whole = outside(replace(tree, value=rest), made, report, 0)
    return whole, frozenset((family, name) for family, copies in made.copies.items() for name in copies)


def spelt(name: str) -> str:
    """A name as a part of the name of a copy. What is no name, which is reported, becomes one that nobody can give, so that what it names is looked at."""
    return name if NAME.fullmatch(name) else f"_{re.sub(r'[^A-Za-z0-9_-]', '_', name)}"


def copy_rounds(name: str, node: Node, key: Place, made: Unrolled, report: Report) -> None:
    """Copy every round of a loop. One at fault is reported and copied as far as it can be told, so that what it repeats is looked at."""
    if node.value is POISON:
        made.faulty.add(name)
        return
    if not node.is_map:
        report.add("S403", f"a loop is a mapping; this is {node.noun()}", node.place, path=("rounds", name))
        made.faulty.add(name)
        return
    header = check_loop(name, node, key, report)
    rounds = header.rounds
    start, next_ = entries(node, "start"), entries(node, "next")
    declared = {n: section for section in SECTIONS for n in entries(node, section)}
    made.count += len(rounds) * len(declared)
    if made.count > MAX_COPIES:
        report.add("Y106", f"the rounds of this spec unroll into more than {MAX_COPIES:,} declarations", key, path=("rounds", name))
        made.faulty.add(name)
        return
    before = report.faults
    lost = {n: Node(POISON, key) for n in (*start, *next_) if (n in start) != (n in next_)}
    unclear = {n: Node(POISON, key) for n in header.unclear}
    carried = lost | start
    history: dict[str, list[Node]] = {n: [] for n in carried}
    used: set[str] = set()
    inner_loops = entries(node, "rounds").items()
    deeper = {n: f"{loop}.{n}" for loop, inner in inner_loops if inner.is_map for word in ("start", *SECTIONS) for n in entries(inner, word)}
    for number, own in enumerate(rounds, 1):
        for n, value in carried.items():
            history[n].append(value)
        here = {n: Node(f"${{{section}.{name}.{number}.{spelt(n)}}}", key) for n, section in declared.items()}
        lists = {f"history.{n}": Node(list(values), key) for n, values in history.items()}
        scope = Scope({"number": Node(number, key), **carried, **own, **lists, **here, **unclear}, header.whole, name, key, used, deeper)
        for n, section in declared.items():
            inner, place = node.value[section].value[n], node.value[section].keys[n]
            if section == "rounds":
                copy_rounds(f"{name}.{number}.{spelt(n)}", loop_inside(inner, scope, report), place, made, report)
            else:
                made.copies[section][f"{name}.{number}.{spelt(n)}"] = (inside(inner, scope, report), place)
        carried = lost | {n: inside(v, scope, report) for n, v in next_.items()}
    if not header.right:
        made.faulty.add(name)
        return
    made.loops[name] = Loop(len(rounds), declared, carried)
    for n in () if report.faults > before else (n for n in (*start, *rounds[0]) if n not in used and f"rounds.{name}.{n}" not in made.named):
        at = node.value["start"].keys[n] if n in start else node.value["over"].value[0].keys[n]
        report.add("R306", f"no round of `{name}` reads `{n}`", at, path=("rounds", name, n), help=("remove it, or name it as `${round." + n + "}`",))


def entries(node: Node, word: str) -> dict[str, Node]:
    inner = node.value.get(word)
    return dict(inner.value) if inner is not None and inner.is_map else {}


@dataclass(frozen=True)
class Header:
    """What a loop says of its rounds: the values of `over` for each (none for `count`), and whether that is `right`. A header at fault has at
    least one round; it is `whole` if it still tells all names, so that one which it does not give is at fault where it is read; `unclear` are
    names for several things."""

    rounds: list[dict[str, Node]]
    right: bool
    whole: bool
    unclear: frozenset[str]


def check_loop(name: str, node: Node, key: Place, report: Report) -> Header:
    """The rounds of a loop; what is wrong with its header is reported."""
    path, before = ("rounds", name), report.faults
    meant: set[str] = set()
    whole = True
    for word, value in node.value.items():
        if word not in KEYS:
            near = nearest(word, KEYS)
            meant.update(near)
            whole &= bool(near) and near[0] in ("count", "next")
            help, fixes = did_you_mean(word, KEYS, "keys of rounds"), renaming(report, node.keys[word], word, KEYS)
            report.add("S401", f"unknown key `{word}` in rounds `{name}`", node.keys[word], path=(*path, word), help=help, fixes=fixes)
        elif word not in ("count", "over") and not value.is_map:
            whole = False
            if value.value is not POISON:
                report.add("S403", f"`{word}` is a mapping of names; this is {value.noun()}", value.place, path=(*path, word))
    if all(node.value[section].value == {} for section in SECTIONS if section in node.value) and not meant.intersection(SECTIONS):
        report.add("S402", f"rounds `{name}` repeat nothing", key, path=path, help=("add `stages:` with the stages of one round",))
    counted, listed = "count" in node.value, "over" in node.value
    if counted == listed and not meant & {"count", "over"}:
        said = "both are given" if counted else "neither is given"
        report.add("M505", f"rounds take exactly one of `count`, `over`; {said}", node.keys.get("over", key), path=path)
    rounds = each_count(node.value["count"], path, report) if counted else []
    if listed:
        rounds = each_over(node.value["over"], path, report)
    whole &= bool(rounds) if listed else counted or "count" in meant
    unclear = check_names(node, rounds[0] if rounds else {}, key, path, report)
    start, next_ = entries(node, "start"), entries(node, "next")
    for n in [n for n in (*start, *next_) if (n in start) != (n in next_) and {"start", "next"}.isdisjoint(meant)]:
        word, other = ("start", "next") if n in start else ("next", "start")
        report.add("S402", f"`{n}` stands in `{word}` but not in `{other}`", node.value[word].keys[n], path=(*path, other, n))
    right = bool(rounds) and report.faults == before and all(value.value is not POISON for value in node.value.values())
    return Header(rounds or [{}], right, whole, unclear)


def check_names(node: Node, own: Mapping[str, Node], key: Place, path: tuple[str, ...], report: Report) -> frozenset[str]:
    """Report a name that no round can give, and one that stands for two things in one round, where it is given again; the latter are returned."""
    given: dict[str, Place] = {}
    twice = set()
    sources = [(node.value[word].keys[n], n) for word in ("start", *SECTIONS) for n in entries(node, word)]
    first = node.value["over"].value[0].keys if own else {}
    for place, n in [*sources, *((first.get(n, key), n) for n in own)]:
        if n in given:
            twice.add(n)
            also = [(given[n], "given here first")]
            report.add("S405", f"`{n}` stands for two things in one round", place, path=(*path, n), also=also, help=("give one of them another name",))
        elif n in RESERVED or not NAME.fullmatch(n):
            help = ("names are letters, digits, `_` and `-`; `number`, `history`, `all` are taken",)
            report.add("S405", f"`{n}` is no name that a round can give", place, path=(*path, n), help=help)
        given.setdefault(n, place)
    return frozenset(twice)


def each_count(count: Node, path: tuple[str, ...], report: Report) -> list[dict[str, Node]]:
    """A round without values of its own, so many times; none where it is no number of rounds."""
    if type(count.value) is int and 1 <= count.value <= MAX_ROUNDS:
        return [{}] * count.value
    if count.value is not POISON:
        report.add("S405", f"`count` is a number of rounds from 1 to {MAX_ROUNDS:,}; this is {count.noun()}", count.place, path=(*path, "count"))
    return []


def each_over(over: Node, path: tuple[str, ...], report: Report) -> list[dict[str, Node]]:
    """The values of each round, all with the same names; none where there is no telling."""
    if over.value is POISON:
        return []
    if not over.is_list or not over.value or not all(item.is_map for item in over.value):
        report.add("S403", f"`over` is a list with one mapping a round; this is {over.noun()}", over.place, path=(*path, "over"))
        return []
    names = over.value[0].value
    every = {n: Node(POISON, item.keys[n]) for item in over.value for n in item.value}
    for number, item in enumerate(over.value[1:], 2):
        missing, further = [n for n in names if n not in item.value], [n for n in item.value if n not in names]
        meant = {near for n in further for near in nearest(n, missing)}
        for n in further:
            help = did_you_mean(n, missing or names, "all rounds have the names of round 1")
            report.add("S401", f"round {number} has `{n}`, which round 1 has not", item.keys[n], path=(*path, "over", str(number - 1), n), help=help)
        for n in (n for n in missing if n not in meant):
            where = (*path, "over", str(number - 1), n)
            report.add("S402", f"round {number} has no `{n}`, which round 1 has", item.place, path=where, help=("all rounds have the same names",))
    return [every | item.value for item in over.value]


def loop_inside(node: Node, scope: Scope, report: Report) -> Node:
    """A loop in a loop: what it reads from outside is filled in, its own `${round...}` stay."""
    outer = ("count", "over", "start")
    return replace(node, value={word: inside(v, scope, report) if word in outer else v for word, v in node.value.items()}) if node.is_map else node


def inside(node: Node, scope: Scope, report: Report) -> Node:
    """A declaration of one round, its `${round...}` filled in."""

    def value(steps: list[str], at: Place) -> Node | None:
        if ".".join(steps).startswith(f"rounds.{scope.loop}."):
            help = ("name what this round makes as `${round.NAME}`; what an earlier one made is handed on through `start` and `next`",)
            report.add("R307", f"a round of `{scope.loop}` reads `{scope.loop}` from outside, which is not there before all rounds are done", at, help=help)
            return Node(POISON, at)
        if steps[0] != "round":
            return None
        for cut in range(len(steps), 1, -1):
            name = ".".join(steps[1:cut])
            known = scope.names.get(name)
            if known is not None and (cut == len(steps) or is_reference(known)):
                scope.used.add(steps[2] if steps[1] == "history" else name)
                placed = replace(known, place=at) if known.place is scope.key else known
                return placed if cut == len(steps) else Node(".".join([known.value[:-1], *steps[cut:]]) + "}", at)
        word = ".".join(steps[1:])
        if scope.whole:
            report.add("R301", f"this round has no `{word}`", at, help=meant_in_round(steps[1:], scope))
        return Node(POISON, at)

    return exchanged(node, value)


def meant_in_round(steps: list[str], scope: Scope) -> tuple[str, ...]:
    """What was meant by `${round...}` with these steps: a name of the round, or of a loop inside of it."""
    near = nearest(steps[0], scope.names) if len(steps) > 1 else nearest(steps[0], scope.deeper) if not nearest(steps[0], scope.names) else []
    if near:
        written = ".".join([near[0], *steps[1:]]) if len(steps) > 1 else scope.deeper[near[0]]
        return (f"did you mean `${{round.{written}}}`?",)
    return did_you_mean(".".join(steps), scope.names, "it has")


def spelled(steps: list[str], rest: list[str], at: Place, report: Report) -> str:
    """A reference to a loop as it is written, without `rest`: `round.inner` inside of a round, where that is one of its copies."""
    written = REFERENCE.search(report.text_at(at))
    own = written[1].split(".") if written is not None else steps
    loop = len(own) - len(rest)
    return ".".join(own[:loop] if own[loop:] == rest else steps[: len(steps) - len(rest)])


def outside(node: Node, made: Unrolled, report: Report, depth: int) -> Node:
    """A tree with every `${rounds...}` exchanged for what it stands for; what a faulty loop would have made is left out silently."""
    loops = made.loops

    def value(steps: list[str], at: Place) -> Node | None:
        if steps[0] != "rounds":
            return None
        cut = next((c for c in range(len(steps), 1, -1) if ".".join(steps[1:c]) in loops), 0)
        if not cut and any(".".join(steps[1:c]) in made.faulty for c in range(2, len(steps) + 1)):
            return Node(POISON, at)
        name, rest = ".".join(steps[1:cut]), steps[cut:]
        loop = loops.get(name)
        each = loop is not None and bool(rest) and (rest[0] == "all" or rest[0].isdigit())
        wanted = rest[1:] if each else rest
        own = spelled(steps, rest, at, report) if loop is not None else "rounds"
        if loop is None or depth > len(loops) or (why := missing(own.partition(".")[2], loop, rest, wanted, each)):
            text, help = ("", ()) if loop is None else (why if depth <= len(loops) else "names itself", made_of(own, loop, wanted))
            report.add(
                "R301",
                f"`${{{'.'.join([own, *(rest if loop is not None else steps[1:])])}}}` {text or 'names no loop'}",
                at,
                help=help or near_loops(steps, loops),
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
        return outside(found, made, report, depth + 1)

    return exchanged(node, value)


def missing(name: str, loop: Loop, rest: list[str], wanted: list[str], each: bool) -> str:
    """Why a reference into a loop leads nowhere; empty if it leads somewhere."""
    if each and rest[0] != "all" and not 1 <= int(rest[0]) <= loop.rounds:
        return f"names a round that there is not: `{name}` has {loop.rounds}, counted from 1"
    if not wanted:
        return "names rounds, not something that they make"
    if wanted[0] in loop.declared or (wanted[0] in loop.end and not each):
        return ""
    if wanted[0] in loop.end:
        return f"names one round, but `{wanted[0]}` is handed from round to round"
    return f"names nothing: the rounds of `{name}` make no `{wanted[0]}`"


def made_of(own: str, loop: Loop, wanted: list[str]) -> tuple[str, ...]:
    """What may be named in a loop, which is written `own` here."""
    words = [f"${{{own}.{n}}}" for n in (*loop.declared, *loop.end)]
    near = nearest(wanted[0], (*loop.declared, *loop.end)) if wanted else []
    if near and near[0] != wanted[0]:
        return (f"did you mean `${{{'.'.join([own, near[0], *wanted[1:]])}}}`?",)
    return (f"it has {', '.join(words)}",)


def near_loops(steps: list[str], loops: Mapping[str, Loop]) -> tuple[str, ...]:
    plain = {".".join(step for step in name.split(".") if not step.isdigit()): name for name in loops}
    inner = [name for name in plain if name.rpartition(".")[2] == steps[1]] if len(steps) > 1 else []
    near = inner or nearest(steps[1], plain) if len(steps) > 1 else []
    return (f"did you mean `${{{'.'.join(['rounds', near[0], *steps[2:]])}}}`?",) if near else did_you_mean("", plain, "loops of this spec")


def is_reference(node: Node) -> bool:
    return isinstance(node.value, str) and REFERENCE.fullmatch(node.value) is not None


def exchanged(node: Node, by: Callable[[list[str], Place], Node | None]) -> Node:
    """A tree with every reference for which `by` gives a value exchanged for it; a list in the place of an item becomes items."""
    if node.is_map:
        values = {word: exchanged(value, by) for word, value in node.value.items()}
        return node if all(values[word] is value for word, value in node.value.items()) else replace(node, value=values)
    if node.is_list:
        items = [(item, exchanged(item, by)) for item in node.value]
        if all(new is old for old, new in items):
            return node
        return replace(node, value=[one for old, new in items for one in (new.value if new.is_list and not old.is_list else [new])])
    match = REFERENCE.fullmatch(node.value) if isinstance(node.value, str) else None
    return node if match is None else by(match[1].split("."), node.place) or node
