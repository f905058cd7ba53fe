"""Where a name is declared, where it is used, and another name for it everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..spec.registry import singular
from ..unroll import NAME, RESERVED
from .analysis import Analysis, Source
from .mentions import Mention, Symbol


class CannotRename(Exception):
    """Why a name cannot be changed to another one, in a sentence for who asked for it."""


def definition(analyses: Iterable[Analysis], path: Path, offset: int) -> list[Mention]:
    """Where the name at an offset is declared, the nearest file first."""
    return [found for analysis, mention in named(analyses, path, offset) for found in analysis.index.all_of(mention.symbol) if found.declares]


def references(analyses: Iterable[Analysis], path: Path, offset: int, declarations: bool) -> list[Mention]:
    """Every place that names what the name at an offset names, in all files of the specs."""
    every = [found for analysis, mention in named(analyses, path, offset) for found in analysis.index.all_of(mention.symbol)]
    return list(dict.fromkeys(found for found in every if declarations or not found.declares))


def named(analyses: Iterable[Analysis], path: Path, offset: int) -> Iterable[tuple[Analysis, Mention]]:
    for analysis in analyses:
        mention = analysis.index.near(path, offset)
        if mention is not None:
            yield analysis, mention


def parent_file(source: Source, offset: int) -> Path | None:
    """The parent, if its name stands at an offset."""
    node = source.root.value.get("extends")
    if node is None or not isinstance(node.value, str):
        return None
    start, end = source.text.span(node.place)
    return (source.path.parent / node.value).resolve() if start <= offset <= end else None


def renameable(analyses: list[Analysis], path: Path, offset: int) -> Mention:
    """The name at an offset, if it can be changed; otherwise CannotRename."""
    found = next((mention for analysis in analyses if (mention := analysis.index.at(path, offset)) is not None), None)
    if found is None:
        raise CannotRename("here is no name that could be changed: names are those of declarations, variables, profiles and rounds")
    if not any(found.symbol in analysis.index.declared for analysis in analyses):
        raise CannotRename(f"`{found.symbol[-1]}` is not declared, so there is nothing to rename")
    for analysis in analyses:
        broken = next((d for d in analysis.compiled.report.errors if d.code.startswith("Y")), None)
        if broken is not None:
            raise CannotRename(f"mend this first, so that no name is missed: {broken.primary.place if broken.primary else path}: {broken.message}")
    return found


def rename(analyses: list[Analysis], path: Path, offset: int, name: str) -> list[Mention]:
    """Every place to write the new name to. Raises CannotRename for a name that is none, or taken."""
    symbol = renameable(analyses, path, offset).symbol
    for analysis in analyses:
        check_name(symbol, name, analysis)
    return references(analyses, path, offset, declarations=True)


def check_name(symbol: Symbol, name: str, analysis: Analysis) -> None:
    if not NAME.fullmatch(name):
        raise CannotRename(f"`{name}` is no name; names are letters, digits, `_` and `-`, and start with a letter")
    if len(symbol) > 2 and name in RESERVED:
        raise CannotRename(f"`{name}` has a meaning of its own in rounds")
    taken = (*symbol[:-1], name)
    if taken in analysis.index.declared and name != symbol[-1]:
        what = "name in these rounds" if len(symbol) > 2 else {"vars": "variable", "rounds": "loop", "profiles": "profile"}.get(symbol[0], singular(symbol[0]))
        raise CannotRename(f"there is a {what} `{name}` already")
