"""Several sources -> one tree: parent file < file < profile < `--set`, then variables put in their places.

Mappings merge, lists replace. A changed `kind` drops the fields of the old kind, and says so. Every node keeps the place it was written
at, so that a later message points there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .diagnostic import Diagnostic, Place, Report, SpecError
from .fixes import renaming
from .load import load, parse
from .spec.composed import COMPOSED
from .spec.registry import DECLARED, FAMILIES, find
from .tree import REFERENCE, Node, references
from .words.suggest import did_you_mean, listed, nearest

VAR_TYPES: dict[str, tuple[type, ...]] = {"float": (float, int), "int": (int,), "str": (str,), "bool": (bool,), "path": (str,)}
VAR_KEYS = tuple(COMPOSED["vars"].inside)
TAKEN_OUT = ("vars", "profiles", "sweep")  # what composition reads; the rest is the experiment


class Poison:
    """Stands for a value whose fault is already reported; whatever meets it stays silent."""


POISON = Poison()


@dataclass(frozen=True)
class Composed:
    """The tree of a spec before variables are put in their places, `plain` before profiles and `--set`; profiles not applied; paths of `--set`."""

    tree: Node
    plain: Node
    others: list[str]
    set_paths: dict[str, Place]


def compose(path: Path, report: Report, profiles: Sequence[str] = (), sets: Sequence[str] = ()) -> Composed:
    """The whole tree of a spec. Raises SpecError where a file cannot be read."""
    tree = plain = with_parent(path, report, ())
    check_profiles(plain, report)
    for name in profiles:
        tree = apply_profile(tree, name, report)
    set_paths = {}
    for number, text in enumerate(sets, 1):
        tree, dotted, place = apply_set(tree, text, number, report)
        set_paths[dotted] = place
    declared = plain.value.get("profiles")
    others = [name for name in declared.value if name not in profiles] if declared is not None and declared.is_map else []
    return Composed(tree, plain, others, set_paths)


def with_parent(path: Path, report: Report, seen: tuple[Path, ...]) -> Node:
    tree = load(path, report)
    parent = tree.value.get("extends")
    if parent is None:
        return tree
    values = {k: v for k, v in tree.value.items() if k != "extends"}
    tree = replace(tree, value=values)
    if not isinstance(parent.value, str):
        help = ("a spec has one parent, which may have a parent in turn",) if parent.is_list else ("name a file, or remove the key",)
        report.add("C203", f"`extends` names one file; this is {parent.noun()}", parent.place, help=help)
        return tree
    target = plainer(path.parent / parent.value)
    if "\0" not in parent.value and target.resolve() in (*seen, path.resolve()):
        report.add("C203", f"`{parent.value}` extends this file in turn", parent.place, help=("a parent cannot descend from its child",))
        return tree
    try:
        base = with_parent(target, report, (*seen, path.resolve()))
    except SpecError as error:
        if error.diagnostic.code != "P601":
            raise
        report.add("C203", error.diagnostic.message, parent.place, help=error.diagnostic.help)
        return tree
    return merge(base, tree, report)


def plainer(path: Path) -> Path:
    """The path without `a/..`, if it leads to the same file."""
    short = Path(os.path.normpath(path))
    return short if "\0" not in str(path) and short.resolve() == path.resolve() else path


def merge(base: Node, over: Node, report: Report, path: tuple[str, ...] = ()) -> Node:
    """`over` upon `base`, which stand at a path: mappings merge key by key, `null` drops a declaration or a section, everything else is replaced."""
    if over.below is base:
        return over  # merged before
    if not (base.is_map and over.is_map):
        return replace(over, below=base)
    old, new = base.value.get("kind"), over.value.get("kind")
    if old is not None and new is not None and old.value != new.value:
        say_dropped(base, new, over.value, report)
        return replace(over, below=base)
    made = Node(dict(base.value), over.place, keys=dict(base.keys), below=base, dropped=dict(base.dropped))
    for key, node in over.value.items():
        lay(made, key, node, over.keys.get(key, node.place), report, (*path, key))
    return made


def lay(owner: Node, key: str, node: Node, place: Place, report: Report, path: tuple[str, ...]) -> None:
    """Put the value of a key, written at `place`, into a new mapping upon what stands there; or take the key away, where the value drops it."""
    old = owner.value.get(key)
    gone = owner.dropped
    assert isinstance(gone, dict), "a mapping that is shared is not changed"
    if drops(node, path):
        if old is None:
            from .words.dropping import report_idle  # needed for this fault alone

            report_idle(owner, path, node.place, report)
        else:
            gone[key] = replace(node, below=owner.value.pop(key))
        return
    if old is not None:
        node = merge(old, node, report, path)
    elif key in gone:
        node = replace(node, below=gone.pop(key))
    elif node.is_map and any(drops(inner, (*path, name)) for name, inner in node.value.items()):
        node = merge(Node({}, node.place), node, report, path)  # which drops what no parent has
    owner.value[key], owner.keys[key] = node, place


def drops(node: Node, path: tuple[str, ...]) -> bool:
    """Whether a value says that nothing is declared at a path: a `null` that is written, where a section or a declaration may stand."""
    return node.value is None and bool(node.text) and may_drop(path)


def may_drop(path: Sequence[str]) -> bool:
    """Whether a section or a declaration stands at a path: `sweep`, `stages`, `stages.exam`, `rounds.loop.stages.exam`."""
    sections: tuple[str, ...] = (*DECLARED, "rounds", "vars", "profiles")
    while len(path) > 2 and path[0] == "rounds":
        path, sections = path[2:], (*DECLARED, "rounds")
    return (len(path) <= 2 and path[0] in sections) or (len(path) == 1 and path[0] == "sweep" and "vars" in sections)


def say_dropped(base: Node, kind: Node, kept: Container[str], report: Report) -> None:
    """Report the fields of the old kind that mean nothing any more."""
    dropped = [key for key in base.value if key != "kind" and key not in kept]
    known = isinstance(kind.value, str) and any(find(family, kind.value) for family in FAMILIES)  # else that is what is said
    if dropped and known:
        old = base.value["kind"]
        text = f"`kind` changes from `{old.value}` to `{kind.value}`; dropped with the old kind: {', '.join(f'`{d}`' for d in dropped)}"
        report.add("C206", text, kind.place, also=[(old.place, "the old kind")])


def apply_profile(tree: Node, name: str, report: Report) -> Node:
    profiles = tree.value.get("profiles")
    known = profiles.value if profiles is not None and profiles.is_map else {}
    if name not in known:
        help = did_you_mean(name, known, "profiles of this spec") if known else ("this spec has no `profiles:`",)
        raise SpecError(Diagnostic("C201", f"there is no profile `{name}`", help=help))
    block = known[name]
    for path, value in block.value.items() if block.is_map else ():
        tree = put(tree, path, value, block.keys[path], report)
    return tree


def check_profiles(tree: Node, report: Report) -> None:
    """Profiles must be mappings; where their paths lead is seen when they are applied, and all of them are."""
    profiles = tree.value.get("profiles")
    if profiles is None:
        return
    if not profiles.is_map:
        report.add("S403", f"`profiles` is a mapping of names to overrides; this is {profiles.noun()}", profiles.place)
        return
    for name, block in profiles.value.items():
        if not block.is_map:
            report.add("S403", f"a profile is a mapping of paths to values; this is {block.noun()}", block.place, path=("profiles", name))


def apply_set(tree: Node, text: str, number: int, report: Report) -> tuple[Node, str, Place]:
    """The tree after one `--set path=value`, the path and its place; the value is read by the reader that reads files."""
    file = f"--set {text}" if number == 1 else f"--set {text} (number {number})"
    path, equals, value = text.partition("=")
    place = Place(file, 1, 1, 1, len(path) + 1)
    report.sources[file] = text
    if not equals or not re.fullmatch(r"[\w-]+(\.[\w-]+)*", path.strip()):
        report.add("C202", f"`{text}` is not of the form path=value", place, help=("for example `--set seed=1`",))
        return tree, path, place
    try:
        node = parse(value, file, report)
    except SpecError as error:
        report.sources[file] = text
        spans = tuple(replace(span, place=moved(span.place, len(path) + 1)) for span in error.diagnostic.spans)
        report.diagnostics.append(replace(error.diagnostic, spans=spans, fixes=()))
        return tree, path, place
    report.sources[file] = text
    shifted = shift(node, len(path) + 1) if node is not None else Node(None, place)
    return put(tree, path.strip(), shifted, place, report), path.strip(), place


def shift(node: Node, columns: int) -> Node:
    """The same node, its first line moved right: a value of `--set` stands behind its path."""

    value = node.value
    if node.is_list:
        value = [shift(item, columns) for item in value]
    elif node.is_map:
        value = {key: shift(item, columns) for key, item in value.items()}
    return replace(node, value=value, place=moved(node.place, columns), keys={k: moved(p, columns) for k, p in node.keys.items()})


def moved(p: Place, columns: int) -> Place:
    return replace(p, col=p.col + columns * (p.line == 1), end_col=p.end_col + columns * (p.end_line == 1))


def put(tree: Node, path: str, value: Node, place: Place, report: Report) -> Node:
    """The tree with `value` at a dotted path. What it overrides must be declared; a key that nothing reads is found when it is typed."""
    steps = path.split(".")
    if steps[0] == "extends":
        help = ("write it in the file itself; another spec can extend another parent",)
        report.add("C204", "`extends` cannot be overridden: the parent is read before anything overrides it", place, help=help)
        return tree
    if len(steps) == 2 and steps[0] == "vars" and not drops(value, tuple(steps)):
        steps.append("default")
        variables = tree.value.get("vars")
        declared = variables.value.get(steps[1]) if variables is not None and variables.is_map else None
        if declared is not None and not declared.is_map:
            return tree  # no variable, which is reported where it is read
    section, stray = tree.value.get(steps[0]), tree.value.get(steps[1]) if len(steps) > 2 else None
    if stray is not None and stray.is_map and section is not None and section.is_map and steps[0] in DECLARED and steps[1] not in section.value:
        return tree  # a declaration outside of its section, which is an unknown key
    return put_steps(tree, steps, 0, value, place, report)


def put_steps(node: Node, steps: list[str], at: int, value: Node, place: Place, report: Report) -> Node:
    key, last = steps[at], at == len(steps) - 1
    if node.is_list and key.isdigit() and int(key) < len(node.value):
        items = list(node.value)
        items[int(key)] = value if last else put_steps(items[int(key)], steps, at + 1, value, place, report)
        return replace(node, value=items)
    path = ".".join(steps if steps[0] != "vars" else steps[:2])
    if not node.is_map:
        stands_for = REFERENCE.fullmatch(node.value) if isinstance(node.value, str) else None
        help: tuple[str, ...] = (f"override `{stands_for[1]}.{'.'.join(steps[at:])}`, which it stands for",) if stands_for else ()
        report.add("C204", f"`{path}` leads nowhere: `{'.'.join(steps[:at])}` is {node.noun()}", place, help=help)
        return node
    if not last and key not in node.value and not (at == 1 and steps[0] in (*DECLARED, "vars", "profiles", "rounds", "sweep")):
        node = replace(node, value=node.value | {key: Node({}, place)}, keys=node.keys | {key: place})
    if not last and key not in node.value:
        near = nearest(key, node.value)
        meant = ".".join([*steps[:at], *near[:1], *steps[at + 1 :]]).removesuffix(".default")
        help = (f"did you mean `{meant}`?",) if near else (f"keys here: {listed(node.value)}",) if node.value else (nothing_in(steps[:at]),)
        report.add("C204", f"`{path}` leads nowhere: there is no `{key}` in `{'.'.join(steps[:at]) or 'the spec'}`", place, help=help)
        return node
    if not last:
        new = put_steps(node.value[key], steps, at + 1, value, place, report)
    elif key == "kind" and key in node.value and node.value[key].value != value.value:
        say_dropped(node, value, (), report)
        return Node({key: replace(value, below=node.value[key])}, node.place, keys={key: place}, below=node)
    else:
        made = replace(node, value=dict(node.value), keys=dict(node.keys), dropped=dict(node.dropped))
        lay(made, key, value, place, report, tuple(steps))
        return made
    return replace(node, value=node.value | {key: new})


def nothing_in(steps: Sequence[str]) -> str:
    """A help line about a part of the spec in which nothing is written."""
    word = ".".join(steps)
    return f"nothing is declared in `{word}`" if word in (*DECLARED, "vars", "profiles", "rounds") else f"nothing is written in `{word}`"


class Filler:
    """Puts variables in their places. What names no variable, or the same ones with the same values as before, stays the same node."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.named: dict[int, tuple[Node, tuple[str, ...]]] = {}
        self.filled: dict[tuple[int, ...], tuple[Node | None, ...]] = {}

    def tree(self, tree: Node) -> Node:
        """Every `${vars.NAME}` replaced by the variable's value; what composition needs is then taken out of the tree."""
        variables = read_variables(tree.value.get("vars"), self.report)
        profiles = tree.value.get("profiles")
        used = set(self.names_in(profiles)) if profiles is not None else set()
        values = {key: self.section(node, variables, used) for key, node in tree.value.items() if key not in TAKEN_OUT}
        for name in variables:
            if name not in used:
                self.report.add("R306", f"the variable `{name}` is not used", tree.value["vars"].keys[name], path=("vars", name))
        return replace(tree, value=values)

    def section(self, node: Node, variables: dict[str, Node | None], used: set[str]) -> Node:
        """A part at the top of the spec, declaration by declaration."""
        if not node.is_map:
            return self.part(node, variables, used)
        return replace(node, value={name: self.part(inner, variables, used) for name, inner in node.value.items()})

    def names_in(self, node: Node) -> tuple[str, ...]:
        """The variables that a part names, each once."""
        if id(node) not in self.named:
            called = (name.removeprefix("vars.") for name in references(node) if name.startswith("vars."))
            self.named[id(node)] = (node, tuple(dict.fromkeys(called)))
        return self.named[id(node)][1]

    def part(self, node: Node, variables: dict[str, Node | None], used: set[str]) -> Node:
        names = self.names_in(node)
        if not names:
            return node
        used.update(name for name in names if name in variables)
        inputs = (node, *(variables.get(name) for name in names))  # kept alive beside the result, so that their identities stay theirs
        key = tuple(map(id, inputs))
        if key not in self.filled:
            self.filled[key] = (fill(node, variables, used, self.report), *inputs)
        found = self.filled[key][0]
        assert found is not None
        return found


def fill(node: Node, variables: dict[str, Node | None], used: set[str], report: Report) -> Node:
    if node.is_list:
        return replace(node, value=[fill(item, variables, used, report) for item in node.value])
    if node.is_map:
        return replace(node, value={key: fill(item, variables, used, report) for key, item in node.value.items()})
    match = REFERENCE.fullmatch(node.value) if isinstance(node.value, str) else None
    if match is None or not match[1].startswith("vars."):
        return node
    name = match[1].removeprefix("vars.")
    if name not in variables:
        near = nearest(name, variables)
        help = (f"did you mean `${{vars.{near[0]}}}`?",) if near else ("declare it under `vars:`",)
        used.update(near)  # it was meant, so it is no surprise that nothing else names it
        report.add("C205", f"there is no variable `{name}`", node.place, help=help)
        return replace(node, value=POISON)
    used.add(name)
    value = variables[name]
    return replace(node, value=POISON) if value is None else replace(value, via=node.place)


def read_variables(node: Node | None, report: Report) -> dict[str, Node | None]:
    """Name -> value of every declared variable; None where its declaration is at fault."""
    if node is None:
        return {}
    if not node.is_map:
        report.add("S403", f"`vars` is a mapping of names to variables; this is {node.noun()}", node.place, path=("vars",))
        return {}
    return {name: read_variable(name, entry, node.keys[name], report) for name, entry in node.value.items()}


def read_variable(name: str, entry: Node, place: Place, report: Report) -> Node | None:
    path = ("vars", name)
    if not entry.is_map:
        word = type(entry.value).__name__
        text = f"a variable is a mapping such as {{type: float, default: 0.1, doc: ...}}; this is {entry.noun()}"
        way_out = (f"write `{name}: {{type: {word}, default: {entry.text or entry.value}}}`",) if word in VAR_TYPES else ()
        report.add("S403", text, entry.place, path=path, help=way_out)
        return None
    for key in entry.value:
        if key not in VAR_KEYS:
            help, fixes = did_you_mean(key, VAR_KEYS, "keys of a variable"), renaming(report, entry.keys[key], key, VAR_KEYS)
            report.add("S401", f"unknown key `{key}` in variable `{name}`", entry.keys[key], path=(*path, key), help=help, fixes=fixes)
    kind: Node | None = entry.value.get("type")
    default: Node | None = entry.value.get("default")
    for key, value in (("type", kind), ("default", default)):
        if value is None:
            report.add("S402", f"variable `{name}` needs `{key}`", place, path=path)
    if kind is None or default is None:
        return None
    if not isinstance(kind.value, str) or kind.value not in VAR_TYPES:
        from .words.misplaced import meant_word  # needed for this fault alone

        help, fixes = meant_word(report, kind.value, VAR_TYPES, kind.place, "") if isinstance(kind.value, str) else ((), [])
        text = f"`type` of a variable is one of {', '.join(VAR_TYPES)}; this is {kind.noun()}"
        report.add("S404", text, kind.place, path=(*path, "type"), help=help, fixes=fixes)
        return None
    if isinstance(default.value, str) and "${" in default.value:
        help = ("write the value itself; name the variable where it is used",)
        report.add("R305", f"the value of variable `{name}` is a reference", default.place, path=(*path, "default"), help=help)
        return None
    if isinstance(default.value, VAR_TYPES[kind.value]) and not (isinstance(default.value, bool) and kind.value != "bool"):
        return default
    report.add("S403", f"variable `{name}` is of type {kind.value}, but its value is {default.noun()}", default.place, path=(*path, "default"))
    return None
