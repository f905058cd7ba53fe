"""Documents as the editor shows them: what is compiled when, and what is known of texts that cannot be read."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from aligncompiler.package_data import data_folder
from aligncompiler.server.analysis import Analysis, readable_part
from aligncompiler.server.completion import closing
from aligncompiler.server.problems import problems
from aligncompiler.server.session import Session

QUICKSTART = (data_folder("specs") / "quickstart.yaml").read_text(encoding="utf-8")
MILLISECONDS = 100


@pytest.fixture
def session(folder: Path, full: str) -> Session:
    """A parent on the disk, and an open child."""
    (folder / "parent.yaml").write_text(full, encoding="utf-8")
    made = Session()
    made.show(folder.resolve() / "child.yaml", "extends: ./parent.yaml\nname: child\n")
    return made


def codes(analysis: Analysis) -> list[str]:
    return [d.code for d in analysis.compiled.report.in_order()]


def test_a_text_that_is_shown_goes_before_the_one_on_the_disk(session: Session, folder: Path, full: str) -> None:
    child, parent = folder.resolve() / "child.yaml", folder.resolve() / "parent.yaml"
    assert codes(session.analysis(child)) == []
    session.show(parent, full.replace("seed: 3", "sed: 3"))
    assert codes(session.analysis(child)) == ["S401"]
    session.close(parent)
    assert codes(session.analysis(child)) == [] and not (folder / "child.yaml").exists()


def test_only_what_was_read_from_a_document_is_compiled_again(session: Session, folder: Path, full: str) -> None:
    child, other = folder.resolve() / "child.yaml", folder.resolve() / "other.yaml"
    before = session.analysis(child)
    session.show(other, full)
    assert session.analysis(child) is before
    session.show(folder.resolve() / "parent.yaml", full)
    assert session.analysis(child) is not before


def test_a_parent_that_is_open_is_checked_as_a_part_of_its_children(session: Session, folder: Path) -> None:
    child, parent = folder.resolve() / "child.yaml", folder.resolve() / "parent.yaml"
    session.show(parent, "alignc: v1\n")
    assert [one.path for one in session.specs()] == [child] and [one.path for one in session.around(parent)] == [child]
    session.show(child, "name: alone\n")
    assert {one.path for one in session.specs()} == {child, parent}


def test_a_parent_that_was_missing_is_looked_for_again(session: Session, folder: Path, full: str) -> None:
    child = folder.resolve() / "child.yaml"
    session.show(child, "extends: ./later.yaml\nname: child\n")
    assert "C203" in codes(session.analysis(child))
    session.show(folder.resolve() / "later.yaml", full)
    assert codes(session.analysis(child)) == []


@pytest.mark.parametrize(
    ("broken", "lost"),
    [
        ('name: "open\n', "name"),
        ("name: {open\n", "name"),
        ("name\n", "name"),
        ("name: a: b\n", "name"),
        ("\tname: a\n", "name"),
        ("name: *nowhere\n", "name"),
        ("name: !tag x\n", "name"),
        ("name: [1, }\n", "name"),
        ("name: a\x00b\n", ""),
    ],
)
def test_the_rest_is_known_where_a_line_cannot_be_read(folder: Path, full: str, broken: str, lost: str) -> None:
    path = folder.resolve() / "spec.yaml"
    text = full.replace("name: example\n", broken)
    analysis = Analysis(path, {path: text}, "utf-16")
    assert len(codes(analysis)) == 1 and codes(analysis)[0].startswith("Y")
    assert ("stages", "dpo") in analysis.index.declared
    assert analysis.known.elaborator is not None and ("stages", "dpo") in analysis.known.elaborator.done
    assert lost not in analysis.sources[path].root.value
    source = analysis.sources[path]
    mention = next(one for one in analysis.index.all_of(("stages", "dpo")) if one.declares)
    assert source.text.text[mention.start : mention.end] == "dpo", "offsets count in the text as it is shown"


def test_a_text_without_a_mapping_has_nothing_to_know(folder: Path) -> None:
    for text in ("", "- a\n", "just words\n", "[" * 100):
        path = folder.resolve() / "spec.yaml"
        assert Analysis(path, {path: text}, "utf-16").sources == {}


def test_a_line_that_must_stay_is_not_left_out() -> None:
    assert readable_part("a: 1\nb\n", "x") is not None and readable_part("a: 1\nb\n", "x", keep=2) is None


def test_open_brackets_and_quotes_of_a_line_are_closed() -> None:
    assert closing('a: {b: [1, "${x.y}", "') == '"]}' and closing("a: {b: 1}") == "" and closing("a: ${b.c}") == ""


def test_what_has_no_place_is_shown_at_the_start_of_the_spec(folder: Path) -> None:
    path = folder.resolve() / "nowhere.yaml"
    ((_, shown),) = problems(Analysis(path, {}, "utf-16"))[path]
    assert shown.code == "P601" and (shown.range.start.line, shown.range.end.line) == (0, 0)


def test_a_change_is_checked_in_less_than_a_tenth_of_a_second(folder: Path) -> None:
    path = folder.resolve() / "spec.yaml"
    session, taken = Session(), []
    for number in range(5):
        session.show(path, QUICKSTART.replace("seed: 0", f"seed: {number}"))
        start = time.perf_counter()
        assert problems(session.analysis(path)) == {path: []}
        taken.append(1000 * (time.perf_counter() - start))
    assert min(taken) < MILLISECONDS, taken
