"""Characters that look like others, or like nothing: what comes from web pages and word processors, and what no eye can tell apart."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

from ..diagnostic import Diagnostic, Place, Report

# Characters, and what each of them is taken for.
PAIRS = (
    ("аеорсухіјѕһԁӏԛԝкмнтвгп", "aeopcyxijshdlqwkmhtbrn"),
    ("АВЕКМНОРСТХУІЈЅ", "ABEKMHOPCTXYIJS"),
    ("αορντυικ", "aopvtuik"),
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),
    ("“”„‟″«»", '"' * 7),
    ("‘’‚‛′´", "'" * 6),
    ("‐‑‒–—―−﹣•‣", "-" * 10),
    ("∶꞉、।", "::,."),
)
TWINS = dict(pair for theirs, ours in PAIRS for pair in zip(theirs, ours, strict=True)) | {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)}


def twin(character: str) -> str | None:
    """What a character is taken for: a character that YAML knows, empty if it cannot be seen; None if it is what it seems."""
    if character in TWINS or character.isascii():
        return TWINS.get(character)
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    return "" if category == "Cf" else str(unicodedata.digit(character)) if category == "Nd" else None


def folded(text: str) -> str:
    """A text as it looks."""
    return text if text.isascii() else "".join(c if (seems := twin(c)) is None else seems for c in text)


def note(text: str) -> str:
    """What is deceptive in a text, in words; empty if nothing is."""
    for character in text:
        seems = twin(character)
        if seems is not None:
            name = f"{unicodedata.name(character, 'a character')} (U+{ord(character):04X})"
            unseen = f"it holds {name}, {'which is not the space that YAML knows' if seems else 'which cannot be seen'}"
            return f"the `{character}` in it is {name}, not `{seems}`" if seems.strip() else unseen
    return ""


def indentation(lines: list[str], last: int, file: str) -> tuple[Place, str] | None:
    """The nearest line up to a number that is indented by something that only looks like a space: its place, and what it is."""
    for number in range(last, 0, -1):
        line = lines[number - 1]
        blank = line[: len(line) - len(line.lstrip())]
        strange = next((i for i, c in enumerate(blank) if c not in " \t"), None)
        if strange is not None:
            name = f"{unicodedata.name(blank[strange], 'a character')} (U+{ord(blank[strange]):04X})"
            return Place(file, number, strange + 1, number, strange + 2), name
    return None


def told(found: Diagnostic, report: Report) -> Diagnostic:
    """The diagnostic with a note on what is deceptive in the text that it points at."""
    text = report.text_at(found.primary.place) if found.primary is not None else ""
    said = note(text) if found.severity == "error" and "U+" not in found.message else ""
    return replace(found, help=("; ".join((*found.help[:1], said)), *found.help[1:])) if said else found
