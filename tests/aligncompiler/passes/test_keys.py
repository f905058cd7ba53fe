"""Keys by property, over real specs: what cannot change a result changes no key, and every edit that can changes exactly what depends on it."""

from __future__ import annotations

import copy
import importlib
import json
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from aligncompiler.compile import compile_spec
from aligncompiler.diagnostic import Report
from aligncompiler.flow import Writer
from aligncompiler.ir import Plan
from aligncompiler.load import parse
from aligncompiler.package_data import data_folder
from aligncompiler.spec.base import Kind, Ref, Spec, extra_of
from aligncompiler.spec.experiment import Experiment
from aligncompiler.spec.registry import DECLARED, kinds
from aligncompiler.spec.slot import Slot, slots

SPECS = ("quickstart", "hh_harmless", "paper/dpo_qwen")
Path_ = tuple[str, ...]


class Writing:
    """One of the specs that come with alignc, as a tree, and the compiler as a function of such trees."""

    def __init__(self, name: str, folder: Path) -> None:
        source = data_folder("specs") / f"{name}.yaml"
        self.folder = folder
        self.text = re.sub(r": (\.\./\S+)", lambda m: f": {(source.parent / m[1]).resolve()}", source.read_text(encoding="utf-8"))
        node = parse(self.text, "spec", Report())
        assert node is not None
        self.tree = plain(node)
        first = self.compile(self.text)
        if first is None:
            pytest.skip(f"{name} does not compile here")
        self.plan = self.last = first
        self.keys = keys(first)

    def compile(self, text: str, **options: Any) -> Plan | None:
        (self.folder / "spec.yaml").write_text(text, encoding="utf-8")
        found = compile_spec(self.folder / "spec.yaml", **options)
        self.experiment = found.experiment or self.experiment
        return found.plan

    experiment: Experiment | None = None

    def keys_of(self, tree: Any, **options: Any) -> dict[str, str]:
        text = yaml.dump(tree, Dumper=Writer, sort_keys=False, allow_unicode=True)
        plan = self.compile(text, **options)
        assert plan is not None, text
        return keys(plan)


def plain(node: Any) -> Any:
    """A tree as plain data, read by our own reader."""
    if node.is_map:
        return {key: plain(value) for key, value in node.value.items()}
    return [plain(item) for item in node.value] if node.is_list else node.value


def keys(plan: Plan) -> dict[str, str]:
    return {stage.id: stage.key for stage in plan.stages}


@pytest.fixture(scope="module", params=SPECS)
def writing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Writing:
    return Writing(request.param, tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Writing:
    return Writing("quickstart", tmp_path_factory.mktemp("keys"))


def scalars(tree: Any, path: Path_ = ()) -> Iterator[Path_]:
    """The path of every plain value of a declaration."""
    inside = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inside:
        yield from scalars(value, (*path, str(key)))
    if not isinstance(tree, dict | list):
        yield path


def get(tree: Any, path: Path_) -> Any:
    for step in path:
        tree = tree[int(step)] if isinstance(tree, list) else tree[step]
    return tree


def put(tree: Any, path: Path_, value: Any) -> Any:
    """A copy of a tree with another value at a path."""
    tree = copy.deepcopy(tree)
    inner = get(tree, path[:-1])
    inner[int(path[-1]) if isinstance(inner, list) else path[-1]] = value
    return tree


def without_lists(path: Path_) -> bool:
    return not any(step.isdigit() for step in path)


# ---- nothing that cannot change a result changes a key


def test_comments_blank_lines_and_the_form_of_the_text_change_no_key(writing: Writing) -> None:
    commented = "# a comment\n\n" + "".join(f"{line}  # why not\n" if line.endswith("}") else f"{line}\n" for line in writing.text.splitlines())
    assert keys(writing.compile(commented) or writing.plan) == writing.keys and commented != writing.text
    assert writing.keys_of(writing.tree) == writing.keys, "block style"
    flow = yaml.dump(writing.tree, Dumper=Writer, sort_keys=False, default_flow_style=True)
    assert keys(writing.compile(flow) or Plan("", "", (), writing.plan.engine)) == writing.keys


def test_the_order_of_keys_changes_no_key(writing: Writing) -> None:
    def shuffled(tree: Any, draw: random.Random) -> Any:
        if isinstance(tree, list):
            return [shuffled(item, draw) for item in tree]
        return {k: shuffled(tree[k], draw) for k in draw.sample(list(tree), len(tree))} if isinstance(tree, dict) else tree

    for seed in range(10):
        tree = shuffled(writing.tree, random.Random(seed))
        assert writing.keys_of({"alignc": tree["alignc"]} | tree) == writing.keys


def test_names_and_words_change_no_key(writing: Writing) -> None:
    assert writing.keys_of(writing.tree | {"name": "other", "description": "something else", "cites": ["arXiv:1"]}) == writing.keys


def test_no_runtime_field_changes_a_key(writing: Writing) -> None:
    """Every field of the role `runtime` in every statement, set to another value."""
    tree, edited = copy.deepcopy(writing.tree), 0
    assert writing.experiment is not None
    for family in DECLARED:
        for name, spec in getattr(writing.experiment, family).items():
            for path, info in fields(type(spec), "runtime"):
                if path[-1] == "members_at_once":  # an error but for ensembles; `test_passes.py` changes it for one
                    continue
                inner = tree[family][name]
                for step in path[:-1]:
                    inner = inner.setdefault(step, {})
                value = inner.get(path[-1], info.default)
                inner[path[-1]] = not value if isinstance(value, bool) else 2 * value
                edited += 1
    engine = tree.setdefault("engine", {})
    engine |= {"threads": 3, "devices": 4, "strategy": "ddp"}
    assert writing.keys_of(tree) == writing.keys and edited >= 5


def fields(cls: type[Spec], role: str, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """(path, field) of every field of a role in a statement and the statements in it."""
    for name, info in cls.model_fields.items():
        nested = slots(cls)[name].nested
        if extra_of(info)["role"] == role and nested is None:
            yield (*path, name), info
        elif nested is not None:
            yield from fields(nested, role, (*path, name))


def test_writing_a_value_into_a_variable_a_profile_or_a_parent_changes_no_key(writing: Writing) -> None:
    paths = [p for p in scalars(writing.tree) if p[0] in DECLARED and p[-1] != "kind"]
    tried = 0
    for path in random.Random(0).sample(paths, min(len(paths), 8 if "pref_hh" in writing.text else 40)):
        value = get(writing.tree, path)
        if value is not None and not (isinstance(value, str) and "${" in value):
            types = {bool: "bool", int: "int", float: "float", str: "str"}
            own = writing.tree.get("vars", {})
            moved = put(writing.tree, path, "${vars.moved}") | {"vars": own | {"moved": {"type": types[type(value)], "default": value}}}
            assert writing.keys_of(moved) == writing.keys, path
        if without_lists(path):
            profile = {"profiles": {"only": {".".join(path): value}}}
            other = other_value(value)
            if other is not None:
                changed = put(writing.tree, path, other) | profile
                text = yaml.dump(changed, Dumper=Writer, sort_keys=False)
                plan = writing.compile(text, profiles=["only"])
                assert plan is not None and keys(plan) == writing.keys, path
            child = dict[str, Any]({"alignc": "v1", "extends": "parent.yaml"})
            inner: Any = child
            for step in path[:-1]:
                inner = inner.setdefault(step, {})
            inner[path[-1]] = value
            parent = put(writing.tree, path, other if other is not None else value)
            (writing.folder / "parent.yaml").write_text(yaml.dump(parent, Dumper=Writer, sort_keys=False), encoding="utf-8")
            assert writing.keys_of(child) == writing.keys, path
        tried += 1
    assert tried >= 8


def other_value(value: Any) -> Any:
    """Another value of the same type, legal or not: it is overridden before anyone reads it. None for a reference."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return None if not isinstance(value, str) or "${" in value else f"{value}x"


def test_an_alias_and_a_shared_declaration_change_no_key(quickstart: Writing) -> None:
    text = quickstart.text
    shared = text.replace("leaves: {min: 2, max: 3}", "leaves: &leaves {min: 2, max: 3}", 1).replace("leaves: {min: 2, max: 3}", "leaves: *leaves")
    assert "*leaves" in shared and keys(quickstart.compile(shared) or Plan("", "", (), quickstart.plan.engine)) == quickstart.keys
    declared = text.replace("objective: {kind: dpo, beta: 0.1, sft_weight: 0.05}", "objective: ${objectives.named}")
    for name in ("named", "other_name"):
        section = f"objectives: {{{name}: {{kind: dpo, beta: 0.1, sft_weight: 0.05}}}}\n"
        plan = quickstart.compile(declared.replace("objectives.named", f"objectives.{name}") + section)
        assert plan is not None and keys(plan) == quickstart.keys


def test_the_name_of_a_reward_changes_the_keys_of_the_tables_that_tell_it_and_no_others(quickstart: Writing) -> None:
    renamed = quickstart.text.replace("  steps: {kind", "  marks: {kind").replace("rewards.steps", "rewards.marks")
    found = keys(quickstart.compile(renamed) or Plan("", "", (), quickstart.plan.engine))
    assert {id for id, key in found.items() if key != quickstart.keys[id]} == {"stages.exam"}


def test_defaults_written_out_change_no_key(writing: Writing) -> None:
    from aligncompiler.flow import written
    from aligncompiler.spec.codec import dump

    assert writing.experiment is not None
    writing.compile(writing.text)
    whole = {name: value for name, value in written(dump(writing.experiment)).items() if value not in ({}, [])}
    assert len(list(scalars(whole))) > len(list(scalars(writing.tree))) or writing.plan.name == "quickstart"
    named = {stage.id for stage in writing.plan.stages if stage.names and stage.spec.tells_names}  # written out in its place, a reward has no name
    assert {id: key for id, key in writing.keys_of(whole).items() if id not in named} == {id: key for id, key in writing.keys.items() if id not in named}


# ---- one semantic edit changes exactly what depends on it


def alternatives(slot: Slot, value: Any, names: Mapping[str, Kind]) -> list[Any]:
    """Other values that a field might take, as they are written; the first that the compiler accepts is tried."""
    return [other for other in candidates(slot, value, names) if other != value or type(other) is not type(value)]


def candidates(slot: Slot, value: Any, names: Mapping[str, Kind]) -> Iterator[Any]:
    yield from slot.choices
    if isinstance(value, bool) or bool in slot.scalars:
        yield not value
    for scalar in slot.scalars:
        if scalar is int:
            yield from ([value + 1, value - 1, value * 2, value // 2] if isinstance(value, int) else [1, 4, 64])
        elif scalar is float:
            yield from ([value / 2, value + 0.25, (value + 1) / 2, value * 0.95, value * 2] if isinstance(value, float) else [0.5, 1.0])
        elif scalar is str:
            yield from ([f"{value}x", "step", "result", "format"] if isinstance(value, str) else ["leaves", "label", "x"])
    if slot.needs is not None:
        yield from (
            f"${{{name}}}"
            for name, spec in names.items()
            if (made := spec.output()) is not None and slot.needs.met_by(made) and name != getattr(value, "path", "")
        )
    if slot.family is not None and not isinstance(value, Ref):
        yield from (tag for tag in kinds(slot.family.family) if not isinstance(value, Kind) or tag != value.tag)
    if slot.optional and value is not None:
        yield None


def edits(spec: Spec, names: Mapping[str, Kind], path: Path_ = ()) -> Iterator[tuple[Path_, str, list[Any]]]:
    """(path, role, other values) of every leaf of a statement, defaults included."""
    for name, slot in slots(type(spec)).items():
        role = extra_of(type(spec).model_fields[name])["role"]
        yield from edits_at(slot, getattr(spec, name), role, names, (*path, name))


def edits_at(slot: Slot, value: Any, role: str, names: Mapping[str, Kind], path: Path_) -> Iterator[tuple[Path_, str, list[Any]]]:
    if isinstance(value, Spec):
        yield from ((p, "runtime" if role == "runtime" else r, v) for p, r, v in edits(value, names, path))
    elif isinstance(value, tuple) and slot.items is not None:
        if value and slot.length is None and not isinstance(value[0], Spec | Ref):
            yield path, role, [list(value)[::-1], list(value)[:-1]]
        for index, item in enumerate(value):
            yield from edits_at(slot.items, item, role, names, (*path, str(index)))
    elif isinstance(value, Mapping) and slot.values is not None:
        for key, item in value.items():
            yield from edits_at(slot.values, item, role, names, (*path, key))
    elif path[-1] != "kind":
        yield path, role, alternatives(slot, value, names)


def holders(plan: Plan, experiment: Experiment, family: str, name: str, field: str) -> set[str]:
    """The stages whose statement a field of a declaration is part of: its own; one that a pass made from it; those that a value is written into."""
    id = f"{family}.{name}"
    if id not in plan.by_id:
        declared = getattr(experiment, family)[name]
        users = ((f"{other}.{user}", spec) for other in DECLARED for user, spec in getattr(experiment, other).items())
        return {user for user, spec in users if user in plan.by_id and mentions(spec, declared)}
    taken = {stage.id for stage in plan.stages if stage.why and stage.id.startswith(f"{id}.") and field in ("model", "reference", "data", "max_tokens")}
    return {id} | taken


def mentions(value: Any, declared: Any) -> bool:
    inside = [getattr(value, f) for f in type(value).model_fields] if isinstance(value, Spec) else value if isinstance(value, tuple) else ()
    return value is declared or any(mentions(one, declared) for one in inside)


def expected(plan: Plan, held: set[str]) -> set[str]:
    return {stage.id for stage in plan.stages if stage.id in held or held & plan.ancestors(stage.id)}


# What no single edit of the quickstart can change, by the end of its path, and why.
FIXED = {
    "base.pretrained": "the model has one source",
    "base.revision": "only beside `pretrained`",
    "base.folder": "the model has one source",
    "base.package": "the model has one source",
    "base.path": "only beside `package`",
    "base.prompt_format": "a tokenizer that is trained here has no chat template",
    "distractors.min": "`max` is 0",
    "labels": "only for judgment questions",
    "members_at_once": "only for ensembles of whole members",
    "question": "judgments need distractors",
    r"order\.\d": "none stands twice; the order as a whole can change",
    "combine": "`weighted` needs weights",
    "budget.steps": "the budget is in epochs",
    "budget.epochs": "the budget is in steps",
    r"(sft|dpo)\.weights": "a policy has no head to train by itself",
    "metrics.2.part": "a trained scorer gives one figure",
    "metrics.2.reward": "a profile chooses answers by the only other scorer",
    "sft.model": "there is one policy before it",
    "sft.reference": "its objective reads none",
    "rm.reference": "its objective reads none",
    "rm.model": "there is one scorer before it",
    "data": "no other rows of this kind that were not learned from",
    "completions": "no other answers",
}


def opened(tree: Any, whole: Any, path: Path_) -> Any:
    """The tree with the defaults written out that stand around a path; None if the path leads into a reference."""
    tree = copy.deepcopy(tree)
    inner = tree
    for depth, step in enumerate(path[:-1], 1):
        if isinstance(inner, dict) and step not in inner:
            inner[step] = copy.deepcopy(get(whole, path[:depth]))
        inner = inner[int(step)] if isinstance(inner, list) else inner[step]
        if isinstance(inner, str):
            return None
    return tree


def full_tree(writing: Writing) -> Any:
    """The spec with every default written out, so that each can be edited by its path."""
    from aligncompiler.flow import written
    from aligncompiler.spec.codec import dump

    writing.compile(writing.text)
    return {name: value for name, value in written(dump(writing.experiment)).items() if value not in ({}, [])}


def test_every_semantic_edit_of_the_quickstart_changes_exactly_what_depends_on_it(quickstart: Writing) -> None:
    whole_tree = full_tree(quickstart)
    quickstart.compile(quickstart.text)
    experiment = quickstart.experiment
    plan = quickstart.plan
    assert experiment is not None
    names = {f"{family}.{name}": spec for family in DECLARED for name, spec in getattr(experiment, family).items()}
    edited, stuck = 0, set()
    for whole, spec in names.items():
        family, name = whole.split(".")
        for path, role, values in edits(spec, names):
            tree = opened(quickstart.tree, whole_tree, (family, name, *path))
            if tree is None:
                continue  # the value of a declaration that is referred to: it is edited there
            changed = changed_keys(quickstart, tree, (family, name, *path), values)
            if changed is None:
                stuck.add(f"{whole}.{'.'.join(path)}")
                continue
            wanted = expected(plan, holders(plan, experiment, family, name, path[0])) if role == "semantic" else set()
            assert changed == wanted & set(quickstart.last.by_id), (whole, path)
            edited += 1
    unexplained = {field for field in stuck if not any(re.fullmatch(rf".*\b{end}(\.\d+)?", field) for end in FIXED)}
    assert unexplained == set() and edited > 130


def changed_keys(writing: Writing, tree: Any, path: Path_, values: list[Any]) -> set[str] | None:
    """Ids whose keys change with the first of the values that the compiler accepts; None if it accepts none."""
    for value in values:
        text = yaml.dump(put(tree, path, value), Dumper=Writer, sort_keys=False)
        plan = writing.compile(text)
        if plan is not None:  # a stage that nobody reads any more is no longer in the plan
            writing.last = plan
            return {id for id, key in keys(plan).items() if id in writing.keys and key != writing.keys[id]}
    return None


def test_the_content_of_each_data_file_moves_what_reads_it(tmp_path: Path) -> None:
    rows = [{"prompt": "p", "chosen": "a", "rejected": "b"}]
    (tmp_path / "a.jsonl").write_text(json.dumps(rows[0]))
    text = (
        (data_folder("specs") / "quickstart.yaml")
        .read_text(encoding="utf-8")
        .replace("data: ${stages.pairs}\n    objective: {kind: dpo", "data: ${datasets.real}\n    objective: {kind: dpo")
    )
    (tmp_path / "spec.yaml").write_text(text.replace("datasets:\n", "datasets:\n  real: {kind: preferences, file: a.jsonl}\n"))
    before = compile_spec(tmp_path / "spec.yaml").plan
    (tmp_path / "a.jsonl").write_text(json.dumps(rows[0]) + "\n")
    after = compile_spec(tmp_path / "spec.yaml").plan
    assert before is not None and after is not None
    moved = {id for id, key in keys(after).items() if key != keys(before)[id]}
    assert moved == expected(before, {"datasets.real"}) == {"datasets.real", "stages.dpo.reference", "stages.dpo", "stages.exam"}


def test_these_properties_can_fail(quickstart: Writing, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that forgot its inputs, and one that took a comment in, would be seen."""
    module = importlib.import_module("aligncompiler.passes.key_stages")  # the package has the pass under this name
    monkeypatch.setattr(module, "preimage", lambda plan, stage, *rest: {"kind": stage.spec.tag, "line": getattr(stage.place(), "line", 0)})
    before = quickstart.compile(quickstart.text)
    after = quickstart.compile("# a comment\n" + quickstart.text)
    edited = quickstart.compile(quickstart.text.replace("num_layers: 2", "num_layers: 3"))
    assert before is not None and after is not None and edited is not None
    assert keys(before) != keys(after) and keys(before) == keys(edited)
