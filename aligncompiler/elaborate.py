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
from .diagnostic import Fix, Place, Report
from .load import REFERENCE, Node
from .spec.slot import Slot, slots
from .spec.base import Kind, Ref, Spec
from .spec.experiment import Experiment
from .spec.registry import DECLARED, kinds, singular
from .suggest import FOREIGN, did_you_mean, nearest

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class Elaborator:
    """Types one composed tree. After `experiment`, `nodes` maps each spec (by identity) to the text it was written in."""

    def __init__(self, root: Node, report: Report) -> None:
        self.root = root
        self.report = report
        self.nodes: dict[int, Node] = {}
        self.done: dict[tuple[str, str], Any] = {}
        self.open: list[tuple[str, str]] = []
        self.used: set[tuple[str, str]] = set()

    def experiment(self) -> Experiment | None:
        """The typed spec, or None if anything is wrong with it."""
        self.check_version()
        declared = {family: self.section(family) for family in DECLARED}
        plain = {key: node for key, node in self.root.value.items() if key not in DECLARED}
        root = replace(self.root, value=plain)
        for key in self.root.value:
            if key not in Experiment.model_fields:
                self.unknown_key(Experiment, self.root, key, "the spec", ())
        known = replace(root, value={k: v for k, v in plain.items() if k in Experiment.model_fields})
        made = self.fill(Experiment, known, (), "the spec", declared)
        self.warn_unused()
        return made if isinstance(made, Experiment) and not self.report.errors else None

    def check_version(self) -> None:
        node = self.root.value.get("alignc")
        if node is None:
            first = next(iter(self.root.keys.values()), self.root.place)
            self.report.add("S407", "the spec does not say its language version", first, help=("write `alignc: v1` as the first key",))
            self.root = replace(self.root, value={"alignc": Node("v1", self.root.place)} | self.root.value)
        elif node.value != "v1":
            self.report.add("S407", f"`alignc` is {node.noun()}; this compiler knows the language version v1", node.place, path=("alignc",))
            self.root = replace(self.root, value=self.root.value | {"alignc": Node("v1", node.place)})

    def section(self, family: str) -> dict[str, Any]:
        """Every declaration of a family, typed."""
        node = self.root.value.get(family)
        if node is None:
            return {}
        if not node.is_map:
            self.report.add("S403", f"`{family}` is a mapping of names to {family}; this is {node.noun()}", node.place, path=(family,))
            return {}
        for name in node.value:
            if not NAME.fullmatch(name):
                self.report.add(
                    "S405", f"`{name}` is no name; names are letters, digits, `_` and `-`, and start with a letter", node.keys[name], path=(family, name)
                )
        return {name: self.declaration(family, name) for name in node.value}

    def declaration(self, family: str, name: str) -> Any:
        """The spec declared as `family.name`, typed once; POISON if it is at fault or part of a cycle."""
        if (family, name) not in self.done:
            self.open.append((family, name))
            node = self.root.value[family].value[name]
            base = next(iter(kinds(family).values())).__mro__
            family_class = next(c for c in reversed(base) if issubclass(c, Kind) and c.family == family)
            self.done[family, name] = self.value(Slot(family=family_class), node, (family, name), self.root.value[family].keys[name])
            self.open.pop()
        return self.done[family, name]

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
            return self.fill(slot.nested, node, path, f"`{path[-1]}`", {})
        return self.leaf(slot, node, path)

    def items(self, slot: Slot, node: Node, path: tuple[str, ...]) -> Any:
        assert slot.items is not None
        if slot.length is not None and len(node.value) != slot.length:
            self.report.add("S403", f"`{path[-1]}` takes {slot.describe()}; this has {len(node.value)}", node.place, path=path)
            return POISON
        made = [self.value(slot.items, item, (*path, str(i)), item.place) for i, item in enumerate(node.value)]
        return POISON if any(m is POISON for m in made) else tuple(made)

    def leaf(self, slot: Slot, node: Node, path: tuple[str, ...]) -> Any:
        """A plain value of one of the slot's types; whole numbers pass for numbers."""
        value = node.value
        if any(type(value) is type(c) and value == c for c in slot.choices):
            return value
        if not isinstance(value, dict | list) and type(value) in slot.scalars:
            return self.resolved(value, node) if slot.path else value
        if type(value) is int and float in slot.scalars:
            return float(value)
        if slot.needs is not None and isinstance(value, str):
            self.bare_name(slot, node, path)
        elif slot.choices and not slot.scalars and isinstance(value, str):
            help = did_you_mean(value, map(str, slot.choices), "choices")
            self.report.add(
                "S404",
                f"`{path[-1]}` takes {slot.describe()}; this is {node.noun()}",
                node.place,
                path=path,
                help=help,
                fixes=self.rename(value, slot.choices, node.place),
            )
        else:
            quote = ("quote it, to keep it a text",) if str in slot.scalars and node.text is not None else ()
            self.report.add("S403", f"`{path[-1]}` takes {slot.describe()}; this is {node.noun()}", node.place, path=path, help=quote)
        return POISON

    def rename(self, word: str, known: Any, place: Place) -> list[Fix]:
        near = nearest(word, map(str, known))
        return [Fix(f"replace by `{near[0]}`", place, near[0])] if len(near) == 1 else []

    def resolved(self, value: str, node: Node) -> str:
        """A path in absolute form: relative ones start at the folder of the file that names them, or here for `--set`."""
        base = Path() if node.place.file.startswith("--set ") else Path(node.place.file).parent
        return str((base / value).resolve())

    # ---- statements

    def kind(self, slot: Slot, node: Node, path: tuple[str, ...], key: Place) -> Any:
        """A member of a family, chosen by `kind`; a bare name is short for a mapping with that kind only."""
        assert slot.family is not None
        family = slot.family.family
        known = kinds(family)
        noun = singular(family)
        tag = node.value.get("kind") if node.is_map else node
        if tag is None:
            help = (f"kinds of {noun}: {', '.join(known)}",)
            self.report.add("S402", f"{noun} `{path[-1]}` does not say its `kind`", key, path=path, help=help)
            return POISON
        if tag.value is POISON:
            return POISON
        if not isinstance(tag.value, str) or tag.value not in known:
            word = str(tag.value) if not isinstance(tag.value, dict | list) else ""
            help = did_you_mean(word, known, f"kinds of {noun}")
            text = f"there is no {noun} of kind `{word}`" if word else f"`kind` takes a word; this is {tag.noun()}"
            self.report.add("S406", text, tag.place, path=(*path, "kind"), help=help, fixes=self.rename(word, known, tag.place))
            return POISON
        full = node if node.is_map else Node({"kind": node}, node.place, keys={"kind": node.place})
        name = f"{noun} `{tag.value}`" if len(path) > 2 else f"{noun} `{path[-1]}` ({tag.value})"
        return self.fill(known[tag.value], full, path, name, {}, key)

    def fill(self, cls: type[Spec], node: Node, path: tuple[str, ...], name: str, ready: dict[str, Any], key: Place | None = None) -> Any:
        """An instance of a spec class from a mapping; `ready` holds fields that are typed already."""
        fields = slots(cls)
        values: dict[str, Any] = {}
        for word, child in node.value.items():
            if word in fields:
                values[word] = self.value(fields[word], child, (*path, word), node.keys.get(word, child.place))
            elif cls is not Experiment:
                self.unknown_key(cls, node, word, name, path)
        poisoned = {word for word, value in values.items() if value is POISON}
        whole = {w: v for w, v in values.items() if w not in poisoned} | {w: self.healthy(v) for w, v in ready.items()}
        missing = [w for w, info in cls.model_fields.items() if info.is_required() and w not in whole and w not in poisoned]
        for word in missing:
            help = (f"it takes {fields[word].describe()}",)
            self.report.add("S402", f"{name} needs the key `{word}`", key or node.place, path=(*path, word), help=help)
        made = None if missing or poisoned else self.construct(cls, whole, node, path)
        if made is None:
            if poisoned or missing:
                self.check_ranges(cls, whole, {*missing, *poisoned}, node, path)
            return POISON
        self.nodes[id(made)] = node
        broken = False
        for problem in made.check():
            place = self.place_in(node, problem.field, key)
            self.report.add(problem.code, problem.message, place, path=(*path, *filter(None, problem.field.split("."))), help=problem.help)
            broken = True
        return POISON if broken else made

    def healthy(self, section: dict[str, Any]) -> dict[str, Any]:
        return {name: spec for name, spec in section.items() if spec is not POISON}

    def construct(self, cls: type[Spec], values: dict[str, Any], node: Node, path: tuple[str, ...]) -> Any:
        try:
            return cls(**values)
        except pydantic.ValidationError as error:
            self.report_ranges(error, set(), node, path)
            return None

    def check_ranges(self, cls: type[Spec], values: dict[str, Any], skip: set[str], node: Node, path: tuple[str, ...]) -> None:
        """The constraints of the fields that are given, where the statement as a whole cannot be built."""
        try:
            cls(**values)
        except pydantic.ValidationError as error:
            self.report_ranges(error, skip, node, path)

    def report_ranges(self, error: pydantic.ValidationError, skip: set[str], node: Node, path: tuple[str, ...]) -> None:
        for fault in error.errors(include_url=False):
            word = str(fault["loc"][0])
            if word in skip or word not in node.value:
                continue
            child = node.value[word]
            text = fault["msg"].removeprefix("Input should be ").removeprefix("String should ")
            self.report.add("S405", f"`{word}` should be {text}; this is {child.noun()}", child.place, path=(*path, word))

    def unknown_key(self, cls: type[Spec], node: Node, word: str, name: str, path: tuple[str, ...]) -> None:
        fields = slots(cls)
        near = nearest(word, fields)
        place = node.keys[word]
        help = did_you_mean(word, fields, f"keys of {name}")
        elsewhere = [f"{f}.{word}" for f, slot in fields.items() if slot.nested and word in slot.nested.model_fields]
        if not near and elsewhere:
            help = (f"`{word}` belongs one level deeper: `{elsewhere[0]}`", *help)
        elif word in FOREIGN and (not near or FOREIGN[word].split(".")[0] in fields) and FOREIGN[word].split(".")[0] in (*fields, "engine"):
            help = (f"here it is called `{FOREIGN[word]}`", *help)
        fixes = [Fix(f"rename to `{near[0]}`", place, near[0])] if len(near) == 1 and near[0] not in node.value else []
        self.report.add("S401", f"unknown key `{word}` in {name}", place, path=(*path, word), help=help, fixes=fixes)

    def place_in(self, node: Node, dotted: str, key: Place | None) -> Place:
        """The place of a field of a statement, or of the nearest thing above it that is written in the file."""
        place = key or node.place
        for step in filter(None, dotted.split(".")):
            if node.is_map and step in node.value:
                place, node = node.keys[step], node.value[step]
            elif node.is_list and step.isdigit() and int(step) < len(node.value):
                node = node.value[int(step)]
                place = node.keys["kind"] if node.is_map and "kind" in node.keys else node.place
            else:
                return place
        return place if node.is_map or node.is_list else node.place

    # ---- references

    def reference(self, slot: Slot, node: Node, path: tuple[str, ...]) -> Any:
        """What `${family.name}` stands for here: an edge of the plan, or the declared value itself."""
        match = REFERENCE.fullmatch(node.value)
        if match is None or not re.fullmatch(r"[\w-]+(\.[\w-]+)*", match[1]):
            text = f"`{node.value}` is no reference"
            self.report.add("R305", text, node.place, path=path, help=("a reference is a whole value such as `${models.base}`; texts are not filled in",))
            return POISON
        target = self.target(match[1], node, path)
        if target is None:
            return POISON
        if target in self.open:
            self.cycle(target, node, path)
            return POISON
        self.used.add(target)
        spec = self.declaration(*target)
        if spec is POISON:
            return POISON
        output = spec.output()
        if output is None and slot.family is not None and isinstance(spec, slot.family):
            return spec
        if output is not None and slot.needs is not None and slot.needs.met_by(output):
            return Ref(match[1], output)
        self.mismatch(slot, spec, node, path)
        return POISON

    def target(self, text: str, node: Node, path: tuple[str, ...]) -> tuple[str, str] | None:
        """(family, name) of a reference that leads somewhere; otherwise the problem is reported."""
        family, _, name = text.partition(".")
        declared = {f: self.names(f) for f in DECLARED}
        if family in DECLARED and name in declared[family]:
            return family, name
        others = [f"${{{f}.{n}}}" for f, names in declared.items() for n in names if n == (name or family)]
        if family in DECLARED and name:
            near = nearest(name, declared[family])
            options = [f"${{{family}.{n}}}" for n in near] or others
            help = ("did you mean " + " or ".join(f"`{o}`" for o in options) + "?",) if options else self.listing(family, declared[family])
            text = f"there is no {singular(family)} `{name}`"
        else:
            near = nearest(family, DECLARED)
            options = others or [f"${{{n}.{name}}}" for n in near if name in declared[n]]
            help = ("did you mean " + " or ".join(f"`{o}`" for o in options) + "?",) if options else (f"a reference starts with one of {', '.join(DECLARED)}",)
            text = f"`{node.value}` names nothing"
        fixes = [Fix(f"replace by `{options[0]}`", node.place, options[0])] if len(options) == 1 else []
        self.report.add("R301", text, node.place, path=path, help=help, fixes=fixes)
        return None

    def names(self, family: str) -> list[str]:
        node = self.root.value.get(family)
        return list(node.value) if node is not None and node.is_map else []

    def listing(self, family: str, names: list[str]) -> tuple[str, ...]:
        return (f"declared {family}: {', '.join(names)}",) if names else (f"the spec declares no {family}",)

    def bare_name(self, slot: Slot, node: Node, path: tuple[str, ...]) -> None:
        """A name where a reference is due."""
        options = [f"${{{f}.{n}}}" for f in DECLARED for n in self.names(f) if n == node.value or f"{f}.{n}" == node.value]
        help = (f"did you mean `{options[0]}`?",) if options else ("a reference looks like `${models.base}`",)
        fixes = [Fix(f"replace by `{options[0]}`", node.place, options[0])] if len(options) == 1 else []
        self.report.add("S403", f"`{path[-1]}` takes {slot.describe()}; this is {node.noun()}", node.place, path=path, help=help, fixes=fixes)

    def cycle(self, target: tuple[str, str], node: Node, path: tuple[str, ...]) -> None:
        ring = [*self.open[self.open.index(target) :], target]
        text = " -> ".join(".".join(step) for step in ring)
        self.report.add("R302", f"`{'.'.join(target)}` needs its own result: {text}", node.place, path=path)

    def mismatch(self, slot: Slot, spec: Any, node: Node, path: tuple[str, ...]) -> None:
        output = spec.output()
        what = f"a {output}" if output is not None else f"{singular(spec.family)} of kind `{spec.tag}`"
        rows = slot.needs is not None and output is not None and output.artifact == "dataset" and "dataset" in slot.needs.artifacts
        name = next((p for p in reversed(path) if not p.isdigit()), "")
        self.report.add("R304" if rows else "R303", f"`{name}` takes {slot.describe()}, but `{node.value}` is {what}", node.place, path=path)

    def warn_unused(self) -> None:
        """Declarations that no stage needs; stages are wanted for themselves."""
        for family in DECLARED:
            for name in self.names(family):
                if family != "stages" and (family, name) not in self.used:
                    text = f"{singular(family)} `{name}` is not used"
                    self.report.add("R306", text, self.root.value[family].keys[name], path=(family, name))


def elaborate(root: Node, report: Report) -> tuple[Experiment | None, Elaborator]:
    """The typed experiment of a composed tree, and the elaborator that knows where each statement stands."""
    elaborator = Elaborator(root, report)
    return elaborator.experiment(), elaborator
