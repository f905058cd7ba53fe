"""`python -m runtime.example plan.json found.json --store S --stage NAME --row N`: one row as a stage reads it. `alignc show --example` starts this.

Rows and tokenizers come from the store where they are there; otherwise rows are read or generated up to the one asked for, and a tokenizer
that is trained in the run is trained here if that is quick. Rows that stages make must have been made.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aligncompiler.ir import Plan, Stage, artifact_folder, read_plan
from aligncompiler.spec.base import Ref
from aligncompiler.spec.codec import refs
from aligncompiler.store.artifacts import read_manifest

from .batching import STEP_LABELS
from .encoded import parts_of
from .examine import Examination, Reading, Silent, check_implemented, cut_of, in_time, is_model, readings
from .fault import Fault, Skip
from .logprob_table import read_logprob
from .model_files import load_encoder
from .registry import bind
from .rows import Row
from .store import Artifact
from .tokens import Encoder, leaves_of, longest
from .work import Work, load_rows

FILE_BYTES = 50_000_000  # largest data file that is read whole here, to train a tokenizer on
SECONDS = 20.0  # longest time for the generation of rows


class Shown:
    """One row of one stage, looked up or made. Raises Fault where that cannot be done."""

    def __init__(self, plan: Plan, store: Path, folder: Path) -> None:
        self.plan = plan
        self.store = store
        self.folder = folder
        self.examination = Examination(plan, folder)

    def example(self, stage: Stage, number: int) -> dict[str, Any]:
        """What the stage makes of row `number` of what it reads; of a dataset, and of a stage that reads no tokens, the row itself."""
        if stage.spec.family == "datasets":
            return {"stage": stage.id, "data": stage.id, "row": number, **self.row(stage, number, stage)}
        reading = next(readings(stage.spec), None)
        data = reading.data if reading is not None else next((ref for ref in refs(stage.spec) if ref.output.artifact == "dataset"), None)
        if stage.spec.family != "stages" or data is None:
            reads = [s.id for s in self.plan.stages if s.spec.family == "datasets" or next(readings(s.spec), None)]
            raise Fault("P631", f"`{stage.id}` reads no rows, so it has no example", "", (f"what does: {', '.join(reads)}",))
        looked_up = self.row(self.plan[stage.source(data)], number, stage)
        found = {"stage": stage.id, "data": stage.source(data), "row": number, **looked_up}
        if reading is None:
            return found
        others = sorted({stage.source(other.model) for other in readings(stage.spec)} - {stage.source(reading.model)})
        return found | self.tokens(stage, reading, looked_up["columns"], number) | {"others": others}

    # ---- rows

    def stored(self, stage: Stage) -> Artifact | None:
        manifest = read_manifest(self.store, stage.key)
        return Artifact(stage.id, artifact_folder(self.store, stage.key), manifest) if manifest is not None else None

    def row(self, data: Stage, number: int, asked: Stage) -> dict[str, Any]:
        """A row of a dataset, read from the store, or from where the dataset takes it: its `columns`; of how many `rows` it is one, None where that was
        not counted; and why how many records before it were `passed` over."""
        stored = self.stored(data)
        if stored is not None:
            rows = load_rows(stored)
            if number < len(rows):
                return {"columns": rows[number], "rows": len(rows), "passed": {}}
            count = len(rows)
        elif data.spec.family != "datasets":
            raise Fault("P631", f"the rows of `{asked.id}` are made by `{data.id}`, which has not been made yet", "", (to_make(self.plan, data),))
        else:
            check_implemented(data)
            work = Work(data, self.folder, data.seed, self.plan.engine, Silent())
            count = 0
            for row in in_time(work.usable(bind(data.spec, {})()), SECONDS):
                if count == number:
                    return {"columns": row, "rows": None, "passed": dict(work.skipped)}
                count += 1
        there = f"its rows that are kept count from 0 to {count - 1:,}" if count else "none of its rows is kept"
        raise Fault("P631", f"`{data.id}` has no row {number:,}: {there}", "", ("name another with `--row`",) if count else ())

    # ---- tokens

    def tokens(self, stage: Stage, reading: Reading, row: Row, number: int) -> dict[str, Any]:
        """The row in tokens: each segment with its parent and which of its tokens are learned or scored."""
        model = self.plan[stage.source(reading.model)]
        encoder = self.encoder(model)
        leaves = leaves_of(row, reading.reads) if reading.reads else ()
        cut = cut_of(self.plan, model, encoder) if leaves else None
        [((trunk, answers), ends)] = parts_of(encoder, [row], [column for _, column in leaves], cut, STEP_LABELS in reading.reads)
        limit = encoder.limit(reading.max_tokens) if reading.reads else encoder.context - 1
        scored = reading.model.output.artifact == "policy"  # a scorer reads one value at the end of an answer
        segments = [segment(encoder, "prompt", None, trunk, False)]
        tail = list(cut.tail) if cut is not None else []
        if encoder.pair:
            segments = [*by_themselves(encoder, trunk, [name for name, _ in leaves], answers, ends if cut is not None else None, tail)]
        elif cut is None:
            segments += [segment(encoder, name, 0, answer, scored) for (name, _), answer in zip(leaves, answers, strict=True)]
        else:
            for (name, _), answer, stops in zip(leaves, answers, ends, strict=True):
                segments += steps_of(encoder, name, answer, stops, tail, len(segments))
        length = longest(trunk, answers) + len(tail)
        skipped = Skip(f"longer than {limit} tokens" if reading.reads else f"prompt longer than {limit} tokens").reason if length > limit else ""
        numbers, missing = self.numbers(stage, row, number, [name for name, _ in leaves], reading.reads)
        return {
            "model": stage.source(reading.model),
            "targets": ("paths" if encoder.pair else "answers" if scored else "values" if cut is None else "steps") if leaves else "written",
            "segments": segments,
            "tokens": sum(len(one["tokens"]) for one in segments),
            "longest": length,
            "limit": limit,
            "skipped": skipped or missing,
            "numbers": numbers,
        }

    def numbers(self, stage: Stage, row: Row, number: int, names: list[str], reads: tuple[str, ...]) -> tuple[dict[str, float | None], str]:
        """What the objective reads beside the model's own, None where it is not computed yet; and why the row would be skipped for lack of it."""
        found: dict[str, float | None] = {"margin": float(row.get("margin") or 0.0)} if "margin" in reads else {}
        labels = row.get(STEP_LABELS) if STEP_LABELS in reads else None
        found |= {f"label of step {place}": label for place, label in enumerate(labels or (), 1) if label is not None}
        found |= {"score": row["score"]} if "score" in reads and row.get("score") is not None else {}
        reference = getattr(stage.spec, "reference", None)
        if not isinstance(reference, Ref):
            return found, ""
        stored = self.stored(self.plan[stage.source(reference)])
        if stored is None:
            return found | {f"reference_{name}_logp": None for name in names}, ""
        values = read_logprob(stored, number)
        if values is None:
            return found, "longer than the reference reads"
        return found | {f"reference_{name}_logp": value for name, value in zip(names, values, strict=True)}, ""

    def encoder(self, model: Stage) -> Encoder:
        """The tokenizer that a model reads with: its own, or that of what it is made from."""
        for stage in self.line(model):
            stored = self.stored(stage)
            if stored is not None and (stored.folder / "alignc.json").is_file():
                return load_encoder(stored)
        base = [*self.line(model)][-1]
        tokenizer = getattr(base.spec, "tokenizer", None)
        for id in {base.source(ref) for ref in refs(tokenizer)} if tokenizer is not None else ():
            self.read(self.plan[id], base)
        found = self.examination.encoder(base)
        for fault in self.examination.findings.faults:
            if found is None and fault["code"] != "P622":
                raise Fault(fault["code"], fault["message"], "", tuple(fault["help"]))
        if found is None:
            raise self.first(base)
        return found

    def line(self, model: Stage) -> Iterator[Stage]:
        """A model, and what it was made from, back to one that was made from none."""
        yield model
        before = next((ref for ref in refs(model.spec) if is_model(ref)), None)
        if before is not None:
            yield from self.line(self.plan[model.source(before)])

    def read(self, data: Stage, model: Stage) -> None:
        """Read the rows that a tokenizer is trained on, if that is quick."""
        stored = self.stored(data)
        if stored is not None:
            self.examination.rows[data.id] = stored
        elif data.spec.family == "datasets" and ((file := getattr(data.spec, "file", None)) is None or Path(file).stat().st_size < FILE_BYTES):
            self.examination.read(data)
        if data.id not in self.examination.rows:
            raise self.first(model)

    def first(self, model: Stage) -> Fault:
        return Fault("P631", f"the tokenizer of `{model.id}` is trained in the run, on too much to do it here", "", (to_make(self.plan, model),))


def to_make(plan: Plan, stage: Stage) -> str:
    """How to make a stage, as a hint; what is no stage of its own is made with what needs it."""
    needs = stage if stage.spec.family == "stages" else next((s for s in plan.stages if s.spec.family == "stages" and stage.id in plan.ancestors(s.id)), stage)
    return f"`alignc run {plan.spec_file} --only {needs.base}` makes it first"


def segment(encoder: Encoder, name: str, parent: int | None, ids: list[int], scored: bool) -> dict[str, Any]:
    texts = [encoder.tokenizer.decode([token], skip_special_tokens=False, clean_up_tokenization_spaces=False) for token in ids]
    tokens = [{"id": token, "text": text, "target": scored} for token, text in zip(ids, texts, strict=True)]
    return {"name": name, "parent": parent, "text": encoder.tokenizer.decode(ids, skip_special_tokens=False), "tokens": tokens}


def steps_of(encoder: Encoder, name: str, ids: list[int], ends: list[int], tail: list[int], place: int) -> Iterator[dict[str, Any]]:
    """The steps of an answer, each behind the one before it, and what stands behind each; the first of them is segment number `place`."""
    parent = start = 0
    for number, end in enumerate(ends, 1):
        yield segment(encoder, f"{name} {number}", parent, ids[start:end], False)
        parent, start = place, end
        place += 1
        if tail:
            yield segment(encoder, f"{name} {number} asked", parent, tail, False)
            place += 1


def by_themselves(
    encoder: Encoder, prompt: list[int], names: list[str], answers: list[list[int]], ends: list[list[int]] | None, tail: list[int]
) -> Iterator[dict[str, Any]]:
    """What an encoder reads, which shares nothing: each answer, or where there are steps each with all before it, behind a prompt of its own."""
    place = 0
    for number, (name, answer) in enumerate(zip(names, answers, strict=True)):
        for step, end in enumerate(ends[number] if ends is not None else [len(answer)], 1):
            yield segment(encoder, "prompt", None, prompt, False)
            yield segment(encoder, name if ends is None else f"{name} to step {step}", place, [*answer[:end], *tail], False)
            place += 2


def plain(value: Any) -> Any:
    """A value of a row as JSON has it."""
    return str(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Look up the example and write it, or the fault, as JSON; 130 if interrupted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("plan", type=Path)
    parser.add_argument("found", type=Path)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--row", type=int, required=True)
    args = parser.parse_args(arguments)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    plan = read_plan(args.plan)
    try:
        with tempfile.TemporaryDirectory(prefix="alignc-example-") as folder:
            found: dict[str, Any] = {"example": Shown(plan, args.store, Path(folder)).example(plan[args.stage], args.row)}
    except Fault as fault:
        found = {"fault": {"stage": args.stage, "code": fault.code, "message": fault.message, "field": "", "help": list(fault.help)}}
    except KeyboardInterrupt:
        return 130
    args.found.write_text(json.dumps(found, ensure_ascii=True, default=plain), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
