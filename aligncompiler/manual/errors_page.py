"""The page of all diagnostic codes, `docs/reference/errors.md`: made from the codes themselves, printed by `alignc explain --markdown`."""

from __future__ import annotations

from ..cli import EXITS
from ..codes import ALL, Code

FAMILIES = {
    "Y": "the text of the file",
    "C": "putting a spec together",
    "R": "references and the graph",
    "S": "keys, kinds and values",
    "M": "the meaning of the method",
    "P": "files, data, the plan and the store",
    "D": "what will go away",
}
HEAD = """\
# Diagnostics

<!-- Written by `alignc explain --markdown`; a test holds it fresh, and `pytest --bless` rewrites it. -->

Every problem that `alignc` reports has a code that keeps its meaning for ever. Examples are fragments of a spec; tests complete and run them.

A code that can be allowed is silenced where it is meant by a comment at the end of its line, or alone on the line above, with the reason:

```yaml
data: ${datasets.puzzles}  # alignc: allow M502 memory is what we measure
```
"""


def errors_page() -> str:
    """The page as Markdown."""
    families = [letter for letter in FAMILIES if any(code.code.startswith(letter) for code in ALL)]
    table = ["| code | name | severity | can be allowed |", "|---|---|---|---|"]
    table += [f"| [{c.code}](#{c.code.lower()}) | {c.name} | {c.severity} | {'yes' if c.allowable else 'no'} |" for c in in_order()]
    parts = [HEAD, "\n".join(table) + "\n"]
    for letter in families:
        parts += [f"## {letter}: {FAMILIES[letter]}\n", *(entry(code) for code in in_order() if code.code.startswith(letter))]
    exits = ["| exit code | meaning |", "|---|---|", *(f"| {number} | {meaning} |" for number, meaning in EXITS.items())]
    return "\n".join([*parts, "## Exit codes\n", "\n".join(exits) + "\n"])


def in_order() -> list[Code]:
    letters = list(FAMILIES)
    return sorted(ALL, key=lambda code: (letters.index(code.code[0]), code.code))


def entry(code: Code) -> str:
    """One code: an anchor, its name, why it is reported, its examples."""
    lines = [f'<a id="{code.code.lower()}"></a>', "", f"### {code.code} {code.name}", ""]
    lines += [f"{code.severity.capitalize()}{', can be allowed' if code.allowable else ''}. {code.why}", ""]
    for title, example in (("Bad", code.bad), ("Good", code.good)):
        if example:
            lines += [f"{title}:", "", "```yaml", printable(example.rstrip()), "```", ""]
    return "\n".join(lines)


def printable(text: str) -> str:
    """Characters that a page cannot show, in the words of YAML."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)
