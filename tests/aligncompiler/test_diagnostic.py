"""The renderers: full, concise, json."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aligncompiler.compile import Compiled
from aligncompiler.diagnostic import MAX_PROBLEMS, Fix, Place, Report, SpecError
from aligncompiler.render import as_json, painter, render, render_full

Compile = Callable[..., Compiled]


def report(text: str, place: Place, message: str = "no", **more: object) -> Report:
    made = Report({"a.yaml": text})
    made.add("S401", message, place, **more)  # type: ignore[arg-type]
    return made


def test_full_form_shows_the_line_with_carets_under_the_faulty_characters(compiled: Compile, full: str) -> None:
    found = compiled(full.replace("beta: 0.2", "beta: 0.2, lable_smoothing: 0.1"))
    assert render(found.report, "full") == (
        "error[S401]: unknown key `lable_smoothing` in objective `gentle` (dpo)\n"
        "  --> spec.yaml:17:33\n"
        "   |\n"
        "17 |   gentle: {kind: dpo, beta: 0.2, lable_smoothing: 0.1}\n"
        "   |                                  ^^^^^^^^^^^^^^^\n"
        "   = help: did you mean `label_smoothing`?\n"
        "\n"
        "1 error. More about a code: `alignc explain S401`"
    ).replace("17:33", "17:34")


def test_full_form_shows_the_second_place_with_dashes_and_its_reason(compiled: Compile) -> None:
    text = render(compiled("alignc: v1\nname: a\nname: b\n").report, "full")
    assert "2 | name: a\n  | ---- first given here\n3 | name: b\n  | ^^^^" in text


def test_after_many_problems_the_work_stops() -> None:
    made = Report()
    for line in range(1, MAX_PROBLEMS + 1):
        made.add("S401", "unknown key", Place("a.yaml", line))
        made.add("S401", "unknown key", Place("a.yaml", line))
    assert len(made.diagnostics) == MAX_PROBLEMS and made.faults == 2 * MAX_PROBLEMS
    with pytest.raises(SpecError, match="more than 500 problems"):
        made.add("S401", "unknown key", Place("b.yaml"))


def test_a_tab_in_a_message_is_a_space() -> None:
    made = Report()
    made.add("S401", "unknown key `a\tb`", None)
    assert all("a b" in render(made, form) for form in ("full", "concise", "github"))


def test_full_form_names_the_file_of_a_second_place_in_another_file(compiled: Compile, full: str, folder: Path) -> None:
    (folder / "parent.yaml").write_text(full)
    found = compiled("alignc: v1\nextends: parent.yaml\nstages: {sft: {budget: {epochs: 1}}}\n")
    line = full[: full.index("budget: {steps")].count("\n") + 1
    text = render(found.report, "full")
    assert " --> spec.yaml:3:33" in text and f"::: parent.yaml:{line}:" in text
    assert text.index("epochs: 1") < text.index(":::") < text.index("- given here") < text.index("to take back what `parent.yaml` gives, set `steps` to `null`")


def test_concise_form_is_one_line_a_problem(compiled: Compile, full: str) -> None:
    found = compiled(full.replace("seed: 3", "seed: x").replace("beta: 0.2", "beta: -1"))
    assert render(found.report, "concise").split("\n") == [
        "spec.yaml:4:7: error[S403]: `seed` takes a whole number; this is the text `x` (write a whole number)",
        "spec.yaml:17:29: error[S405]: `beta` should be above 0; this is the number -1",
    ]


def test_json_form_is_a_list_of_the_published_objects(compiled: Compile, full: str) -> None:
    found = compiled(full.replace("beta: 0.2", "bta: 0.2"))
    assert json.loads(render(found.report, "json")) == [
        {
            "code": "S401",
            "name": "unknown-key",
            "severity": "error",
            "message": "unknown key `bta` in objective `gentle` (dpo)",
            "path": ["objectives", "gentle", "bta"],
            "spans": [{"file": "spec.yaml", "start": {"line": 17, "col": 23}, "end": {"line": 17, "col": 26}, "primary": True, "label": ""}],
            "help": ["did you mean `beta`?"],
            "fixes": [
                {
                    "title": "rename to `beta`",
                    "edits": [{"file": "spec.yaml", "start": {"line": 17, "col": 23}, "end": {"line": 17, "col": 26}, "text": "beta"}],
                }
            ],
        }
    ]


def test_nothing_to_say_is_an_empty_list_in_json_and_nothing_else_elsewhere() -> None:
    assert json.loads(render(Report(), "json")) == [] and render(Report(), "full") == render(Report(), "concise") == ""


def test_every_span_counts_from_one_and_lies_in_its_line(compiled: Compile, full: str) -> None:
    found = compiled(full.replace("seed: 3", "sed: 3").replace("count: 500", "count: 0").replace("${stages.drafts}", "${stages.draft}"))
    lines = full.split("\n")
    for d in found.report.diagnostics:
        for span in as_json(d)["spans"]:
            assert 1 <= span["start"]["col"] < span["end"]["col"] <= len(lines[span["start"]["line"] - 1]) + 2


def test_control_characters_of_a_stranger_do_not_reach_the_terminal() -> None:
    made = report("a: \x1b[31mred\x07\n", Place("a.yaml", 1, 1, 1, 2), "bad \x1b[2J")
    for form in ("full", "concise"):
        assert "\x1b" not in render(made, form) and "\x07" not in render(made, form)


@pytest.mark.parametrize("col", [1, 80, 150, 400, 995])
def test_a_long_line_is_cut_and_the_carets_stay_under_their_characters(col: int) -> None:
    text = "".join(chr(ord("a") + i % 26) for i in range(1000))
    lines = render(report(text, Place("a.yaml", 1, col, 1, col + 5)), "full").split("\n")
    shown, carets = lines[3], lines[4]
    start = carets.index("^")
    assert len(shown) < 200 and shown[start : start + 5] == text[col - 1 : col + 4] and carets.count("^") == 5


def test_a_tab_is_one_column_wide() -> None:
    lines = render(report("a:\t1\n", Place("a.yaml", 1, 4, 1, 5)), "full").split("\n")
    assert lines[3][lines[4].index("^")] == "1"


def test_a_place_outside_the_text_is_no_crash() -> None:
    for place in (Place("a.yaml", 99, 1, 99, 2), Place("a.yaml", 1, 99, 1, 100), Place("b.yaml"), Place("a.yaml", 1, 1, 5, 1)):
        assert "error[S401]" in render(report("a: 1", place), "full")


def test_colour_is_only_where_it_is_asked_for() -> None:
    made = report("a: 1", Place("a.yaml", 1, 1, 1, 2))
    assert "\x1b[" in render_full(made, painter(True)) and "\x1b[" not in render_full(made, painter(False))


def test_the_same_problem_is_kept_once() -> None:
    place = Place("a.yaml", 1, 1, 1, 2)
    made = report("a: 1", place)
    made.add("S401", "no", place)
    assert len(made.diagnostics) == 1


def test_a_fix_carries_the_text_that_mends() -> None:
    made = report("a: 1", Place("a.yaml", 1, 1, 1, 2), fixes=[Fix("rename", Place("a.yaml", 1, 1, 1, 2), "b")])
    assert as_json(made.diagnostics[0])["fixes"][0]["edits"][0]["text"] == "b"


def test_problems_stand_in_the_order_of_the_file(compiled: Compile, full: str) -> None:
    found = compiled(full.replace("by: leaves", "by: x").replace("seed: 3", "seed: x").replace("count: 4,", "count: 0,"))
    lines = [d.primary.place.line for d in found.report.in_order() if d.primary]
    assert lines == sorted(lines)
