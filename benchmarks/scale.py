"""What rows cost, from a file to the steps of training: `.venv/bin/python benchmarks/scale.py [--rows 1000 10000 100000 1000000]`.

For each number of rows, in a process of its own: demonstrations of a JSON-lines file become an artifact (load), are tokenised into flat arrays
(encode), every step is told its rows (order), and some steps are laid out as forests (draw). Then 10,000 rows with ever longer texts are
encoded, the report is written of a training whose curve has as many points as there were rows, and as many pairs are judged by two rules,
from the file to the report. Seconds are CPU seconds of the process
(user and system); memory is the largest resident set, less what it was before the first row (imports). Prints Markdown and writes
results/bench_scale.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
WORDS = "the cat dog of and red birds are not all some fish animal follows so it that breathe swims number answer".split()  # noqa: SIM905  as a person reads them
PER_STEP, DRAWN_STEPS = 64, 32
LENGTHS = (8, 32, 128, 512)  # words of an answer


def write_rows(path: Path, rows: int, words: int) -> None:
    draw = random.Random(0)
    with path.open("w", encoding="utf-8") as stream:
        for number in range(rows):
            prompt = f"question {number}: {' '.join(draw.choices(WORDS, k=6))}"
            stream.write(json.dumps({"prompt": prompt, "completion": " " + " ".join(draw.choices(WORDS, k=words))}) + "\n")


class Silent:
    """Progress that nobody watches."""

    def update(self, done: int, total: int | None, text: str = "", unit: str = "", tokens: int | None = None) -> None:
        """Tell nobody."""


def peak() -> float:
    """The largest resident set so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(rows: int, words: int) -> dict[str, Any]:
    """Seconds and memory of one size, in this process."""
    import datasets  # noqa: F401  imports are not what is measured
    import torch

    from aligncompiler.ir import Stage
    from aligncompiler.spec.base import Output
    from aligncompiler.spec.dataset import Demonstrations
    from aligncompiler.spec.experiment import Engine
    from aligncompiler.spec.reduction import Mean
    from runtime.batching import Steps
    from runtime.encoded import encode_rows
    from runtime.registry import bind
    from runtime.store import Artifact
    from runtime.tokenizers.bpe import bpe
    from runtime.tokens import Encoder
    from runtime.work import Work, load_rows

    torch.set_num_threads(1)
    found: dict[str, Any] = {"rows": rows, "words": words}

    def timed(name: str, act: Callable[[], Any]) -> Any:
        start = time.process_time()
        made = act()
        found[f"{name}_s"] = round(time.process_time() - start, 3)
        found[f"{name}_peak_mb"] = round(peak() - found["before_mb"], 1)
        return made

    with tempfile.TemporaryDirectory(prefix="alignc-scale-") as name:
        folder = Path(name)

        def loaded(part: str, count: int) -> Work:
            file = folder / f"{part}.jsonl"
            write_rows(file, count, words)
            stage = Stage("datasets.rows", Demonstrations(file=str(file)), Output("dataset"))
            return Work(stage, folder / part, 0, Engine(accelerator="cpu"), Silent())

        def load(work: Work) -> Artifact:
            work.folder.mkdir()
            work.save_rows(work.usable(bind(work.stage.spec, {})()))
            return Artifact("datasets.rows", work.folder, {"facts": {}})

        few = load(loaded("few", 1000))
        tokenizer = bpe(data=few, vocab_size=500, digits="separate")
        encoder = Encoder(tokenizer, "plain", 4096)
        work = loaded("all", rows)
        found["before_mb"] = round(peak(), 1)
        data = timed("load", lambda: load(work))
        reader = load_rows(data, columns=("prompt", "completion"))
        examples = timed("encode", lambda: encode_rows(encoder, reader, ("completion",), 4096, print, lambda done, total: None, folder=folder))
        found["tokens"], found["mapped_mb"] = len(examples.ids), round(examples.ids.nbytes / 2**20, 1)
        steps = Steps(examples, ("completion",), "tokens", bind(Mean(), {}), max(1, rows // PER_STEP), PER_STEP, 16384, 0, encoder.pad, unroll=False, flat=True)
        timed("order", lambda: sum(len(steps.plan[s]) for s in range(len(steps))))
        drawn = min(len(steps), DRAWN_STEPS)
        timed("draw", lambda: [steps[s] for s in range(drawn)])
        found["drawn_rows"] = drawn * PER_STEP
    return found


def reported(points: int) -> dict[str, Any]:
    """Seconds, memory and size of the report of a run whose training has told this many points of its curve, in this process."""
    from aligncompiler.compile import compile_spec
    from aligncompiler.store.run_folder import begun
    from runtime.execute import describe
    from runtime.report.page import write_report
    from runtime.store import Store
    from runtime.work import Work

    plan = compile_spec(ROOT / "specs" / "quickstart.yaml", sets=["engine.accelerator=cpu"]).plan
    assert plan is not None
    stage = plan["stages.sft"]
    with tempfile.TemporaryDirectory(prefix="alignc-scale-") as name:
        folder = Path(name)
        store = Store(folder / "store")
        making = store.begin(stage.key)
        draw = random.Random(0)
        with (making / "metrics.jsonl").open("w", encoding="utf-8") as stream:
            for step in range(1, points + 1):
                point = {"step": float(step), "learning_rate": 1e-3, "gradient_norm": draw.random(), "loss": 1 + draw.random()}
                stream.write(json.dumps(point) + "\n")
        written = (making / "metrics.jsonl").stat().st_size
        work = Work(stage, making, 0, plan.engine, Silent())
        made = {stage.id: (store.commit(stage.id, stage.key, making, describe(plan, stage, work, "") | {"seconds": 1.0}), False)}
        ending = begun(folder, plan.name, plan.spec_file, len(plan.stages)) | {"status": "interrupted", "seconds": 1.0, "stage": "stages.drafts"}
        before, start = peak(), time.process_time()
        page = write_report(plan, made, folder, ending)
        seconds = round(time.process_time() - start, 3)
        return {
            "points": points,
            "curve_mb": round(written / 2**20, 1),
            "report_s": seconds,
            "page_kb": page.stat().st_size // 1024,
            "peak_mb": round(peak() - before, 1),
        }


EXAM = """\
alignc: v1
name: exam
engine: {accelerator: cpu, threads: 1}
datasets: {pairs: {kind: preferences, file: rows.jsonl}}
stages:
  exam:
    kind: evaluate
    models: [{kind: length}, {kind: regex, pattern: cat}]
    data: ${datasets.pairs}
    metrics: [{kind: pair_accuracy}]
"""


def evaluated(rows: int) -> dict[str, Any]:
    """Seconds and memory of a run that judges this many pairs by two rules, in this process: its rows, its table, its report."""
    import datasets  # noqa: F401  imports are not what is measured

    from aligncompiler.compile import compile_spec
    from aligncompiler.store.run_folder import begun
    from runtime.console import Console
    from runtime.execute import execute
    from runtime.ranks import Ranks
    from runtime.report.page import write_report
    from runtime.store import Store

    draw = random.Random(0)
    with tempfile.TemporaryDirectory(prefix="alignc-scale-") as name:
        folder = Path(name)
        (folder / "exam.yaml").write_text(EXAM, encoding="utf-8")
        with (folder / "rows.jsonl").open("w", encoding="utf-8") as stream:
            for number in range(rows):
                texts = {side: " ".join(draw.choices(WORDS, k=draw.randint(4, 12))) for side in ("chosen", "rejected")}
                stream.write(json.dumps({"prompt": f"question {number}", **texts}) + "\n")
        plan = compile_spec(folder / "exam.yaml").plan
        assert plan is not None
        made: Any = {}
        before, start = peak(), time.process_time()
        execute(plan, Store(folder / "store"), Console(plan, silent=True), Ranks(), made)
        page = write_report(plan, made, folder, begun(folder, plan.name, plan.spec_file, len(plan.stages)) | {"status": "complete", "seconds": 1.0})
        seconds = round(time.process_time() - start, 3)
        return {"rows": rows, "evaluate_s": seconds, "page_kb": page.stat().st_size // 1024, "peak_mb": round(peak() - before, 1)}


def exam_table(lines: list[dict[str, Any]]) -> list[str]:
    made = ["| pairs | from file to report, s (µs a pair) | page, KB | growth of memory, MB |", "|---|---|---|---|"]
    each = [(one, 1e6 * one["evaluate_s"] / one["rows"]) for one in lines]
    return made + [f"| {one['rows']:,} | {one['evaluate_s']:.2f} ({micro:.0f}) | {one['page_kb']} | {one['peak_mb']:.0f} |" for one, micro in each]


def report_table(lines: list[dict[str, Any]]) -> list[str]:
    made = ["| points of the curve | its file, MB | report, s | page, KB | growth of memory, MB |", "|---|---|---|---|---|"]
    return made + [f"| {one['points']:,} | {one['curve_mb']} | {one['report_s']:.2f} | {one['page_kb']} | {one['peak_mb']:.0f} |" for one in lines]


def table(lines: list[dict[str, Any]]) -> list[str]:
    head = ("rows", "words", "tokens", "load, s (µs a row)", "encode, s (µs a row)", "order, s", "draw, µs a row")
    made = [f"| {' | '.join([*head, 'memory after load, MB', 'after all, MB', 'mapped, MB'])} |", "|---" * (len(head) + 3) + "|"]
    for one in lines:
        n = one["rows"]
        load, encode = (f"{one[f'{name}_s']:.2f} ({1e6 * one[f'{name}_s'] / n:.0f})" for name in ("load", "encode"))
        memory = [f"{one[name]:.0f}" for name in ("load_peak_mb", "draw_peak_mb", "mapped_mb")]
        tokens, order = f"{one['tokens']:,}", f"{one['order_s']:.2f}"
        draw = f"{1e6 * one['draw_s'] / one['drawn_rows']:.0f}"
        made.append(f"| {' | '.join([f'{n:,}', str(one['words']), tokens, load, encode, order, draw, *memory])} |")
    return made


def machine() -> dict[str, Any]:
    import datasets
    import pyarrow
    import tokenizers
    import torch

    cpu = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    versions = {module.__name__: module.__version__ for module in (datasets, pyarrow, tokenizers, torch)}
    return {"cpu": cpu, "cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version(), **versions}


def alone(*words: object) -> dict[str, Any]:
    """What a process of its own measures."""
    environment = os.environ | {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, __file__, *map(str, words)], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(found), file=sys.stderr)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--one", type=int, nargs=2, metavar=("ROWS", "WORDS"), help="measure one size in this process, and print JSON")
    parser.add_argument("--report", type=int, metavar="POINTS", help="measure the report of one curve in this process, and print JSON")
    parser.add_argument("--evaluated", type=int, metavar="PAIRS", help="measure an evaluation in this process, and print JSON")
    args = parser.parse_args()
    if args.one or args.report or args.evaluated:
        print(json.dumps(measured(*args.one) if args.one else reported(args.report) if args.report else evaluated(args.evaluated)))
        return
    jobs = [(rows, 8) for rows in args.rows] + [(10_000, words) for words in LENGTHS[1:]]
    lines = [alone("--one", *job) for job in jobs]
    reports = [alone("--report", points) for points in args.rows]
    exams = [alone("--evaluated", rows) for rows in args.rows]
    print("\n".join([*table(lines), "", *report_table(reports), "", *exam_table(exams)]))
    whole = {"machine": machine(), "command": " ".join(["benchmarks/scale.py", *sys.argv[1:]]), "sizes": lines, "reports": reports, "exams": exams}
    (ROOT / "results" / "bench_scale.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
