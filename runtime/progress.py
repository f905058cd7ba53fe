"""How far a stage is, in words that fit a width: done of total, rate, time left."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

WINDOW = 30.0  # seconds over which a rate is taken, so that it follows a change of pace
FILLED, EMPTY = "━", "─"  # told apart without colour
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def number(value: float | int | str) -> str:
    """A figure for a person: whole numbers with separators, others to three places."""
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer() and abs(value) >= 1000):
        return f"{int(value):,}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min {int(seconds % 60):02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def pace(value: float) -> str:
    """A rate to three figures."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


@dataclass
class Phase:
    """A stretch of work that is counted to one total in one unit: reading rows and training steps are two.

    `tokens` counts the tokens that were worked on, where the work knows them.
    """

    unit: str
    total: int | None
    done: int = 0
    tokens: int | None = None
    text: str = ""
    marks: deque[tuple[float, int, int]] = field(default_factory=deque)

    def update(self, done: int, tokens: int | None, text: str) -> None:
        now = time.monotonic()
        self.done, self.tokens, self.text = done, tokens, text
        if not self.marks or now - self.marks[-1][0] >= 0.2 or len(self.marks) == 1:
            self.marks.append((now, done, tokens or 0))
        while len(self.marks) > 2 and now - self.marks[1][0] > WINDOW:
            self.marks.popleft()

    def rates(self) -> tuple[float, float]:
        """(units, tokens) per second over the last stretch; 0 where it is not known yet."""
        if len(self.marks) < 2:
            return 0.0, 0.0
        (start, first, tokens), (end, last, more) = self.marks[0], self.marks[-1]
        spent = max(end - start, 1e-9)
        return max(0.0, (last - first) / spent), max(0.0, (more - tokens) / spent)

    def left(self) -> float | None:
        """Seconds until the total is reached, if that can be said."""
        rate = self.rates()[0]
        return (self.total - self.done) / rate if self.total and rate > 0 else None

    def facts(self) -> list[str]:
        """Count, rate, tokens per second, time left; what is not known is left out."""
        rate, tokens = self.rates()
        unit = self.unit.rstrip("s") if (self.total or self.done) == 1 else self.unit
        whole = f"{self.total or 0:,}"
        share = f"{self.done:>{len(whole)},} of {whole} {unit}" if self.total else f"{self.done:,} {unit}"  # as wide at the start as at the end
        left = self.left()
        found = [share, f"{pace(rate)} {self.unit}/s" if rate else "", f"{pace(tokens)} tokens/s" if tokens and self.unit != "tokens" else ""]
        return [fact for fact in (*found, f"{duration(left)} left" if left is not None else "") if fact]


def shortened(text: str, width: int) -> str:
    """A text that fits, cut in its middle: both ends tell names apart."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}" if width > 2 else text[:width]


def bar(share: float, width: int, filled: str = FILLED, empty: str = EMPTY) -> str:
    done = round(max(0.0, min(1.0, share)) * width)
    return filled * done + empty * (width - done)


def line(name: str, phase: Phase | None, elapsed: float, width: int) -> tuple[str, str, str]:
    """(name, bar, the rest) of a stage at work, together at most `width` wide: what matters least is left out first."""
    name = shortened(name, max(12, width // 3))
    if phase is None:
        return name, "", shortened(f"  {duration(elapsed)}", width - len(name))
    share, *others = phase.facts()
    left = others.pop() if others and others[-1].endswith(" left") else ""
    room = width - len(name)
    kept: list[str] = []
    for part in filter(None, (share, left, *others, phase.text)):  # the most important first
        spare = 8 if phase.total and part not in (share, left) else 0  # a bar of six goes before all but these two
        if len(part) + 2 + spare > room:
            break
        kept.append(part)
        room -= len(part) + 2
    ordered = [part for part in (share, *others, left, phase.text) if part in kept]
    rest = "  " + "  ".join(ordered) if ordered else ""
    free = width - len(name) - len(rest) - 2
    drawn = f"  {bar(phase.done / phase.total, min(30, free))}" if phase.total and free >= 6 else ""
    return name, drawn, rest
