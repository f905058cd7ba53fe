"""Plots that a stage hands over with its tables: a quantity over another, measured lines with their intervals, stated ones dashed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .charts import BOTTOM, COLOURS, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Chart, Line, Scale, Tick, compact, log_ticks, nice_ticks, path, scale_of

MOST_PLOTS = 60  # of a page


def plots_of(wholes: Mapping[str, Any]) -> tuple[list[tuple[str, list[Chart]]], int]:
    """(id of a stage, its plots) of the stages that have any, and how many plots were left out."""
    found, left_out, room = [], 0, MOST_PLOTS
    for id, whole in wholes.items():
        plots = whole.get("plots", [])
        kept = plots[:room]
        room, left_out = room - len(kept), left_out + len(plots) - len(kept)
        found += [(id, [plot(one) for one in kept])] if kept else []
    return found, left_out


def plot(one: Mapping[str, Any]) -> Chart:
    """One plot; lines `of` the same one of its `subjects` share a colour. `log` puts both axes on a logarithmic scale, `log_x` the
    one below; values are positive there."""
    subjects = one["subjects"]
    log_x = one["log"] or one.get("log_x", False)
    x = over(log_x, [line["x"] for line in one["lines"]], LEFT, WIDTH - RIGHT)
    y = over(one["log"], [line[name] for line in one["lines"] for name in ("y", "low", "high") if line[name]], HEIGHT - BOTTOM, TOP)
    drawn, legend = [], []
    for line in one["lines"]:
        look = f"c{subjects.index(line['of']) % COLOURS + 1}" + ("" if line["low"] else " dash")
        at = [x.at(v) for v in line["x"]]
        if line["low"]:
            low, high = [y.at(v) for v in line["low"]], [y.at(v) for v in line["high"]]
            drawn.append(Line(path(at + at[::-1], high + low[::-1]) + "Z", f"band {look}"))
        drawn.append(Line(path(at, [y.at(v) for v in line["y"]]), f"line {look}"))
        legend.append((look, line["label"]))
    ticks = {id(scale): log_ticks(scale.low, scale.high) if scale.log else nice_ticks(scale.low, scale.high) for scale in (x, y)}
    x_ticks = tuple(Tick(round(x.at(v), 1), compact(v)) for v in ticks[id(x)])
    y_ticks = tuple(Tick(round(y.at(v), 1), compact(v)) for v in ticks[id(y)])
    return Chart(
        one["name"],
        f"over {one['over']}" + (", log scales" if one["log"] else ", log scale" if log_x else ""),
        x_ticks,
        y_ticks,
        tuple(drawn),
        tuple(legend),
        one["over"],
    )


def over(log: bool, values: Sequence[Sequence[float]], start: float, end: float) -> Scale:
    """A scale that holds all values."""
    linear = scale_of([np.asarray(v, dtype=float) for v in values], start, end)
    return Scale(linear.low, linear.high, start, end, log)
