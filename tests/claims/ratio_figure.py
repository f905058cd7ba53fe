"""The figure of docs/claims/ibn.md, drawn from results/ibn.json: the ratio of chain to tree and to the control over comparisons, a panel a regime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runtime.report.charts import Scale, compact, path

WIDTH, HEIGHT, LEFT, TOP, GAP = 230, 150, 58, 34, 18
COLOURS = {"tree": "#c2410c", "pool": "#15803d", "rates, regime 1": "#6b7280", "rates, regime 2": "#6b7280"}
DASHES = {"rates, regime 1": "5 3", "rates, regime 2": "1.5 2.5"}
LABELS = {"tree": "chain/tree", "pool": "chain/pool (control)", "rates, regime 1": "rates, regime 1", "rates, regime 2": "rates, regime 2"}
LOW, HIGH = 0.1, 3.0


def figure(cells: Sequence[Mapping[str, Any]], title: str) -> str:
    """SVG; `cells` are those of one stage, each with `information`, `alpha` and a line for each number of comparisons."""
    rows = list(dict.fromkeys(cell["information"] for cell in cells))
    columns = list(dict.fromkeys(cell["alpha"] for cell in cells))
    width, height = LEFT + len(columns) * (WIDTH + GAP), TOP + len(rows) * (HEIGHT + GAP + 14) + 40
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" font-family="sans-serif" font-size="11">']
    parts += [f'<rect width="{width}" height="{height}" fill="#fff"/><text x="{LEFT}" y="16" font-size="13" font-weight="600">{title}</text>']
    for cell in cells:
        x0, y0 = LEFT + columns.index(cell["alpha"]) * (WIDTH + GAP), TOP + 14 + rows.index(cell["information"]) * (HEIGHT + GAP + 14)
        parts += panel(cell, x0, y0)
    x = LEFT
    for name, label in LABELS.items():
        dash = f' stroke-dasharray="{DASHES[name]}"' if name in DASHES else ""
        parts.append(f'<path d="M{x},{height - 12}h22" stroke="{COLOURS[name]}" stroke-width="2"{dash}/><text x="{x + 28}" y="{height - 8}">{label}</text>')
        x += 170
    return "\n".join([*parts, "</svg>", ""])


def panel(cell: Mapping[str, Any], x0: float, y0: float) -> list[str]:
    lines = cell["sizes"]
    counts = [line["comparisons"] for line in lines]
    x, y = Scale(counts[0], counts[-1], x0 + 8, x0 + WIDTH - 8, log=True), Scale(LOW, HIGH, y0 + HEIGHT, y0, log=True)
    parts = [f'<rect x="{x0}" y="{y0}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#d1d5db"/>']
    parts.append(f'<text x="{x0 + 4}" y="{y0 - 4}" fill="#374151">I = {compact(cell["information"])}, alpha = {cell["alpha"]}</text>')
    for tick in (0.1, 0.3, 1.0, 3.0):
        stroke = "#9ca3af" if tick == 1 else "#eceef2"
        parts.append(f'<path d="M{x0},{y.at(tick):.1f}h{WIDTH}" stroke="{stroke}"/>')
        parts.append(f'<text x="{x0 - 5}" y="{y.at(tick) + 4:.1f}" text-anchor="end" fill="#6b7280">{tick:g}</text>')
    parts += [f'<text x="{x.at(n):.1f}" y="{y0 + HEIGHT + 13}" text-anchor="middle" fill="#6b7280">{compact(n)}</text>' for n in counts]
    at = [x.at(n) for n in counts]
    for name, colour in COLOURS.items():
        found = [line[name] for line in lines if line.get(name) is not None]
        if len(found) < len(lines):
            continue
        values = [one["value"] if isinstance(one, Mapping) else one for one in found]
        held = [
            [y.at(min(max(v, LOW), HIGH)) for v in vs]
            for vs in (values, *([[one[k] for one in found] for k in ("low", "high")] if name in ("tree", "pool") else []))
        ]
        if len(held) == 3:
            parts.append(f'<path d="{path(at + at[::-1], held[2] + held[1][::-1])}Z" fill="{colour}" opacity="0.18"/>')
        dash = f' stroke-dasharray="{DASHES[name]}"' if name in DASHES else ""
        parts.append(f'<path d="{path(at, held[0])}" fill="none" stroke="{colour}" stroke-width="1.7"{dash}/>')
    return parts
