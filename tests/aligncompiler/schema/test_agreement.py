"""Schema and `check` say the same of every file of the error corpus, and of good specs with one thing changed: the same faults at the same
places, but for what a schema cannot say, which is listed here with its reason."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from aligncompiler.codes import ALL, BASE
from aligncompiler.compile import Compiled, compile_spec
from aligncompiler.diagnostic import Diagnostic, Report, SpecError
from aligncompiler.flow import Writer
from aligncompiler.load import load
from aligncompiler.tree import REFERENCE, Node

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden"
MUTATIONS = 300

# Of these families a schema can say something; the others are about the text (which YAML reports), other files, the graph, or meaning.
SAYABLE = ("S401", "S402", "S403", "S404", "S405", "S406", "S407", "C204")
# (codes, pattern of the message, what of it a schema cannot say)
UNSAYABLE = (
    ("S405", r"^(?!.* should )", "a limit that a class computes in `check`, from several fields or from inside a list"),
    ("S405", r"^`\w+` holds ", "the same"),
    ("S405", "should be a finite number", "JSON has no infinity"),
    ("S403", r"is the number -?\d+(\.0|e\d+)", "in JSON 2.0 is a whole number"),
    ("S403", "all with the same names", "that mappings have the same keys"),
    ("S402", "stands in `(start|next)`", "that mappings have the same keys"),
    ("S402", "repeat nothing", "that one of several mappings is not empty"),
    ("C204", "there is no `", "the names that a file declares"),
    ("C204", "override `", "what a reference stands for"),
    ("C204", "leads nowhere: .* is ", "what stands at a path"),
)


def carried(path: tuple[str, ...], d: Diagnostic) -> bool:
    """Whether the value at fault is judged where it is used: that of a variable, or one that rounds hand on. Only the whole spec says where that is."""
    rounds = path[:1] == ("rounds",) and path[2:3] in (("over",), ("start",), ("next",))
    override = path[:1] in (("profiles",), ("sweep",)) and any(step.startswith("vars.") for step in path)
    return rounds or override or (path[:1] == ("vars",) and path[2:3] == ("default",) and "variable `" not in d.message)


def readable(file: Path) -> bool:
    """Whether there is a tree at all; what stops a file from being read is a matter of YAML."""
    try:
        return load(file, Report()).is_map
    except SpecError:
        return False


FILES = sorted(file for file in [*(ROOT / "specs").rglob("*.yaml"), *GOLDEN.glob("*/*.yaml")] if readable(file))


def plain(node: Node) -> Any:
    if node.is_map:
        return {key: plain(value) for key, value in node.value.items()}
    return [plain(item) for item in node.value] if node.is_list else node.value


def places(node: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[int, int], tuple[str, ...]]]:
    """((line, column), path) of every key and every value of a tree, the innermost last."""
    yield (node.place.line, node.place.col), path
    for word, inner in node.value.items() if node.is_map else enumerate(node.value) if node.is_list else ():
        if node.is_map:
            yield (node.keys[word].line, node.keys[word].col), (*path, word)
        yield from places(inner, (*path, str(word)))


def inside(path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return path[: len(other)] == other


def statement(path: tuple[str, ...], d: Diagnostic) -> tuple[str, ...] | None:
    """The statement whose kind is not known to a schema, which then cannot know what it may hold."""
    if d.code == "S406":
        return path[:-1] if path[-1:] == ("kind",) else path
    return path if stands_for_kind(d) else None


def stands_for_kind(d: Diagnostic) -> bool:
    """Whether a key was meant to be `kind`."""
    return d.code == "S401" and any(fix.text.strip("\"'") == "kind" for fix in d.fixes)


class Compared:
    """One file under both: `check` says diagnostics, the schema paths."""

    def __init__(self, seen: Any, report: Report, file: str) -> None:
        self.root = load(Path(file), Report())
        self.at = dict(places(self.root))
        self.said = [(self.path(d), d) for d in report.diagnostics if d.primary is not None and d.primary.place.file == file]
        self.refused = [self.at[place] for place in seen.refused(Path(file).read_text(encoding="utf-8"), file)]

    def path(self, d: Diagnostic) -> tuple[str, ...]:
        """Where in the file a diagnostic points; a missing `kind` is a matter of its statement, though another key may stand in for it."""
        assert d.primary is not None
        path = self.at.get((d.primary.place.line, d.primary.place.col), ())
        if stands_for_kind(d):
            return path[:-1]
        return d.path if d.code == "S402" and d.path in self.at.values() and inside(path, d.path) else path

    def named(self, path: tuple[str, ...]) -> bool:
        """Whether a reference stands there: what is wrong with the value that it leads to is written elsewhere."""
        node = self.root
        for step in path:
            node = node.value[step] if node.is_map else node.value[int(step)]
        return isinstance(node.value, str) and REFERENCE.fullmatch(node.value) is not None

    def missed(self) -> list[str]:
        """What `check` says and the schema does not, though it could."""
        must = [(path, d) for path, d in self.said if d.code in SAYABLE and not any(d.code in c and re.search(m, d.message) for c, m, _ in UNSAYABLE)]
        must = [(path, d) for path, d in must if not carried(path, d) and not self.named(path)]
        hidden = [one for path, d in self.said if (one := statement(path, d)) is not None]
        must = [(path, d) for path, d in must if not any(inside(path, one) and one != statement(path, d) for one in hidden)]
        unseen = [(path, d) for path, d in must if not any(inside(other, path) for other in self.refused)]
        return [f"{'.'.join(path)}: {d.code} {d.message}" for path, d in unseen]

    def invented(self) -> list[str]:
        """What the schema refuses and `check` does not: nothing at this place or around it.

        Only `check` knows that a key is not missing but misspelt; and where a variable is of the wrong type, it points at the variable.
        """
        known = [one for path, d in self.said for one in (path, d.path)] + [path[:-1] for path, d in self.said if d.code == "S401"]
        return [".".join(path) for path in self.refused if not any(inside(path, other) for other in known)]


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_schema_and_check_agree_on_every_file(file: Path, seen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    both = Compared(seen, compile_spec(Path(file.name), static=True).report, file.name)
    assert both.missed() == [] and both.invented() == []


def completed(fragment: str) -> str:
    own = re.findall(r"^([a-z]+):", fragment, re.MULTILINE)
    text = fragment + "".join(section for name, section in BASE.items() if name not in own and name != "alignc")
    return text if "alignc" in own else BASE["alignc"] + text


@pytest.mark.parametrize(("code", "text"), [(c.code, t) for c in ALL for t in (c.bad, c.good) if t and c.code[0] != "Y"])
def test_schema_and_check_agree_on_every_example(code: str, text: str, seen: Any, compiled: Callable[..., Compiled]) -> None:
    both = Compared(seen, compiled(completed(text), static=True).report, "spec.yaml")
    assert both.missed() == [] and both.invented() == []


@pytest.mark.parametrize("code", [c for c in ALL if c.code[:2] == "S4" and c.bad], ids=lambda c: c.code)
def test_the_schema_refuses_every_fault_of_the_language_itself(code: Any, seen: Any, compiled: Callable[..., Compiled]) -> None:
    compiled(completed(code.bad), static=True)
    assert seen.refused(completed(code.bad))


VALUES = ("text", 3, 2.5, 2.0, -1, 0, True, None, [], {}, ["a"], {"a": 1}, "${vars.steps}", "${stages.sft}", "${nothing}", "dpo", "NO")


def walk(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for step, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from walk(inner, (*path, step))


def changed(base: dict[str, Any], path: tuple[Any, ...], change: Any) -> dict[str, Any]:
    """The spec with the value at a path replaced, or its key removed or misspelt."""
    made = copy.deepcopy(base)
    above = made
    for step in path[:-1]:
        above = above[step]
    if change == "remove":
        del above[path[-1]]
    elif change == "misspell":
        above[f"{path[-1]}x"] = above.pop(path[-1])
    else:
        above[path[-1]] = change[0]
    return made


def mutations(base: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    for path in list(walk(base))[1:]:
        yield from ((path, (value,)) for value in VALUES)
        if isinstance(path[-1], str):
            yield from ((path, change) for change in ("remove", "misspell"))


def bases(full: str) -> list[dict[str, Any]]:
    """Good specs that between them use vars, profiles, rounds, bare words and lists."""
    text = full.replace("    objective: {kind: sft}\n    budget: {steps: 100}", "    objective: sft\n    budget: {steps: ${vars.steps}}")
    text += "engine: {devices: 1, threads: all}\nvars: {steps: {type: int, default: 3, doc: steps}}\n"
    text += "profiles: {smoke: {stages.rm.budget.steps: 2, datasets.puzzles.count: 10, vars.steps: 1, stages.sft.batch: {rows: 2}}}\n"
    Path("full.yaml").write_text(text, encoding="utf-8")
    return [plain(load(path, Report())) for path in (Path("full.yaml"), GOLDEN / "rounds_become_stages_of_the_plan" / "spec.yaml")]


def compare(base: dict[str, Any], path: tuple[Any, ...], change: Any, seen: Any) -> list[str]:
    text = yaml.dump(changed(base, path, change), Dumper=Writer, sort_keys=False, width=1000)
    Path("spec.yaml").write_text(text, encoding="utf-8")
    both = Compared(seen, compile_spec(Path("spec.yaml"), static=True).report, "spec.yaml")
    return [f"{path} {change}: {said} {word}" for said, all in (("missed", both.missed()), ("invented", both.invented())) for word in all]


@pytest.mark.parametrize("number", range(2))
def test_schema_and_check_agree_on_good_specs_with_one_thing_changed(number: int, full: str, folder: Path, seen: Any) -> None:
    base = bases(full)[number]
    some = random.Random(0).sample(list(mutations(base)), MUTATIONS)
    assert [line for path, change in some for line in compare(base, path, change, seen)] == []


def test_the_comparison_can_fail(full: str, folder: Path, seen: Any) -> None:
    base = bases(full)[0]
    assert compare(base, ("seed",), (3,), seen) == []
    blind = type("Blind", (), {"refused": lambda self, text, file: {}})()
    assert compare(base, ("seed",), ("one",), blind)[0].endswith("S403 `seed` takes a whole number; this is the text `one`")
    strict = type("Strict", (), {"refused": lambda self, text, file: {(2, 1): ["no"]}})()
    assert compare(base, ("seed",), (3,), strict) == ["('seed',) (3,): invented name"]
