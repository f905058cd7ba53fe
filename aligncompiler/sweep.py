"""`sweep` -> cells: the same spec under several values, each cell a set of overrides.

    sweep:
      axes: {vars.beta: [0.05, 0.1], seed: [0, 1, 2]}                  # every combination
      zip:                                                             # lists that advance together; each group is one more axis
        - {stages.sft.budget.steps: [100, 200], stages.sft.batch.rows: [64, 32]}
      skip: [{vars.beta: 0.1, seed: 2}]                                # leave out the combinations that have all of these values
      add: [{vars.beta: 0.5, seed: 0}]                                 # and these cells beside them

The values of a cell come after profiles and before `--set`; an axis that `--set` names is left out. A stage that is the same in several
cells is one stage of the plan; one that differs is named after what it differs in: `stages.dpo[beta=0.05]`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from .compose import POISON, Composed, drops, put
from .diagnostic import Diagnostic, Place, Report
from .fixes import renaming
from .spec.composed import COMPOSED
from .spec.experiment import Experiment
from .spec.registry import DECLARED
from .tree import Node
from .words.suggest import did_you_mean, nearest

KEYS = tuple(COMPOSED["sweep"].inside)
SWEPT = ("vars", "seed", "rounds", *DECLARED)
MAX_CELLS = 2_000  # checked in about a second
MAX_SINGLY = 1_000  # values that are looked at where the sweep is at fault

Values = dict[str, tuple[Node, Place]]  # dotted path -> (value, where the path is written)


@dataclass(frozen=True)
class Point:
    """One cell before it is compiled: its name, the values of its axes, and the tree with them in their places."""

    name: str
    values: Mapping[str, Any]
    tree: Node


def sweep(composed: Composed, report: Report) -> Iterator[Point]:
    """The cells of a spec, in the order in which their axes are written, the last axis fastest; none if it has no sweep.

    Where the sweep is at fault they have no name: the spec under the first value of each axis that is right, then each other value by itself.
    """
    section = composed.tree.value.get("sweep")
    if section is None:
        return
    before = report.faults
    cells, singly = read(section, composed, report)
    if not cells and report.faults == before:
        report.add("C207", "the sweep has no cell", section.place, path=("sweep",), help=("name at least one axis, or remove `sweep`",))
    for cell in singly:
        tree = composed.tree
        for path, (value, place) in cell.items():
            tree = put(tree, path, value, place, report)
        yield Point("", {}, tree)
    paths = list(dict.fromkeys(path for cell in cells for path in cell))
    names = short_names(paths)
    base = {path: written(composed.tree, path) for path in paths}
    known: dict[tuple[object, ...], Node] = {}
    for cell in cells:
        tree = with_values(composed.tree, cell, known, report)
        values = {path: cell[path][0] if path in cell else base[path] for path in paths}
        yield Point(label({names[path]: value for path, value in values.items()}), {path: plain(value) for path, value in values.items()}, tree)


def with_values(tree: Node, cell: Values, known: dict[tuple[object, ...], Node], report: Report) -> Node:
    """The tree with the values of a cell; a declaration that has the same values as in an earlier cell is the same node."""
    touched: dict[tuple[str, ...], list[int]] = {}
    for path, (value, place) in cell.items():
        tree = put(tree, path, value, place, report)
        touched.setdefault(tuple(path.split(".")[:2]), []).append(id(value))
    for steps, values in touched.items():
        if len(steps) == 2:
            section, name = steps
            inner = tree.value[section]
            same = known.setdefault((section, name, *values), inner.value[name])
            tree = replace(tree, value=tree.value | {section: replace(inner, value=inner.value | {name: same})})
    return tree


def settled(path: str, value: Node, place: Place, composed: Composed, report: Report) -> tuple[Node, Place]:
    """A value upon what it overrides, and where its path is written; what is wrong with the path is reported."""
    if drops(value, tuple(path.split("."))):
        help = ("a cell changes what is declared; what only some cells have goes into a spec of its own that `extends` this one",)
        report.add("C207", f"a sweep cannot drop `{path}`", value.place, path=("sweep", path), help=help)
        return replace(value, value=POISON), place
    tree = put(composed.tree, path, value, place, report)
    return value if tree is composed.tree else written(tree, path), place  # the same tree: what is declared there is at fault


def written(tree: Node, path: str) -> Node:
    """What the spec says at a path where a cell says nothing."""
    steps = path.split(".") + ["default"] * (path.startswith("vars.") and path.count(".") == 1)
    node = tree
    for step in steps:
        inside = dict(enumerate(node.value)) if node.is_list else node.value if node.is_map else {}
        known = inside.get(int(step) if node.is_list and step.isdigit() else step)
        if known is None:
            return Node(Experiment.model_fields["seed"].default if path == "seed" else "default", tree.place)
        node = known
    return node


def given(tree: Node, problem: Diagnostic) -> bool:
    """Whether a key is missing that the sweep, which is at fault, may have been meant to give."""

    def keys(node: Node) -> Iterator[str]:
        yield from (name.rpartition(".")[2] for name in node.value) if node.is_map else ()
        for inner in node.value.values() if node.is_map else node.value if node.is_list else ():
            yield from keys(inner)

    return problem.code == "S402" and bool(problem.path) and bool(nearest(problem.path[-1], keys(tree.value["sweep"])))


def read(section: Node, composed: Composed, report: Report) -> tuple[list[Values], list[Values]]:
    """The values of every cell; or, where something is wrong with the section, which is reported, every value of an axis once."""
    path, before = ("sweep",), report.faults
    if not section.is_map:
        report.add("S403", f"`sweep` is a mapping with {', '.join(KEYS)}; this is {section.noun()}", section.place, path=path)
        return [], [{}]
    for word in section.value:
        if word not in KEYS:
            help, fixes = did_you_mean(word, KEYS, "keys of sweep"), renaming(report, section.keys[word], word, KEYS)
            report.add("S401", f"unknown key `{word}` in sweep", section.keys[word], path=(*path, word), help=help, fixes=fixes)
    axes = [[{name: pair} for pair in pairs] for name, pairs in lists(section.value.get("axes"), "axes", composed, report).items()]
    if not axes and section.value.get("axes") is not None:
        axes = [[{}]]  # all of them were taken by `--set`
    for number, group in enumerate(listed(section, "zip", report)):
        axes.append(zipped(group, number, composed, report))
    check_axes([(name, place) for axis in axes if axis for name, (_, place) in axis[0].items()], report)
    skip = [assigned(item, "skip", composed, report) for item in listed(section, "skip", report)]
    add = [assigned(item, "add", composed, report) for item in listed(section, "add", report)]
    size = 1
    for axis in axes:
        size *= len(axis)
    if size + len(add) > MAX_CELLS:
        text = f"the sweep has {size + len(add):,} cells; a plan has at most {MAX_CELLS:,}"
        report.add("C207", text, section.place, path=path, help=("shorten an axis, or split the sweep",))
    if report.faults > before:
        first = {name: pair for axis in axes for name, pair in axis[0].items()}
        return [], [first, *(first | other for other in [*(other for axis in axes for other in axis[1:]), *add][: MAX_SINGLY // max(1, len(first))])]
    cells: list[Values] = [{k: v for one in combination for k, v in one.items()} for combination in product(*axes)] if axes else []
    wanted = [tuple((name, told(value)) for name, (value, _) in one.items()) for one in skip]
    left_out = skipped(cells, wanted)
    kept = [cell for cell, skips in zip(cells, left_out, strict=True) if not skips]
    used = set().union(*left_out)
    for item, one, values in zip(listed(section, "skip", report), skip, wanted, strict=True):
        if values not in used and not one.keys() & composed.set_paths.keys():
            report.add("C208", "this `skip` leaves no cell out", item.place, path=(*path, "skip"), help=("it names values that the axes do not have",))
    cells = unique([*kept, *add], report)
    return cells, [] if cells else [{}]


def check_axes(axes: Sequence[tuple[str, Place]], report: Report) -> None:
    """Report each of the axes, given as (dotted path, where it is written), that changes what one before it changes."""
    whole: dict[str, tuple[str, Place]] = {}  # what an axis changes, and what that is a part of
    parts: dict[str, tuple[str, Place]] = {}
    for name, place in axes:
        ends = [match.start() for match in re.finditer(r"\.|\Z", name)]
        earlier = parts.get(name) or next((whole[name[:end]] for end in ends if name[:end] in whole), None)
        if earlier is not None:
            help = ("an axis cannot change what another one changes; take one of them out",)
            text = f"two axes run over `{name}`" if earlier[0] == name else f"two axes run over `{name}`: this one and `{earlier[0]}`"
            report.add("C207", text, place, path=("sweep", name), also=[(earlier[1], "the other axis")], help=help)
        whole.setdefault(name, (name, place))
        for end in ends:
            parts.setdefault(name[:end], (name, place))


def unique(cells: Sequence[Values], report: Report) -> list[Values]:
    """Each cell once; one that stands twice is reported."""
    found: dict[str, Values] = {}
    for cell in cells:
        key = repr(sorted((path, plain(value)) for path, (value, _) in cell.items()))
        if key in found:
            value, place = next(iter(cell.values()))
            report.add("C208", "this cell is in the sweep twice", value.place, path=("sweep",), also=[(place, "of this axis")], help=("remove one of them",))
        found.setdefault(key, cell)
    return list(found.values())


def lists(node: Node | None, word: str, composed: Composed, report: Report) -> dict[str, list[tuple[Node, Place]]]:
    """Dotted path -> values of each axis in a mapping."""
    found: dict[str, list[tuple[Node, Place]]] = {}
    if node is None:
        return found
    if not node.is_map:
        report.add("S403", f"`{word}` is a mapping of dotted paths to lists; this is {node.noun()}", node.place, path=("sweep", word))
        return found
    for name, values in node.value.items():
        key = node.keys[name]
        if not check_path(name, key, word, report):
            continue
        if not values.is_list or not values.value:
            said = "empty" if values.is_list else values.noun()
            help = (f"write `{name}: [...]` with the values to try",)
            report.add(
                "S403",
                f"an axis is a list of values; this is {said}",
                values.place,
                path=("sweep", word, name),
                help=help,
            )
        elif name in composed.set_paths:
            also = [(composed.set_paths[name], "set here")]
            report.add("C208", f"`--set {name}` takes the place of this axis", key, path=("sweep", word, name), also=also, help=("the other axes stay",))
        else:
            found[name] = [settled(name, value, key, composed, report) for value in values.value]
    return found


def check_path(name: str, place: Place, word: str, report: Report) -> bool:
    """Whether a dotted path may be swept over; where it leads is seen when it is put in its place."""
    if name.split(".")[0] in SWEPT and re.fullmatch(r"[\w-]+(\.[\w-]+)*", name):
        return True
    head, dot, rest = name.partition(".")
    near = nearest(head, SWEPT)
    meant = f"did you mean `{near[0]}{dot}{rest}`?" if near and near[0] != head else ""
    help = (meant or f"an axis starts with one of {', '.join(SWEPT)}, for example `vars.beta` or `stages.dpo.budget.steps`",)
    report.add("C207", f"`{name}` cannot be swept over", place, path=("sweep", word, name), help=help)
    return False


def listed(section: Node, word: str, report: Report) -> list[Node]:
    """The mappings under `zip`, `skip` or `add`."""
    node = section.value.get(word)
    if node is None:
        return []
    if not node.is_list or not all(item.is_map and item.value for item in node.value):
        text = f"`{word}` is a list of mappings"
        report.add("S403", text, node.place, path=("sweep", word), help=(f"write `{word}: [{{...}}]`",))
        return []
    return list(node.value)


def zipped(group: Node, number: int, composed: Composed, report: Report) -> list[Values]:
    """The values of lists that advance together."""
    columns = lists(group, "zip", composed, report)
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"`{name}` has {length}" for name, length in lengths.items())
        path = ("sweep", "zip", str(number))
        report.add("C207", f"lists that advance together have one length; {said}", group.place, path=path, help=("give each of them as many values",))
        return [{name: values[0] for name, values in columns.items()}]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)] or [{}]


def assigned(item: Node, word: str, composed: Composed, report: Report) -> Values:
    """One value for each path of a mapping under `skip` or `add`."""
    keys = item.keys
    return {n: settled(n, value, keys[n], composed, report) for n, value in item.value.items() if check_path(n, keys[n], word, report)}


Wanted = tuple[tuple[str, str], ...]  # (dotted path, value as a text) of what a cell must have to be left out


def skipped(cells: Sequence[Values], wanted: Sequence[Wanted]) -> list[set[Wanted]]:
    """For each cell, those of the wanted combinations that it has; asked once for all that speak of the same paths."""
    by_paths: dict[tuple[str, ...], set[Wanted]] = {}
    for one in wanted:
        by_paths.setdefault(tuple(path for path, _ in one), set()).add(one)
    texts: dict[int, str] = {}
    found = []
    for cell in cells if wanted else ():
        said = {path: texts.get(id(value)) or texts.setdefault(id(value), told(value)) for path, (value, _) in cell.items()}
        mine = [tuple((path, said[path]) for path in paths if path in said) for paths in by_paths]
        found.append({one for one, same in zip(mine, by_paths.values(), strict=True) if one in same})
    return found or [set() for _ in cells]


def told(node: Node) -> str:
    """A value as a text that is the same for equal values: `1` and `1.0` are, and mappings in another order."""
    if node.is_map:
        return "{" + ",".join(f"{key!r}:{told(value)}" for key, value in sorted(node.value.items())) + "}"
    if node.is_list:
        return "[" + ",".join(map(told, node.value)) + "]"
    return repr(int(node.value)) if isinstance(node.value, float) and node.value.is_integer() else repr(node.value)


def plain(node: Node) -> Any:
    """A tree as plain data."""
    if node.is_map:
        return {key: plain(value) for key, value in node.value.items()}
    return [plain(value) for value in node.value] if node.is_list else node.value


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """Dotted path -> the shortest end of it that no other path has."""
    ends = {path: [path[match.end() :] for match in re.finditer(r"\A|\.", path)][::-1] for path in paths}
    count = Counter(end for some in ends.values() for end in some)
    return {path: next(end for end in some if count[end] == 1 or end == path) for path, some in ends.items()}


def label(values: Mapping[str, Node]) -> str:
    """`beta=0.05,seed=1`: what tells a cell, or a stage of it, from the others."""
    return ",".join(f"{name}={brief(value)}" for name, value in values.items())


def brief(node: Node) -> str:
    """A value in a few characters that may stand in a file name."""
    if node.is_map:
        node = node.value.get("kind") or Node("+".join(node.value), node.place)
    text = "+".join(brief(item) for item in node.value) if node.is_list else str(node.text if node.text is not None else node.value)
    return re.sub(r"[^\w.+-]+", "_", text).strip("_")[:40] or "_"
