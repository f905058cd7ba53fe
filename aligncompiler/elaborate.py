"""Composed tree -> typed specs: kinds looked up, references resolved and type-checked, every value checked against its field.

All independent problems of a file are reported in one pass. A value whose fault is reported becomes `POISON`; whatever depends on it is
skipped silently, so that no message is caused by another.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydantic

from .compose import POISON
from .diagnostic import Place, Report, original
from .fixes import replacing, retyping
from .memo import Memo
from .names import Names
from .spec.base import Output, Ref, Spec, incomplete, problems
from .spec.experiment import Experiment
from .spec.registry import DECLARED, base_of, find, singular
from .spec.slot import Slot, slots
from .store.inputs import located
from .syntax import fail
from .tree import REFERENCE, Node, place_in, shortened
from .unroll import unroll
from .words.suggest import did_you_mean, nearest
from .words.wording import field_name, out_of_range, way_out, wrong_type

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class Elaborator:
    """Types one composed tree."""

    def __init__(self, root: Node, report: Report, copies: frozenset[tuple[str, str]], memo: Memo, before: int) -> None:
        self.root = root
        self.report = report
        self.before = before
        self.copies = copies
        self.memo = memo
        self.names = Names(root, report)
        self.nodes = memo.nodes
        self.done: dict[tuple[str, str], Any] = {}
        self.open: list[tuple[str, str]] = []
        self.via: list[Place] = []
        self.knots: set[tuple[str, ...]] = set()

    def experiment(self) -> Experiment | None:
        """The typed spec, or None if anything is wrong with it."""
        self.check_version()
        declared = {family: self.section(family) for family in DECLARED}
        plain = replace(self.root, value={key: node for key, node in self.root.value.items() if key not in DECLARED})
        made = self.fill(Experiment, plain, (), "the spec", declared)
        if not self.names.of("stages") and not self.report.errors:
            place = next(iter(self.root.keys.values()), self.root.place)
            help = ("`alignc init` writes a spec with stages",)
            self.report.add("S402", "the spec declares no stage, so there is nothing to run", place, path=("stages",), help=help)
        if not self.memo.used:
            self.names.warn_unused()
        right = self.report.faults == self.before and not any(spec is POISON for spec in self.done.values())
        return made if isinstance(made, Experiment) and right else None

    def check_version(self) -> None:
        node = self.root.value.get("alignc")
        if node is None:
            first = next(iter(self.root.keys.values()), self.root.place)
            if not any(nearest(word, ["alignc"]) or "version" in word.lower() for word in self.root.value):  # else it is reported as an unknown key
                self.report.add("S407", "the spec does not say its language version", first, help=("write `alignc: v1` as the first key",))
            self.root = replace(self.root, value={"alignc": Node("v1", self.root.place)} | self.root.value)
        elif node.value is POISON:
            self.root = replace(self.root, value=self.root.value | {"alignc": Node("v1", node.place)})
        elif node.value != "v1":
            text = f"`alignc` is {node.noun()}; this compiler knows the language version v1"
            self.report.add("S407", text, node.place, path=("alignc",), help=("write `alignc: v1`",))
            self.root = replace(self.root, value=self.root.value | {"alignc": Node("v1", node.place)})

    def section(self, family: str) -> dict[str, Any]:
        """Every declaration of a family, typed."""
        node = self.root.value.get(family)
        if node is None or node.value is POISON:
            return {}
        if not node.is_map:
            help = (f"write `NAME: {{kind: ...}}` below it for each {singular(family)}",)
            self.report.add("S403", f"`{family}` is a mapping of names to {family}; this is {node.noun()}", node.place, path=(family,), help=help)
            return {}
        for name in node.value:
            if not NAME.fullmatch(name) and (family, name) not in self.copies:
                text = f"`{name}` is no name; names are letters, digits, `_` and `-`, and start with a letter"
                self.report.add("S405", text, node.keys[name], path=(family, name))
        for name in node.value:
            self.prepare(family, name)
        return {name: self.declaration(family, name) for name in node.value}

    def prepare(self, family: str, name: str) -> None:
        """Type what a declaration refers to before itself, so that the depth of the stack does not grow with the length of a chain."""
        todo = [(family, name)]
        entered: set[tuple[str, str]] = set()
        while todo:
            one = todo[-1]
            if one in entered or one in self.done:
                todo.pop()
                self.declaration(*one)
                continue
            entered.add(one)
            named = self.reads(*one)
            todo += [(f, n) for f, n in named if n and (f, n) not in entered]

    def reads(self, family: str, name: str) -> list[tuple[str, str]]:
        """What a declaration refers to, as (family, name); an empty name where a reference leads nowhere."""
        return [self.names.split(text)[:2] for text in self.memo.references(self.root.value[family].value[name])]

    def declaration(self, family: str, name: str) -> Any:
        """The spec declared as `family.name`, typed once; POISON if it is at fault or part of a cycle."""
        if (family, name) not in self.done:
            node = self.root.value[family].value[name]
            inputs = [self.done.get(one, POISON) for one in self.reads(family, name)]
            key = (family, name, id(node), *map(id, inputs))
            if key not in self.memo.typed or any(one is POISON for one in inputs):
                made = self.typed(family, name, node)
                self.memo.typed[key] = (made if made is POISON else self.memo.first(made, f"{family}.{name}", inputs), node, *inputs)
            self.done[family, name] = self.memo.typed[key][0]
        return self.done[family, name]

    def typed(self, family: str, name: str, node: Node) -> Any:
        self.open.append((family, name))
        made = self.value(Slot(family=base_of(family)), node, (family, name), self.root.value[family].keys[name])
        self.open.pop()
        return made

    def value(self, slot: Slot, node: Node, path: tuple[str, ...], key: Place) -> Any:
        """The typed value of a node in a slot, or POISON."""
        if node.value is POISON:
            return POISON
        if isinstance(node.value, str) and "${" in node.value:
            return self.reference(slot, node, path)
        if node.value is None and slot.optional:
            return None
        if node.is_list and slot.items is not None:
            return self.items(slot, node, path)
        if node.is_map and slot.values is not None:
            made = {k: self.value(slot.values, v, (*path, k), node.keys[k]) for k, v in node.value.items()}
            return POISON if POISON in made.values() else made
        if slot.family is not None and (node.is_map or (isinstance(node.value, str) and node.value not in slot.choices)):
            return self.kind(slot, node, path, key)
        if node.is_map and slot.nested is not None:
            return self.fill(slot.nested, node, path, f"`{path[-1]}`", {}, key)
        return self.leaf(slot, node, path)

    def items(self, slot: Slot, node: Node, path: tuple[str, ...]) -> Any:
        assert slot.items is not None
        if slot.length is not None and len(node.value) != slot.length:
            self.report.add("S403", f"`{path[-1]}` takes {slot.describe()}; this has {len(node.value)}", node.place, path=path)
            return POISON
        items: list[Any] = []
        for i, item in enumerate(node.value):
            named = isinstance(item.value, str) and "${" in item.value and slot.length is None
            made = self.reference(slot.items, item, (*path, str(i)), named) if named else self.value(slot.items, item, (*path, str(i)), item.place)
            items += made if named and isinstance(made, tuple) else [made]
        return POISON if any(m is POISON for m in items) else tuple(items)

    def leaf(self, slot: Slot, node: Node, path: tuple[str, ...]) -> Any:
        """A plain value of one of the slot's types; whole numbers pass for numbers."""
        value = node.value
        if any(type(value) is type(c) and value == c for c in slot.choices):
            return value
        if not isinstance(value, dict | list) and type(value) in slot.scalars:
            return self.resolved(value, node) if slot.path else value
        if type(value) is int and float in slot.scalars:
            return float(value)
        word = value if isinstance(value, str) else node.text if isinstance(value, bool) else None
        near = nearest(word, map(str, slot.choices)) if word and not self.names.called(word) else []
        if slot.needs is not None and isinstance(value, str) and not near:
            self.bare_name(slot, node, path)
        elif word and (near or (slot.choices and not slot.scalars)):
            from .words.misplaced import meant_word  # needed for this fault alone

            help, fixes = meant_word(self.report, word, slot.choices, node.place, "")
            self.report.add("S404", wrong_type(slot, node, path), node.place, path=path, help=help, fixes=fixes)
        else:
            if slot.structured:
                self.names.dangling.add("*")  # whatever was meant to be named here
            self.report.add("S403", wrong_type(slot, node, path), node.place, path=path, help=way_out(slot, node), fixes=retyping(slot, node))
        return POISON

    def resolved(self, value: str, node: Node) -> str:
        """A path in absolute form: relative ones start at the folder of the file that names them, or here for `--set`."""
        return located(Path() if node.place.file.startswith("--set ") else Path(node.place.file).parent, value)

    # ---- statements

    def kind(self, slot: Slot, node: Node, path: tuple[str, ...], key: Place) -> Any:
        """A member of a family, chosen by `kind`; a bare name is short for a mapping with that kind only."""
        assert slot.family is not None
        family = slot.family.family
        noun = singular(family)
        tag = node.value.get("kind") if node.is_map else node
        if tag is None:
            from .words.misplaced import without_kind  # needed for this fault alone

            meant = without_kind(self.report, family, node, path, key)
            if meant is not None:
                self.kind(slot, meant, path, key)
            return POISON
        if tag.value is POISON:
            return POISON
        cls = find(family, tag.value) if isinstance(tag.value, str) else None
        if cls is None:
            from .words.misplaced import wrong_kind  # needed for this fault alone

            meant = wrong_kind(self.report, slot, node, tag, path, self.names.called)
            if meant is not None:
                self.kind(slot, meant, path, key)
            return POISON
        full = node if node.is_map else Node({"kind": node}, node.place, keys={"kind": node.place})
        name = f"{noun} `{tag.value}`" if len(path) > 2 else f"{noun} `{path[-1]}` ({tag.value})"
        made = self.fill(cls, full, path, name, {}, key)
        if made is not POISON and len(path) > 2 and made.output() is not None:
            help = (f"declare it under `{family}:` and write `${{{family}.NAME}}` here",)
            self.report.add("R303", f"{noun} `{tag.value}` makes a {made.output()}, so it is declared by itself", tag.place, path=path, help=help)
            return POISON
        return made

    def fill(self, cls: type[Spec], node: Node, path: tuple[str, ...], name: str, ready: dict[str, Any], key: Place | None = None) -> Any:
        """An instance of a spec class from a mapping; `ready` holds fields that are typed already."""
        fields = slots(cls)
        values: dict[str, Any] = {}
        meant: frozenset[str] = frozenset()
        for word, child in node.value.items():
            if word in fields:
                values[word] = self.value(fields[word], child, (*path, word), node.keys.get(word, child.place))
            else:
                meant |= self.unknown_key(cls, node, word, name, path)
        poisoned = {word for word, value in values.items() if value is POISON} | (meant - set(values))
        whole = {w: v for w, v in values.items() if w not in poisoned} | {w: self.healthy(v) for w, v in ready.items()}
        missing = [w for w, info in cls.model_fields.items() if info.is_required() and w not in whole and w not in poisoned]
        for word in missing:
            help = (f"it takes {fields[word].describe()}",)
            self.report.add("S402", f"{name} needs the key `{word}`", key or node.place, path=(*path, word), help=help)
        made, unknown = self.construct(cls, whole, {*missing, *poisoned}, node, path)
        if unknown and ready:
            return POISON  # the whole of an experiment is more than what is left of it
        self.nodes[id(made)] = node
        broken = bool(unknown)
        for problem in problems(made, unknown):
            if problem.rivals:
                from .words.rivals import one_too_many  # needed for this fault alone

                where, place, hints, also = one_too_many(node, problem.rivals, self.report)
            else:
                where, place, hints, also = problem.field, place_in(node, problem.field, key), problem.help, []
            broken |= self.report.add(problem.code, problem.message, place, path=(*path, *filter(None, where.split("."))), help=hints, also=also)
        return POISON if broken else made

    def healthy(self, section: dict[str, Any]) -> dict[str, Any]:
        return {name: spec for name, spec in section.items() if spec is not POISON}

    def construct(self, cls: type[Spec], values: dict[str, Any], unknown: set[str], node: Node, path: tuple[str, ...]) -> tuple[Spec, set[str]]:
        """The statement, without the fields of which nothing is known; these fields, with those whose values are out of range."""
        try:
            made = cls(**values)
        except pydantic.ValidationError as error:
            unknown = unknown | self.report_ranges(cls, error, unknown, node, path)
        return (incomplete(cls, values, unknown), unknown) if unknown else (made, unknown)

    def report_ranges(self, cls: type[Spec], error: pydantic.ValidationError, skip: set[str], node: Node, path: tuple[str, ...]) -> set[str]:
        """The fields that break their constraints, which is reported but for those to skip."""
        found = set()
        for fault in error.errors(include_url=False):
            word = str(fault["loc"][0])
            if word in skip or word not in node.value:
                continue
            child = node.value[word]
            for step in fault["loc"][1:]:
                child = child.value[step] if child.is_list and isinstance(step, int) else child
            text = out_of_range(cls.model_fields[word], fault["msg"])
            self.report.add("S405", f"`{word}` {text}; this is {child.noun()}", child.place, path=(*path, word))
            found.add(word)
        return found

    def unknown_key(self, cls: type[Spec], node: Node, word: str, name: str, path: tuple[str, ...]) -> frozenset[str]:
        """Report the key; the keys that were meant by it, and are not missing therefore."""
        from .words.misplaced import mending  # needed for this fault alone

        place = node.keys[word]
        mend = mending(cls, word, name, node.value[word])
        fixes = [replacing(self.report, place, mend.rename, "rename to")] if mend.rename and mend.rename not in node.value else []
        self.report.add("S401", f"unknown key `{shortened(word)}` in {name}", place, path=(*path, word), help=mend.help, fixes=fixes)
        return mend.meant

    # ---- references

    def reference(self, slot: Slot, node: Node, path: tuple[str, ...], in_list: bool = False) -> Any:
        """What `${family.name}` stands for here: an edge of the plan, the declared value itself, or where a list is due the members of one."""
        match = REFERENCE.fullmatch(node.value)
        if match is None or not re.fullmatch(r"[\w-]+(\.[\w-]+)*", match[1]):
            self.names.malformed(node, path)
            return POISON
        found = self.names.target(match[1], node, path)
        if found is None:
            return POISON
        target, part = found
        if target in self.open:
            self.cycle(target, node, path)
            return POISON
        self.via.append(node.place)
        spec = self.declaration(*target)
        self.via.pop()
        if spec is POISON:
            return POISON
        whole = spec.output()
        if whole is None and slot.family is not None and isinstance(spec, slot.family) and not part:
            return spec
        output = whole.inside(part) if whole is not None else None
        if output is None and part:
            held = list(whole.parts()) if whole is not None else []
            text = f"`{'.'.join(target)}` holds no `{part}`"
            named = ("only what a declaration makes can be named; a value that is needed twice goes under `vars:`",)
            self.report.add("R301", text, node.place, path=path, help=did_you_mean(part, held, "it holds") or named)
            return POISON
        if output is not None and slot.needs is not None and slot.needs.met_by(output):
            return Ref(".".join(target), output, part)
        member = slot if in_list else slot.items if slot.length is None else None
        many = member.needs if member is not None else None
        if output is not None and output.artifact == "list" and many is not None and all(many.met_by(one) for _, one in output.holds):
            return tuple(Ref(".".join(target), one, f"{part}.{name}") for name, one in output.holds)
        self.mismatch(slot, spec, output, node, path)
        return POISON

    def bare_name(self, slot: Slot, node: Node, path: tuple[str, ...]) -> None:
        """A name where a reference is due."""
        options = self.names.called(re.sub(r"[\s${}()%]", "", node.value))
        self.names.dangling.update(options or ("*",))
        help = (f"did you mean `{options[0]}`?",) if options else ("a reference looks like `${models.base}`",)
        fixes = [replacing(self.report, node.place, options[0])] if len(options) == 1 else []
        self.report.add("S403", wrong_type(slot, node, path), node.place, path=path, help=help, fixes=fixes)

    def cycle(self, target: tuple[str, str], node: Node, path: tuple[str, ...]) -> None:
        ring = [*self.open[self.open.index(target) :], target]
        if not self.knots.isdisjoint(named := {original(step) for step in ring}):  # rounds are copies, with one ring a copy
            return
        self.knots |= named
        self.names.dangling.add("*")
        text = " -> ".join(".".join(step) for step in ring)
        also = [(place, f"`{'.'.join(step)}` is needed here") for place, step in zip(self.via[len(self.via) - len(ring) + 2 :], ring[1:], strict=False)]
        help = ("let one of these references name something that comes before",)
        self.report.add("R302", f"`{'.'.join(target)}` needs its own result: {text}", node.place, path=path, also=also, help=help)

    def mismatch(self, slot: Slot, spec: Any, output: Output | None, node: Node, path: tuple[str, ...]) -> None:
        what = f"a {output}" if output is not None else f"{singular(spec.family)} of kind `{spec.tag}`"
        rows = slot.needs is not None and output is not None and output.artifact == "dataset" and "dataset" in slot.needs.artifacts
        fitting = [f"${{{f}.{n}}}" for (f, n), made in self.done.items() if made is not POISON and self.fits(slot, made)]
        self.names.dangling.update(fitting)
        help = (f"these fit: {', '.join(fitting[:5])}",) if fitting else ()
        if slot.items is not None and self.fits(slot.items, spec):
            help = (f"write `[{node.value}]`",)
        text = f"`{field_name(path)}` takes {slot.describe()}, but `{node.value}` is {what}"
        self.report.add("R304" if rows else "R303", text, node.place, path=path, help=help)

    def fits(self, slot: Slot, spec: Any) -> bool:
        """Whether a reference to this may stand there: what makes an artifact is that artifact, and the rest the value itself."""
        output = spec.output()
        if output is None:
            return slot.family is not None and isinstance(spec, slot.family)
        return slot.needs is not None and slot.needs.met_by(output)


def elaborate(root: Node, report: Report, memo: Memo | None = None) -> tuple[Experiment | None, Elaborator]:
    """The typed experiment of a composed tree, and the elaborator that knows where each statement stands."""
    before = report.faults
    root, copies = unroll(root, report)
    elaborator = Elaborator(root, report, copies, memo or Memo(), before)
    elaborator.names.dangling |= {"*"} if report.faults > before else set()  # a loop that is left out may have used anything
    try:
        return elaborator.experiment(), elaborator
    except RecursionError:  # values are at most 64 deep and chains are typed from their ends, so only a ring can be this long
        raise fail("R302", "references form a ring through very many declarations", root.place) from None
