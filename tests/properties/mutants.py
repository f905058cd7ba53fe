"""Good specs, and ways to spoil them: by the byte, by the line, by the token, by the subtree. All from a seeded generator.

A mutant is the bytes of a spec and the `--set` options it is checked with. It may well be a good spec still; what is asked of the compiler
is only that it never loses its manners.
"""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aligncompiler.codes import ALL, BASE
from aligncompiler.diagnostic import Report
from aligncompiler.load import parse
from aligncompiler.tree import Node

ROOT = Path(__file__).parents[2]

# Scalars that readers stumble over, as they stand in a file.
ODD = [
    *("1e400", "-1e400", "-0", "-0.0", "0x1F", "0o17", "0b11", "010", ".5", "5.", "1_000", "1,000", "1:30", ".inf", "-.inf", ".nan", "NaN", "1e-5", "+7"),
    *("NO", "no", "on", "y", "~", "null", "true", "True", "2024-01-01", "''", '""', '"\\0"', '"\\x1b[31m"', '"\\u2028"', '"\\ud800"', '"C:\\dir"'),
    *("|", ">", "-", "?", ":", ",", "&", "*", "!", "%", "@", "`", "#", "<<", "{}", "[]", "{a: 1}", "[1, 2]", "[[]]", "*a", "&a", "!!str", "!x"),
    *("${", "}", "${}", "${a}", "${models}", "${models.}", "${.base}", "${stages.sft}", "${stages.dpo.checkpoints.1}", "${vars.x}", "${rounds.loop.all.dpo}"),
    *("${round.policy}", "${models.base.tokenizer}", "kind:", "train", "sft", "dpo", "adamw", "causal_lm", "deduction", "context", "labels", "initial"),
]
ODD += ["9" * 40, "9" * 400, "-" + "9" * 310, "x" * 5000, "${" + "a." * 2000 + "b}", "[" * 200, "{a: " * 200, "\N{RIGHT-TO-LEFT OVERRIDE}x", "\U0001f600" * 30]
STRANGE = "\x00\x01\x07\x08\x0b\x1b\x7f\x85\xa0\u00ad\u200b\u200e\u202e\u2028\u2029\u3000\ue000\ue004\ufeff\ufffe\ufffd\uffff\U0001f600\U0010ffff\u0430\u2212\u201c\t\r"
BRACKETS = "{}[]()<>\"'`#&*!|>%@:,-? \n"


@dataclass(frozen=True)
class Mutant:
    """One spoiled spec: where it comes from, what was done to it, and what the compiler is given."""

    origin: str
    ways: tuple[str, ...]
    raw: bytes
    sets: tuple[str, ...] = ()


def good_specs() -> dict[str, str]:
    """Name -> text of specs without faults: those that ship, those of the golden folders, the examples of the codes."""
    files = [*sorted((ROOT / "specs").rglob("*.yaml")), *sorted(f.parent / "spec.yaml" for f in (ROOT / "tests" / "golden").glob("*/plan.json"))]
    found = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}
    for code in ALL:
        own = re.findall(r"^([a-z]+):", code.good, re.MULTILINE)
        rest = "".join(section for name, section in BASE.items() if name not in own)
        found |= {f"good example of {code.code}": rest + code.good} if code.good else {}
    return found


# ---- by the byte and by the line


def flip(raw: bytes, r: random.Random) -> bytes:
    at = r.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ (1 << r.randrange(8))]) + raw[at + 1 :]


def delete(raw: bytes, r: random.Random) -> bytes:
    at = r.randrange(len(raw))
    return raw[:at] + raw[at + r.choice([1, 1, 1, 2, 5, 40]) :]


def insert_byte(raw: bytes, r: random.Random) -> bytes:
    at = r.randrange(len(raw) + 1)
    return raw[:at] + bytes([r.randrange(256)]) + raw[at:]


def insert_bracket(raw: bytes, r: random.Random) -> bytes:
    at = r.randrange(len(raw) + 1)
    return raw[:at] + (r.choice(BRACKETS) * r.choice([1, 1, 1, 2, 100, 3000])).encode() + raw[at:]


def insert_strange(raw: bytes, r: random.Random) -> bytes:
    at = r.randrange(len(raw) + 1)
    return raw[:at] + r.choice(STRANGE).encode("utf-8", "surrogatepass") + raw[at:]


def insert_random_character(raw: bytes, r: random.Random) -> bytes:
    at = r.randrange(len(raw) + 1)
    return raw[:at] + chr(r.randrange(0x110000)).encode("utf-8", "surrogatepass") + raw[at:]


def truncate(raw: bytes, r: random.Random) -> bytes:
    return raw[: r.randrange(len(raw))]


def duplicate(raw: bytes, r: random.Random) -> bytes:
    start = r.randrange(len(raw))
    end = min(len(raw), start + r.choice([1, 5, 30, 200]))
    return raw[:end] + raw[start:end] * r.choice([1, 1, 3, 50]) + raw[end:]


def by_line(change: Callable[[list[bytes], random.Random], None]) -> Callable[[bytes, random.Random], bytes]:
    def changed(raw: bytes, r: random.Random) -> bytes:
        lines = raw.split(b"\n")
        change(lines, r)
        return b"\n".join(lines)

    changed.__name__ = change.__name__
    return changed


@by_line
def swap_lines(lines: list[bytes], r: random.Random) -> None:
    a, b = r.randrange(len(lines)), r.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]


@by_line
def delete_line(lines: list[bytes], r: random.Random) -> None:
    del lines[r.randrange(len(lines))]


@by_line
def repeat_line(lines: list[bytes], r: random.Random) -> None:
    lines.insert(r.randrange(len(lines)), r.choice(lines))


@by_line
def indent_line(lines: list[bytes], r: random.Random) -> None:
    at = r.randrange(len(lines))
    lines[at] = r.choice([b" ", b"  ", b"\t", b"    ", "\u00a0".encode()]) + lines[at]


@by_line
def outdent_line(lines: list[bytes], r: random.Random) -> None:
    at = r.randrange(len(lines))
    lines[at] = lines[at][r.choice([1, 2]) :] if lines[at].startswith(b"  ") else lines[at].lstrip()


def line_ends(raw: bytes, r: random.Random) -> bytes:
    return raw.replace(b"\n", r.choice([b"\r\n", b"\r", b"\n\n", "\u2028".encode(), b" \n"]))


# ---- by the token


def tokens(text: str) -> list[tuple[int, int]]:
    """Start and end of every word, reference and quoted text."""
    return [m.span() for m in re.finditer(r"\$\{[^}\n]*\}|\"[^\"\n]*\"|[^\s{}\[\],:#\"]+", text)]


def by_token(change: Callable[[str, list[tuple[int, int]], random.Random], str]) -> Callable[[bytes, random.Random], bytes]:
    def changed(raw: bytes, r: random.Random) -> bytes:
        text = raw.decode("utf-8", "replace")
        places = tokens(text)
        return change(text, places, r).encode("utf-8", "surrogatepass") if places else raw

    changed.__name__ = change.__name__
    return changed


@by_token
def exchange_tokens(text: str, places: list[tuple[int, int]], r: random.Random) -> str:
    (a, b), (c, d) = sorted((r.choice(places), r.choice(places)))
    return text if b > c else text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]


@by_token
def odd_token(text: str, places: list[tuple[int, int]], r: random.Random) -> str:
    a, b = r.choice(places)
    return text[:a] + r.choice(ODD) + text[b:]


@by_token
def copy_token(text: str, places: list[tuple[int, int]], r: random.Random) -> str:
    (a, b), (c, d) = r.choice(places), r.choice(places)
    return text[:a] + text[c:d] + text[b:]


@by_token
def spoil_token(text: str, places: list[tuple[int, int]], r: random.Random) -> str:
    a, b = r.choice(places)
    at = r.randrange(a, b)
    return text[:at] + r.choice(["", text[at].swapcase(), text[at] * 2, "_", "-", ".", r.choice(STRANGE)]) + text[at + 1 :]


# ---- by the subtree


def plain(node: Node) -> Any:
    if node.is_map:
        return {key: plain(value) for key, value in node.value.items()}
    return [plain(value) for value in node.value] if node.is_list else node.value


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places_in(inner, (*path, key))


def holder(tree: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        tree = tree[step]
    return tree


def by_tree(change: Callable[[Any, list[tuple[Any, ...]], random.Random], None]) -> Callable[[bytes, random.Random], bytes]:
    def changed(raw: bytes, r: random.Random) -> bytes:
        report = Report()
        try:
            node = parse(raw.decode("utf-8"), "spec.yaml", report)
        except Exception:  # noqa: BLE001  spoiled before, beyond reading
            return raw
        tree = plain(node) if node is not None else None
        places = list(places_in(tree))
        if not places:
            return raw
        change(tree, places, r)
        dumped: str = yaml.dump(tree, sort_keys=False, allow_unicode=True, default_flow_style=r.choice([None, False, True]), width=10**6, Dumper=Plain)
        return dumped.encode("utf-8", "surrogatepass")

    changed.__name__ = change.__name__
    return changed


class Plain(yaml.SafeDumper):
    """Writes values out where they stand twice, as a person would."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@by_tree
def delete_subtree(tree: Any, places: list[tuple[Any, ...]], r: random.Random) -> None:
    path = r.choice(places)
    del holder(tree, path)[path[-1]]


@by_tree
def exchange_subtrees(tree: Any, places: list[tuple[Any, ...]], r: random.Random) -> None:
    a, b = r.choice(places), r.choice(places)
    if a[: len(b)] == b or b[: len(a)] == a:
        return
    one, two = holder(tree, a), holder(tree, b)
    one[a[-1]], two[b[-1]] = two[b[-1]], one[a[-1]]


@by_tree
def copy_subtree(tree: Any, places: list[tuple[Any, ...]], r: random.Random) -> None:
    a, b = r.choice(places), r.choice(places)
    holder(tree, b)[b[-1]] = copy.deepcopy(holder(tree, a)[a[-1]])


@by_tree
def rename_key(tree: Any, places: list[tuple[Any, ...]], r: random.Random) -> None:
    keys = [p for p in places if isinstance(p[-1], str)]
    if keys:
        path = r.choice(keys)
        inside = holder(tree, path)
        items = [(r.choice(keys)[-1] if key == path[-1] else key, value) for key, value in inside.items()]
        inside.clear()
        inside.update(items)


@by_tree
def wrap_value(tree: Any, places: list[tuple[Any, ...]], r: random.Random) -> None:
    path = r.choice(places)
    value = holder(tree, path)[path[-1]]
    holder(tree, path)[path[-1]] = r.choice([[value], {"kind": value}, {"a": value}, [value, value], [], {}, None, str(value)])


@by_tree
def change_type(tree: Any, places: list[tuple[Any, ...]], r: random.Random) -> None:
    path = r.choice(places)
    holder(tree, path)[path[-1]] = r.choice(
        [None, True, 0, -1, 10**25, 1.5, float("inf"), float("nan"), "", "text", "x" * 3000, [], {}, [[[1]]], {"": 1}, {"a.b": 2}]
    )


WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(flip, delete, insert_byte, insert_bracket, insert_strange, insert_random_character, truncate, duplicate),
    *(swap_lines, delete_line, repeat_line, indent_line, outdent_line, line_ends),
    *(exchange_tokens, odd_token, odd_token, copy_token, copy_token, spoil_token, spoil_token),
    *(delete_subtree, delete_subtree, exchange_subtrees, exchange_subtrees, copy_subtree, copy_subtree, rename_key, rename_key, wrap_value, change_type),
)


def option(text: str, r: random.Random) -> str:
    """A `--set` that may or may not lead somewhere, of words of the spec."""
    words = [text[a:b] for a, b in tokens(text)]
    path = ".".join(r.choice(words) for _ in range(r.choice([1, 2, 3, 4])))
    known = [
        "seed",
        "stages.sft.budget.steps",
        "stages.dpo.objective.kind",
        "stages.dpo.objective",
        "models.base.architecture",
        "vars.beta",
        "name",
        "sweep.axes.seed",
    ]
    return f"{r.choice([path, r.choice(known), ''])}{r.choice(['=', '=', '=', '', '=='])}{r.choice([r.choice(words), r.choice(ODD)])}"


def mutants(seed: int, count: int) -> Iterator[Mutant]:
    """`count` mutants; equal seeds give equal ones, and a shorter run is the beginning of a longer one."""
    specs = good_specs()
    names = sorted(specs)
    for number in range(count):
        r = random.Random(f"{seed}/{number}")
        name = r.choice(names)
        raw = specs[name].encode()
        ways = r.choices(WAYS, k=r.choice([1, 1, 1, 2, 3, 8]))
        for way in ways:
            raw = way(raw, r) if raw else raw
        sets = tuple(option(specs[name], r) for _ in range(r.choice([0] * 9 + [1, 2])))
        yield Mutant(name, tuple(way.__name__ for way in ways), raw, sets)
