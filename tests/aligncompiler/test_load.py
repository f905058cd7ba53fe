"""YAML text to data with places."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aligncompiler.diagnostic import Report, SpecError
from aligncompiler.load import MAX_BYTES, MAX_DEPTH, load, parse
from aligncompiler.tree import Node, scalar


def tree(text: str) -> Node:
    report = Report()
    node = parse(text, "spec.yaml", report)
    assert node is not None and not report.diagnostics
    return node


def data(node: Node) -> Any:
    if node.is_map:
        return {k: data(v) for k, v in node.value.items()}
    return [data(v) for v in node.value] if node.is_list else node.value


def fault(text: str) -> tuple[str, int, int]:
    """Code, line and column of what stops the reader, or of the first thing it reports."""
    report = Report()
    try:
        parse(text, "spec.yaml", report)
        found = report.diagnostics[0]
    except SpecError as error:
        found = error.diagnostic
    assert found.primary is not None
    return found.code, found.primary.place.line, found.primary.place.col


VALUES = {
    "no": "no",
    "on": "on",
    "yes": "yes",
    "Off": "Off",
    "y": "y",
    "010": 10,
    "0o10": 8,
    "0x1F": 31,
    "1:30": "1:30",
    "1_000": "1_000",
    "1e-5": 1e-5,
    "1E5": 1e5,
    "1.": 1.0,
    ".5": 0.5,
    "-3": -3,
    "+3": 3,
    "1.2.3": "1.2.3",
    "2001-01-01": "2001-01-01",
    "true": True,
    "TRUE": True,
    "tRue": "tRue",
    "null": None,
    "~": None,
    "": None,
    ".inf": math.inf,
    "-.INF": -math.inf,
    "inf": "inf",
    "nan": "nan",
    "=": "=",
    "e5": "e5",
    ".": ".",
    "-": "-",
    "9" * 301: "9" * 301,
}


@pytest.mark.parametrize("text", VALUES)
def test_plain_scalars_follow_the_yaml_12_core_schema(text: str) -> None:
    assert scalar(text) == VALUES[text] and type(scalar(text)) is type(VALUES[text])


@given(st.integers(min_value=-(10**30), max_value=10**30))
def test_every_integer_is_read_back(number: int) -> None:
    assert scalar(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_read_back(number: float) -> None:
    assert scalar(repr(number)) == number


@pytest.mark.parametrize("quoted", ['"1"', "'1'", "|-\n  1", ">-\n  1"])
def test_what_is_quoted_is_a_text(quoted: str) -> None:
    assert data(tree(f"a: {quoted}\n")) == {"a": "1"}


@given(st.text(max_size=200))
@settings(max_examples=300)
def test_no_text_makes_the_reader_crash(text: str) -> None:
    try:
        parse(text, "spec.yaml", Report())
    except SpecError as error:
        assert error.diagnostic.primary is not None


@given(st.binary(max_size=100))
@settings(max_examples=100)
def test_no_bytes_make_the_reader_crash(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(raw)
    try:
        load(path, Report())
    except SpecError as error:
        assert error.diagnostic.code.startswith("Y1")


# ---- references in flow collections


def test_a_reference_stands_unquoted_in_flow_collections_at_its_true_column() -> None:
    node = tree("a: {x: ${models.base}, y: [${stages.sft}, 7]}\n")
    assert data(node) == {"a": {"x": "${models.base}", "y": ["${stages.sft}", 7]}}
    seven = node.value["a"].value["y"].value[1]
    assert (seven.place.col, seven.place.end_col) == (43, 44)
    reference = node.value["a"].value["x"]
    assert (reference.place.col, reference.place.end_col) == (8, 22)


def test_a_comma_inside_a_reference_does_not_split_it() -> None:
    assert data(tree("a: [${x,y}, ${a[0]}]\n")) == {"a": ["${x,y}", "${a[0]}"]}


def test_quoted_references_and_braces_in_texts_stay_as_they_are() -> None:
    assert data(tree("a: \"${x}\"\nb: '{y}'\nc: |\n  ${z} {w}\n")) == {"a": "${x}", "b": "{y}", "c": "${z} {w}\n"}


def test_columns_count_characters_not_bytes() -> None:
    node = tree("é: {ü: ${ö}, z: 1}\n")
    assert node.value["é"].value["z"].place.col == 17


# ---- places


def test_every_key_and_value_knows_where_it_stands() -> None:
    node = tree("# note\na: 1\nb:\n  c: [2, 33]\n")
    assert (node.keys["b"].line, node.keys["b"].col) == (3, 1)
    inner = node.value["b"].value["c"].value[1].place
    assert (inner.line, inner.col, inner.end_col) == (4, 10, 12)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_all_line_ends_count_alike(newline: str) -> None:
    node = tree(newline.join(["a: 1", "b: x", "c: 3", ""]))
    assert data(node) == {"a": 1, "b": "x", "c": 3} and node.keys["c"].line == 3


def test_a_byte_order_mark_is_no_character(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert load(path, Report()).keys["a"].col == 1


# ---- what is refused


def test_a_duplicate_key_is_reported_with_both_places_and_reading_goes_on() -> None:
    report = Report()
    parse("a: 1\nb: 2\na: 3\nb: 4\n", "spec.yaml", report)
    assert [d.code for d in report.diagnostics] == ["Y101", "Y101"]
    first = report.diagnostics[0]
    assert [(s.place.line, s.primary) for s in first.spans] == [(3, True), (1, False)]


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "a: !!python/object:os.system x\n": ("Y103", 1, 4),
        "a: !!str 1\n": ("Y103", 1, 4),
        "!!map {a: 1}\n": ("Y103", 1, 1),
        "!x a: 1\n": ("Y103", 1, 1),
        "a: &x {b: 1}\nc: {<<: *x}\n": ("Y103", 2, 5),
        "a: *x\n": ("Y104", 1, 4),
        "a: &x [*x]\n": ("Y104", 1, 8),
        "a: &x {b: {c: *x}}\n": ("Y104", 1, 15),
        "a: 1\n---\nb: 2\n": ("Y105", 2, 1),
        "? [a, b]\n: 1\n": ("Y102", 1, 3),
        ": 1\n": ("Y102", 1, 1),
        "a: 1\n\tb: 2\n": ("Y107", 2, 1),
        "a:\n  b: 1\n \tc: 2\n": ("Y107", 3, 2),
        "a: x\x00y\n": ("Y108", 1, 5),
        "a: \x1b[31m\n": ("Y108", 1, 4),
        "é\xa0: \x07\n": ("Y108", 1, 5),
        "a: \ue000\n": ("Y108", 1, 4),
        "a: [1, 2\n": ("Y102", 1, 4),
        "a: {b: 1\nc: 2\n": ("Y102", 1, 4),
        "a: 'open\n": ("Y102", 1, 4),
        "a: b: c\n": ("Y102", 1, 5),
        "a: @b\n": ("Y102", 1, 4),
        "a: % b\n": ("Y102", 1, 4),
        "a: ${x\nb: {c: ${y}\n": ("Y102", 2, 4),
    }.items(),
)
def test_the_fault_is_found_at_its_character(text: str, expected: tuple[str, int, int]) -> None:
    assert fault(text) == expected


@pytest.mark.parametrize("opener", ["[", "{a: ", "- ", "? "])
def test_a_hundred_thousand_nested_collections_are_one_diagnostic(opener: str) -> None:
    assert fault(opener * 100_000)[0] in ("Y106", "Y102")


def test_nesting_up_to_the_limit_is_read() -> None:
    assert tree("a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1) + "\n")
    assert fault("a: " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1) + "\n")[0] == "Y106"


def test_a_billion_laughs_are_one_diagnostic() -> None:
    text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for here, before in zip("bcdefghij", "abcdefghi", strict=True):
        text += f"{here}: &{here} [{', '.join([f'*{before}'] * 9)}]\n"
    assert fault(text)[0] == "Y106"


def test_an_alias_repeats_its_anchor() -> None:
    assert data(tree("a: &x {b: 1}\nc: *x\nd: *x\n"))["d"] == {"b": 1}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "Y109"),
        (b"# only a comment\n", "Y109"),
        (b"---\n", "Y109"),
        (b"just text\n", "Y109"),
        (b"- a\n", "Y109"),
        (b"a: caf\xe9\n", "Y108"),
        (b"\xff\xfea\x00:\x00", "Y108"),
        (b"a: 1\n" + b"#" * MAX_BYTES, "Y106"),
    ],
)
def test_a_file_that_is_no_spec_is_one_diagnostic(tmp_path: Path, raw: bytes, code: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(raw)
    with pytest.raises(SpecError) as caught:
        load(path, Report())
    assert caught.value.diagnostic.code == code


def test_bytes_that_are_not_utf8_are_shown_at_their_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes("a: 1\né: caf".encode() + b"\xe9\n")
    with pytest.raises(SpecError) as caught:
        load(path, Report())
    assert caught.value.diagnostic.primary is not None
    assert (caught.value.diagnostic.primary.place.line, caught.value.diagnostic.primary.place.col) == (2, 7)


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_missing_file_and_a_folder_are_one_diagnostic_with_a_way_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(tmp_path / name, Report())
    assert caught.value.diagnostic.code == "P601" and caught.value.diagnostic.help
