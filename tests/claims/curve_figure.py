"""The figure of docs/claims/urm.md: true reward of the chosen answer over N, the mean over runs, of the ways to choose it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from runtime.report.charts import Scale, compact, nice_ticks, path

WIDTH, HEIGHT, LEFT, TOP, RIGHT = 420, 240, 52, 30, 210
COLOURS = ("#1d4ed8", "#c2410c", "#15803d", "#7e22ce", "#b91c1c", "#0f766e", "#a16207", "#6b7280")


def curves(runs: Sequence[Sequence[Mapping[str, Any]]], model: str) -> str:
    """SVG of the lines of a `best_of_n` table of several runs; baselines are dashed."""
    sizes = [int(x["group"].removeprefix("best of ")) for x in runs[0] if x["role"] == "model" and x["group"].startswith("best of ") and named(x) == model]
    names = list(dict.fromkeys((x["role"], named(x)) for x in runs[0] if x["role"] != "difference"))
    drawn = {key: [mean(value(run, *key, f"best of {size}") for run in runs) for size in sizes] for key in names}
    spread = [v for values in drawn.values() for v in values]
    x, y = Scale(sizes[0], sizes[-1], LEFT + 8, LEFT + WIDTH - 8, log=True), Scale(min(spread), max(spread), TOP + HEIGHT - 8, TOP + 8)
    height = TOP + HEIGHT + 44
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" width="{LEFT + WIDTH + RIGHT}" font-family="sans-serif"']
    parts[0] += ' font-size="11">'
    parts.append(f'<rect width="{LEFT + WIDTH + RIGHT}" height="{height}" fill="#fff"/>')
    parts.append(f'<text x="{LEFT}" y="18" font-size="13" font-weight="600">True reward of the answer chosen among N, mean of {len(runs)} seeds</text>')
    parts.append(f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#d1d5db"/>')
    for tick in nice_ticks(min(spread), max(spread)):
        parts.append(f'<path d="M{LEFT},{y.at(tick):.1f}h{WIDTH}" stroke="#eceef2"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y.at(tick) + 4:.1f}" text-anchor="end" fill="#6b7280">{compact(tick)}</text>')
    parts += [f'<text x="{x.at(n):.1f}" y="{TOP + HEIGHT + 15}" text-anchor="middle" fill="#6b7280">{n}</text>' for n in sizes]
    parts.append(f'<text x="{LEFT + WIDTH / 2:.0f}" y="{TOP + HEIGHT + 34}" text-anchor="middle" fill="#374151">N, log scale</text>')
    colours: dict[str, str] = {}
    for number, ((role, name), values) in enumerate(drawn.items()):
        subject = name.removeprefix(f"{model}, ").replace("dropped to", "surest")
        colour = colours.setdefault(subject, COLOURS[len(colours) % len(COLOURS)])
        dash = ' stroke-dasharray="4 3"' if role == "baseline" else ""
        parts.append(f'<path d="{path([x.at(n) for n in sizes], [y.at(v) for v in values])}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>')
        at = TOP + 8 + 15 * number
        parts.append(f'<path d="M{LEFT + WIDTH + 12},{at}h22" stroke="{colour}" stroke-width="1.8"{dash}/>')
        parts.append(f'<text x="{LEFT + WIDTH + 40}" y="{at + 4}">{"the scorer" if name == model else name.removeprefix(f"{model}, ")}</text>')
    return "\n".join([*parts, "</svg>", ""])


def named(line: Mapping[str, Any]) -> str:
    return str(line["model"]).replace("stages.", "")


def value(run: Sequence[Mapping[str, Any]], role: str, name: str, group: str) -> float:
    return next(float(x["value"]) for x in run if (x["role"], named(x), x["group"]) == (role, name, group))
