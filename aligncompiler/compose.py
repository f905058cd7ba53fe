"""Several sources -> one tree: parent file < file < profile < `--set`, then variables put in their places.

Mappings merge, lists replace. A changed `kind` drops the fields of the old kind, and says so. Every node keeps the place it was written
at, so that a later message points there.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import replace
from pathlib import Path

from .diagnostic import Diagnostic, Place, Report, SpecError
from .load import REFERENCE, Node, load, parse, references
from .spec.registry import DECLARED
from .suggest import did_you_mean, nearest

VAR_TYPES: dict[str, tuple[type, ...]] = {"float": (float, int), "int": (int,), "str": (str,), "bool": (bool,), "path": (str,)}
VAR_KEYS = ("type", "default", "doc")


class Poison:
    """Stands for a value whose fault is already reported; whatever meets it stays silent."""


POISON = Poison()


def compose(path: Path, report: Report, profiles: Sequence[str] = (), sets: Sequence[str] = ()) -> tuple[Node, list[str]]:
    """The whole tree of a spec, and the names of its profiles that were not applied. Raises SpecError where a file cannot be read."""
    tree = with_parent(path, report, ())
    for name in profiles:
        tree = apply_profile(tree, name, report)
    check_profiles(tree, report)
    for number, text in enumerate(sets, 1):
        tree = apply_set(tree, text, number, report)
    declared = tree.value.get("profiles")
    others = [name for name in declared.value if name not in profiles] if declared is not None and declared.is_map else []
    return fill_variables(tree, report), others


def with_parent(path: Path, report: Report, seen: tuple[Path, ...]) -> Node:
    tree = load(path, report)
    parent = tree.value.get("extends")
    if parent is None:
        return tree
    values = {k: v for k, v in tree.value.items() if k != "extends"}
    tree = replace(tree, value=values)
    if not isinstance(parent.value, str):
        report.add("C203", f"`extends` names one file; this is {parent.noun()}", parent.place)
        return tree
    target = path.parent / parent.value
    if target.resolve() in (*seen, path.resolve()):
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


def merge(base: Node, over: Node, report: Report) -> Node:
    """`over` upon `base`: mappings merge key by key, everything else is replaced."""
    if not (base.is_map and over.is_map):
        return over
    old, new = base.value.get("kind"), over.value.get("kind")
    if old is not None and new is not None and old.value != new.value:
        say_dropped(base, new, over.value, report)
        return over
    values = dict(base.value)
    keys = dict(base.keys)
    for key, node in over.value.items():
        values[key] = merge(values[key], node, report) if key in values else node
        keys[key] = over.keys.get(key, node.place)
    return Node(values, over.place, keys=keys)


def say_dropped(base: Node, kind: Node, kept: Container[str], report: Report) -> None:
    """Report the fields of the old kind that mean nothing any more."""
    dropped = [key for key in base.value if key != "kind" and key not in kept]
    if dropped:
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
    if not block.is_map:
        report.add("S403", f"a profile is a mapping of paths to values; this is {block.noun()}", block.place)
        return tree
    for path, value in block.value.items():
        tree = put(tree, path, value, block.keys[path], report)
    return tree


def check_profiles(tree: Node, report: Report) -> None:
    """Every path in every profile must lead somewhere, whether the profile is used or not."""
    profiles = tree.value.get("profiles")
    if profiles is None:
        return
    if not profiles.is_map:
        report.add("S403", f"`profiles` is a mapping of names to overrides; this is {profiles.noun()}", profiles.place)
        return
    for name, block in profiles.value.items():
        if not block.is_map:
            report.add("S403", f"a profile is a mapping of paths to values; this is {block.noun()}", block.place, path=("profiles", name))
            continue
        for path, value in block.value.items():
            put(tree, path, value, block.keys[path], report)


def apply_set(tree: Node, text: str, number: int, report: Report) -> Node:
    """One `--set path=value`; the value is read by the reader that reads files."""
    file = f"--set {text}" if number == 1 else f"--set {text} (number {number})"
    path, equals, value = text.partition("=")
    place = Place(file, 1, 1, 1, len(path) + 1)
    report.sources[file] = text
    if not equals or not re.fullmatch(r"[\w-]+(\.[\w-]+)*", path.strip()):
        report.add("C202", f"`{text}` is not of the form path=value", place, help=("for example `--set seed=1`",))
        return tree
    node = parse(value, file, report) or Node(None, place)
    report.sources[file] = text
    shifted = shift(node, len(path) + 1)
    return put(tree, path.strip(), shifted, place, report)


def shift(node: Node, columns: int) -> Node:
    """The same node, its first line moved right: a value of `--set` stands behind its path."""

    def moved(p: Place) -> Place:
        return replace(p, col=p.col + columns * (p.line == 1), end_col=p.end_col + columns * (p.end_line == 1))

    value = node.value
    if node.is_list:
        value = [shift(item, columns) for item in value]
    elif node.is_map:
        value = {key: shift(item, columns) for key, item in value.items()}
    return replace(node, value=value, place=moved(node.place), keys={k: moved(p) for k, p in node.keys.items()})


def put(tree: Node, path: str, value: Node, place: Place, report: Report) -> Node:
    """The tree with `value` at a dotted path. What it overrides must be declared; a key that nothing reads is found when it is typed."""
    steps = path.split(".")
    if len(steps) == 2 and steps[0] == "vars":
        steps.append("default")
    return put_steps(tree, steps, 0, value, place, report)


def put_steps(node: Node, steps: list[str], at: int, value: Node, place: Place, report: Report) -> Node:
    key, last = steps[at], at == len(steps) - 1
    if node.is_list and key.isdigit() and int(key) < len(node.value):
        items = list(node.value)
        items[int(key)] = value if last else put_steps(items[int(key)], steps, at + 1, value, place, report)
        return replace(node, value=items)
    path = ".".join(steps)
    if not node.is_map:
        stands_for = REFERENCE.fullmatch(node.value) if isinstance(node.value, str) else None
        help: tuple[str, ...] = (f"override `{stands_for[1]}.{'.'.join(steps[at:])}`, which it stands for",) if stands_for else ()
        report.add("C204", f"`{path}` leads nowhere: `{'.'.join(steps[:at])}` is {node.noun()}", place, help=help)
        return node
    if not last and key not in node.value and not (at == 1 and steps[0] in (*DECLARED, "vars", "profiles", "rounds")):
        node = replace(node, value=node.value | {key: Node({}, place)}, keys=node.keys | {key: place})
    if not last and key not in node.value:
        near = nearest(key, node.value)
        help = (f"did you mean `{'.'.join([*steps[:at], near[0], *steps[at + 1 :]])}`?",) if near else (f"keys here: {', '.join(node.value)}",)
        report.add("C204", f"`{path}` leads nowhere: there is no `{key}` in `{'.'.join(steps[:at]) or 'the spec'}`", place, help=help)
        return node
    if not last:
        new = put_steps(node.value[key], steps, at + 1, value, place, report)
    elif key == "kind" and key in node.value and node.value[key].value != value.value:
        say_dropped(node, value, (), report)
        return Node({key: value}, node.place, keys={key: place})
    else:
        new = merge(node.value[key], value, report) if key in node.value else value
    return replace(node, value=node.value | {key: new}, keys=node.keys | {key: place if last else node.keys[key]})


def fill_variables(tree: Node, report: Report) -> Node:
    """Every `${vars.NAME}` replaced by the variable's value; what composition needs is then taken out of the tree."""
    variables = read_variables(tree.value.get("vars"), report)
    done = ("vars", "profiles")
    profiles = tree.value.get("profiles")
    used = {name.removeprefix("vars.") for name in references(profiles)} if profiles is not None else set()
    values = {key: fill(node, variables, used, report) for key, node in tree.value.items() if key not in done}
    for name in variables:
        if name not in used:
            report.add("R306", f"the variable `{name}` is not used", tree.value["vars"].keys[name], path=("vars", name))
    return replace(tree, value=values)


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
    return replace(node, value=POISON) if value is None else value


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
        report.add("S403", f"a variable is a mapping such as {{type: float, default: 0.1, doc: ...}}; this is {entry.noun()}", entry.place, path=path)
        return None
    for key in entry.value:
        if key not in VAR_KEYS:
            help = did_you_mean(key, VAR_KEYS, "keys of a variable")
            report.add("S401", f"unknown key `{key}` in variable `{name}`", entry.keys[key], path=(*path, key), help=help)
    kind: Node | None = entry.value.get("type")
    default: Node | None = entry.value.get("default")
    for key, value in (("type", kind), ("default", default)):
        if value is None:
            report.add("S402", f"variable `{name}` needs `{key}`", place, path=path)
    if kind is None or default is None:
        return None
    if kind.value not in VAR_TYPES:
        report.add("S404", f"`type` of a variable is one of {', '.join(VAR_TYPES)}; this is {kind.noun()}", kind.place, path=(*path, "type"))
        return None
    if isinstance(default.value, VAR_TYPES[kind.value]) and not (isinstance(default.value, bool) and kind.value != "bool"):
        return default
    report.add("S403", f"variable `{name}` is of type {kind.value}, but its value is {default.noun()}", default.place, path=(*path, "default"))
    return None
