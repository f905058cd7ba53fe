"""What Lightning's trainer and our module cost beside a bare loop of PyTorch: the same forward passes on the same rows, in turn.

Model, rows and batch are those of the first training of the quickstart. Each run takes STEPS steps from the same weights; the first few
are not counted. The medians of the seconds a step go to results/bench_overhead.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from aligncompiler.compile import compile_spec  # noqa: E402
from runtime.batching import Steps  # noqa: E402
from runtime.console import Console  # noqa: E402
from runtime.execute import execute  # noqa: E402
from runtime.model_files import load_encoder, load_network  # noqa: E402
from runtime.modules.offline import Offline, learning_rate_share  # noqa: E402
from runtime.ranks import Ranks  # noqa: E402
from runtime.registry import bind  # noqa: E402
from runtime.scorer import Shape  # noqa: E402
from runtime.stages.train import encode  # noqa: E402
from runtime.store import Store  # noqa: E402
from runtime.trainer import fit, make_trainer  # noqa: E402
from runtime.training_state import Saving  # noqa: E402
from runtime.work import Work  # noqa: E402

LIMIT = 0.05
STEPS, COLD = 40, 8


class Silent:
    """Progress that nobody watches."""

    def update(self, done: int, total: int | None, text: str = "", unit: str = "", tokens: int | None = None) -> None:
        return None


class Setting:
    """The quickstart's first training, up to its first step."""

    def __init__(self, folder: Path) -> None:
        sets = ["datasets.puzzles.count=1500", "engine.accelerator=cpu"]
        plan = compile_spec(ROOT / "specs" / "quickstart.yaml", sets=sets).plan
        assert plan is not None
        self.stage = plan["stages.sft"]
        made: Any = {}
        needed = tuple(plan[id] for id in [s.id for s in plan.stages] if id in plan.ancestors("stages.sft"))
        execute(type(plan)(plan.name, plan.spec_file, needed, plan.engine), Store(folder), Console(plan, silent=True), Ranks(), made)
        self.bound = bind(self.stage.spec, {id: artifact for id, (artifact, _) in made.items()})
        self.model = self.bound.fields["model"]
        work = Work(self.stage, folder, 0, plan.engine, Silent())
        self.engine = plan.engine
        encoder = load_encoder(self.model)
        fields = self.bound.fields
        examples, leaves = encode(work, encoder, fields["data"], fields["objective"], "initial", "context", Shape())
        batch, per = fields["batch"], fields["objective"].spec.per
        self.items = Steps(examples, leaves, per, fields["reduction"], STEPS, batch.rows, batch.tokens_at_once, 0, encoder.pad, False, True)

    def bare(self) -> list[float]:
        """Seconds of each step of a loop by hand."""
        network = load_network(self.model).train()
        objective, fields = self.bound.fields["objective"], self.bound.fields
        optimizer = fields["optimizer"](network.parameters())
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_share(step, STEPS, fields["schedule"]))
        times, start = [], time.perf_counter()
        for step in range(STEPS):
            for batch in self.items[step]:
                measured = network.measure(batch.forest, batch.leaves)[0] | batch.numbers
                losses, _ = objective(*(measured[name] for name in objective.spec.reads))
                (losses * batch.weight).sum().backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), fields["clip_norm"])
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            (losses * batch.weight).sum().item()
            now = time.perf_counter()
            times.append(now - start)
            start = now
        return times

    def ours(self) -> list[float]:
        """Seconds of each step of Lightning's trainer with our module."""
        network, fields = load_network(self.model).train(), self.bound.fields
        marks = [time.perf_counter()]
        module = Offline(
            network,
            fields["objective"],
            fields["optimizer"],
            fields["schedule"],
            STEPS,
            fields["clip_norm"],
            lambda point: marks.append(time.perf_counter()),
        )
        saving = Saving(None, network, STEPS, dict)
        fit(make_trainer(self.engine, fields["clip_norm"], saving), module, self.items, saving)
        return [b - a for a, b in pairwise(marks)]


def main() -> int:
    """Measure, print, and write the result; 1 if the limit was missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=7, help="runs of each, in turn (default: 7)")
    args = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        setting = Setting(Path(name))
        ways: dict[str, Callable[[], list[float]]] = {"bare loop": setting.bare, "trainer": setting.ours}
        steps: dict[str, list[float]] = {label: [] for label in ways}
        for turn in range(args.runs + 1):  # the first warms the caches of the machine
            for label, way in ways.items():
                times = way()[COLD:]
                if turn:
                    steps[label].append(statistics.median(times))
    # Neighbours in time are compared with each other: what else the machine does then weighs on both.
    shares = [trainer / bare - 1 for bare, trainer in zip(steps["bare loop"], steps["trainer"], strict=True)]
    overhead = statistics.median(shares)
    machine = {"system": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version(), "threads": torch.get_num_threads()}
    versions = {package: version(package) for package in ("torch", "lightning", "transformers")}
    medians = {label: round(statistics.median(times), 5) for label, times in steps.items()}
    result = {"command": "python benchmarks/overhead.py", "machine": machine, "versions": versions, "seconds_a_step": steps, "medians": medians}
    result |= {"overheads": [round(share, 4) for share in shares], "overhead": round(overhead, 4), "limit": LIMIT}
    (ROOT / "results" / "bench_overhead.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"seconds a step: {medians}; overhead {overhead:.1%} (median of {args.runs}), limit {LIMIT:.0%}")
    return 1 if overhead > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
