"""`python -m runtime.examine plan.json findings.json`: what a run would find in the data. `alignc check --data` starts this as a process.

Rows are read by the code that a run reads them with, into a folder that goes away again; models are looked at as far as their
configuration and tokenizer. Left out, each with a note: datasets of the hub, and what would take long before a run needs it (generated rows,
tokenizers of large data). Rows that stages make are not there yet, and nothing is said of them.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow.parquet as pq

from aligncompiler.ir import Plan, Stage, read_plan
from aligncompiler.spec.base import Kind, Ref
from aligncompiler.spec.codec import refs
from aligncompiler.spec.reward import Reward

from .distinct_prompts import distinct_prompts
from .encoded import parts_of
from .fault import Fault
from .lowering import faults_in
from .model_files import load_encoder, write_about
from .registry import bind
from .rows import Row, type_of
from .steps import Cut
from .store import Artifact
from .tokens import Encoder, leaves_of, longest
from .weights import find_source
from .work import ROWS_FILE, Stopwatch, Work, load_rows

SECONDS = 20.0  # longest time for generating the rows of one dataset, or for the tokens of one
TEXT_BYTES = 10_000_000  # largest Parquet file of rows that a tokenizer is trained on here
FIRST_ROWS = 100  # rows that the types of columns are read from


T = TypeVar("T")


class Silent:
    """Progress that nobody watches."""

    def update(self, done: int, total: int | None, text: str = "", unit: str = "", tokens: int | None = None) -> None:
        """Tell nobody."""


@dataclass
class Findings:
    """What was found: faults by stage and field, a line of figures for each dataset, how many rows of one have their prompt in another too, and
    what was left out."""

    faults: list[dict[str, Any]] = field(default_factory=list)
    datasets: list[dict[str, Any]] = field(default_factory=list)
    shared: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, stage: Stage, fault: Fault) -> None:
        self.faults.append({"stage": stage.id, "code": fault.code, "message": fault.message, "field": fault.field, "help": list(fault.help)})


@dataclass(frozen=True)
class Reading:
    """How a stage reads the rows of a dataset: in which model's tokens, up to how many of them, for which quantities, and how many rows.

    Without quantities the model writes the answer itself, so that only the prompt counts, which must leave room.
    """

    data: Ref
    model: Ref
    reads: tuple[str, ...]
    max_tokens: int | str = "context"
    first: int | None = None


class Examination:
    """Looks at the datasets and models of a plan. `folder` is for what is read."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.folder = folder
        self.findings = Findings()
        self.rows: dict[str, Artifact] = {}
        self.encoders: dict[str, Encoder | None] = {}
        self.lengths: dict[tuple[str, str, tuple[str, ...], Cut | None], list[int]] = {}

    def run(self) -> Findings:
        """Everything, in the order of the plan: datasets, models, then the stages that read them."""
        for stage in self.plan.stages:
            if stage.spec.family == "datasets":
                self.guarded(stage, self.read)
        self.compare()
        for stage in self.plan.stages:
            if stage.spec.family == "models":
                self.encoder(stage)
        for stage in self.plan.stages:
            if stage.spec.family == "stages" and not stage.why:
                self.guarded(stage, self.measure)
        return self.findings

    def guarded(self, stage: Stage, look: Callable[[Stage], None]) -> None:
        try:
            look(stage)
        except Fault as fault:
            self.findings.add(stage, fault)

    # ---- datasets

    def read(self, stage: Stage) -> None:
        """Read or generate the rows of a dataset. Raises Fault as a run does."""
        check_implemented(stage)
        if getattr(stage.spec, "hub", None) is not None:
            self.findings.notes.append(f"{stage.id}: it lies on the hub, so its rows were not read")
            return
        work = Work(stage, self.folder / stage.id, stage.seed, self.plan.engine, Silent())
        work.folder.mkdir()
        rows = work.usable(bind(stage.spec, self.rows)())
        watch = Stopwatch()
        work.save_rows(rows if stage.files else in_time(rows, SECONDS))
        if not stage.files and watch.seconds() > SECONDS:
            self.findings.notes.append(f"{stage.id}: its rows take longer than {SECONDS:.0f} s to generate, so they were not looked at")
            return
        self.rows[stage.id] = Artifact(stage.id, work.folder, {"output": asdict(stage.output), "facts": work.facts})
        skipped = sum(work.skipped.values())
        whole = work.facts["rows"] + skipped
        if skipped:
            reasons = ", ".join(f"{count:,} x {reason}" for reason, count in work.skipped.most_common())
            field, of = work.source()
            text = f"{skipped:,} of {whole:,} rows{of}{share(skipped, whole)} cannot be used and would be skipped: {reasons}"
            self.findings.add(stage, Fault("P622", text, field, ("mend the rows, or leave it at that",)))
        head = pq.ParquetFile(work.folder / ROWS_FILE).iter_batches(FIRST_ROWS)
        self.findings.datasets.append({"id": stage.id, "rows": whole, "skipped": skipped, "columns": columns_of(next(head).to_pylist()), "tokens": {}})

    def compare(self) -> None:
        """Count for every two datasets the rows of the first whose prompt is in the second too, blanks at both ends left out."""
        prompts = {id: list(hashes(rows)) for id, rows in self.rows.items()}
        known = {id: set(found) for id, found in prompts.items()}
        for one, other in itertools.permutations(prompts, 2):
            count = sum(prompt in known[other] for prompt in prompts[one])
            if count:
                self.findings.shared.append({"id": one, "with": other, "rows": count, "of": len(prompts[one])})

    # ---- models

    def encoder(self, stage: Stage) -> Encoder | None:
        """The tokenizer of a model or of what is trained from it, or None where it cannot be had; a fault is told once, at the model."""
        if stage.id not in self.encoders:
            self.encoders[stage.id] = None  # of a model that is at fault nothing more is said
            if stage.spec.family == "models":
                self.guarded(stage, self.load)
            else:
                self.encoders[stage.id] = next((self.encoder(self.plan[ref.to]) for ref in refs(stage.spec) if is_model(ref)), None)
        return self.encoders[stage.id]

    def load(self, stage: Stage) -> None:
        """Enter the tokenizer of a model: loaded from where the weights lie, or trained as the model would be built with it."""
        spec = stage.spec
        check_implemented(stage)
        if getattr(spec, "architecture", None) is not None:
            self.train_tokenizer(stage)
        elif {"pretrained", "folder", "package"} <= set(type(spec).model_fields):
            source = {name: getattr(spec, name) for name in ("pretrained", "revision", "folder", "package", "path")}
            named, name, revision = find_source(stage.output.artifact == "encoder", **source)
            folder = self.folder / stage.id
            folder.mkdir()
            write_about(folder, {"prompt_format": getattr(spec, "prompt_format", "plain"), "pointer": {"name": name, "revision": revision}})
            try:
                self.encoders[stage.id] = load_encoder(Artifact(stage.id, folder, {}))
            except Fault as fault:
                raise Fault(fault.code, fault.message, fault.field or named, fault.help) from None

    def train_tokenizer(self, stage: Stage) -> None:
        tokenizer: Kind = getattr(stage.spec, "tokenizer")  # noqa: B009  not every model has one, and those with an architecture do
        needed = [ref.to for ref in refs(tokenizer)]
        if any(id not in self.rows for id in needed):
            return  # what it is trained on was at fault, left out, or is not there yet
        if sum((self.rows[id].folder / ROWS_FILE).stat().st_size for id in needed) > TEXT_BYTES:
            self.findings.notes.append(f"{stage.id}: its tokenizer is trained in the run; on so much text that takes long, so no tokens were counted")
            return
        context = getattr(stage.spec, "architecture").context  # noqa: B009
        self.encoders[stage.id] = Encoder(bind(tokenizer, self.rows)(), "plain", context)
        self.findings.notes.append(f"{stage.id}: its tokenizer was trained to count tokens, and is not kept")

    # ---- stages

    def measure(self, stage: Stage) -> None:
        """Count the rows that a stage would skip because they are too long. Raises Fault where it would be left with none."""
        for reading in readings(stage.spec):
            encoder = self.encoder(self.plan[reading.model.to])
            data = self.rows.get(reading.data.to)
            if encoder is None or data is None:
                continue
            limit = encoder.limit(reading.max_tokens) if reading.reads else encoder.context - 1
            rows = load_rows(data, reading.first) if reading.reads else distinct_prompts(data, reading.first, Counter())
            lengths = self.tokens(reading, encoder, rows)
            over = sum(length > limit for length in lengths)
            looked = f"{len(rows):,} rows" if len(lengths) == len(rows) else f"the first {len(lengths):,} rows"
            named = next((name for name in ("max_tokens", "data", "prompts") if name in stage.places), "")
            too = f"are longer than {limit:,} tokens" if reading.reads else f"have prompts longer than {limit:,} tokens, which leave no room for an answer,"
            lower = bool(reading.reads) and limit < encoder.context
            help = ("raise `max_tokens`, or leave them out" if lower else "use a model with a longer context, or leave them out",)
            if over and over == len(rows):
                raise Fault("P604", f"all {looked} of `{reading.data.path}` {too} so none is left", named, help)
            if over:
                text = f"{over:,} of {looked}{share(over, len(lengths))} of `{reading.data.path}` {too} and would be skipped"
                self.findings.add(stage, Fault("P622", text, named, help))

    def tokens(self, reading: Reading, encoder: Encoder, rows: Sequence[Row]) -> list[int]:
        """Tokens of each row, prompt and longest answer, as far as they can be counted in time; counted once for each tokenizer."""
        base = next(id for id, known in self.encoders.items() if known is encoder)
        columns = tuple(column for _, column in leaves_of(rows[0], reading.reads)) if reading.reads else ()
        cut = cut_of(self.plan, self.plan[reading.model.to], encoder) if columns else None
        key = (reading.data.to, base, columns, cut)
        if len(self.lengths.get(key, ())) < len(rows):
            parts = (next(parts_of(encoder, [row], columns, cut, told=False))[0] for row in rows)
            self.lengths[key] = list(in_time((longest(*found) + len(cut.tail if cut is not None else ()) for found in parts), SECONDS))
            line = next(one for one in self.findings.datasets if one["id"] == reading.data.to)
            if columns and base not in line["tokens"]:
                line["tokens"][base] = quantiles(self.lengths[key])
        return self.lengths[key][: len(rows)]


def hashes(rows: Artifact) -> Iterator[int]:
    """A hash of the prompt of each row, or of its text where it has none."""
    file = pq.ParquetFile(rows.folder / ROWS_FILE)
    column = next((name for name in ("prompt", "text") if name in file.schema_arrow.names), None)
    for batch in file.iter_batches(columns=[column]) if column is not None else ():
        yield from (hash(value.strip()) for value in batch.column(0).to_pylist() if isinstance(value, str))


def check_implemented(stage: Stage) -> None:
    """Raise the first Fault of the code that would carry out a stage."""
    for fault in faults_in(stage.spec):
        raise fault


def readings(spec: Kind) -> Iterator[Reading]:
    """How a stage reads rows, told from its fields: the limit it states, the answers it has written, the pairs it measures."""
    fields = {name: getattr(spec, name) for name in type(spec).model_fields}
    data = fields.get("data", fields.get("prompts"))
    if not isinstance(data, Ref):
        return
    pairs, answers = ("chosen_logp", "rejected_logp"), ("completion_logp",)
    reads = getattr(fields.get("objective"), "reads", None) or (pairs if "preferences" in data.output.all_rows else answers)
    measured = {metric.measures for metric in fields.get("metrics", ())} or {"answers"}
    for model in (ref for name in ("model", "policy", "models") for ref in refs(fields.get(name))):
        if "max_tokens" in fields:
            yield Reading(data, model, reads, fields["max_tokens"])
        elif "max_new_tokens" in fields:
            yield from (Reading(data, model, pairs, first=fields.get("limit")),) if "pairs" in measured else ()
            yield from (Reading(data, model, (), first=fields.get("limit")),) if "answers" in measured else ()


def cut_of(plan: Plan, model: Stage, encoder: Encoder) -> Cut | None:
    """How a model cuts answers, as the judge says that it was made from; None for one that reads whole answers."""
    if isinstance(model.spec, Reward) and model.spec.judged is not None:
        return Cut.of(*model.spec.judged, encoder)
    before = next((plan[model.source(ref)] for ref in refs(model.spec) if is_model(ref)), None)
    return cut_of(plan, before, encoder) if before is not None else None


def is_model(ref: Ref) -> bool:
    return ref.output.artifact in ("policy", "scorer", "encoder")


def in_time(items: Iterable[T], seconds: float) -> Iterator[T]:
    """The items that come in time, at least one."""
    end = time.monotonic() + seconds
    for item in items:
        yield item
        if time.monotonic() > end:
            return


def share(part: int, whole: int) -> str:
    """`part` of `whole` in percent, for a sentence."""
    return f" ({100 * part / whole:.0f} %)" if 100 * part >= whole else " (below 1 %)"


def quantiles(lengths: Sequence[int]) -> dict[str, int]:
    """Median, 95th percentile and largest of some counts, each one of them."""
    ordered = sorted(lengths)
    return {"p50": ordered[(len(ordered) - 1) // 2], "p95": ordered[(len(ordered) - 1) * 95 // 100], "max": ordered[-1]}


def columns_of(rows: Sequence[Row]) -> dict[str, str]:
    """Column -> the type of its values, null left out."""
    found = {name: {type_of(row[name]) for row in rows if row[name] is not None} for name in rows[0]}
    return {name: " or ".join(sorted(types)) or "null" for name, types in found.items()}


def main() -> int:
    """Examine the plan and write the findings as JSON; 130 if interrupted."""
    plan_file, findings_file = map(Path, sys.argv[1:])
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        with tempfile.TemporaryDirectory(prefix="alignc-data-") as folder:
            findings = Examination(read_plan(plan_file), Path(folder)).run()
    except KeyboardInterrupt:
        return 130
    findings_file.write_text(json.dumps(asdict(findings)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
