"""Training beside TRL: pairs per CPU-second, peak memory and losses of DPO and of reward models, part of `make bench`.

Every figure is measured in a process of its own, ours and theirs in turn; ratios are medians of the ratios of neighbouring runs. The rows have
HH-like lengths (prompt about 150 tokens, answers about 70, at most 512 in all), or are binary trees of answers; an ensemble of five scorers of five
attributes on one backbone is measured beside one of them. All models are Llamas with a
vocabulary of 32,000 words, in the same folder, with the same tokenizer. CPU time is user and system time of all threads from the second
optimiser step on; memory is what a process holds at most, less what it holds when its libraries and the model are loaded.

Writes `results/bench_training.json`, with `--only NAME` `results/bench_training_NAME.json`, and prints Markdown. `--quick` makes one short round, to see that
it works. `--bfloat16`: the same under autocast on both sides; `results/bench_training_bfloat16.json`. `--gpu`: a larger model in bfloat16 on a
GPU, TRL in the same environment, all in one process in turn, seconds by the clock and memory of the GPU; `results/bench_training_gpu.json`.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from check import CACHE, ROOT, environment, install
from inputs.pairs import BFLOAT16, GPU, ROWS_A_STEP, SHAPE, TREE_PAIRS_A_STEP, VOCABULARY, model_of, prepare

TIME = "seconds" if GPU else "cpu_seconds"
DPO = "objective: {kind: dpo, beta: 0.1}"
BRADLEY_TERRY = "objective: {kind: bradley_terry}"
LIKELIHOOD = "objective: {kind: gaussian_likelihood}"

SPEC = """\
alignc: v1
name: bench
engine: {{accelerator: {accelerator}, precision: {precision}}}
models: {{base: {{kind: causal_lm, folder: {model}}}}}
datasets: {{pairs: {{kind: {kind}, file: {rows}}}}}
rewards:
  scalar: {{kind: scalar, backbone: "${{models.base}}"}}
  attributes: {{kind: attributes, backbone: "${{models.base}}", names: [a, b, c, d, e], head: gaussian}}
  ensemble: {{kind: ensemble, of: "${{rewards.attributes}}", members: 5}}
stages:
  bench:
    kind: train
    model: ${{{start}}}
    data: ${{datasets.pairs}}
    {objective}
    budget: {{steps: {steps}}}
    batch: {{rows: {per_step}, shuffle: {shuffle}, tokens_at_once: {tokens_at_once}}}
    max_tokens: 512
    optimizer: {{kind: adamw, learning_rate: 1e-4}}
    schedule: {{shape: constant, warmup: 0}}
    log_every: 1
"""


# What is measured: CPU seconds, wall seconds and peak memory.


class Meter:
    """CPU and wall seconds at every optimiser step, and the memory before the first."""

    def __init__(self) -> None:
        self.steps: list[tuple[float, float]] = []
        self.before = 0.0

    def start(self) -> None:
        """The libraries and the model are loaded."""
        if GPU:
            import torch

            gc.collect()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            self.before = torch.cuda.memory_allocated()
        else:
            self.before = int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) * 1024
            Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew

    def step(self) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.steps.append((used.ru_utime + used.ru_stime, time.perf_counter()))

    def result(self, rows: int, losses: list[float], **more: Any) -> dict[str, Any]:
        peak = most_memory()
        (cpu, wall), (last_cpu, last_wall), count = self.steps[0], self.steps[-1], len(self.steps) - 1
        figures = {"rows": rows * count, "cpu_seconds": last_cpu - cpu, "seconds": last_wall - wall} if count else {"rows": 0}
        return figures | {"peak_bytes": peak, "growth_bytes": peak - self.before, "losses": losses, **more}


def most_memory() -> int:
    """Bytes that the process, or on a GPU its tensors, took at most."""
    if GPU:
        import torch

        return torch.cuda.max_memory_allocated()
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


def ours(folder: Path, rows: str, objective: str, start: str, steps: int, per_step: int = ROWS_A_STEP, tokens_at_once: int = 16384) -> dict[str, Any]:
    """A `train` stage through the plan, its reference stage before it."""
    import tempfile

    from aligncompiler.compile import compile_spec
    from runtime.console import Console, StageLine
    from runtime.execute import execute
    from runtime.ranks import Ranks
    from runtime.store import Store
    from runtime.work import CURVES_FILE

    meter = Meter()
    spent: dict[str, float] = {}

    class Line(StageLine):
        """Hears of every step of the stage that is measured, and of the CPU time of the others."""

        def update(self, done: int, total: int | None, text: str = "", unit: str = "", tokens: int | None = None) -> None:
            if self.stage.id == "stages.bench" and text.startswith("loss"):
                meter.step()

    class Listening(Console):
        @contextmanager
        def stage(self, stage: Any) -> Iterator[StageLine]:
            if stage.id == "stages.bench":
                meter.start()
            before = time.process_time()
            yield Line(self, stage)
            spent[stage.id] = time.process_time() - before

    with tempfile.TemporaryDirectory() as there:
        spec = Path(there, "bench.yaml")
        text = SPEC.format(
            model=folder / model_of(rows),
            accelerator="cuda" if GPU else "cpu",
            precision="bfloat16" if BFLOAT16 else "float32",
            kind="completions" if rows == "rated" else "preferences",
            rows=folder / f"{rows}.jsonl",
            start=start,
            objective=objective,
            steps=steps,
            per_step=per_step,
            shuffle="prompts" if rows == "trees" else "rows",
            tokens_at_once=tokens_at_once,
        )
        spec.write_text(text)
        found = compile_spec(spec)
        assert found.plan is not None, found.report.diagnostics
        made: Any = {}
        execute(found.plan, Store(Path(there, "store")), Listening(found.plan, silent=True), Ranks(), made)
        artifact = made["stages.bench"][0]
        losses = [json.loads(line)["loss"] for line in (artifact.folder / CURVES_FILE).read_text().splitlines()]
        count = sum(1 for _ in (folder / f"{rows}.jsonl").open())
        reference = spent.get("stages.bench.reference")
        return meter.result(per_step, losses, **({"reference_cpu_seconds_a_row": reference / count} if reference is not None else {}))


def theirs(folder: Path, rows: str, trainer: str, steps: int, settings: dict[str, Any]) -> dict[str, Any]:
    """TRL's trainer of this name on the same rows."""
    import tempfile

    import datasets
    import transformers
    import trl

    datasets.disable_progress_bars()
    data = datasets.Dataset.from_list([json.loads(line) for line in (folder / f"{rows}.jsonl").open()])
    meter = Meter()
    losses: list[float] = []

    class Listening(transformers.TrainerCallback):
        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            meter.start()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            meter.step()

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **kwargs: Any) -> None:
            losses.extend([float(logs["loss"])] if "loss" in logs else [])

    with tempfile.TemporaryDirectory() as there:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder / model_of(rows))
        common = {"output_dir": there, "max_length": 512, "max_steps": steps, "report_to": "none", "save_strategy": "no", "use_cpu": not GPU, "bf16": BFLOAT16}
        common |= {"learning_rate": 1e-4, "lr_scheduler_type": "constant", "logging_steps": 1, "disable_tqdm": True, "logging_nan_inf_filter": False}
        config = getattr(trl, trainer.replace("Trainer", "Config"))(**common | settings)
        if trainer == "RewardTrainer":
            model: Any = transformers.AutoModelForSequenceClassification.from_pretrained(folder / model_of(rows), num_labels=1, dtype="float32")
        else:
            model = transformers.AutoModelForCausalLM.from_pretrained(folder / model_of(rows), dtype="float32")
        made = getattr(trl, trainer)(model=model, args=config, train_dataset=data, processing_class=tokenizer, callbacks=[Listening()])
        made.train()
    return meter.result(config.per_device_train_batch_size * config.gradient_accumulation_steps, losses)


def padded(folder: Path, steps: int) -> dict[str, Any]:
    """Every answer of a tree once, padded, through transformers: all pairs of a step are formed of its scores. A loop by hand."""
    import torch
    import transformers

    torch.manual_seed(0)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / model_of("trees"))
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder / model_of("trees"), num_labels=1, dtype=torch.float32)
    device = "cuda" if GPU else "cpu"
    model.to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.0)
    rows = [json.loads(line) for line in (folder / "trees.jsonl").open()]
    meter = Meter()
    meter.start()
    losses = []
    for step in range(steps):
        part = rows[step * TREE_PAIRS_A_STEP % len(rows) :][:TREE_PAIRS_A_STEP]
        answers = list(dict.fromkeys((row["prompt"], row[side]) for row in part for side in ("chosen", "rejected")))
        batch = tokenizer([p + a + "</s>" for p, a in answers], padding=True, return_tensors="pt").to(device)
        with torch.autocast(device, torch.bfloat16, enabled=BFLOAT16):
            scores = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, 0]
        at = {answer: n for n, answer in enumerate(answers)}
        gaps = torch.stack([scores[at[row["prompt"], row["chosen"]]] - scores[at[row["prompt"], row["rejected"]]] for row in part])
        loss = -torch.nn.functional.logsigmoid(gaps).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        meter.step()
        losses.append(float(loss))
    return meter.result(TREE_PAIRS_A_STEP, losses)


def ceiling() -> float:
    """Floating-point operations per CPU-second of large matrix products in the runs' precision, with as many threads as they have."""
    import torch

    a, b = (torch.randn(1024, 1024).to(torch.bfloat16 if BFLOAT16 else torch.float32) for _ in range(2))
    best = 0.0
    for _ in range(5):
        before = time.process_time()
        for _ in range(20):
            a @ b
        best = max(best, 20 * 2 * 1024**3 / (time.process_time() - before))
    return best


def flops_a_row(folder: Path, rows: str, leaves: int) -> float:
    """Operations of forward and backward passes that no trainer can avoid for a row: 6 a weight of the blocks and token of the tree, attention
    along the paths, 6 a word of the vocabulary and scored token."""
    found = [json.loads(line) for line in (folder / f"{rows}.jsonl").open()]
    h, f, layers = SHAPE["hidden_size"], SHAPE["intermediate_size"], SHAPE["num_hidden_layers"]
    block = layers * (4 * h * h + 3 * h * f)
    total = 0.0
    for row in found:
        prompt, answers = len(row["prompt"].split()), [len(row[n].split()) + 1 for n in ("chosen", "rejected")][:leaves]
        pairs = prompt * (prompt + 1) / 2 + sum(a * prompt + a * (a + 1) / 2 for a in answers)
        total += 6 * block * (prompt + sum(answers)) + 12 * layers * h * pairs + 6 * VOCABULARY * h * sum(answers)
    return total / len(found)


# Batches by length are not among the best settings: the sampler of transformers refuses the columns of both trainers. Nor is `padding_free`,
# which this version switches off by itself.
# On a GPU, which waits for launches, steps are as large as ours.
REWARD_BEST = {"gradient_checkpointing": False, **({"per_device_train_batch_size": ROWS_A_STEP} if GPU else {})}
BEST = {"precompute_ref_log_probs": True, **REWARD_BEST}
FEW = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 4, "gradient_checkpointing": False}


def measurements(folder: Path, quick: bool) -> dict[str, Any]:
    """What each name measures."""
    steps, short = (2, 2) if quick else (12, 6) if GPU else (3, 3)
    return {
        "dpo ours": lambda: ours(folder, "pairs", DPO, "models.base", steps),
        "dpo trl default": lambda: theirs(folder, "pairs", "DPOTrainer", steps, {}),
        "dpo trl best": lambda: theirs(folder, "pairs", "DPOTrainer", steps, BEST),
        "dpo ours, 32 rows": lambda: ours(folder, "few", DPO, "models.base", 2),
        "dpo trl, 32 rows": lambda: theirs(folder, "few", "DPOTrainer", 2, FEW),
        "reward ours": lambda: ours(folder, "pairs", BRADLEY_TERRY, "rewards.scalar", steps),
        "reward trl default": lambda: theirs(folder, "pairs", "RewardTrainer", steps, {}),
        "reward trl best": lambda: theirs(folder, "pairs", "RewardTrainer", steps, REWARD_BEST),
        "trees ours": lambda: ours(folder, "trees", BRADLEY_TERRY, "rewards.scalar", short, per_step=TREE_PAIRS_A_STEP),
        "trees trl default": lambda: theirs(folder, "trees", "RewardTrainer", short, {}),
        "trees padded": lambda: padded(folder, short),
        "ensemble ours": lambda: ours(folder, "rated", LIKELIHOOD, "rewards.ensemble", steps),
        "ensemble one member": lambda: ours(folder, "rated", LIKELIHOOD, "rewards.attributes", steps),
    }


# The allocator of the C library gives large buffers back at once and takes them anew, page by page: in a virtual machine that was half of TRL's
# CPU time. All measurements keep freed memory instead.
ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_TOP_PAD_": str(1 << 28)}


def one(name: str, folder: Path, quick: bool) -> dict[str, Any]:
    """A measurement in a process of its own, in which those of others see TRL; on a GPU in this one, where a start costs more than the measurement."""
    if GPU:
        return measurements(folder, quick)[name]()
    python = environment() if "trl" in name else Path(sys.executable)
    command = [str(python), __file__, "--measure", name, "--folder", str(folder), *(["--quick"] if quick else []), *(["--bfloat16"] if BFLOAT16 else [])]
    env = (
        os.environ
        | ALLOCATOR
        | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])}
    )
    env["ACCELERATE_USE_CPU"] = "true"
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--only", default="", help="measure only what starts with this")
    options.add_argument("--gpu", action="store_true")
    options.add_argument("--bfloat16", action="store_true", help="on a CPU that has units for it")
    options.add_argument("--measure", help="used by this program: one measurement, here")
    options.add_argument("--folder", type=Path, default=CACHE / ("training_gpu" if GPU else "training"))
    args = options.parse_args()
    if args.measure:
        print(json.dumps(measurements(args.folder, args.quick)[args.measure]()))
        return 0
    if not GPU:
        install(environment(), ["trl", "accelerate", "psutil"], "--no-deps")
    prepare(args.folder)
    names = [name for name in measurements(args.folder, args.quick) if name.startswith(args.only) and not (GPU and "32 rows" in name)]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(1 if args.quick else args.runs):
        for name in names:
            if "32 rows" in name and number:  # their losses are compared, once
                continue
            found[name].append(one(name, args.folder, args.quick))
            last = found[name][-1]
            print(f"{name}: {last['rows'] / last[TIME]:.2f} rows a second, {last['growth_bytes'] / 2**20:.0f} MB", file=sys.stderr)
    tell(found, args)
    return 0


def tell(found: dict[str, list[dict[str, Any]]], args: argparse.Namespace) -> None:
    """The table, and the file of results."""
    rates = {name: [run["rows"] / run[TIME] for run in runs] for name, runs in found.items()}
    unit = "second" if GPU else "CPU-second"
    print(f"| measured | rows a {unit} | ours is ... times as fast | growth of memory, MB | peak of the process, MB |\n|---|---|---|---|---|")
    summary = {}
    for name, values in rates.items():
        base = next((n for n in rates if n == f"{name.split()[0]} ours"), None)
        ratio = statistics.median(a / b for a, b in zip(rates[base], values, strict=True)) if base and base != name and "32 rows" not in name else None
        growth, peak = (max(run[key] for run in found[name]) / 2**20 for key in ("growth_bytes", "peak_bytes"))
        summary[name] = {
            "rows_a_second" if GPU else "rows_a_cpu_second": statistics.median(values),
            "all": values,
            "ours_is_faster": ratio,
            "growth_mb": growth,
            "peak_mb": peak,
        }
        print(f"| {name} | {statistics.median(values):.2f} | {'' if ratio is None else f'{ratio:.2f}'} | {growth:.0f} | {peak:.0f} |")
    more: dict[str, Any] = {}
    if {"dpo ours, 32 rows", "dpo trl, 32 rows"} <= found.keys():
        pairs = zip(found["dpo ours, 32 rows"][0]["losses"], found["dpo trl, 32 rows"][0]["losses"], strict=True)
        more["largest difference of losses"] = max(abs(a - b) for a, b in pairs)
    if "dpo ours" in found and not GPU:
        top = ceiling()
        more["matrix products, operations a CPU-second"] = top
        more["share of that, dpo ours"] = statistics.median(rates["dpo ours"]) * flops_a_row(args.folder, "pairs", 2) / top
        reference = statistics.median(run["reference_cpu_seconds_a_row"] for run in found["dpo ours"])
        more["dpo ours, reference passes included, one epoch"] = 1 / (1 / statistics.median(rates["dpo ours"]) + reference)
    print("\n".join(f"\n{name}: {value:.6g}" for name, value in more.items()))
    if not args.quick:
        import torch
        import transformers

        units = [name for name in ("avx2", "avx512f", "amx_bf16") if name in Path("/proc/cpuinfo").read_text()]
        machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        machine += f", torch {torch.__version__}, transformers {transformers.__version__}"
        machine += f", {torch.cuda.get_device_name()}" if GPU else f", {' '.join(units)}"
        flag = "gpu" if GPU else "bfloat16" if BFLOAT16 else ""
        whole = {
            "command": f"python benchmarks/training.py{flag and f' --{flag}'}{f' --only {args.only}' if args.only else ''} --runs {args.runs}",
            "machine": machine,
            "runs": args.runs,
            "measured": summary,
            **more,
        }
        (ROOT / "results" / f"bench_training{flag and f'_{flag}'}{f'_{args.only}' if args.only else ''}.json").write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
