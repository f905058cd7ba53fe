"""Lines and columns of the compiler <-> positions of the protocol.

The compiler counts lines and columns from 1, columns in characters; the protocol counts from 0, columns in units of the encoding that client and
server agreed on. Both break lines at `\\n`, `\\r\\n` and `\\r`; what else libyaml takes for the end of a line is refused before it is read.
Between the two stands the offset: the number of characters before a place.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

from lsprotocol.types import Position, Range

from ..diagnostic import LINE_BREAK, Place

UNITS: dict[str, Callable[[str], int]] = {
    "utf-8": lambda text: len(text.encode("utf-8", "surrogatepass")),
    "utf-16": lambda text: len(text.encode("utf-16-le", "surrogatepass")) // 2,
    "utf-32": len,
}


class Text:
    """A text with its lines."""

    def __init__(self, text: str, encoding: str) -> None:
        self.text = text
        self.units = UNITS[encoding]
        self.lines = [0, *(m.end() for m in LINE_BREAK.finditer(text))]

    def offset(self, line: int, col: int) -> int:
        """The offset of a line and column of the compiler; one beyond the text is its end."""
        return min(self.lines[line - 1] + col - 1, len(self.text)) if line <= len(self.lines) else len(self.text)

    def span(self, place: Place) -> tuple[int, int]:
        """Start and end of a place."""
        start = self.offset(place.line, place.col)
        return start, max(start, self.offset(place.end_line, place.end_col))

    def position(self, offset: int) -> Position:
        line = bisect_right(self.lines, offset) - 1
        return Position(line, self.units(self.text[self.lines[line] : offset]))

    def range(self, start: int, end: int) -> Range:
        return Range(self.position(start), self.position(end))

    def offset_at(self, position: Position) -> int:
        """The offset of a position; one beyond its line is the end of the line, one inside a character its start."""
        if position.line >= len(self.lines):
            return len(self.text)
        start, end = self.lines[position.line], self.line_end(position.line)
        line = self.text[start:end]
        low, high = 0, len(line)
        while low < high:  # the last place whose distance from the start of the line is not beyond the position
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.units(line[:middle]) <= position.character else (low, middle - 1)
        return start + low

    def line_end(self, line: int) -> int:
        """The offset of the end of a line, its break not included."""
        if line + 1 == len(self.lines):
            return len(self.text)
        end = self.lines[line + 1]
        return end - 2 if self.text[end - 2 : end] == "\r\n" else end - 1
