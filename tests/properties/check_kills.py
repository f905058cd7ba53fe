"""Kill runs with SIGKILL again and again, and see that what they come to in the end is what an undisturbed run comes to.

    python tests/properties/check_kills.py --kills 200 --seed 0

The libraries are imported once; every attempt is a fork of this process that carries the plan out until it is killed. A kill falls on a file-system
operation of a stage, as the audit events of Python count them (files opened, renamed, removed, folders made), or some milliseconds after one,
wherever the run is then. Operations and delays are drawn. One store is killed until its run is complete, then the next
one begins. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from aligncompiler.compile import compile_spec
from aligncompiler.ir import Plan, artifact_folder, write_plan
from aligncompiler.store.artifacts import is_key, manifest_in

SPEC = """\
alignc: v1
name: kills
engine: {accelerator: cpu, threads: 1, save_every: 0}
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 256}
    tokenizer: {kind: bpe, data: "${datasets.puzzles}", vocab_size: 300}
    adapter: {kind: lora, rank: 2, dropout: 0.2}
datasets:
  puzzles: {kind: deduction, count: 12, leaves: {min: 2, max: 2}, between: [0, 0.5]}
  exam: {kind: deduction, count: 6, leaves: {min: 2, max: 3}, between: [0.5, 1]}
rewards:
  rm: {kind: scalar, backbone: "${stages.sft}"}
  many: {kind: ensemble, of: "${rewards.rm}", members: 2}
  asked: {kind: generative, backbone: "${stages.sft}"}
stages:
  sft:
    kind: train
    model: ${models.base}
    data: ${datasets.puzzles}
    objective: {kind: sft}
    budget: {steps: 6}
    batch: {rows: 2}
    checkpoints: [0.4, 0.8]
    log_every: 2
    optimizer: {kind: adamw, learning_rate: 0.01}
    schedule: {warmup: 0.3, shape: cosine}
  drafts: {kind: sample, policy: "${stages.sft}", prompts: "${datasets.puzzles}", count: 3, max_new_tokens: 4, limit: 6, answers_at_once: 4}
  scored: {kind: label, completions: "${stages.drafts}", reward: "${rewards.rm}"}
  chosen: {kind: pair, completions: "${stages.scored}"}
  surest: {kind: filter, data: "${stages.scored}", by: [score], keep: {share: 0.5}}
  best: {kind: rank, completions: "${stages.drafts}", reward: {kind: deduction_steps}}
  judged: {kind: label, completions: "${stages.drafts}", reward: {kind: weighted_sum, parts: {a: "${rewards.asked}", b: {kind: regex, pattern: a}}, weights: {a: 1, b: 1}}}
  trees: {kind: sample, policy: "${stages.sft}", prompts: "${datasets.puzzles}", count: 4, max_new_tokens: 12, limit: 4, topology: {kind: tree, depth: 2, separator: "[a-z ]"}}
  leaves: {kind: pair, completions: "${stages.trees}", reward: {kind: length, unit: characters}, rule: {kind: tree_pairs, per_tree: 2, full: 1, unfinished: 1}}
  theory:
    kind: ibn
    structure: {kind: hierarchy, responses: 64, information: 10.0, alpha: 0.5}
    comparisons: [8, 16]
    roots: [4]
    repetitions: 4
    sources: 4
  heads:
    kind: train
    model: ${rewards.many}
    data: ${stages.chosen}
    objective: {kind: bradley_terry}
    weights: head
    budget: {steps: 4}
    batch: {rows: 2}
    optimizer: {kind: adamw, learning_rate: 0.01}
  judge:
    kind: train
    model: ${rewards.rm}
    data: ${stages.chosen}
    objective: {kind: bradley_terry}
    budget: {steps: 4}
    batch: {rows: 2}
    optimizer: {kind: adamw, learning_rate: 0.01}
  dpo:
    kind: train
    model: ${stages.sft}
    data: ${stages.chosen}
    objective: {kind: dpo}
    budget: {steps: 4}
    batch: {rows: 2, tokens_at_once: 256}
    optimizer: {kind: adamw, learning_rate: 0.01}
  answers:
    kind: evaluate
    models: ["${stages.sft}", "${stages.dpo}", "${stages.sft.checkpoints.1}"]
    data: ${datasets.exam}
    metrics: [{kind: accuracy, by: leaves}, {kind: mean_score, reward: "${stages.judge}"}]
    max_new_tokens: 4
    answers_at_once: 2
"""
COUNTED = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"}
LONGEST_DELAY = 0.08  # seconds
PATIENCE = 120.0  # for one attempt


class Operations:
    """Counts the file-system operations below a folder, by the stage that they fall into; kills at one of them, or a while after it."""

    def __init__(self, root: Path, target: tuple[str, int, float] | None) -> None:
        self.root = str(root)
        self.target = target
        self.stage = ""
        self.counts: dict[str, int] = {}
        sys.addaudithook(self.hear)

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if event not in COUNTED or not arguments or not isinstance(arguments[0], str | os.PathLike):
            return
        path = os.fspath(arguments[0])
        if not isinstance(path, str) or not path.startswith(self.root):
            return
        name = os.path.basename(path)
        if name.endswith(".lock") and is_key(name.removesuffix(".lock")):  # taken when a stage begins, before it is looked for
            self.stage = name.removesuffix(".lock")
        self.counts[self.stage] = self.counts.get(self.stage, 0) + 1
        if self.target is not None and self.stage == self.target[0] and self.counts[self.stage] == self.target[1]:
            self.kill(self.target[2])

    def kill(self, delay: float) -> None:
        if delay == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL))
        timer.daemon = True
        timer.start()


def attempt(plan: Plan, root: Path, target: tuple[str, int, float] | None) -> int:
    """How a process that carries the plan out ended: 0, or minus the signal. One that was not killed leaves `operations.json`."""
    write_plan(plan, root / "run" / "plan.json")
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        log = os.open(root / "log.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        operations = Operations(root, target)
        sys.argv = ["runtime", str(root / "run" / "plan.json"), "--store", str(root / "store")]
        from runtime.__main__ import main

        code = 99
        try:
            code = main()
            (root / "operations.json").write_text(json.dumps({"counts": operations.counts, "modules": sorted(sys.modules)}), encoding="utf-8")
        finally:
            os._exit(code)
    until = time.monotonic() + PATIENCE
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            raise TimeoutError(f"an attempt took longer than {PATIENCE} s: {root}")
        time.sleep(0.005)
    return os.waitstatus_to_exitcode(status)


def result(plan: Plan, root: Path) -> dict[str, object]:
    """What every stage came to: checksums of its files, and what its manifest says beside time and place."""
    found = {}
    for stage in plan.stages:
        manifest = manifest_in(artifact_folder(root / "store", stage.key)) or {}
        found[stage.id] = {name: manifest.get(name) for name in ("files", "facts", "summary", "skipped", "output")}
    return found


def leftovers(root: Path) -> list[str]:
    return [f"{area}/{path.name}" for area in ("making", "resume", "damaged") if (root / "store" / area).is_dir() for path in (root / "store" / area).iterdir()]


def check(kills: int, seed: int, folder: Path) -> dict[str, object]:
    import runtime.stages.train  # noqa: F401  most of what a run imports

    (folder / "kills.yaml").write_text(SPEC, encoding="utf-8")
    plan = compile_spec(folder / "kills.yaml").plan
    assert plan is not None
    (folder / "undisturbed").mkdir()
    start = time.monotonic()
    code = attempt(plan, folder / "undisturbed", None)
    assert code == 0, (folder / "undisturbed" / "log.txt").read_text(encoding="utf-8")
    seconds = time.monotonic() - start
    told_by_it = json.loads((folder / "undisturbed" / "operations.json").read_text(encoding="utf-8"))
    operations = told_by_it["counts"]
    for name in told_by_it["modules"]:  # and the rest of it, so that the next attempts find it imported
        with suppress(ImportError, AttributeError):
            importlib.import_module(name)
    wanted = result(plan, folder / "undisturbed")
    names = {stage.key: stage.id for stage in plan.stages}
    draw = random.Random(seed)
    done: dict[str, int] = dict.fromkeys(names.values(), 0)
    told = {"kills": 0, "runs": 0, "continued": 0, "seconds_undisturbed": round(seconds, 2), "wrong": [], "left": []}
    while told["kills"] < kills:
        root = folder / f"killed{told['runs']}"
        root.mkdir()
        while True:
            left = [stage.key for stage in plan.stages if manifest_in(artifact_folder(root / "store", stage.key)) is None]
            target = None
            if left and told["kills"] < kills:
                again = not done[names[left[0]]] or draw.random() < 0.3
                key = left[0 if again or len(left) == 1 else 1]  # the next stage, or the one after it; none is left out
                passed = left[left.index(key) : left.index(key) + 4]  # a kill that is late may fall into these: none of them should get by unharmed
                delay = draw.random() * LONGEST_DELAY if draw.random() < 0.5 and all(done[names[one]] for one in passed) else 0.0
                target = (key, draw.randint(1, operations[key]), delay)
            code = attempt(plan, root, target)
            if code == 0:
                break
            assert code == -signal.SIGKILL and target is not None, (code, target, (root / "log.txt").read_text(encoding="utf-8"))
            told["kills"] += 1
            done[names[target[0]]] += 1
        told["runs"] += 1
        told["continued"] += (root / "log.txt").read_text(encoding="utf-8").count(": goes on from ")
        if result(plan, root) != wanted:
            found = result(plan, root)
            told["wrong"] += [f"{root.name}: {id}" for id in wanted if found[id] != wanted[id]]
        told["left"] += leftovers(root)
        if not told["wrong"]:
            shutil.rmtree(root)
    return told | {"by_stage": done, "seconds": round(time.monotonic() - start, 1)}


def main() -> int:
    arguments = argparse.ArgumentParser(description="Kill runs, and compare what they come to.")
    arguments.add_argument("--kills", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=0)
    args = arguments.parse_args()
    memory = Path("/dev/shm")  # a file system in memory, where there is one
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        told = check(args.kills, args.seed, Path(folder).resolve())
        print(json.dumps(told))
        return 1 if told["wrong"] or told["left"] or told["kills"] < args.kills else 0


if __name__ == "__main__":
    sys.exit(main())
