"""One spec compiled as an editor shows it, and the texts it was read from, also where these cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..compile import Compiled, compile_spec
from ..diagnostic import LINE_BREAK, Place, Report, SpecError
from ..load import FORBIDDEN, parse
from ..tree import Node
from .mentions import Index
from .positions import Text

MAX_MENDED = 40  # lines that are left out so that the rest can be read


@dataclass(frozen=True)
class Source:
    """One file: its absolute path, how the compiler calls it, its text, and its tree; lines that cannot be read are missing in the tree."""

    path: Path
    file: str
    text: Text
    root: Node


class Analysis:
    """A spec as it is shown now. `compiled` is what `check` says; `known` is what can be known of the lines that can be read."""

    def __init__(self, path: Path, unsaved: Mapping[Path, str], encoding: str) -> None:
        self.path = path
        self.encoding = encoding
        self.compiled = compile_spec(path, static=True, unsaved=unsaved)
        self.known = self.compiled if self.compiled.elaborator is not None else mended(self.compiled, path, unsaved)
        self.texts = {Path(file).resolve(): (file, text) for file, text in self.compiled.report.sources.items()}
        for file, text in self.known.report.sources.items():
            real = Path(file).resolve()
            self.texts.setdefault(real, (file, unsaved.get(real, text)))

    @cached_property
    def sources(self) -> dict[Path, Source]:
        """The files that the spec was read from, itself first; those of which nothing can be read are missing."""
        found = {}
        for path, (file, text) in self.texts.items():
            readable = readable_part(text, file)
            if readable is not None:
                found[path] = Source(path, file, Text(text, self.encoding), readable[1])
        return found

    @cached_property
    def index(self) -> Index:
        """Every name in these files."""
        return Index((path, source.text, source.root) for path, source in self.sources.items())

    def span(self, place: Place) -> tuple[Path, int, int] | None:
        """The file and the offsets of a place; None if it lies in none of the files."""
        path = Path(place.file).resolve()
        source = self.sources.get(path)
        return None if source is None else (path, *source.text.span(place))


def mended(compiled: Compiled, path: Path, unsaved: Mapping[Path, str]) -> Compiled:
    """The spec without the lines that cannot be read."""
    readable = {Path(file).resolve(): readable_part(text, file) for file, text in compiled.report.sources.items()}
    return compile_spec(path, static=True, unsaved={**unsaved, **{real: part[0] for real, part in readable.items() if part is not None}})


def readable_part(text: str, file: str, keep: int = 0) -> tuple[str, Node] | None:
    """The text with the lines emptied that stop it from being read, and its tree; None if there is no mapping in it. `keep` is a line that may not go."""
    text = FORBIDDEN.sub(" ", text)
    for _ in range(MAX_MENDED):
        try:
            root = parse(text, file, Report())
        except SpecError as error:
            at = error.diagnostic.primary
            line = at.place.line if at is not None else keep
            emptied = without_line(text, line) if line != keep else text
            if emptied == text:
                return None
            text = emptied
        else:
            return (text, root) if root is not None and root.is_map else None
    return None


def without_line(text: str, line: int) -> str:
    """The text with a line emptied, or the last one that is not empty above it."""
    ends = [0, *(m.end() for m in LINE_BREAK.finditer(text)), len(text)]
    for number in range(min(line, len(ends) - 1), 0, -1):
        start, end = ends[number - 1], ends[number]
        content = LINE_BREAK.split(text[start:end])[0]
        if content.strip():
            return text[:start] + text[start + len(content) :]
    return text
