"""What a study found, as the tables and plots of `table.json`: every measured figure with its interval, what is stated beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..intervals import Estimate, estimate
from .bounds import Theory
from .study import Found

Line = dict[str, Any]


@dataclass(frozen=True)
class Account:
    """`found` by number of comparisons and design, the chain first; `theory` by number of comparisons; `information` before any comparison."""

    found: Mapping[tuple[int, str], Found]
    theory: Mapping[int, Theory]
    information: float
    confidence: float

    @property
    def designs(self) -> list[str]:
        return list(dict.fromkeys(name for _, name in self.found))

    def distance(self, count: int, design: str) -> Estimate:
        """The mean over draws."""
        values = self.found[count, design].distances
        return estimate(values, range(len(values)), self.confidence, signed=True)

    def ratio(self, count: int, design: str) -> Estimate:
        """The distance of the chain over that of another design: the geometric mean over draws. Above 1 the other is better."""
        logs = np.log(self.found[count, "chain"].distances) - np.log(self.found[count, design].distances)
        found = estimate([float(v) for v in logs], range(len(logs)), self.confidence, signed=True)
        return Estimate(*(float(np.exp(v)) for v in (found.value, found.low, found.high)), found.n)

    def tables(self) -> list[dict[str, Any]]:
        """For each number of comparisons the distances, and the ratios; lines as those of `evaluate`, `bound` and `rate` being stated, not measured."""
        found = []
        for count, theory in self.theory.items():
            distances = [measured(name, self.distance(count, name)) for name in self.designs]
            distances += [stated("baseline", "before any comparison", self.information)]
            distances += [stated("bound", f"{name} bound", bound.value) for name, bound in theory.bounds.items()]
            distances += [stated("rate", f"{name} rate, regime {regime}", rate) for (name, regime), rate in theory.rates.items()]
            ratios = [measured(f"chain/{name}", self.ratio(count, name)) for name in self.designs[1:]]
            ratios += [stated("baseline", "equal", 1.0)]
            ratios += [stated(role, name, value) for role, name, value in stated_ratios(theory)]
            found += [table(f"distance at {count:,}", distances), table(f"ratio at {count:,}", ratios)]
        return found

    def plots(self) -> list[dict[str, Any]]:
        """Distances, and ratios, over the number of comparisons."""
        counts = list(self.theory)
        distances = [curve(name, name, counts, [self.distance(count, name) for count in counts]) for name in self.designs]
        for name in self.theory[counts[0]].bounds:
            distances.append(curve(name, f"{name} bound", counts, [self.theory[count].bounds[name].value for count in counts]))
        ratios = [curve(name, f"chain/{name}", counts, [self.ratio(count, name) for count in counts]) for name in self.designs[1:]]
        for place, (_, name, _) in enumerate(stated_ratios(self.theory[counts[0]])):
            values = [stated_ratios(self.theory[count])[place][2] for count in counts]
            ratios.append(curve(name, name, counts, values))
        subjects = [*self.designs, *(name for _, name, _ in stated_ratios(self.theory[counts[0]]))]  # one colour each, in both plots
        shared = {"over": "comparisons", "log": True, "subjects": subjects}
        return [{"name": "mean inference distance", **shared, "lines": distances}, {"name": "ratio of distances", **shared, "lines": ratios}]


def stated_ratios(theory: Theory) -> list[tuple[str, str, float]]:
    """(role, name, chain/tree) of the bounds, and of the rates of both regimes."""
    regimes = sorted({regime for _, regime in theory.rates})
    rates = [("rate", f"rates, regime {r}", theory.rates["chain", r] / theory.rates["tree", r]) for r in regimes]
    return [("bound", "bounds", theory.bounds["chain"].value / theory.bounds["tree"].value), *rates]


def table(name: str, lines: list[Line]) -> dict[str, Any]:
    return {"name": name, "metric": name.split()[0], "by": None, "over": "draws", "lines": lines}


def measured(name: str, found: Estimate) -> Line:
    return {"role": "model", "model": name, "group": "", **asdict(found)}


def stated(role: str, name: str, value: float) -> Line:
    return {"role": role, "model": name, "group": "", "value": value, "low": value, "high": value, "n": 1}


def curve(of: str, label: str, x: Sequence[float], values: Sequence[Estimate | float]) -> dict[str, Any]:
    """One line of a plot; lines `of` the same thing share a colour. One that is not measured has no interval."""
    sure = [value for value in values if isinstance(value, Estimate)]
    band = {"low": [v.low for v in sure], "high": [v.high for v in sure]} if sure else {"low": None, "high": None}
    return {"of": of, "label": label, "x": list(x), "y": [v.value if isinstance(v, Estimate) else v for v in values], **band}
