"""`# alignc: allow CODE reason`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aligncompiler.allowances import read
from aligncompiler.cli import main
from aligncompiler.codes import ALL, CODES
from aligncompiler.compile import Compiled, compile_spec

Compile = Callable[..., Compiled]
Said = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def shared(full: str) -> str:
    """A spec whose exam measures on rows that were learned from: M502 at `data` of the exam."""
    return full.replace("data: ${datasets.held_out}", "data: ${datasets.puzzles}").replace("  held_out:", "  # nothing\n  held_out:")


def allowed(text: str, comment: str) -> str:
    """The text with a comment at the end of the line that M502 points at."""
    before, _, after = text.rpartition("data: ${datasets.puzzles}")
    return f"{before}data: ${{datasets.puzzles}}  {comment}{after}"


def test_a_comment_at_the_end_of_the_line_allows(shared: str, said: Said) -> None:
    assert [code for code, _ in said(shared)] == ["R306", "M502"]
    assert [code for code, _ in said(allowed(shared, "# alignc: allow M502 memory is what we measure"))] == ["R306"]


def test_comments_alone_on_the_lines_above_allow(shared: str, compiled: Compile) -> None:
    text = allowed(shared, "").replace("  held_out:", "  # alignc: allow R306 for later\n  held_out:")
    before, _, after = text.rpartition("    data: ${datasets.puzzles}")
    text = f"{before}    # alignc: allow M502 memory is what we measure\n    # more about it\n    data: ${{datasets.puzzles}}{after}"
    found = compiled(text)
    assert found.report.diagnostics == [] and found.plan is not None


def test_an_allowed_error_stops_neither_plan_nor_run_nor_check(shared: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "wrong.yaml").write_text(shared)
    (folder / "spec.yaml").write_text(allowed(shared, "# alignc: allow M502 memory is what we measure"))
    for verb in ("check", "plan"):
        assert main([verb, "wrong.yaml"]) == 1 and main([verb, "spec.yaml"]) == 0
    assert main(["run", "wrong.yaml", "--only", "stages.none"]) == 1
    assert main(["run", "spec.yaml", "--only", "stages.none"]) == 2, "it got as far as the plan"


def test_an_allowed_error_of_a_statement_leaves_the_statement_whole(full: str, compiled: Compile) -> None:
    text = full.replace("count: 4, max_new_tokens: 128}", "count: 4, max_new_tokens: 128, temperature: 0}  # alignc: allow M510 a control")
    found = compiled(text)
    assert found.report.diagnostics == [] and found.experiment is not None and found.experiment.stages["drafts"].count == 4  # type: ignore[attr-defined]


def test_only_this_code_on_this_line_is_allowed(shared: str, said: Said) -> None:
    other_line = shared.replace("name: example", "name: example  # alignc: allow M502 memory is what we measure")
    assert [code for code, _ in said(other_line)] == ["R306", "M502"]
    assert [code for code, _ in said(allowed(shared, "# alignc: allow M510 memory is what we measure"))] == ["R306", "M502"]


def test_errors_that_make_going_on_impossible_cannot_be_allowed(full: str, said: Said) -> None:
    for code, wrong in (("S401", "sed: 3"), ("S403", "seed: x"), ("S405", "seed: -1")):
        assert said(full.replace("seed: 3", f"{wrong}  # alignc: allow {code} I want it")) == [
            (code, "4:1" if code == "S401" else "4:7"),
            ("Y112", f"4:{len(wrong) + 3}"),
        ]
    assert all(c.severity == "warning" or c.code.startswith("M5") for c in ALL if c.allowable)
    assert not any(CODES[c].allowable for c in ("Y102", "R301", "S401", "M504", "Y111"))


def test_an_allowance_without_effect_is_a_warning_and_its_fix_removes_it(full: str, compiled: Compile) -> None:
    [d] = compiled(full.replace("seed: 3", "seed: 3  # alignc: allow R306 for later")).report.diagnostics
    assert d.code == "Y111" and d.severity == "warning" and d.primary is not None
    assert (d.primary.place.col, d.primary.place.end_col) == (10, 40) and d.fixes[0].place.col == 8 and d.fixes[0].text == ""
    [d] = compiled(full.replace("seed: 3", "# alignc: allow R306 for later\nseed: 3")).report.diagnostics
    place = d.fixes[0].place
    assert (place.line, place.col, place.end_line, place.end_col) == (4, 1, 5, 1)
    [d] = compiled(full + "# alignc: allow R306 for later").report.diagnostics
    assert d.fixes[0].place.line == full.count("\n"), "the line end before it goes with it"


def test_an_allowance_gives_a_reason_and_names_a_code(full: str, said: Said, compiled: Compile) -> None:
    unused = full.replace("objective: ${objectives.gentle}", "objective: {kind: dpo}")
    line = unused[: unused.index("  gentle:")].count("\n") + 1

    def codes(comment: str) -> list[str]:
        return [code for code, _ in said(unused.replace("beta: 0.2}", f"beta: 0.2}}  {comment}"))]

    assert codes("# alignc: allow R306 for later") == codes("#alignc: allow r306: for later") == []
    assert codes("# alignc: allow R306") == codes("# alignc: allow R306 ...") == ["Y113"]
    assert codes("# alignc: allow") == codes("# alignc: allow  ") == codes("# alignc: allow M599 no") == ["R306", "Y112"]
    assert codes("# see # alignc: allow R306 no") == ["R306"]
    [_, d] = compiled(unused.replace("beta: 0.2}", "beta: 0.2}  # alignc: allow unused for later")).report.in_order()
    assert d.help == ("did you mean `R306`?",) and d.fixes[0].text == "R306" and d.fixes[0].place.line == line


MISSPELT = {
    "# alingc: allow M502 memory is meant": "# alignc: allow M502 memory is meant",
    "# alignc allow M502 memory is meant": "# alignc: allow M502 memory is meant",
    "# alignc:allow M502 memory is meant": "# alignc: allow M502 memory is meant",
    "#alignc : allow M502 memory is meant": "#alignc: allow M502 memory is meant",
    "# alignc:  allow M502 memory is meant": "# alignc: allow M502 memory is meant",
    "# Alignc: Allow M502 memory is meant": "# alignc: allow M502 memory is meant",
    "# alignc: allow: M502 memory is meant": "# alignc: allow M502 memory is meant",
    "# alignc: alow m502 memory is meant": "# alignc: allow m502 memory is meant",
    "# alignc: ignore M502 memory is meant": "# alignc: allow M502 memory is meant",
}


@pytest.mark.parametrize("comment", MISSPELT)
def test_a_misspelt_allowance_is_reported_and_its_fix_makes_it_one(shared: str, compiled: Compile, comment: str) -> None:
    shared = shared.replace("  held_out:", "  # alignc: allow R306 for later\n  held_out:")
    report = compiled(allowed(shared, comment)).report
    assert [d.code for d in report.in_order()] == ["M502", "Y115"]
    [d] = [d for d in report.diagnostics if d.code == "Y115"]
    assert d.help == ("write `alignc: allow`",) and d.severity == "warning"
    [fix] = d.fixes
    mended = allowed(shared, comment).splitlines(keepends=True)
    line = mended[fix.place.line - 1]
    mended[fix.place.line - 1] = line[: fix.place.col - 1] + fix.text + line[fix.place.end_col - 1 :]
    assert MISSPELT[comment] in "".join(mended)
    assert compiled("".join(mended)).report.diagnostics == []


def test_an_allowance_without_a_code_can_be_misspelt_too(full: str, said: Said, compiled: Compile) -> None:
    for comment in ("# alignc:allow", "# alingc: allow", "# alignc: allow(M502) meant"):
        assert said(full.replace("seed: 3", f"seed: 3  {comment}")) == [("Y115", "4:12")]
    [d] = compiled(full.replace("seed: 3", "seed: 3  # alignc: allow(M502) meant")).report.diagnostics
    assert d.fixes == () and d.message == "`alignc: allow(` allows nothing"


SENTENCES = (
    "# alignc allows M502 to be allowed",
    "# alignc: see M502",
    "# alignc: checks this spec",
    "# alignc allow and deny are two words",
    "# alignc: allow-list is not a word here",
    "# alignc 0.3 or newer",
    "# align: M502 is about memory",
    "# aligned, allow M502",
    "# we allow M502 here",
    "# noqa: M502",
    "# see # alingc: allow M502",
    "# always allow M502",
)


def test_sentences_about_alignc_are_no_allowances(full: str, said: Said) -> None:
    text = full.replace("seed: 3", "seed: 3  {comment}").replace("description: steps help", "description: '# alingc: allow M502 x'")
    assert [said(text.replace("{comment}", comment)) for comment in SENTENCES] == [[]] * len(SENTENCES)


def test_only_comments_count() -> None:
    texts = [
        'a: "x # alignc: allow R306 no"',
        "a: '\n  # alignc: allow R306 no\n  '",
        "a: |\n  # alignc: allow R306 no\n  b",
        "a: >-\n  b\n\n  # alignc: allow R306 no\n",
        "a: x# alignc: allow R306 no",
        "a: [\"# alignc: allow R306 no\", '# alignc: allow R306 no']",
    ]
    assert [list(read(text, "a.yaml")) for text in texts] == [[]] * len(texts)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_comments_are_found_wherever_yaml_allows_them(end: str) -> None:
    comment = "# alignc: allow R306 yes"
    lines = [f"a: |  {comment}", "  text", comment, f"b: {{x: 1, {comment}", f"  y: ${{a.b}}}}  {comment}", f'c: "d#" {comment}', f"\U0001f600: e  {comment}"]
    found = list(read(end.join(lines), "a.yaml"))
    assert [one.place.line for one in found] == [1, 3, 4, 5, 6, 7] and [one.line for one in found] == [1, 4, 4, 5, 6, 7]
    assert [one.place.col for one in found] == [lines[one.place.line - 1].index("# alignc") + 1 for one in found]


def test_a_problem_of_an_unasked_profile_can_be_allowed(full: str, said: Said) -> None:
    text = full + "profiles:\n  cold:\n    stages.drafts.temperature: 0\n"
    drafts = text.replace("max_new_tokens: 128}", "max_new_tokens: 128}  # alignc: allow M510 a control")
    assert [code for code, _ in said(text)] == ["M510"]
    assert said(drafts) == [], "the profile alone uses it"


def test_where_values_are_overridden_nobody_says_that_an_allowance_is_unused(full: str, said: Said) -> None:
    text = full.replace("seed: 3", "seed: 3  # alignc: allow R306 for later")
    assert said(text, sets=["seed=4"]) == [] and said(text) == [("Y111", "4:10")]
    assert said(text.replace("beta: 0.2", "beta: -1")) == [("S405", "17:29")]


def test_an_allowance_in_a_parent_serves_its_children_and_is_not_called_unused_by_them(full: str, folder: Path) -> None:
    parent = full.replace("objective: ${objectives.gentle}", "objective: {kind: dpo}").replace("beta: 0.2}", "beta: 0.2}  # alignc: allow R306 for children")
    (folder / "parent.yaml").write_text(parent)
    (folder / "idle.yaml").write_text("alignc: v1\nextends: parent.yaml\n")
    (folder / "user.yaml").write_text("alignc: v1\nextends: parent.yaml\nstages: {dpo: {objective: '${objectives.gentle}'}}\n")
    for name in ("parent", "idle"):
        assert compile_spec(folder / f"{name}.yaml").report.diagnostics == []
    assert "Y111" not in [d.code for d in compile_spec(folder / "user.yaml").report.diagnostics]


def test_a_spec_without_the_words_never_loads_the_reader(full: str, folder: Path) -> None:
    import subprocess
    import sys

    (folder / "spec.yaml").write_text(full)
    code = "import sys; from aligncompiler.cli import main; main(['check', 'spec.yaml']); print('aligncompiler.allowances' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
    (folder / "spec.yaml").write_text(full + "# alignc: allow R306 yes\n")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip().endswith("True")


def test_json_holds_no_allowed_diagnostic(shared: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "spec.yaml").write_text(allowed(shared, "# alignc: allow M502 memory is what we measure"))
    assert main(["check", "spec.yaml", "--json"]) == 0
    assert [d["code"] for d in json.loads(capsys.readouterr().out)] == ["R306"]
