"""YAML text -> data, with the place of every key and value.

Built from PyYAML's *events* (its C composer crashes on deep nesting) with budgets on size, depth and alias expansion. Values follow
the YAML 1.2 core schema: `no`, `010` and `1:30` are not surprises, and `1e-5` is a number. Tags, merge keys, complex keys, several
documents and duplicate keys are errors. One extension: `${...}` may stand unquoted inside `{}` and `[]`; before scanning, its braces
are exchanged for private-use characters of the same width, so that every column stays true.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from .diagnostic import Diagnostic, Place, Report, SpecError
from .syntax import fail, syntax_error

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_NODES = 200_000
MAX_DIGITS = 300  # a longer number fits no float and is kept as the text it is
MAX_QUOTED = 60

INT = re.compile(r"[-+]?[0-9]+\Z")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
BASED = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
WORDS: dict[str, Any] = {w: v for v, ws in ((None, "~ null Null NULL"), (True, "true True TRUE"), (False, "false False FALSE")) for w in ws.split()}
WORDS |= {f"{sign}.{word}": math.inf if sign != "-" else -math.inf for sign in ("", "+", "-") for word in ("inf", "Inf", "INF")}
REFERENCE = re.compile(r"\$\{([^${}\n]*)\}")
SHIELD = str.maketrans({"{": "\ue000", "}": "\ue001", ",": "\ue002", "[": "\ue003", "]": "\ue004"})
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ue000-\ue004\ufffe\uffff]")  # by YAML, and the shield's own
UNSHIELD = str.maketrans({"\ue000": "{", "\ue001": "}", "\ue002": ",", "\ue003": "[", "\ue004": "]"})


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands. `value` is a scalar, a list of nodes, or a dict of nodes; `text` is a plain scalar as written."""

    value: Any
    place: Place
    text: str | None = None
    keys: dict[str, Place] = field(default_factory=dict)

    @property
    def is_map(self) -> bool:
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        return isinstance(self.value, list)

    def noun(self) -> str:
        """What a person would call this value."""
        v = self.value
        if v is None:
            return "nothing (null)"
        if isinstance(v, bool):
            return f"the truth value {str(v).lower()}"
        if isinstance(v, dict):
            return "a mapping"
        if isinstance(v, list):
            return "a list"
        return f"the text `{shortened(v)}`" if isinstance(v, str) else f"the number {shortened(self.text or str(v))}"


def shortened(text: str) -> str:
    """A text as a message can quote it: one line, and not a long one."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_QUOTED else line[: MAX_QUOTED - 3] + "..."


def references(node: Node) -> Iterator[str]:
    """What every `${...}` of a tree names, in the order of the text."""
    if node.is_list or node.is_map:
        for inner in node.value.values() if node.is_map else node.value:
            yield from references(inner)
    elif isinstance(node.value, str) and (match := REFERENCE.fullmatch(node.value)):
        yield match[1]


def scalar(text: str) -> Any:
    """A plain scalar under the YAML 1.2 core schema."""
    if text in WORDS:
        return WORDS[text]
    if text == "":
        return None
    if len(text) > MAX_DIGITS:
        return text
    if INT.match(text):
        return int(text)
    if BASED.match(text):
        return int(text, 0)
    return float(text) if FLOAT.match(text) else text


class Builder:
    """Builds nodes from the event stream; recoverable faults (a duplicate key) go to the report, the rest stops the file."""

    def __init__(self, file: str, report: Report) -> None:
        self.file = file
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
            raise fail("Y106", f"the file holds more than {MAX_NODES:,} values once its aliases are expanded", self.place(event))

    def document(self, events: Iterator[Any]) -> Node | None:
        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise fail("Y105", "a second YAML document starts here; a spec is one document", self.place(event), "remove the `---`")
                first = next(events)
                root = self.node(first, events, 0)
        return root

    def node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise fail("Y106", f"values are nested deeper than {MAX_DEPTH} levels", self.place(event, 1))
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        self.spend(event)
        if event.tag is not None:
            raise fail("Y103", f"the tag `{event.tag}` is not allowed; a spec is plain data", self.place(event, 1), "remove the tag")
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
            raise fail("Y104", f"the alias `*{event.anchor}` names no anchor above it", self.place(event))
        node, size = known
        if node is None:
            raise fail("Y104", f"the alias `*{event.anchor}` stands inside its own anchor", self.place(event))
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
                items.append(self.node(inner, events, depth + 1))
            return Node(items, self.closed(event, inner))
        values: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        while not isinstance(inner := next(events), yaml.MappingEndEvent):
            key, where = self.key(inner)
            value = self.node(next(events), events, depth + 1)
            if key in values:
                text = f"key `{key}` is given twice"
                self.report.add("Y101", text, where, help=("remove one of the two",), also=[(keys[key], "first given here")])
            else:
                values[key], keys[key] = value, where
        return Node(values, self.closed(event, inner), keys=keys)

    def closed(self, start: Any, end: Any) -> Place:
        """From the first to the last character; a block ends where its next token starts, so take its own first line instead."""
        a, b = start.start_mark, end.end_mark
        if start.flow_style:
            return Place(self.file, a.line + 1, a.column + 1, b.line + 1, b.column + 1)
        return Place(self.file, a.line + 1, a.column + 1, a.line + 1, a.column + 2)

    def key(self, event: Any) -> tuple[str, Place]:
        if not isinstance(event, yaml.ScalarEvent):
            raise fail("Y102", "a key must be a plain word", self.place(event, 1))
        self.spend(event)
        where = self.place(event)
        text = event.value.translate(UNSHIELD)
        if event.tag is not None:
            raise fail("Y103", f"the tag `{event.tag}` is not allowed; a spec is plain data", where, "remove the tag")
        if not text:
            raise fail("Y102", "a key is missing before `:`", self.place(event, 1))
        if text == "<<" and event.style in (None, ""):
            raise fail("Y103", "the merge key `<<` is not allowed", where, "use `extends`, or write the values out")
        if event.anchor is not None:
            self.anchors[event.anchor] = (Node(text, where), 1)
        return text, where


def parse(text: str, file: str, report: Report) -> Node | None:
    """The tree of a YAML text, or None for an empty one. Raises SpecError where the text cannot be read."""
    report.sources[file] = text
    if bad := FORBIDDEN.search(text):
        raise fail("Y108", f"the character U+{ord(bad.group()):04X} is not allowed in a spec", place_at(text, bad.start(), file), "remove it")
    shielded = REFERENCE.sub(lambda m: "$" + m.group()[1:].translate(SHIELD), text)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return Builder(file, report).document(yaml.parse(shielded, Loader=loader))
    except yaml.MarkedYAMLError as error:
        raise syntax_error(error, text, file) from None
    except yaml.YAMLError as error:
        raise fail("Y102", f"this is not YAML: {error}".split("\n")[0], Place(file)) from None


def place_at(text: str, index: int, file: str) -> Place:
    line = text.count("\n", 0, index) + 1
    col = index - (text.rfind("\n", 0, index) + 1) + 1
    return Place(file, line, col, line, col + 1)


def read_text(path: Path, file: str) -> str:
    """The text of a spec file. Raises SpecError if it is missing, not a file, too large, or not UTF-8."""
    where = Place(file)
    if not path.exists():
        near = [p.name for p in sorted(path.parent.glob("*.yaml"))[:5]] if path.parent.is_dir() else []
        raise SpecError(
            Diagnostic(
                "P601", f"there is no file `{file}`", help=(f"specs beside it: {', '.join(near)}",) if near else ("`alignc init` writes one to start from",)
            )
        )
    if not path.is_file():
        raise SpecError(Diagnostic("P601", f"`{file}` is not a file", help=("name a spec file, for example `spec.yaml`",)))
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SpecError(Diagnostic("P601", f"`{file}` cannot be read: {error.strerror}")) from None
    if len(raw) > MAX_BYTES:
        raise fail("Y106", f"the file has {len(raw):,} bytes; a spec has at most {MAX_BYTES:,}", where)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = place_at(raw[: error.start].decode("utf-8", "replace"), error.start, file)
        line_start = raw.rfind(b"\n", 0, error.start) + 1
        col = len(raw[line_start : error.start].decode("utf-8", "replace")) + 1
        place = Place(file, raw.count(b"\n", 0, error.start) + 1, col, raw.count(b"\n", 0, error.start) + 1, col + 1)
        raise fail("Y108", f"the byte 0x{raw[error.start]:02X} is not UTF-8", place, "save the file as UTF-8") from None


def load(path: Path, report: Report) -> Node:
    """The tree of a spec file. Raises SpecError where there is none to be had."""
    file = str(path)
    node = parse(read_text(path, file), file, report)
    if node is None:
        raise fail("Y109", "the file is empty", Place(file), "`alignc init` writes a spec to start from")
    if not node.is_map:
        raise fail("Y109", f"a spec is a mapping of keys to values; this is {node.noun()}", node.place)
    return node
