"""How long it takes until `alignc` has said what it has to say, beside three programs that people know: `make bench`.

Prints a Markdown table: CPU seconds (user and system, of the process and its children; median and least of several runs, taken in turn) and
the most memory. Programs of others go into a virtual environment of their own in a cache folder, at the first run; `trl` shares torch with
the environment that runs this. What cannot be installed is left out, and the table says so.

`alignc` is measured twice: with its byte code compiled, as an installed package has it, and without, as in a checkout where Python may not
write (PYTHONDONTWRITEBYTECODE).
"""

from __future__ import annotations

import argparse
import compileall
import os
import platform
import shutil
import statistics
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "alignc-benchmarks"
MEGABYTE = 1 << 20

HEAD = """\
alignc: v1
name: long
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 64, num_layers: 2, num_heads: 4, context: 512}
    tokenizer: {kind: bpe, data: "${datasets.puzzles}", vocab_size: 600}
datasets:
  puzzles: {kind: deduction, count: 500, leaves: {min: 2, max: 4}, between: [0, 0.9]}
stages:
"""
STAGE = """\
  stage_NUMBER:
    kind: train
    model: ${BEFORE}
    data: ${datasets.puzzles}
    objective: {kind: sft}
    budget:
      steps: NUMBER
    optimizer:
      kind: adamw
      learning_rate: 1e-3
"""
HYDRA = """\
import hydra
@hydra.main(version_base=None, config_path=".", config_name="config")
def main(config):
    print(len(config))
main()
"""


@dataclass(frozen=True)
class Program:
    """What is measured: a name, its command, what it is allowed to take in CPU seconds."""

    name: str
    command: list[str]
    limit: float | None = None
    env: dict[str, str] = field(default_factory=dict)
    cwd: Path = ROOT


# What a checked spec costs before anything of ours has run: Python, and the two packages that read one.
FLOOR = Program("import pydantic and yaml, make a class", [sys.executable, "-c", "import pydantic, yaml\nclass A(pydantic.BaseModel):\n    n: int = 0"])


def long_spec(lines: int) -> str:
    """A spec without faults of about this many lines: a chain of training stages."""
    number = (lines - HEAD.count("\n")) // STAGE.count("\n")
    chain = ("models.base", *(f"stages.stage_{n}" for n in range(1, number)))
    return HEAD + "".join(STAGE.replace("NUMBER", str(n)).replace("BEFORE", before) for n, before in enumerate(chain, 1))


def swept_spec(cells: int) -> str:
    """A spec with a sweep of this many cells: ten seeds, and values of one field."""
    values = ", ".join(f"{n}e-6" for n in range(1, cells // 10 + 1))
    return long_spec(60) + f"sweep:\n  axes:\n    stages.stage_3.optimizer.learning_rate: [{values}]\n    seed: [{', '.join(map(str, range(10)))}]\n"


def measure(program: Program) -> tuple[float, float]:
    """CPU seconds and the most memory in bytes of one run, measured by the operating system on its end."""
    process = subprocess.Popen(program.command, cwd=program.cwd, env=os.environ | program.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise RuntimeError(f"{program.name}: exit status {os.waitstatus_to_exitcode(status)}\n{said[-2000:]}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def ours(folder: Path) -> Iterator[Program]:
    """`alignc` on four inputs, from copies of the package with byte code and without."""
    (folder / "long.yaml").write_text(long_spec(2000), encoding="utf-8")
    (folder / "sweep.yaml").write_text(swept_spec(1000), encoding="utf-8")
    for name in ("compiled", "source"):
        shutil.rmtree(folder / name, ignore_errors=True)
        for package in ("aligncompiler", "specs"):
            shutil.copytree(ROOT / package, folder / name / package, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(folder / "compiled", quiet=2)
    for name, note in (("compiled", ""), ("source", ", no byte code")):
        env = {"PYTHONPATH": str(folder / name), "PYTHONDONTWRITEBYTECODE": "1"}
        limits = (0.08, 0.20, 0.35, 2.0) if name == "compiled" else (None,) * 4
        verbs = (["--help"], ["check", str(ROOT / "specs" / "quickstart.yaml")], ["check", str(folder / "long.yaml")], ["plan", str(folder / "sweep.yaml")])
        shown = ("--help", "check specs/quickstart.yaml", "check, 2,000 lines", "plan, a sweep of 1,000 cells")
        for verb, text, limit in zip(verbs, shown, limits, strict=True):
            yield Program(f"alignc {text}{note}", [sys.executable, "-m", "aligncompiler", *verb], limit, env, folder)


def environment() -> Path:
    """The Python of the environment for programs of others; it sees what is installed here."""
    python = CACHE / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(CACHE / "venv")], check=True)
        there = subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True, check=True)
        Path(there.stdout.strip(), "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def install(python: Path, packages: list[str], *options: str) -> bool:
    done = subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *options, *packages], capture_output=True, text=True)
    if done.returncode:
        print(f"not installed: {' '.join(packages)}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
    return done.returncode == 0


def theirs(folder: Path) -> Iterator[Program]:
    """yamllint, a bare Hydra app, and the help of TRL's DPO command, where they can be had."""
    python = environment()
    bin = python.parent
    app = folder / "hydra"
    app.mkdir(exist_ok=True)
    (app / "app.py").write_text(HYDRA)
    (app / "config.yaml").write_text(long_spec(100))
    (app / "long.yaml").write_text(long_spec(2000))
    if (bin / "yamllint").exists() or install(python, ["yamllint"]):
        relaxed = [str(bin / "yamllint"), "-d", "relaxed"]
        yield Program("yamllint specs/quickstart.yaml", [*relaxed, str(ROOT / "specs" / "quickstart.yaml")])
        yield Program("yamllint, 2,000 lines", [*relaxed, str(folder / "long.yaml")])
    if install(python, ["hydra-core", "omegaconf"]):
        quiet = ["hydra.output_subdir=null", "hydra.run.dir=."]
        yield Program("a Hydra app, 100 lines", [str(python), "app.py", *quiet], cwd=app)
        yield Program("a Hydra app, 2,000 lines", [str(python), "app.py", "--config-name", "long", *quiet], cwd=app)
    if install(python, ["trl", "accelerate", "psutil"], "--no-deps"):
        yield Program("trl dpo --help", [str(bin / "trl"), "dpo", "--help"], env={"HF_HUB_OFFLINE": "1"})


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=9)
    options.add_argument("--only-ours", action="store_true", help="leave out the programs of others")
    args = options.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    programs = [*ours(CACHE), FLOOR, *(() if args.only_ours else theirs(CACHE))]
    results: dict[str, list[tuple[float, float]]] = {}
    for run in range(args.runs + 1):  # the first warms the caches of the machine
        for program in programs:
            try:
                found = measure(program)
            except (RuntimeError, OSError) as error:
                print(error, file=sys.stderr)
                programs = [one for one in programs if one is not program]
                continue
            if run:
                results.setdefault(program.name, []).append(found)
    print(f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores, {args.runs} runs of each, in turn\n")
    print("| command | CPU seconds, median | least | memory, MB | limit |\n|---|---|---|---|---|")
    missed = 0
    for program in programs:
        times, memory = zip(*results[program.name], strict=True)
        median = statistics.median(times)
        missed += program.limit is not None and median > program.limit
        print(
            f"| `{program.name}` | {median:.3f} | {min(times):.3f} | {max(memory) / MEGABYTE:.0f} | {'' if program.limit is None else f'{program.limit:.2f}'} |"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
