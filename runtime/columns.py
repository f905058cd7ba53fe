"""Columns of numbers out of the rows of a dataset."""

from __future__ import annotations

import numpy as np

from .encoded import Floats
from .fault import Fault
from .store import Artifact
from .work import load_rows


def numbers_of(data: Artifact, names: tuple[str, ...], field: str = "data") -> Floats:
    """The numbers of every row in these columns, [rows, columns]; NaN where there is none. Raises Fault for a column that is not there, or for what is no
    number, at this field of the stage."""
    rows = load_rows(data, columns=names)
    missing = [name for name in names if name not in rows.columns]
    if missing:
        raise Fault("P603", f"the rows carry no column `{missing[0]}`", field, (f"columns: {', '.join(load_rows(data).columns)}",))
    found = np.full((len(rows), len(names)), np.nan)
    for number, row in enumerate(rows):
        for place, name in enumerate(names):
            if row[name] is not None:
                try:
                    found[number, place] = float(row[name])
                except (TypeError, ValueError):
                    raise Fault("P603", f"`{name}` is {row[name]!r} in row {number + 1}, which is no number", field) from None
    return found
