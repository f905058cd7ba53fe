"""What a reference may name at a path: declarations that fit, and those of which it is not known because something is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath

from lsprotocol.types import CompletionItemKind

from ..compose import VAR_TYPES
from ..elaborate import Elaborator
from ..spec.base import Kind, Output
from ..spec.registry import DECLARED, find, singular
from ..spec.slot import Slot
from .analysis import Analysis
from .hover import carried, kind_in, referred, typed
from .locate import value_at
from .mentions import Symbol, declares, loop_of, scope


@dataclass(frozen=True)
class Candidate:
    """One thing that may be written; `insert` where more than the label is put into the text."""

    label: str
    insert: str = ""
    detail: str = ""
    documentation: str = ""
    kind: CompletionItemKind = CompletionItemKind.Value


def references_for(analysis: Analysis, slot: Slot, path: tuple[str, ...], word: str) -> Iterator[Candidate]:
    """References for a slot at a path: what fits, then what may fit. What does not is left out, and so is what needs this very place."""
    elaborator = analysis.known.elaborator
    if elaborator is None:
        return
    mine = own(path)
    closed = dependents(elaborator, mine) | {mine}
    maybe = []
    for symbol, written in nameable(analysis, path):
        fit = fitting(analysis, elaborator, slot, symbol) if symbol not in closed else []
        for one in fit if fit is not None else [("", "")]:
            found = reference(written + one[0], one[1], as_list(elaborator, slot, analysis, symbol))
            if one[0] and not word.startswith(f"${{{written}."):
                continue  # the parts of a declaration are many; they are offered once it is chosen
            if fit is None:
                maybe.append(found)
            else:
                yield found
    yield from maybe


def reference(dotted: str, detail: str, in_list: bool) -> Candidate:
    text = f"${{{dotted}}}"
    return Candidate(text, f"[{text}]" if in_list else text, detail, kind=CompletionItemKind.Reference)


def own(path: tuple[str, ...]) -> Symbol:
    """The declaration that a path lies in."""
    loops = loop_of(path)
    found = declares(path[: 2 * len(loops) + 2])
    return found[0] if found else ()


def nameable(analysis: Analysis, path: tuple[str, ...]) -> Iterator[tuple[Symbol, str]]:
    """(symbol, how it is written here) of every name that can be referred to from a path, in the order of the files."""
    here = scope(path)
    symbols = dict.fromkeys(mention.symbol for mention in analysis.index.mentions if mention.declares)
    for symbol in symbols:
        if symbol[0] in (*DECLARED, "vars"):
            yield symbol, ".".join(symbol)
        elif symbol in analysis.index.loops or symbol[0] == "profiles":
            continue
        elif symbol[1:-1] == here:
            yield symbol, f"round.{symbol[-1]}"
        elif not here and len(symbol) == 3:
            yield symbol, ".".join(symbol)


def fitting(analysis: Analysis, elaborator: Elaborator, slot: Slot, symbol: Symbol) -> list[tuple[str, str]] | None:
    """(path of the part, what it is) of what fits under a name, the whole as an empty path; None where that is not known."""
    if symbol[0] == "vars":
        return fitting_variable(analysis, slot, symbol)
    spec = typed(analysis, symbol) or carried(analysis, symbol)
    if spec is None:
        return None
    output = spec.output()
    said = f"{singular(spec.family)} {spec.tag}" + (f": {output}" if output is not None else "")
    whole = [("", said)] if elaborator.fits(slot, spec) or (slot.items is not None and slot.length is None and elaborator.fits(slot.items, spec)) else []
    return whole + [(f".{part}", str(inner)) for part, inner in parts(output) if slot.needs is not None and slot.needs.met_by(inner)]


def parts(output: Output | None) -> Iterator[tuple[str, Output]]:
    for dotted in output.parts() if output is not None else ():
        inner = output.inside(dotted) if output is not None else None
        if inner is not None:
            yield dotted, inner


def as_list(elaborator: Elaborator, slot: Slot, analysis: Analysis, symbol: Symbol) -> bool:
    """Whether a reference is one item where a list is due."""
    spec = typed(analysis, symbol) if symbol[0] != "vars" else None
    return spec is not None and slot.items is not None and not elaborator.fits(slot, spec)


def words_at(analysis: Analysis, path: tuple[str, ...]) -> Iterator[str]:
    """Words that the fields `part` and `by` of a metric take, which the language leaves to what stands beside them."""
    if path[-1] == "part":
        reward = beside(analysis, path[:-1], "reward", "rewards")
        output = reward.output() if isinstance(reward, Kind) else None
        figures = getattr(reward, "figures", ()) if output is None else output.columns
        yield from ("score", *figures) if reward is not None else ()
    elif path[-1] == "by" and path[-3:-2] == ("metrics",):
        data = beside(analysis, path[:-3], "data", "datasets")
        output = data.output() if isinstance(data, Kind) else None
        yield from (column for column in output.columns if column != "*") if output is not None else ()


def beside(analysis: Analysis, path: tuple[str, ...], word: str, family: str) -> Kind | type[Kind] | None:
    """What stands under `word` in a mapping: what a reference leads to, or the class of a kind that is written out."""
    node = next((node for source in analysis.sources.values() if (node := value_at(source.root, (*path, word))) is not None), None)
    if node is not None and isinstance(node.value, str) and "${" in node.value:
        return referred(analysis, node)
    return find(family, kind_in(analysis, (*path, word)) or "")


def parents(spec: FilePath, written: str) -> Iterator[str]:
    """The files and folders that the path to the parent of a spec may go on with, behind the last `/` that is written."""
    above = spec.parent / written.rpartition("/")[0]
    for one in sorted(above.iterdir()) if above.is_dir() else ():
        if one.suffix in (".yaml", ".yml") and one.is_file() and one.resolve() != spec:
            yield one.name
        elif one.is_dir() and not one.name.startswith("."):
            yield f"{one.name}/"


def fitting_variable(analysis: Analysis, slot: Slot, symbol: Symbol) -> list[tuple[str, str]] | None:
    for source in analysis.sources.values():
        kind, default = (value_at(source.root, (*symbol, word)) for word in ("type", "default"))
        if kind is not None and isinstance(kind.value, str) and kind.value in VAR_TYPES:
            chosen = default is not None and any(type(default.value) is type(c) and default.value == c for c in slot.choices)
            right = VAR_TYPES[kind.value][0] in {*slot.scalars, *((int,) if float in slot.scalars else ())}
            return [("", f"variable of type {kind.value}")] if right or chosen else []
    return None


def dependents(elaborator: Elaborator, symbol: Symbol) -> set[Symbol]:
    """What needs a declaration, directly or not; it could not be needed in turn."""
    readers: dict[Symbol, set[Symbol]] = {}
    for family in DECLARED:
        for name in elaborator.names.of(family):
            for target in elaborator.reads(family, name):
                readers.setdefault(target, set()).add((family, name))
    found: set[Symbol] = set()
    todo = [symbol]
    while todo:
        for reader in readers.get(todo.pop(), set()) - found:
            found.add(reader)
            todo.append(reader)
    return found
