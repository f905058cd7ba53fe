"""The schema under the language server that editors use for YAML, over stdio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aligncompiler.manual.docstrings import attribute_docs
from aligncompiler.package_data import data_folder
from aligncompiler.spec.registry import kinds
from aligncompiler.spec.slot import slots

from .conftest import Client, cursor

pytestmark = pytest.mark.xdist_group("editors")
HEAD = "alignc: v1\nname: example\n"
TRAIN = f"{HEAD}stages:\n  sft:\n    kind: train\n"
PROPERTY, WORD = 10, 12  # kinds of completion items; others are skeletons of whole statements


@pytest.fixture
def complete(yaml_editor: Client) -> Callable[..., list[str]]:
    """What is offered at `|`, in order."""

    def run(marked: str, kind: int = PROPERTY) -> list[str]:
        text, position = cursor(marked)
        yaml_editor.write("spec.yaml", text)
        found = yaml_editor.at("completion", "spec.yaml", position)["items"]
        return [item["label"] for item in found if item["kind"] == kind]

    return run


@pytest.fixture
def hover(yaml_editor: Client) -> Callable[[str], str]:
    """What is shown at `|`."""

    def run(marked: str) -> str:
        text, position = cursor(marked)
        yaml_editor.write("spec.yaml", text)
        return str(yaml_editor.at("hover", "spec.yaml", position)["contents"]["value"])

    return run


def fields(family: str, kind: str) -> list[str]:
    return [name for name in slots(kinds(family)[kind]) if name != "kind"]


@pytest.mark.parametrize("kind", kinds("objectives"))
def test_inside_an_objective_only_the_fields_of_its_kind_are_offered(complete: Callable[..., list[str]], kind: str) -> None:
    assert complete(f"{TRAIN}    objective:\n      kind: {kind}\n      |") == fields("objectives", kind)


@pytest.mark.parametrize("kind", kinds("stages"))
def test_inside_a_stage_only_the_fields_of_its_kind_are_offered(complete: Callable[..., list[str]], kind: str) -> None:
    assert complete(f"{HEAD}stages:\n  one:\n    kind: {kind}\n    |") == fields("stages", kind)


def test_what_is_written_already_is_not_offered_again(complete: Callable[..., list[str]]) -> None:
    assert complete(f"{TRAIN}    objective:\n      kind: dpo\n      beta: 0.2\n      |") == ["label_smoothing", "sft_weight"]


def test_a_child_is_offered_the_same_without_saying_the_kind(complete: Callable[..., list[str]]) -> None:
    every = list(dict.fromkeys(name for kind in kinds("objectives") for name in fields("objectives", kind)))
    offered = complete("extends: base.yaml\nstages:\n  dpo:\n    kind: train\n    objective:\n      beta: 0.2\n      |")
    assert sorted(offered) == sorted(["kind", *(name for name in every if name != "beta")])


@pytest.mark.parametrize(("marked", "family"), [(f"{TRAIN}    objective:\n      kind: |", "objectives"), (f"{HEAD}stages:\n  one:\n    kind: |", "stages")])
def test_after_kind_the_kinds_of_the_family_are_offered_most_used_first(complete: Callable[..., list[str]], marked: str, family: str) -> None:
    assert complete(marked, WORD) == list(kinds(family))


def test_after_a_key_with_few_values_these_are_offered(complete: Callable[..., list[str]]) -> None:
    assert complete(f"{HEAD}engine:\n  precision: |", WORD) == ["float32", "bfloat16"]
    assert complete(f"{TRAIN}    objective: |", WORD) == list(kinds("objectives")), "a bare word is short for a mapping with this kind"


def test_hover_shows_the_docstring_with_unit_and_default(hover: Callable[[str], str]) -> None:
    shown = hover(f"{TRAIN}    objective: {{kind: dpo, be|ta: 0.1}}\n")
    assert attribute_docs(kinds("objectives")["dpo"])["beta"] in shown
    assert "unit: 1/nat" in shown and "default `0.1`" in shown and "changes the results" in shown


def test_hover_over_a_kind_explains_it(hover: Callable[[str], str]) -> None:
    assert "Direct preference optimisation" in hover(f"{TRAIN}    objective: {{kind: d|po}}\n").split("\n* ")[1]
    assert "Fit a policy or a scorer to data" in hover(TRAIN.replace("sft", "s|ft"))


def test_hover_over_a_key_with_a_statement_inside_explains_the_key(hover: Callable[[str], str]) -> None:
    assert attribute_docs(kinds("stages")["train"])["objective"] in hover(f"{TRAIN}    obj|ective: {{kind: dpo}}\n")
    assert attribute_docs(kinds("stages")["train"])["budget"] in hover(f"{TRAIN}    bud|get: {{steps: 1}}\n")


def problems(editor: Client, text: str) -> list[dict[str, Any]]:
    return [d for d in editor.write("spec.yaml", text) if not d["message"].startswith("Missing property")]


def test_an_unknown_key_is_marked_and_its_quick_fix_puts_the_right_one(yaml_editor: Client) -> None:
    text = f"{TRAIN}    objective: {{kind: dpo, lable_smoothing: 0.1}}\n"
    (problem,) = problems(yaml_editor, text)
    assert problem["message"] == "Property lable_smoothing is not allowed."
    assert problem["range"] == {"start": {"line": 5, "character": 27}, "end": {"line": 5, "character": 42}}
    where = {"textDocument": {"uri": yaml_editor.uri("spec.yaml")}, "range": problem["range"], "context": {"diagnostics": [problem]}}
    actions = {action["title"]: action for action in yaml_editor.ask("textDocument/codeAction", where)}
    assert list(actions) == fields("objectives", "dpo")
    (edit,) = actions["label_smoothing"]["edit"]["changes"][yaml_editor.uri("spec.yaml")]
    assert edit == {"range": problem["range"], "newText": "label_smoothing"}


def test_a_wrong_word_is_marked_and_its_quick_fixes_are_the_right_ones(yaml_editor: Client) -> None:
    (problem,) = problems(yaml_editor, f"{TRAIN}    objective: dpp\n")
    where = {"textDocument": {"uri": yaml_editor.uri("spec.yaml")}, "range": problem["range"], "context": {"diagnostics": [problem]}}
    assert [action["title"] for action in yaml_editor.ask("textDocument/codeAction", where)] == list(kinds("objectives"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("    clip_norm: lots\n", 'Incorrect type. Expected "number".'),
        ("    clip_norm: 0\n", "Value is below the exclusive minimum of 0."),
        ("    data: ${models.base}\n", "a reference here starts with `${datasets.`, `${stages.`, `${vars.`, `${round.`, `${rounds.`"),
        ("    max_tokens: many\n", 'Value is not accepted. Valid values: "context".'),
    ],
)
def test_a_wrong_value_is_one_problem_in_plain_words(yaml_editor: Client, line: str, message: str) -> None:
    assert [problem["message"] for problem in problems(yaml_editor, TRAIN + line)] == [message]


@pytest.mark.parametrize("file", sorted(data_folder("specs").rglob("*.yaml")), ids=lambda f: f.stem)
def test_the_specs_that_come_with_alignc_are_without_problems(yaml_editor: Client, file: Any) -> None:
    assert yaml_editor.write("spec.yaml", file.read_text(encoding="utf-8")) == []
