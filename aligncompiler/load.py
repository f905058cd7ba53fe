"""YAML text -> data, with the place of every key and value.

Built from PyYAML's *events* (its C composer crashes on deep nesting) with budgets on size, depth and alias expansion. Values follow
the YAML 1.2 core schema: `no`, `010` and `1:30` are not surprises, and `1e-5` is a number. Tags, merge keys, complex keys, several
documents and duplicate keys are errors. One extension: `${...}` may stand unquoted inside `{}` and `[]`; before scanning, its braces
are exchanged for private-use characters of the same width, so that every column stays true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from .diagnostic import LINE_BREAK, Diagnostic, Fix, Place, Report, SpecError
from .syntax import fail, syntax_error
from .tree import REFERENCE, Node, scalar, shortened

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_NODES = 200_000
MAX_PATH = 255  # characters; longer names are refused by file systems

SHIELD = str.maketrans({"{": "\ue000", "}": "\ue001", ",": "\ue002", "[": "\ue003", "]": "\ue004"})
# What YAML forbids, what YAML 1.1 takes for the end of a line and editors do not, and the shield's own.
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ue000-\ue004\ufffe\uffff]")
CONTROLS = {0: "NUL", 7: "BELL", 8: "BACKSPACE", 0x1B: "ESCAPE", 0x7F: "DELETE", 0x85: "NEXT LINE", 0x2028: "LINE SEPARATOR", 0x2029: "PARAGRAPH SEPARATOR"}
UNSHIELD = str.maketrans({"\ue000": "{", "\ue001": "}", "\ue002": ",", "\ue003": "[", "\ue004": "]"})


class Builder:
    """Builds nodes from the event stream; recoverable faults (a duplicate key) go to the report, the rest stops the file."""

    def __init__(self, file: str, report: Report) -> None:
        self.file = file
        self.lines: list[str] = []
        self.report = report
        self.anchors: dict[str, tuple[Node | None, int]] = {}
        self.count = 0

    def place(self, event: Any, width: int | None = None) -> Place:
        a, b = event.start_mark, event.end_mark
        end = (b.line + 1, b.column + 1) if width is None else (a.line + 1, a.column + 1 + width)
        return Place(self.file, a.line + 1, a.column + 1, *end)

    def spend(self, event: Any, nodes: int = 1) -> None:
        self.count += nodes
        if self.count > MAX_NODES:
            text = f"the file holds more than {MAX_NODES:,} values once its aliases are expanded"
            raise fail("Y106", text, self.place(event), "use fewer aliases of aliases; what is meant once is declared once and named by `${...}`")

    def document(self, events: Iterator[Any]) -> Node | None:
        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.check_directives(event)
                if root is not None:
                    raise fail("Y105", "a second YAML document starts here; a spec is one document", self.place(event), "remove the `---`")
                first = next(events)
                root = self.node(first, events, 0)
        return root

    def check_directives(self, event: Any) -> None:
        if event.tags or event.version not in (None, (1, 2)):
            number, line = next((n, line.rstrip()) for n, line in enumerate(self.text_lines(), 1) if line.startswith("%"))
            place = Place(self.file, number, 1, number, len(line) + 1)
            raise fail("Y103", f"the directive `{shortened(line)}` is not allowed; a spec is YAML 1.2 without tags", place, "remove the line")

    def text_lines(self) -> list[str]:
        """The lines of the file as the user wrote it."""
        self.lines = self.lines or LINE_BREAK.split(self.report.sources[self.file])
        return self.lines

    def tag(self, event: Any) -> SpecError:
        """The fault that a tag is, at the tag as it is written."""
        mark = event.start_mark
        written = re.search(r"!(<[^>]*>|[^\s,\[\]{}]*)", self.text_lines()[mark.line][mark.column :])
        assert written is not None
        col = mark.column + 1 + written.start()
        place = Place(self.file, mark.line + 1, col, mark.line + 1, col + len(written[0]))
        help = "a parent file is named by `extends`" if "include" in written[0] else "remove the tag"
        return fail("Y103", f"the tag `{shortened(written[0])}` is not allowed; a spec is plain data", place, help)

    def node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        if depth > MAX_DEPTH:
            place = self.place(event) if isinstance(event, yaml.ScalarEvent) else self.token(event)
            raise fail(
                "Y106",
                f"values are nested deeper than {MAX_DEPTH} levels",
                place,
                "a spec needs no more than ten or so: close what is open, or give parts a name",
            )
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        self.spend(event)
        if event.tag is not None:
            raise self.tag(event)
        before = self.count
        if event.anchor is not None:
            self.anchors[event.anchor] = (None, 0)
        made = self.collection(event, events, depth) if not isinstance(event, yaml.ScalarEvent) else self.scalar(event)
        if event.anchor is not None:
            self.anchors[event.anchor] = (made, self.count - before + 1)
        return made

    def alias(self, event: Any) -> Node:
        known = self.anchors.get(event.anchor)
        if known is None:
            above = f"anchors above it: {', '.join(f'`&{name}`' for name in self.anchors)}" if self.anchors else "what is declared is named by `${models.NAME}`"
            raise fail("Y104", f"the alias `*{event.anchor}` names no anchor above it", self.place(event), above)
        node, size = known
        if node is None:
            raise fail("Y104", f"the alias `*{event.anchor}` stands inside its own anchor", self.place(event), "write the value out")
        self.spend(event, size)
        return replace(node, place=self.place(event))

    def scalar(self, event: Any) -> Node:
        text = event.value.translate(UNSHIELD)
        plain = event.implicit[0] and event.style in (None, "")
        return Node(scalar(text) if plain else text, self.place(event), text if plain else None)

    def collection(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(inner := next(events), yaml.SequenceEndEvent):
                item = self.node(inner, events, depth + 1)
                items.append(replace(item, place=self.dash(item.place)) if item.text == "" else item)
            return Node(items, self.closed(event, inner))
        values: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        while not isinstance(inner := next(events), yaml.MappingEndEvent):
            key, where = self.key(inner)
            value = self.node(next(events), events, depth + 1)
            if key[:1].isdigit() and value.text == "" and keys:
                last = next(reversed(keys))
                whole = self.with_comma(values[last], key, where)
                if whole is not None:
                    values[last] = whole
                    continue
            value = replace(value, place=where) if value.text == "" else value  # what is not written is shown at its key
            if key in values:
                text = f"key `{key}` is given twice"
                from .fixes import without_twin  # reads nodes itself

                fixes = without_twin(self.report.sources[self.file], values[key], where, value)
                self.report.add("Y101", text, where, help=("remove one of the two",), also=[(keys[key], "first given here")], fixes=fixes)
                both = values[key].is_map and value.is_map
                values[key] = replace(values[key], value=value.value | values[key].value, keys=value.keys | values[key].keys) if both else values[key]
            else:
                values[key], keys[key] = value, where
        return Node(values, self.closed(event, inner), keys=keys)

    def with_comma(self, first: Node, key: str, where: Place) -> Node | None:
        """A number that a comma cut in two inside of braces (`{rate: 0,001}`), as it was meant; None if the key is something else."""
        from .words.wording import plain_number  # needed for this fault alone

        cut = where.line == first.place.end_line and where.col == first.place.end_col + 1
        meant = plain_number(f"{first.text},{key}") if cut and first.text is not None and not first.is_map else ""
        if not meant:
            return None
        place = replace(first.place, end_col=where.end_col)
        fixes = (Fix(f"replace by `{meant}`", place, meant, certain=False),)
        text = f"`{first.text},{key}` is no number: a comma ends the value inside of braces"
        self.report.add("Y114", text, place, help=(f"write `{meant}`",), fixes=fixes)
        return Node(scalar(meant), place, f"{first.text},{key}")

    def closed(self, start: Any, end: Any) -> Place:
        """From the first to the last character; a block ends where its next token starts, so take its own first line instead."""
        a, b = start.start_mark, end.end_mark
        if start.flow_style:
            return Place(self.file, a.line + 1, a.column + 1, b.line + 1, b.column + 1)
        return self.token(start)

    def token(self, start: Any) -> Place:
        """The bracket or dash that opens a collection, or the first word of a block mapping."""
        line, column = start.start_mark.line, start.start_mark.column
        written = self.text_lines()[line][column:] if line < len(self.text_lines()) else ""
        word = re.match(r"[\[{]|[-?](?=\s|\Z)|\"[^\"]*\"|'[^']*'|[^\s:]+", written)
        return Place(self.file, line + 1, column + 1, line + 1, column + 1 + (len(word[0]) if word else len(written[:1])))

    def sign(self, place: Place) -> Place:
        """The character at a place without width, or the last one before it."""
        line = place.line
        while line > 1 and not self.text_lines()[line - 1][: place.col if line == place.line else None].strip():
            line -= 1
        col = len(self.text_lines()[line - 1][: place.col if line == place.line else None].rstrip())
        return Place(self.file, line, max(1, col), line, max(1, col) + 1)

    def dash(self, place: Place) -> Place:
        """The `-` before an item that is not written."""
        for line in range(place.line, 0, -1):
            column = self.text_lines()[line - 1][: place.col - 1 if line == place.line else None].rfind("-") + 1
            if column:
                return Place(self.file, line, column, line, column + 1)
        return place

    def key(self, event: Any) -> tuple[str, Place]:
        if not isinstance(event, yaml.ScalarEvent):
            line, column = event.start_mark.line, event.start_mark.column
            template = "{{" in self.text_lines()[line][max(0, column - 1) : column + 2]
            help = "there are no templates; a reference is written `${models.base}`" if template else "write `key: value`"
            raise fail("Y102", "a key must be a plain word", self.place(event) if isinstance(event, yaml.AliasEvent) else self.token(event), help)
        self.spend(event)
        where = self.place(event)
        text = event.value.translate(UNSHIELD)
        if event.tag is not None:
            raise self.tag(event)
        if not text:
            empty = where.end_col == where.col and where.end_line == where.line
            raise fail("Y102", "a key is missing before `:`", self.sign(where) if empty else where, "write a key, or remove the line")
        if text == "<<" and event.style in (None, ""):
            raise fail("Y103", "the merge key `<<` is not allowed", where, "use `extends`, or write the values out")
        if event.anchor is not None:
            self.anchors[event.anchor] = (Node(text, where), 1)
        return text, where


def shielded(text: str) -> str:
    """The text as PyYAML is given it: references without braces, every column where it was."""
    return REFERENCE.sub(lambda m: "$" + m.group()[1:].translate(SHIELD), text)


def parse(text: str, file: str, report: Report) -> Node | None:
    """The tree of a YAML text, or None for an empty one. Raises SpecError where the text cannot be read."""
    report.sources[file] = text
    if bad := FORBIDDEN.search(text):
        utf16 = text.count("\0") > len(text) // 3
        help = "save the file as UTF-8; this looks like UTF-16" if utf16 else "remove it"
        name = CONTROLS.get(ord(bad.group()), "")
        raise fail("Y108", f"the character {name and name + ' '}U+{ord(bad.group()):04X} is not allowed in a spec", place_at(text, bad.start(), file), help)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return Builder(file, report).document(yaml.parse(shielded(text), Loader=loader))
    except yaml.MarkedYAMLError as error:
        raise syntax_error(error, text, file) from None
    except yaml.YAMLError as error:
        raise fail("Y102", f"this is not YAML: {error}".split("\n")[0], Place(file)) from None


def place_at(text: str, index: int, file: str) -> Place:
    """The place of one character; lines are counted as the parser counts them."""
    starts = [0, *(m.end() for m in LINE_BREAK.finditer(text, 0, index))]
    line, col = len(starts), index - starts[-1] + 1
    return Place(file, line, col, line, col + 1)


def read_text(path: Path, file: str, report: Report) -> str:
    """The text of a spec file. Raises SpecError if it is missing, not a file, too large, or not UTF-8."""
    if "\0" in file or len(file) > MAX_PATH:
        raise SpecError(Diagnostic("P601", f"`{shortened(file)}` is no name of a file", help=("name a spec file, for example `spec.yaml`",)))
    if not path.exists() or path.is_dir():
        folder = path if path.is_dir() else path.parent
        near = [p.name for p in sorted(folder.glob("*.yaml"))[:5] if p.is_file()] if folder.is_dir() else []
        help = f"specs {'in it' if path.is_dir() else 'beside it'}: {', '.join(near)}" if near else "`alignc init` writes one to start from"
        raise SpecError(Diagnostic("P601", f"`{file}` is a folder, not a file" if path.is_dir() else f"there is no file `{file}`", help=(help,)))
    if not path.is_file():
        raise SpecError(Diagnostic("P601", f"`{file}` is not a file", help=("name a spec file, for example `spec.yaml`",)))
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SpecError(Diagnostic("P601", f"`{file}` cannot be read: {error.strerror}")) from None
    if len(raw) > MAX_BYTES:
        raise fail(
            "Y106", f"the file has {len(raw):,} bytes; a spec has at most {MAX_BYTES:,}", Place(file), "is it a data file? name it as `file` of a dataset"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report.sources[file] = shown = raw.decode("utf-8", "replace")
        at = len(raw[: error.start].decode("utf-8", "replace"))
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise fail("Y108", "the file is UTF-16, not UTF-8", place_at(shown, 0, file), "save the file as UTF-8") from None
        if b"\0" in raw:
            raise fail("Y108", "the file holds binary data, not text", place_at(shown, at, file), "name a spec file, for example `spec.yaml`") from None
        latin = raw[error.start : error.start + 1].decode("cp1252", "ignore")
        help = f"save the file as UTF-8; in Windows-1252 this byte is `{latin}`" if latin.isprintable() and latin else "save the file as UTF-8"
        raise fail("Y108", f"the byte 0x{raw[error.start]:02X} is not UTF-8", place_at(shown, at, file), help) from None


def load(path: Path, report: Report) -> Node:
    """The tree of a spec file. Raises SpecError where there is none to be had."""
    file = str(path)
    shown = report.unsaved.get(path.resolve()) if report.unsaved and "\0" not in file else None
    text = read_text(path, file, report) if shown is None else shown
    node = parse(text, file, report)
    if node is None:
        what = "the file holds nothing but comments" if text.strip() else "the file is empty"
        raise fail("Y109", what, report.on_one_line(Place(file, end_line=2)), "`alignc init` writes a spec to start from")
    if not node.is_map:
        help = "a spec starts with `alignc: v1`; `alignc init` writes one to start from"
        raise fail("Y109", f"a spec is a mapping of keys to values; this is {node.noun()}", report.on_one_line(node.place), help)
    return node
