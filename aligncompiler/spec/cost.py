"""What a stage takes and makes, before it is carried out: numbers that say how sure they are.

A number is `exact`, at most what is said (`at_most`), near it (`about`), or not known at all. What is computed from numbers is as sure as
the least sure of them; a sum of a bound and an estimate is an estimate. Nothing here knows a kind: each answers by `Kind.estimate`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from .base import Ref

if TYPE_CHECKING:
    from .experiment import Engine
    from .network import Network, Weights

Sure = Literal["exact", "at_most", "about", "unknown"]
ORDER: dict[Sure, int] = {"exact": 0, "at_most": 1, "about": 2, "unknown": 3}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that is not negative, and how sure it is. Sums and products with plain numbers take these for exact."""

    value: float | None = None
    sure: Sure = "unknown"

    def __add__(self, other: Figure | float) -> Figure:
        if not isinstance(other, Figure):
            return UNKNOWN if self.value is None else Figure(self.value + other, self.sure)
        return UNKNOWN if self.value is None or other.value is None else Figure(self.value + other.value, less_sure(self, other))

    def __mul__(self, other: Figure | float) -> Figure:
        if not isinstance(other, Figure):
            return UNKNOWN if self.value is None else Figure(self.value * other, self.sure)
        return UNKNOWN if self.value is None or other.value is None else Figure(self.value * other.value, less_sure(self, other))

    __radd__ = __add__
    __rmul__ = __mul__

    def least(self, other: Figure | float) -> Figure:
        """The smaller of two; nothing is above a bound, even where the other number is unknown or an estimate."""
        small, large = sorted((self, figure(other)), key=lambda f: math.inf if f.value is None else f.value)
        if small.sure in ("exact", "at_most"):
            return Figure(small.value, "exact" if small.sure == large.sure == "exact" else "at_most")
        return small

    def over(self, other: Figure) -> Figure:
        """The quotient. By a number that is not exact it is an estimate, but the same number over itself is 1."""
        if self.value is None or not other.value:
            return UNKNOWN
        return exact(1) if self == other else Figure(self.value / other.value, self.sure if other.sure == "exact" else "about")

    def most(self, other: Figure | float) -> Figure:
        """The larger of two."""
        other = figure(other)
        return UNKNOWN if self.value is None or other.value is None else Figure(max(self.value, other.value), less_sure(self, other))

    def rounded_up(self) -> Figure:
        return self if self.value is None else Figure(float(math.ceil(self.value)), self.sure)

    def bounded(self) -> Figure:
        """The same number, as a bound where it was exact."""
        return Figure(self.value, "at_most") if self.sure == "exact" else self

    def rough(self) -> Figure:
        """The same number, as an estimate."""
        return self if self.value is None else Figure(self.value, "about")


UNKNOWN = Figure()


def exact(value: float) -> Figure:
    return Figure(value, "exact")


def at_most(value: float) -> Figure:
    return Figure(value, "at_most")


def about(value: float) -> Figure:
    return Figure(value, "about")


def figure(value: Figure | float) -> Figure:
    return value if isinstance(value, Figure) else exact(value)


def less_sure(a: Figure, b: Figure) -> Sure:
    return a.sure if ORDER[a.sure] >= ORDER[b.sure] else b.sure


FILE_BYTES = 2500  # of an artifact beside its content, above all the manifest
NAMES = ("rows", "parameters", "trainable", "flops", "memory", "disk")


@dataclass(frozen=True, slots=True)
class Estimate:
    """What carrying out one stage takes, and what it makes. None where a figure has no meaning: a model has no rows.

    `rows`: rows of a dataset that is made, or that a stage works on. `parameters`: numbers in the weights, tied ones once; `trainable`:
    those that training moves. `flops`: floating-point operations of the matrix products, a multiplication and an addition each.
    `memory`: peak bytes of the tensors of networks on one device, at rows of the greatest length; not what Python, the libraries and rows
    in text take. `disk`: bytes of the artifact in the store.

    For the stages that read it: `network` is the shape of a model, where it is known; `row_bytes` the mean size of the texts of a row in
    bytes of UTF-8, `longest_bytes` that of the longest; `answers` how many rows answer the same prompt, `trees` in how many trees.
    """

    rows: Figure | None = None
    parameters: Figure | None = None
    trainable: Figure | None = None
    flops: Figure = UNKNOWN
    memory: Figure = UNKNOWN
    disk: Figure = UNKNOWN
    network: Network | None = None
    row_bytes: Figure = UNKNOWN
    longest_bytes: Figure = UNKNOWN
    answers: Figure = UNKNOWN
    trees: Figure = UNKNOWN

    @property
    def rows_known(self) -> Figure:
        """The rows, or unknown."""
        return UNKNOWN if self.rows is None else self.rows

    def found(self, manifest: Mapping[str, Any], size: int) -> Estimate:
        """With what a finished artifact says of itself; `size` is that of its files in bytes."""
        told = {**manifest.get("summary", {}), **manifest.get("facts", {})}
        rows = exact(told["rows"]) if "rows" in told and self.rows is not None else self.rows
        parameters = exact(told["parameters"]) if "parameters" in told else self.parameters
        network = replace(self.network, vocab=exact(told["vocabulary"])) if "vocabulary" in told and self.network is not None else self.network
        trainable = network.trainable if network is not None else self.trainable
        return replace(self, rows=rows, parameters=parameters, trainable=trainable, network=network, disk=exact(size))

    def figures(self) -> dict[str, Figure]:
        """The figures that have a meaning here, by name."""
        return {name: value for name in NAMES if (value := getattr(self, name)) is not None}

    def to_json(self) -> dict[str, Any]:
        """A number or null by name, and under `bounds` how sure each is that has a meaning here."""
        found = self.figures()
        return {name: number(found.get(name)) for name in NAMES} | {"bounds": {name: value.sure for name, value in found.items()}}


def number(value: Figure | None) -> int | None:
    return None if value is None or value.value is None else round(value.value)


@dataclass(frozen=True, slots=True)
class Lines:
    """What a data file tells before it is read as rows: how many records, the mean and the greatest size of one in bytes,
    and the first (of a csv file, its header)."""

    count: int
    bytes: float
    longest: int
    first: str


class Survey(Protocol):
    """Whom a kind asks when it estimates: what it reads, the engine, and files, none of which is loaded."""

    @property
    def engine(self) -> Engine: ...

    def __call__(self, ref: Ref) -> Estimate:
        """What was estimated for the stage that a reference leads to."""

    def lines(self, file: str) -> Lines | None:
        """The records of a data file, or None where they cannot be counted cheaply."""

    def weights(self, folder: str | None, package: str | None, path: str | None, pretrained: str | None, revision: str | None) -> Weights | None:
        """The shapes of weights that exist, or None where they do not lie here."""
