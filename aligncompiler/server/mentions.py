"""Every place that names a declaration, a variable, or a name in rounds: its key, `${...}`, and the dotted paths of profiles and sweeps.

A symbol is the path of a name, whichever file or section it is written in: `("stages", "sft")`, `("vars", "beta")`, `("profiles", "smoke")`,
`("rounds", "loop")`, and `("rounds", "loop", "dpo")` for what a round declares, carries or takes from its list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..spec.registry import DECLARED
from ..tree import REFERENCE, Node
from .locate import Spot, spots
from .positions import Text

Symbol = tuple[str, ...]
CARRIED = ("start", "next")  # keys of a loop whose keys are names
OUTER = ("count", "over", "start")  # keys of a loop that are read in the loop around it


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in a file, from offset to offset; `declares` where it is given to something; `around` is the whole key or reference."""

    symbol: Symbol
    path: Path
    start: int
    end: int
    declares: bool
    around: tuple[int, int]


class Index:
    """All mentions in some files, and what is declared in them."""

    def __init__(self, files: Iterable[tuple[Path, Text, Node]]) -> None:
        found = [(path, text, list(spots(root, text))) for path, text, root in files]
        self.declared = {symbol for _, _, all_spots in found for spot in all_spots if spot.is_key for symbol in declares(spot.path)}
        self.loops = {symbol for symbol in self.declared if symbol[0] == "rounds"} & {
            ("rounds", *loop_of(spot.path)) for _, _, all_spots in found for spot in all_spots if loop_of(spot.path)
        }
        every = (mention for path, text, all_spots in found for spot in all_spots for mention in self.of(path, text, spot))
        self.mentions = list(dict.fromkeys(every))

    def at(self, path: Path, offset: int) -> Mention | None:
        """The name that touches an offset."""
        return next((m for m in self.mentions if m.path == path and m.start <= offset <= m.end), None)

    def near(self, path: Path, offset: int) -> Mention | None:
        """The same; elsewhere in a reference the last name in it."""
        here = [m for m in self.mentions if m.path == path and m.around[0] <= offset <= m.around[1]]
        return self.at(path, offset) or (here[-1] if here else None)

    def all_of(self, symbol: Symbol) -> list[Mention]:
        return [mention for mention in self.mentions if mention.symbol == symbol]

    def of(self, path: Path, text: Text, spot: Spot) -> Iterator[Mention]:
        """The names in one key or value."""
        written = text.text[spot.start : spot.end]
        if spot.is_key and written == spot.path[-1]:
            for symbol in declares(spot.path) or carries(spot.path):
                yield Mention(symbol, path, spot.start, spot.end, bool(declares(spot.path)), (spot.start, spot.end))
            if is_override(spot.path):
                yield from inside(self.in_path(written.split(".")), written, path, spot.start, spot)
        match = REFERENCE.fullmatch(written) if not spot.is_key else None  # an alias stands for a reference that is written elsewhere
        if match is not None:
            yield from inside(self.in_reference(match[1].split("."), scope(spot.path)), match[1], path, spot.start + 2, spot)

    def in_reference(self, steps: list[str], loop: Symbol) -> list[tuple[int, Symbol]]:
        """(number of a step, what it names) of a reference that stands inside a loop, or outside of all."""
        head = steps[0]
        if len(steps) < 2:
            return []
        if head == "round":
            at = 2 if steps[1] == "history" else 1
            return self.in_rounds(steps, at, ("rounds", *loop)) if loop and at < len(steps) and steps[at] != "number" else []
        if head == "rounds" or (head in DECLARED and (head, steps[1]) not in self.declared and ("rounds", steps[1]) in self.declared):
            return self.in_rounds(steps)
        return [(1, (head, steps[1]))] if head in (*DECLARED, "vars") else []

    def in_rounds(self, steps: list[str], at: int = 1, symbol: Symbol = ("rounds",)) -> list[tuple[int, Symbol]]:
        """`rounds.loop.2.dpo`, and `stages.loop.2.dpo`, which is the same; inside of a round the steps from `at` on, below the symbol of its loop."""
        found: list[tuple[int, Symbol]] = []
        for number, step in enumerate(steps[at:], at):
            if len(symbol) > 1 and (step.isdigit() or step == "all"):
                continue
            symbol = (*symbol, step)
            found.append((number, symbol))
            if symbol not in self.loops:
                break
        return found

    def in_path(self, steps: list[str]) -> list[tuple[int, Symbol]]:
        """The names in a path of a profile or a sweep: `stages.sft.budget.steps`, `rounds.loop.stages.dpo.budget`."""
        if steps[0] != "rounds":
            return [(1, (steps[0], steps[1]))] if len(steps) > 1 and steps[0] in (*DECLARED, "vars") else []
        return [(length - 1, symbol) for length in range(2, len(steps) + 1) for symbol in (declares(tuple(steps[:length])) or carries(tuple(steps[:length])))]


def inside(named: Iterable[tuple[int, Symbol]], dotted: str, path: Path, start: int, spot: Spot) -> Iterator[Mention]:
    """Mentions of the steps of a dotted text, given (number of the step, what it names)."""
    ends = [match.span() for match in re.finditer(r"[^.]+", dotted)]
    for number, symbol in named:
        if number < len(ends):
            yield Mention(symbol, path, start + ends[number][0], start + ends[number][1], False, (spot.start, spot.end))


def loop_of(path: tuple[str, ...]) -> Symbol:
    """The loops around a path, from the outermost: `rounds.a.rounds.b.stages.dpo` -> (a, b)."""
    found: Symbol = ()
    while len(path) > 1 and path[0] == "rounds":
        found, path = (*found, path[1]), path[2:]
    return found


def scope(path: tuple[str, ...]) -> Symbol:
    """The loops that `${round...}` at a path belongs to; `count`, `over` and `start` are read in the loop around theirs."""
    loops = loop_of(path)
    word = path[2 * len(loops) : 2 * len(loops) + 1]
    return loops[:-1] if word and word[0] in OUTER else loops


def declares(path: tuple[str, ...]) -> list[Symbol]:
    """What a key at a path gives a name to."""
    loops = loop_of(path)
    rest = path[2 * len(loops) :]
    if not loops:
        return [path] if len(path) == 2 and path[0] in (*DECLARED, "vars", "profiles") else []
    if not rest:
        return [("rounds", *loops)]
    carried = (rest[0] in DECLARED or rest[0] == "start") and len(rest) == 2
    listed = rest[0] == "over" and len(rest) == 3
    return [("rounds", *loops, rest[-1])] if carried or listed else []


def carries(path: tuple[str, ...]) -> list[Symbol]:
    """What a key of `next` speaks of: the name that `start` gave."""
    loops = loop_of(path)
    rest = path[2 * len(loops) :]
    return [("rounds", *loops, rest[1])] if loops and len(rest) == 2 and rest[0] in CARRIED else []


def is_override(path: tuple[str, ...]) -> bool:
    """Whether a key at this place is itself a dotted path."""
    sweep = (path[:2] == ("sweep", "axes") and len(path) == 3) or (path[:1] == ("sweep",) and path[1:2] in (("zip",), ("skip",), ("add",)) and len(path) == 4)
    return sweep or (path[:1] == ("profiles",) and len(path) == 3)
