"""Edits that mend a problem for certain, as values; `apply_fixes.py` and editors carry them out.

A diagnostic with one fix can be mended without asking a person; several fixes are alternatives. Every fix here leaves all else as it is written:
a word that stood in quotes stands in quotes again, and what is removed takes no comment with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from .diagnostic import LINE_BREAK, Fix, Place, Report, lines_of
from .spec.slot import Slot
from .tree import Node, scalar
from .words.suggest import bare, distance, nearest
from .words.wording import YES_NO

SURE = 6  # letters of a word in which a replaced one is a slip
QUOTED = re.compile(r"([\"']).*\1\Z")


@lru_cache(maxsize=4)
def starts_of(text: str) -> list[int]:
    """The index at which each line of a text starts, found once: a hostile file has a problem on each of many."""
    return [0, *(m.end() for m in LINE_BREAK.finditer(text))]


def offset(text: str, line: int, col: int) -> int:
    """The index in a text of a line and column, counted from 1; for a line after the last the end of the text."""
    starts = starts_of(text)
    return min(starts[line - 1] + col - 1, len(text)) if line <= len(starts) else len(text)


def text_at(text: str, place: Place) -> str:
    """What is written at a place."""
    return text[offset(text, place.line, place.col) : offset(text, place.end_line, place.end_col)]


def replacing(report: Report, place: Place, word: str, verb: str = "replace by") -> Fix:
    """Another word in the place of one, in the quotes of the old one, or in new ones where it would be read as a number without.

    In a dotted path only the step that is near to the word is replaced. Certain is what one edit of a letter mends; another word for the
    same thing, or a word for another thing, is for a person to choose.
    """
    written = text_at(report.sources.get(place.file, ""), place)
    quotes = QUOTED.match(written)
    old = written[1:-1] if quotes else written
    steps = old.split(".")
    if len(steps) > 1 and "." not in word:
        step = min(range(len(steps)), key=lambda n: distance(steps[n], word))
        certain = close(steps[step], word)
        new = ".".join([*steps[:step], word, *steps[step + 1 :]])
    else:
        certain = close(old, word) or f"{old}}}" in (word[-len(old) - 1 :], f"{word.rpartition('.')[2]}")
        new = word
    quote = quotes[1] if quotes else "" if isinstance(scalar(new), str) else '"'
    return Fix(f"{verb} `{new}`", place, f"{quote}{new}{quote}", certain)


def close(old: str, new: str) -> bool:
    """Whether one is the other with one letter more or less, two exchanged, or in another case; or, in a word that is long enough to be no
    other one (`ppo` is no misspelt `dpo`), with one replaced."""
    replaced = len(old) == len(new) and sorted(old.lower()) != sorted(new.lower())
    return bare(old) == bare(new) or (distance(old.lower(), new.lower()) <= 1 and (not replaced or len(new) >= SURE))


def renaming(report: Report, place: Place, word: str, known: Iterable[str]) -> list[Fix]:
    """The one known word that a key is near to, in its place."""
    near = nearest(word, known)
    return [replacing(report, place, near[0], "rename to")] if len(near) == 1 else []


def retyping(slot: Slot, node: Node) -> list[Fix]:
    """The same value, written so that it has the type that is due: a text in quotes, a YAML 1.1 truth value as one of YAML 1.2."""
    if node.value is not None and str in slot.scalars and node.text is not None:
        return [Fix("put it in quotes", node.place, f'"{node.text}"')]
    if bool in slot.scalars and str(node.value).lower() in YES_NO:
        word = YES_NO[str(node.value).lower()]
        return [Fix(f"replace by `{word}`", node.place, word)]
    return []


def cutting(text: str, place: Place, title: str) -> Fix:
    """Take a stretch of one line away, with the space before it; and the whole line where nothing else stands in it."""
    lines = lines_of(text)
    before, after = lines[place.line - 1][: place.col - 1].rstrip(" \t"), lines[place.line - 1][place.end_col - 1 :]
    if before or after.strip() or len(lines) == 1:
        cut = Place(place.file, place.line, len(before) + 1, place.end_line, place.end_col)
    elif place.line < len(lines):
        cut = Place(place.file, place.line, 1, place.line + 1, 1)
    else:
        cut = Place(place.file, place.line - 1, len(lines[-2]) + 1, place.end_line, place.end_col)
    return Fix(title, cut, "")


def without_twin(text: str, first: Node, key: Place, second: Node) -> list[Fix]:
    """Take the second of two equal keys away, if it says the same and nothing else is said in between or behind."""
    value = second.value
    if isinstance(value, dict | list) or value is None or type(value) is not type(first.value) or value != first.value or second.place.end_line != key.line:
        return []
    whole = Place(key.file, key.line, key.col, key.line, second.place.end_col)
    line = lines_of(text)[key.line - 1]
    before, after = line[: whole.col - 1].rstrip(" \t"), line[whole.end_col - 1 :]
    if before.endswith(","):
        return [Fix("remove the second", Place(key.file, key.line, len(before), key.line, whole.end_col), "")]
    return [cutting(text, whole, "remove the second")] if not before and not after.strip() else []


def untabbed(text: str, file: str) -> list[Fix]:
    """Two spaces for each tab of the indentation; only where tabs and spaces do not both indent, so that what belongs together stays together."""
    indents = [(line[: len(line) - len(line.lstrip(" \t"))], bool(line.strip())) for line in lines_of(text)]
    used = {character for indent, filled in indents if filled for character in indent}
    tabbed = [n for n, (indent, _) in enumerate(indents, 1) if "\t" in indent]
    if not tabbed or len(used) > 1:
        return []
    place = Place(file, tabbed[0], 1, tabbed[-1], len(indents[tabbed[-1] - 1][0]) + 1)
    spaced = re.sub(rf"(?:\A|{LINE_BREAK.pattern})[ \t]+", lambda m: m[0].replace("\t", "  "), text_at(text, place))
    return [Fix("replace each tab of the indentation by two spaces", place, spaced)]
