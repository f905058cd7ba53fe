"""What may be written at an offset: keys, words, and references to declarations that fit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lsprotocol import types

from ..manual.docstrings import field_docs
from ..schema.statements import kinds_of
from ..schema.words import docstring
from ..schema.words import hover as words_of
from ..spec.base import Kind
from ..spec.composed import COMPOSED
from ..spec.experiment import Experiment
from ..spec.registry import DECLARED
from .analysis import Analysis, readable_part
from .candidates import Candidate, parents, references_for, words_at
from .grammar import Due, due_at, keys_at
from .hover import kind_in
from .locate import Spot, spots, value_at
from .mentions import is_override, loop_of
from .positions import Text
from .session import Session

MARK = "alignc-cursor"
BEFORE = re.compile(r"(\$\{?[\w.-]*|\$|[\w.-]*)\Z")
AFTER = re.compile(r"[\w.-]*\}?")
WORD_AFTER = re.compile(r"[\w.-]*")
PAIRS = {"{": "}", "[": "]"}


@dataclass(frozen=True)
class Typed:
    """What is being written: its offsets, the text of it before the cursor, and the line around it."""

    start: int
    end: int
    word: str
    line: str
    rest: str


def typed(text: Text, offset: int) -> Typed:
    line = text.position(offset).line
    begin, end = text.lines[line], text.line_end(line)
    word = BEFORE.search(text.text[begin:offset])
    assert word is not None, "an empty word is one"
    after = (AFTER if word[0].startswith("${") else WORD_AFTER).match(text.text[offset:end])
    stop = offset + (len(after[0]) if after is not None else 0)
    return Typed(offset - len(word[0]), stop, word[0], text.text[begin : offset - len(word[0])], text.text[stop:end])


def complete(session: Session, path: Path, offset: int) -> list[types.CompletionItem]:
    """What may be written at an offset of a document, what fits best first."""
    text = Text(session.documents[path], session.encoding)
    now = typed(text, offset)
    for attempt in attempts(text.text, now):
        found = readable_part(attempt, str(path), keep=attempt.count("\n", 0, now.start) + 1)
        marked = next((spot for spot in spots(found[1], Text(found[0], session.encoding)) if is_marked(spot)), None) if found is not None else None
        if found is not None and marked is not None:
            analysis = session.with_text(path, found[0])
            offered = keys(analysis, path, marked, now) if marked.is_key else values(analysis, path, marked, now)
            return [item(one, number, text.range(now.start, now.end)) for number, one in enumerate(offered)]
    return []


def is_marked(spot: Spot) -> bool:
    written = spot.path[-1] if spot.is_key else spot.node.value
    return written == MARK or (spot.path == ("extends",) and isinstance(written, str) and written.endswith(f"/{MARK}"))


def attempts(text: str, now: Typed) -> Iterator[str]:
    """The text with a mark in the place of what is being written, in ways that YAML may be able to read; the most careful first."""
    before, after = text[: now.start] + MARK, text[now.end :]
    below = after[len(now.rest) :]
    closed = before + closing(now.line) + below
    as_key, as_value = [before + ":" + below], [before + after, closed]
    yield from as_key + as_value if not now.line.strip() else as_value + as_key
    yield from (before + end for end in (":", closing(now.line)))


def closing(line: str) -> str:
    """What closes the quotes and brackets that a line leaves open."""
    opened: list[str] = []
    quote = ""
    for character in re.sub(r"\$\{[^${}]*\}", "", line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in PAIRS:
            opened.append(PAIRS[character])
        elif opened and character == opened[-1]:
            opened.pop()
    return quote + "".join(reversed(opened))


# ---- keys


def keys(analysis: Analysis, path: Path, spot: Spot, now: Typed) -> Iterator[Candidate]:
    """Keys that may stand in the mapping around, and do not yet."""
    above = spot.path[:-1]
    node = value_at(analysis.sources[path].root, above) if path in analysis.sources else None
    there = set(node.value) if node is not None and node.is_map else set()
    if is_override(spot.path):
        offered = paths(analysis, now.word)
    elif above[-1:] == ("next",):
        start = value_at(analysis.sources[path].root, (*above[:-1], "start"))
        offered = (Candidate(name) for name in (start.value if start is not None and start.is_map else ()))
    else:
        offered = keys_of(analysis, above)
    colon = "" if now.rest.lstrip().startswith(":") else ": "
    for one in offered:
        if one.label not in there:
            yield Candidate(one.label, one.label + colon, one.detail, one.documentation, types.CompletionItemKind.Property)


def keys_of(analysis: Analysis, above: tuple[str, ...]) -> Iterator[Candidate]:
    due = due_at(above, partial(kind_in, analysis)) if above else Due(statement=Experiment)
    yield from (Candidate(word, detail=key.takes, documentation=key.text) for word, key in keys_at(above).items())
    if due is None:
        return
    if due.statement is not None:
        docs = field_docs(due.statement)
        for doc in sorted(docs, key=lambda one: not one.required):
            yield Candidate(doc.name, detail=doc.takes, documentation=words_of(doc)["markdownDescription"])
    if due.slot is not None and due.slot.family is not None:
        yield Candidate("kind", detail=f"kind of {due.slot.family.family}")
    if not above:
        yield from (Candidate(word, detail=key.takes, documentation=key.text) for word, key in COMPOSED.items())


def paths(analysis: Analysis, word: str) -> Iterator[Candidate]:
    """The next step of a dotted path."""
    *steps, _ = word.split(".")
    declared = analysis.index.declared
    if len(steps) == 1 and steps[0] in (*DECLARED, "vars", "rounds"):
        names = [symbol[1] for symbol in sorted(declared) if symbol[0] == steps[0] and len(symbol) == 2]
    elif steps[:1] == ["rounds"] and len(steps) == 3 and steps[2] in DECLARED:
        names = [symbol[2] for symbol in sorted(declared) if symbol[:2] == ("rounds", steps[1]) and len(symbol) == 3]
    else:
        names = [one.label for one in keys_of(analysis, tuple(steps))]
    yield from (Candidate(".".join([*steps, name])) for name in names)


# ---- values


def values(analysis: Analysis, path: Path, spot: Spot, now: Typed) -> Iterator[Candidate]:
    """Words and references that may stand here."""
    if spot.path == ("extends",):
        yield from (Candidate(name, kind=types.CompletionItemKind.File) for name in parents(path, str(spot.node.value)))
        return
    due = due_at(spot.path, partial(kind_in, analysis))
    if due is None:
        return
    yield from (Candidate(word) for word in words_at(analysis, spot.path))
    if not now.word.startswith("$"):
        yield from words(due, spot.path)
    if due.slot is not None:
        yield from references_for(analysis, due.slot, spot.path, now.word)


def words(due: Due, path: tuple[str, ...]) -> Iterator[Candidate]:
    slot = due.slot
    if due.family:
        declared = len(path[2 * len(loop_of(path)) :]) == 3
        yield from (described(tag, cls) for tag, cls in kinds_of(due.family, inline=not declared).items())
    if slot is None:
        return
    yield from (Candidate(str(word), kind=types.CompletionItemKind.EnumMember) for word in slot.choices)
    if bool in slot.scalars:
        yield from (Candidate(word, kind=types.CompletionItemKind.EnumMember) for word in ("true", "false"))
    if slot.family is not None:
        bare = {tag: cls for tag, cls in kinds_of(slot.family.family, inline=True).items() if not any(f.is_required() for f in cls.model_fields.values())}
        yield from (described(tag, cls) for tag, cls in bare.items())


def described(tag: str, cls: type[Kind]) -> Candidate:
    return Candidate(tag, documentation=docstring(cls), kind=types.CompletionItemKind.EnumMember)


def item(one: Candidate, number: int, place: types.Range) -> types.CompletionItem:
    """A candidate as the protocol wants it; the order stays, and what is written already need not be repeated."""
    return types.CompletionItem(
        label=one.label,
        kind=one.kind,
        detail=one.detail or None,
        documentation=types.MarkupContent(types.MarkupKind.Markdown, one.documentation) if one.documentation else None,
        sort_text=f"{number:04}",
        filter_text=one.label,
        text_edit=types.TextEdit(place, one.insert or one.label),
    )
