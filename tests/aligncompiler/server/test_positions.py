"""Places of the compiler, positions of the protocol, and offsets lead to each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol.types import Position

from aligncompiler.diagnostic import Place
from aligncompiler.server.positions import UNITS, Text

TEXTS = st.text(alphabet="ab: é𝒳\u2028\x85\r\n", max_size=40)


@given(TEXTS, st.sampled_from(list(UNITS)))
def test_every_offset_comes_back_from_its_position(text: str, encoding: str) -> None:
    lines = Text(text, encoding)
    for offset in range(len(text) + 1):
        inside_break = text[offset - 1 : offset + 1] == "\r\n"
        assert inside_break or lines.offset_at(lines.position(offset)) == offset


@pytest.mark.parametrize(("encoding", "character"), [("utf-8", 6), ("utf-16", 4), ("utf-32", 3)])
def test_a_column_counts_the_units_of_the_encoding(encoding: str, character: int) -> None:
    text = Text("x\né𝒳 y", encoding)
    assert text.position(text.text.index("y")) == Position(1, character + (encoding == "utf-8"))
    assert text.offset_at(Position(1, character + (encoding == "utf-8"))) == text.text.index("y")


def test_lines_end_where_both_sides_end_them() -> None:
    text = Text("a: 1\u2028b: 2\r\nc: 3\rd: 4\n", "utf-16")
    assert text.text[text.offset(2, 1)] == "c" and text.position(text.offset(2, 1)) == Position(1, 0), "U+2028 breaks no line"
    assert text.text[text.offset(3, 1)] == "d" and text.position(text.offset(3, 1)) == Position(2, 0)


def test_what_lies_beyond_the_text_is_its_end() -> None:
    text = Text("a: 1\n", "utf-16")
    assert text.offset(9, 1) == text.offset_at(Position(9, 0)) == 5
    assert text.offset_at(Position(0, 99)) == 4
    assert text.span(Place("x", 1, 4, 9, 9)) == (3, 5)


def test_a_position_inside_of_a_character_is_its_start() -> None:
    assert Text("𝒳y", "utf-16").offset_at(Position(0, 1)) == 0
