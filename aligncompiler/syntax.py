"""PyYAML's complaints in plain words, at the character that a person has to change."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from .diagnostic import LINE_BREAK, Diagnostic, Fix, Place, Span, SpecError

OPENERS = {"'": "quote", '"': "quote", "{": "`{`", "[": "`[`"}
WORD = re.compile(r"[\w.$-]+")
CONFLICT = re.compile(r"(<{7}|\|{7}|={7}|>{7})(?=\s|\Z)")
FENCE = re.compile(r"\s*(```+|~~~+)\s*\w*\s*\Z")


def fail(code: str, message: str, place: Place, help: str = "", also: tuple[Place, str] | None = None, fixes: Sequence[Fix] = ()) -> SpecError:
    spans = (Span(place),) + ((Span(also[0], also[1], primary=False),) if also else ())
    return SpecError(Diagnostic(code, message, spans, help=(help,) if help else (), fixes=tuple(fixes)))


def indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


@dataclass(frozen=True)
class Complaint:
    """What the parser says: `problem` at a line and column, in something that starts at `first`; all counted from 0. `lines` are those of the user."""

    file: str
    text: str
    lines: list[str]
    problem: str
    line: int
    col: int
    first: tuple[int, int] | None

    @property
    def written(self) -> str:
        return self.lines[self.line]

    @property
    def before(self) -> str:
        return self.written[: self.col]

    @property
    def character(self) -> str:
        return self.written[self.col : self.col + 1]

    @property
    def opener(self) -> str:
        return self.lines[self.first[0]][self.first[1] : self.first[1] + 1] if self.first else ""

    def place(self, line: int, col: int, width: int = 1) -> Place:
        """A stretch of a line, never longer than what is written."""
        end = max(col, min(col + width, len(self.lines[line])))
        return Place(self.file, line + 1, col + 1, line + 1, end + 1)

    def word(self, line: int, col: int) -> Place:
        """The word that starts here, or one character."""
        found = WORD.match(self.lines[line], col)
        return self.place(line, col, len(found[0]) if found else 1)

    @property
    def here(self) -> Place:
        """The word at which the parser gave up; at the end of the text the last one."""
        line, col = self.line, self.col
        while line and not self.lines[line][col:].strip():
            if col and self.lines[line][:col].strip():
                last = re.search(r"\S+\s*\Z", self.lines[line][:col])
                assert last is not None
                return self.place(line, last.start(), len(last[0].rstrip()))
            line -= 1
            col = len(self.lines[line])
        return self.word(line, col)

    @property
    def start(self) -> Place:
        return self.word(*self.first) if self.first else self.here


def syntax_error(error: yaml.MarkedYAMLError, text: str, file: str) -> SpecError:
    """The error with the place and the way out. `text` is the file as the user wrote it."""
    lines = LINE_BREAK.split(text)

    def at(mark: yaml.Mark) -> tuple[int, int]:
        line = min(mark.line, len(lines) - 1)
        return line, min(mark.column, len(lines[line])) if mark.line < len(lines) else len(lines[line])

    mark = error.problem_mark or error.context_mark
    line, col = at(mark) if mark else (0, 0)
    problem = re.sub(r"[\ue000-\ue004]", "?", error.problem or "it cannot be read")
    complaint = Complaint(file, text, lines, problem, line, col, at(error.context_mark) if error.context_mark else None)
    for explain in (about_other_texts, about_spaces, about_quotes, about_brackets, about_lines, about_colons, about_starts):
        found = explain(complaint)
        if found is not None:
            return found
    return fail("Y102", f"this is not YAML: {problem}", complaint.here, "quote the text, if it is meant as one")


def about_other_texts(c: Complaint) -> SpecError | None:
    """What git writes where two versions do not agree, and what Markdown writes around a spec."""
    ends = [n for n, line in enumerate(c.lines) if line.startswith((">>>>>>> ", "<<<<<<< "))]
    marks = [n for n, line in enumerate(c.lines[: c.line + 1]) if CONFLICT.match(line) and (ends or n == c.line)]
    if marks:
        mark = CONFLICT.match(c.lines[marks[0]])
        assert mark is not None
        help = "keep what is right of both versions, and remove the lines that start with `<<<<<<<`, `=======`, `>>>>>>>`"
        return fail("Y102", "two versions of the file were merged, and still stand here side by side", c.place(marks[0], 0, len(mark[0])), help)
    fences = [n for n, line in enumerate(c.lines[: c.line + 1]) if FENCE.match(line)]
    if fences:
        fence = FENCE.match(c.lines[fences[0]])
        assert fence is not None
        help = "remove it, and all that stands outside of the fences"
        return fail("Y102", "this is a fence of Markdown, not YAML", c.place(fences[0], fence.start(1), len(fence[1])), help)
    return None


def about_spaces(c: Complaint) -> SpecError | None:
    """Tabs, and what only looks like a space."""
    blank = c.written[: indentation(c.written)]
    if "\t" in blank or c.character == "\t":
        from .fixes import untabbed  # needed for this fault alone

        tab = c.place(c.line, blank.index("\t") if "\t" in blank else c.col)
        what = "a tab is used for indentation" if "\t" in blank else "a tab stands where the text is indented"
        return fail("Y107", f"{what}; YAML takes spaces", tab, "replace it by spaces", fixes=untabbed(c.text, c.file))
    if not c.text.isascii():
        from .words.lookalikes import indentation as strange  # needed for this fault alone

        found = strange(c.lines, c.line + 1, c.file)
        if found is not None:
            return fail("Y102", f"this line is indented by {found[1]}, which is no space to YAML", found[0], "replace it by spaces")
    return None


def about_quotes(c: Complaint) -> SpecError | None:
    """Escapes, and quotes that are not closed."""
    if "escape" in c.problem or "hexdecimal" in c.problem:
        slash = c.written.rfind("\\", 0, c.col + 1)
        slash = slash if slash >= 0 else c.col
        said = f"`{c.written[slash : slash + 2]}` is no escape, which is what `\\` starts between double quotes"
        return fail("Y102", said, c.place(c.line, slash, 2), "use single quotes, or write `/` in a path and `\\\\` for a backslash")
    if c.opener in ("'", '"') and ("end of stream" in c.problem or "document indicator" in c.problem):
        assert c.first is not None
        return fail("Y102", "this quote is not closed", c.place(*c.first), "close it, or quote the whole text", (c.here, "still open here"))
    return None


def about_brackets(c: Complaint) -> SpecError | None:
    """Values in `{}` and `[]`."""
    if "node content" in c.problem and c.character in ("}", "]", ","):
        return fail("Y102", f"a value is missing before `{c.character}`", c.place(c.line, c.col), "write the value, or remove what is too much")
    if c.opener not in ("{", "[") or not c.problem.startswith("did not find expected"):
        return None
    assert c.first is not None
    opened = c.place(*c.first)
    inside = c.line == c.first[0] or indentation(c.written) > indentation(c.lines[c.first[0]])
    if inside and c.character in ("}", "]"):
        right = {"{": "}", "[": "]"}[c.opener]
        return fail("Y102", f"`{c.opener}` is closed by `{c.character}`", c.place(c.line, c.col), f"write `{right}`", (opened, "opened here"))
    word = re.search(r"[^\s,{}\[\]]+\s*\Z", c.before) if c.character == ":" else WORD.match(c.written, c.col)
    if inside and word and c.written[: word.start()].rstrip()[-1:] not in ("{", "[", ",", ""):
        place = c.place(c.line, word.start(), len(word[0].rstrip()))
        return fail("Y102", f"a `,` is missing before `{word[0].rstrip()}`", place, "put a `,` between two values")
    return fail("Y102", f"this {OPENERS[c.opener]} is not closed", opened, "close it, or quote the whole text", (c.here, "still open here"))


def about_lines(c: Complaint) -> SpecError | None:
    """Lines that do not line up, and what stands behind a value."""
    if "block sequence entries" in c.problem:
        return fail("Y102", "a list cannot start on the line of its key", c.place(c.line, c.col), "put the list on the next line, or write it in `[]`")
    if not c.problem.endswith(("expected key", "expected '-' indicator", "expected <document start>")):
        return None
    if c.before.strip() and c.character in ("}", "]"):
        opener = {"}": "{", "]": "["}[c.character]
        return fail("Y102", f"this `{c.character}` closes nothing", c.place(c.line, c.col), f"remove it, or open it with `{opener}`")
    if c.before.strip():
        help = "quote the whole value; between single quotes a quote is written twice" if c.before.rstrip().endswith("'") else "quote the whole value"
        return fail("Y102", "a value ends before this text", c.here, help)
    help = "keys of one mapping, and items of one list, start in the same column"
    top = next(((n, indentation(line)) for n, line in enumerate(c.lines) if line.strip() and not line.lstrip().startswith(("#", "%", "---"))), (0, 0))
    first = c.word(*(c.first or top))
    return fail("Y102", "this line does not line up with the lines above it", c.here, help, (first, "which start here"))


def about_colons(c: Complaint) -> SpecError | None:
    """Keys without a `:`, and a `:` too much."""
    glued = re.match(r"\s*(?:- )?[\w.-]+(:)(?=[^\s:])", c.lines[c.first[0]] if c.first else c.written)
    dash = re.match(r"\s*(-)(?=[^\s-])", c.written)
    if "mapping values" in c.problem:
        if not c.written.isascii():
            from .words.lookalikes import twin  # needed for this fault alone

            at = indentation(c.written)
            if twin(c.written[at]) == "-":
                return fail("Y102", "an item of a list starts with `-`", c.place(c.line, at), "write `- ` in its place")
        above = next((line for line in reversed(c.lines[: c.line]) if line.strip() and not line.lstrip().startswith("#")), "")
        if dash and ":" not in c.before[: dash.end()]:
            return fail("Y102", "a space is missing after `-`", c.place(c.line, dash.start(1)), "write `- `, with a space, before each item of a list")
        if ": " not in c.before and indentation(c.written) > indentation(above):
            first = c.place(c.line, indentation(c.written), c.col - indentation(c.written))
            return fail("Y102", "this line is indented deeper than the line above it, which has a value already", first, "line it up with the line above")
        return fail("Y102", "a `:` stands inside an unquoted text", c.here, "quote the text, or put the second key on a line of its own")
    if "expected ':'" not in c.problem or c.first is None:
        return None
    line, col = c.first
    if glued:
        return fail("Y102", "a space is missing after `:`", c.place(line, glued.start(1)), "write `key: value`, with a space")
    whole = c.place(line, col, len(c.lines[line].rstrip()) - col)
    return fail("Y102", "this line has no `:` after its key", whole, "write `key: value`")


def about_starts(c: Complaint) -> SpecError | None:
    """Texts that start with a character that means something to YAML."""
    if "cannot start any token" in c.problem:
        shown = f"`{c.character}`" if c.character != "`" else "a backquote"
        return fail("Y102", f"an unquoted text cannot start with {shown}", c.place(c.line, c.col), "quote the text")
    if "alphabetic or numeric" in c.problem:
        sign = next((i for i in range(min(c.col, len(c.written) - 1), -1, -1) if c.written[i] in "*&"), c.col)
        return fail("Y102", f"an unquoted text cannot start with `{c.written[sign : sign + 1]}`", c.place(c.line, sign), "quote the text")
    if "comment or line break" in c.problem:
        return fail("Y102", "text stands behind the `|` or `>` that starts a text of several lines", c.here, "put the text on the next line, indented")
    if c.lines[c.line].startswith("%"):
        return fail(
            "Y103",
            f"the directive `{c.written.rstrip()[:60]}` is not allowed; a spec is YAML 1.2 without tags",
            c.place(c.line, 0, len(c.written.rstrip())),
            "remove the line",
        )
    if "tag" in c.problem or "directive" in c.problem or "YAML document" in c.problem:
        return fail("Y103", "tags and directives are not allowed; a spec is plain data", c.start, "remove it, or quote the text")
    return None
