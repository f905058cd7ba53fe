"""What an implementation of a stage is given besides its fields: a folder to write to, a seed, a place to report to."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from aligncompiler.ir import Stage
from aligncompiler.spec.experiment import Engine
from aligncompiler.store.inputs import shown

from .checkpoints import Checkpoints, Keep, computed
from .fault import Fault, Skip
from .malformed import type_clash
from .row_file import MISFITS, Rows, RowWriter
from .rows import Row, clash
from .store import Artifact

ROWS_FILE = "rows.parquet"
CURVES_FILE = "metrics.jsonl"
TABLE_FILE = "table.json"


class Progress(Protocol):
    """Where long work says how far it is."""

    def update(self, done: int, total: int | None, text: str = "", unit: str = "", tokens: int | None = None) -> None:
        """`unit` names what is counted, where it is not what the kind of the stage counts; `tokens` were worked on so far, where that is known."""


@dataclass
class Work:
    """One stage at work.

    `facts` is read by later stages and ends in the manifest, `summary` is what a person sees in a line, `skipped` counts rows that were
    left out, by reason. `checkpoints` is what is kept of it, to go on from when it is killed.
    """

    stage: Stage
    folder: Path
    seed: int
    engine: Engine
    progress: Progress
    run: Path = Path()  # folder of the run, for what is no part of the artifact
    experiment: str = ""
    first: bool = True  # of several processes, the one that tells
    checkpoints: Checkpoints | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def device(self) -> str:
        """Where networks of this stage work."""
        return "cuda" if self.engine.accelerator == "cuda" else "cpu"

    def usable(self, rows: Iterable[Row | Skip]) -> Iterator[Row]:
        """The rows without the skips, which are counted."""
        for row in rows:
            if isinstance(row, Skip):
                self.skipped[row.reason] += 1
            else:
                yield row

    def keep(self, series: str) -> Keep:
        """What knows the parts of a series that an earlier attempt has done, and keeps those done now."""
        return computed if self.checkpoints is None else partial(self.checkpoints.piece, series)

    def source(self) -> tuple[str, str]:
        """The field that names where the rows are from, and " of `NAME`"; both are empty where the rows are made."""
        field = next((name for name in ("file", "hub") if getattr(self.stage.spec, name, None) is not None), "")
        return (field, f" of `{shown(getattr(self.stage.spec, field))}`") if field else ("", "")

    def save_rows(self, rows: Iterable[Row]) -> None:
        """Write the rows as Parquet. Raises Fault if there are none."""
        writer = RowWriter(self.folder / ROWS_FILE)
        for row in rows:
            self.fitted(writer, writer.add, row)
            if writer.count % 1000 == 0:
                self.progress.update(writer.count, None, unit="rows")
        if not writer.count:
            field, of = self.source()
            reasons = ", ".join(f"{count} x {reason}" for reason, count in self.skipped.most_common()) or "none were read"
            raise Fault("P604", f"no rows{of} are left ({reasons})", field, ("mend the rows, or the fields that choose them",))
        self.fitted(writer, writer.close)
        self.facts["rows"] = self.summary["rows"] = writer.count

    def fitted(self, writer: RowWriter, write: Callable[..., None], *row: Row) -> None:
        """Write; raise Fault, with the first two rows that clash, where the values of a column have no type in common."""
        try:
            write(*row)
        except MISFITS as error:
            field, of = self.source()
            told = type_clash(Path(getattr(self.stage.spec, "file"))) if field == "file" else ""  # noqa: B009  not every kind has one
            told = told or clash(enumerate(writer.rows(), 1), "row")
            text = told or f"the values of a column cannot be stored as one type: {str(error).splitlines()[0]}"
            raise Fault("P602", f"the rows{of} do not fit one table: {text}" if of else text, field, ("write all values of a column in one form",)) from None

    def log(self, point: Mapping[str, float]) -> None:
        """Add a point to the curves of this stage."""
        with (self.folder / CURVES_FILE).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(dict(point)) + "\n")

    def curve(self) -> list[dict[str, float]]:
        """The points that are there: those of an earlier attempt that this stage goes on from."""
        path = self.folder / CURVES_FILE
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def load_rows(artifact: Artifact, limit: int | None = None, columns: Sequence[str] | None = None) -> Rows:
    """The rows of a dataset artifact, in their order; with these columns, or all."""
    return Rows(artifact.folder / ROWS_FILE, limit, columns)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self.start = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self.start
