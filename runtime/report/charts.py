"""Curves as the parts of a drawing: paths, ticks and words. The template puts them into SVG; colours are those of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .curves import Curve, Numbers, noisy, smoothed

WIDTH, HEIGHT = 330, 186
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 10, 24
COLOURS = 6  # that the page tells apart


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, in pixels or percent, and what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class Line:
    """One path and its class on the page; a filled one is a band."""

    path: str
    look: str


@dataclass(frozen=True)
class Chart:
    """A drawing of one quantity over another."""

    name: str
    note: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    legend: tuple[tuple[str, str], ...] = ()
    over: str = "steps"


@dataclass(frozen=True)
class Scale:
    """From values to pixels, with a logarithm where the values are."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        low, high, value = (math.log10(v) for v in (self.low, self.high, max(value, self.low))) if self.log else (self.low, self.high, value)
        return self.start + (self.end - self.start) * (value - low) / (high - low)


def compact(value: float) -> str:
    """A figure at an axis: short, and the same at every magnitude."""
    size = abs(value)
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= unit:
            divisor = 1e3 if letter == "k" else unit
            return f"{value / divisor:.4g}{letter}"
    if 0 < size < 1e-3:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{value:.4g}"


def nice_ticks(low: float, high: float) -> list[float]:
    """At least four round numbers between two values, in the widest steps of 1, 2 or 5 times a power of ten that give so many."""
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10(high - low))
    for step in (power, 0.5 * power, 0.2 * power, 0.1 * power):
        first = math.ceil(low / step - 1e-9)
        count = math.floor(high / step + 1e-9) - first + 1
        if count >= 4:
            break
    return [(first + i) * step or 0.0 for i in range(count)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5 times powers of ten, or only the powers where there are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [m * 10.0**p for p in powers for m in (1, 2, 5) if low <= m * 10.0**p <= high]
    return found if len(found) <= 6 else [10.0**p for p in powers if low <= 10.0**p <= high][:: max(1, len(powers) // 5)]


def path(xs: Sequence[float], ys: Sequence[float]) -> str:
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))


def chart(name: str, curves: Sequence[tuple[str, Curve]], read: float) -> Chart:
    """One quantity of one stage, or of the variants of one stage, each under its label: a band of extremes and the mean, and a smoothed line
    where the mean is noisy. Several variants are smoothed lines only."""
    alone = len(curves) == 1
    x = scale_of([c.step for _, c in curves], LEFT, WIDTH - RIGHT)
    y = scale_of([v for _, c in curves for v in ((c.low, c.high) if alone else (c.mean,))], HEIGHT - BOTTOM, TOP, name.endswith(("loss", "norm")))
    lines = [smooth(c.mean, y.log) for _, c in curves]
    drawn: list[Line] = []
    for place, ((_, curve), line) in enumerate(zip(curves, lines, strict=True)):
        at = [x.at(v) for v in curve.step]
        if alone:
            below, above = [y.at(v) for v in curve.low], [y.at(v) for v in curve.high]
            if below != above:
                drawn.append(Line(path(at + at[::-1], above + below[::-1]) + "Z", "band"))
            if line is not curve.mean:
                drawn.append(Line(path(at, [y.at(v) for v in curve.mean]), "raw"))
        drawn.append(Line(path(at, [y.at(v) for v in line]), f"line c{place % COLOURS + 1}" if len(curves) <= COLOURS else "line thin"))
    legend = tuple((f"c{i % COLOURS + 1}", label) for i, (label, _) in enumerate(curves)) if 1 < len(curves) <= COLOURS else ()
    y_ticks = log_ticks(y.low, y.high) if y.log else nice_ticks(y.low, y.high)
    return Chart(
        name.replace("_", " "),
        note(curves, read, y.log),
        tuple(Tick(round(x.at(v), 1), compact(v)) for v in nice_ticks(x.low, x.high)),
        tuple(Tick(round(y.at(v), 1), compact(v)) for v in y_ticks),
        tuple(drawn),
        legend,
    )


def smooth(values: Numbers, log: bool) -> Numbers:
    """The line to draw: smoothed where the values are noisy on the scale that they are drawn to, else the values themselves."""
    seen = np.log10(values) if log else values
    if not noisy(seen):
        return values
    line = smoothed(seen)
    return np.power(10.0, line) if log else line


def note(curves: Sequence[tuple[str, Curve]], read: float, log: bool) -> str:
    """What is said beside the name of a quantity."""
    parts = [f"last {compact(curves[0][1].last)}"] if len(curves) == 1 else [f"{len(curves)} variants"]
    parts += ["log scale"] if log else []
    broken = sum(c.broken for _, c in curves)
    parts += [f"{broken:,} infinite"] if broken else []
    parts += [f"drawn from an even sample of {100 * read:.0f} % of the points"] if read < 0.99 else []
    return " · ".join(parts)


def scale_of(values: Sequence[Numbers], start: float, end: float, may_log: bool = False) -> Scale:
    """A scale that holds all values, never of no extent; logarithmic for positive values of more than two orders of magnitude, where it may be."""
    low, high = min(float(v.min()) for v in values), max(float(v.max()) for v in values)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-12):
        pad = abs(high) * 0.05 or 1.0
        low, high = low - pad, high + pad
    return Scale(low, high, start, end, log=may_log and low > 0 and high > 30 * low)
