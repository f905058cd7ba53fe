"""Keep the rows with the lowest, or the highest, values of a column."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aligncompiler.spec.selecting import Filter, Keep

from ..columns import numbers_of
from ..encoded import Floats, Ints
from ..fault import Fault, Skip
from ..registry import implements
from ..rows import Row
from ..store import Artifact
from ..work import Work, load_rows


@implements(Filter)
def filter(work: Work, *, data: Artifact, by: tuple[str, ...], keep: Keep, side: str) -> None:
    """Write the rows that stay, in their order; a row without a number in one of the columns is skipped.

    Of n rows with numbers, `keep.share` keeps floor(share n + 1/2), and `keep.threshold` those with a sum of at most (at least) the threshold.
    """
    values_R = numbers_of(data, by).sum(1)
    known = np.flatnonzero(~np.isnan(values_R))
    kept = chosen(
        values_R[known] * (1 if side == "lowest" else -1), keep.share, None if keep.threshold is None else keep.threshold * (1 if side == "lowest" else -1)
    )
    if len(known) and not len(kept):
        edge = float(values_R[known].min() if side == "lowest" else values_R[known].max())
        text = f"no row stays of {len(known)} with numbers in {' and '.join(by)}; the {'smallest' if side == 'lowest' else 'largest'} is {edge:.6g}"
        raise Fault("P604", text, "keep", ("keep a larger share, or state another threshold",))
    stay = np.zeros(len(values_R), np.bool_)
    stay[known[kept]] = True

    def rows() -> Iterator[Row | Skip]:
        for number, row in enumerate(load_rows(data)):
            if np.isnan(values_R[number]):
                yield Skip(f"no number in {' or '.join(by)}")
            elif stay[number]:
                yield row

    work.save_rows(work.usable(rows()))
    work.facts |= {name: data.facts[name] for name in ("answer_columns", "shortcuts") if name in data.facts}
    work.summary |= {
        "of": len(values_R),
        "largest kept" if side == "lowest" else "smallest kept": float((values_R[stay].max if side == "lowest" else values_R[stay].min)()),
    }


def chosen(values_N: Floats, share: float | None, most: float | None) -> Ints:
    """Numbers of the values that are lowest, or at most `most`."""
    if most is not None:
        return np.flatnonzero(values_N <= most)
    assert share is not None
    return np.argsort(values_N, kind="stable")[: int(np.floor(share * len(values_N) + 0.5))]
