"""What an editor shows over a key or a value: its meaning, the value that counts in the end, and where that was written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ..compose import POISON
from ..manual.docstrings import field_docs
from ..origins import Origin, statement
from ..schema.words import docstring
from ..schema.words import hover as words_of
from ..spec.base import Kind
from ..spec.composed import COMPOSED
from ..spec.registry import DECLARED, find, singular
from ..tree import REFERENCE, Node
from .analysis import Analysis, Source
from .grammar import Due, due_at
from .locate import Spot, spot_at, value_at
from .mentions import is_override, loop_of

MAX_LEAVES = 12  # values of a statement that are shown


def hover(analysis: Analysis, source: Source, offset: int) -> tuple[str, Spot] | None:
    """Markdown about what stands at an offset, and what that is."""
    spot = spot_at(source.root, source.text, offset)
    if spot is None:
        return None
    parts = list(of_reference(analysis, source, spot, offset)) or [*of_meaning(analysis, spot), *of_value(analysis, spot)]
    return ("\n\n".join(parts), spot) if parts else None


# ---- what it means


def of_meaning(analysis: Analysis, spot: Spot) -> Iterator[str]:
    due = due_at(spot.path, partial(kind_in, analysis))
    if spot.is_key and is_override(spot.path) and spot.path[-1].startswith("vars."):
        name = spot.path[-1].split(".")[1]
        yield f"variable **{name}**"
        yield from of_declaration(analysis, ("vars", name))
        return
    if due is None:
        return
    if due.key is not None:
        yield due.key.text
    elif due.family:
        cls = find(due.family, str(spot.node.value))
        yield f"**{spot.node.value}**, {singular(due.family)}\n\n{docstring(cls)}" if cls is not None and not spot.is_key else f"Which {singular(due.family)}."
    elif due.field:
        yield from (f"**{doc.name}**\n\n{words_of(doc)['markdownDescription']}" for doc in field_docs(owner_of(due)) if doc.name == due.field)
    if due.statement is not None and due.slot is not None and due.slot.family is not None and not due.field:
        yield f"**{spot.path[-1]}**, {singular(due.slot.family.family)} {kind_in(analysis, spot.path)}\n\n{docstring(due.statement)}"


def owner_of(due: Due) -> Any:
    assert due.owner is not None, "a field belongs to a statement"
    return due.owner


def kind_in(analysis: Analysis, path: tuple[str, ...]) -> str | None:
    """The `kind` of the mapping at a path, in any file of a spec, itself first; a bare word is a kind."""
    for source in analysis.sources.values():
        for steps in ((*path, "kind"), path):
            node = value_at(source.root, steps)
            if node is not None and isinstance(node.value, str) and "${" not in node.value:
                return node.value
    return None


# ---- what it leads to


def of_reference(analysis: Analysis, source: Source, spot: Spot, offset: int) -> Iterator[str]:
    """What a reference names: its kind, what it makes, and where it is declared."""
    written = source.text.text[spot.start : spot.end]
    if spot.is_key or REFERENCE.fullmatch(written) is None:
        return
    if written == "${round.number}":
        yield "number of this round, counted from 1"
        return
    mention = analysis.index.near(source.path, offset)
    if mention is None:
        return
    place = next((found for found in analysis.index.all_of(mention.symbol) if found.declares), None)
    at = f", declared at {where(analysis, place.path, place.start)}" if place is not None else ", not declared"
    yield f"`{'.'.join(mention.symbol)}`{at}"
    yield from of_declaration(analysis, mention.symbol)


def of_declaration(analysis: Analysis, symbol: tuple[str, ...]) -> Iterator[str]:
    """What a declaration is and makes, or the value of a variable."""
    if symbol[0] == "vars":
        for source in analysis.sources.values():
            found = {word: value_at(source.root, (*symbol, word)) for word in ("type", "default", "doc")}
            if found["default"] is not None:
                yield f"value `{shown(found['default'].value)}`"
                yield from (str(node.value) for word, node in found.items() if word == "doc" and node is not None)
                return
        return
    if symbol[0] == "rounds":
        yield from of_round(analysis, symbol)
    declared = typed(analysis, symbol) or carried(analysis, symbol)
    if declared is not None:
        output = declared.output()
        yield f"{singular(declared.family)} {declared.tag}" + (f", makes a {output}" if output is not None else "")
        yield docstring(type(declared))


def of_round(analysis: Analysis, symbol: tuple[str, ...]) -> Iterator[str]:
    """What a name of `start` stands for, and the values of a name of `over`."""
    start, next_ = (round_value(analysis, symbol, word) for word in ("start", "next"))
    if start is not None:
        yield f"in the first round `{shown(start.value)}`" + (f", afterwards `{shown(next_.value)}` of the round before" if next_ is not None else "")
    over = next((node for source in analysis.sources.values() if (node := value_at(source.root, (*above(symbol), "over"))) is not None), None)
    values = [value_at(row, symbol[-1:]) for row in over.value] if over is not None and over.is_list else []
    if values and all(value is not None and not value.is_map and not value.is_list for value in values):
        yield "round by round " + ", ".join(f"`{shown(value.value)}`" for value in values if value is not None)


def above(symbol: tuple[str, ...]) -> tuple[str, ...]:
    """The path of the loop that gives a name."""
    return tuple(step for loop in symbol[1:-1] for step in ("rounds", loop))


def round_value(analysis: Analysis, symbol: tuple[str, ...], word: str) -> Node | None:
    """The value of a name in `start` or in `next` of its loop."""
    found = (value_at(source.root, (*above(symbol), word, symbol[-1])) for source in analysis.sources.values())
    return next((node for node in found if node is not None), None)


def carried(analysis: Analysis, symbol: tuple[str, ...]) -> Kind | None:
    """What a name of `start` stands for in the first round."""
    node = round_value(analysis, symbol, "start") if symbol[0] == "rounds" else None
    return referred(analysis, node) if node is not None else None


def referred(analysis: Analysis, node: Node) -> Kind | None:
    """The declaration that a value refers to, if it is right."""
    match = REFERENCE.fullmatch(node.value) if isinstance(node.value, str) else None
    family, _, name = match[1].partition(".") if match is not None else ("", "", "")
    return typed(analysis, (family, name)) if family in DECLARED else None


def typed(analysis: Analysis, symbol: tuple[str, ...]) -> Kind | None:
    """The declaration that a symbol names, if it is right; of rounds that of the first."""
    elaborator = analysis.known.elaborator
    if elaborator is None:
        return None
    names = [symbol] if symbol[0] in DECLARED else [(family, ".".join([*(f"{loop}.1" for loop in symbol[1:-1]), symbol[-1]])) for family in DECLARED]
    found = (elaborator.done.get((family, name)) for family, name in names)
    return next((one for one in found if one is not None and one is not POISON), None)


# ---- what it is in the end


def of_value(analysis: Analysis, spot: Spot) -> Iterator[str]:
    """The value that counts at a path, and where it comes from."""
    found = list(resolved(analysis, spot.path))
    if len(found) == 1:
        yield f"value {line(analysis, found[0])}"
    elif 1 < len(found) <= MAX_LEAVES and spot.path[0] not in COMPOSED:
        yield "\n".join(f"- `{one.path.removeprefix('.'.join(spot.path) + '.')}`: {line(analysis, one)}" for one in found)


def resolved(analysis: Analysis, path: tuple[str, ...]) -> Iterator[Origin]:
    """The values at a path and below it."""
    loops = loop_of(path)
    section = path[2 * len(loops) :]
    if len(section) < 2 or section[0] not in DECLARED:
        yield from at_top(analysis, path)
        return
    name = ".".join([*(f"{loop}.1" for loop in loops), section[1]])
    spec = typed(analysis, (section[0], name))
    root = analysis.known.root
    if spec is None or root is None or section[0] not in root.value:
        return
    dotted = ".".join(section[2:])
    for one in statement(spec, root.value[section[0]].value.get(name), (), analysis.known.nodes):
        if not dotted or one.path == dotted or one.path.startswith(f"{dotted}."):
            yield Origin(f"{'.'.join(path[: len(path) - len(section) + 2])}.{one.path}", one.value, one.place, one.via, one.overrode)


def at_top(analysis: Analysis, path: tuple[str, ...]) -> Iterator[Origin]:
    """Plain values beside the sections; they are known once nothing is wrong."""
    made, root = analysis.known.experiment, analysis.known.root
    if made is None or root is None or path[0] in (*DECLARED, *COMPOSED):
        return
    dotted = ".".join(path)
    for one in statement(made, root, (), analysis.known.nodes):
        if one.path == dotted or one.path.startswith(f"{dotted}."):
            yield one


def line(analysis: Analysis, one: Origin) -> str:
    """A value and its origin, in Markdown."""
    said = f"`{shown(one.value)}`, " + (f"from {where_written(analysis, one)}" if one.place is not None else "the default of the language")
    for value, place in (earlier for earlier in one.overrode[:1] if earlier[0] != one.value):
        at = f" from {placed(analysis, place.file, place.line)}" if place is not None else ", the default of the language"
        said += f"; overrides `{shown(value)}`{at}"
    return said


def where_written(analysis: Analysis, one: Origin) -> str:
    assert one.place is not None
    through = f" through `vars` at {placed(analysis, one.via.file, one.via.line)}" if one.via is not None else ""
    return placed(analysis, one.place.file, one.place.line) + through


def where(analysis: Analysis, path: Path, offset: int) -> str:
    source = analysis.sources[path]
    return placed(analysis, str(path), source.text.position(offset).line + 1)


def placed(analysis: Analysis, file: str, number: int) -> str:
    """`base.yaml:12`, the file as seen from the folder of the spec, as a link."""
    path = Path(file).resolve()
    return f"[{os.path.relpath(path, analysis.path.parent)}:{number}]({path.as_uri()}#L{number})"


def shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
