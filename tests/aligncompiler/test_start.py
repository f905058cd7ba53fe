"""How much CPU time the compiler takes: the programs of `benchmarks/check.py`, as multiples of its floor, which is measured in turn with them.

The floor is a process that imports pydantic and yaml and makes one class: about 0.12 s on a calm machine, and whatever slows the one slows the other.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from aligncompiler.codes import BASE
from aligncompiler.compile import compile_spec
from aligncompiler.diagnostic import MAX_PROBLEMS

ROOT = Path(__file__).parents[2]
LIMITS = {"alignc --help": 0.4, "alignc check specs/quickstart.yaml": 2.0, "alignc check, 2,000 lines": 2.6, "alignc plan, a sweep of 1,000 cells": 11.0}
HOSTILE_LIMIT = 7.0  # 0.84 s
RUNS = 4


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark", ROOT / "benchmarks" / "check.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["benchmark"] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def floors(benchmark: ModuleType, seconds: Callable[[], float], limit: float) -> float:
    """How many floors something takes: the least of several runs of both, in turn; no more of them once it is within the limit."""
    taken: list[float] = []
    floor: list[float] = []
    while len(taken) < RUNS and (not taken or min(taken) > limit * min(floor)):
        floor.append(benchmark.measure(benchmark.FLOOR)[0])
        taken.append(seconds())
    return min(taken) / min(floor)


def test_the_compiler_starts_and_works_in_a_blink(benchmark: ModuleType, tmp_path: Path) -> None:
    programs = {program.name: program for program in benchmark.ours(tmp_path) if program.limit is not None}
    assert programs.keys() == LIMITS.keys()
    taken = {name: floors(benchmark, lambda: benchmark.measure(programs[name])[0], limit) for name, limit in LIMITS.items()}
    assert {name: ratio for name, ratio in taken.items() if ratio > LIMITS[name]} == {}


def test_the_generated_specs_are_what_they_are_said_to_be(benchmark: ModuleType, tmp_path: Path) -> None:
    assert 1980 <= benchmark.long_spec(2000).count("\n") <= 2000
    (tmp_path / "sweep.yaml").write_text(benchmark.swept_spec(1000))
    done = subprocess.run([sys.executable, "-m", "aligncompiler", "plan", "sweep.yaml"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and "1,000 cells" in done.stdout + done.stderr, done.stdout[-500:]


def test_this_measure_can_fail(benchmark: ModuleType) -> None:
    three = f"import subprocess\nfor _ in range(3): subprocess.run({benchmark.FLOOR.command!r}, check=True)"
    slow = benchmark.Program("three floors", [sys.executable, "-c", three])
    assert floors(benchmark, lambda: benchmark.measure(slow)[0], 2.2) > 2.2
    with pytest.raises(RuntimeError, match="exit status 3"):
        benchmark.measure(benchmark.Program("broken", [sys.executable, "-c", "raise SystemExit(3)"]))


HOSTILE = {
    "references that lead nowhere": lambda train: "".join(f"  s{n}: {train.replace('models.base', f'stages.q{n}')}\n" for n in range(3000)),
    "a key twenty thousand times": lambda train: "description: a\n" * 20_000,
    "as many cells as there may be": lambda train: f"sweep: {{axes: {{stages.sft.budget.steps: {list(range(1, 51))}, seed: {list(range(40))}}}}}\n",
    "axes that are too many": lambda train: "sweep:\n  axes:\n" + "".join(f"    stages.sft.k{n}: [1]\n" for n in range(5000)),
    "a skip for every cell": lambda train: (
        f"sweep:\n  axes: {{seed: {list(range(1999))}}}\n  skip: [{', '.join(f'{{seed: {n}}}' for n in range(5000, 7000))}]\n"
    ),
    "profiles": lambda train: "profiles:\n" + "".join(f"  p{n}: {{stages.sft.budget.steps: {n + 1}}}\n" for n in range(1000)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_spec_takes_more_than_a_second(name: str, folder: Path, benchmark: ModuleType) -> None:
    train = (
        '{kind: train, model: "${models.base}", data: "${datasets.puzzles}", objective: sft, budget: {steps: 1}, optimizer: {kind: adamw, learning_rate: 1e-3}}'
    )
    head = "".join(text for section, text in BASE.items() if section != "stages").replace("data: ${datasets.puzzles}", 'data: "${datasets.puzzles}"')
    Path("spec.yaml").write_text(f"{head}stages:\n  sft: {train}\n{HOSTILE[name](train)}", encoding="utf-8")

    def seconds() -> float:
        before = time.process_time()
        report = compile_spec(Path("spec.yaml"), static=True).report
        assert len(report.diagnostics) <= MAX_PROBLEMS + 1
        return time.process_time() - before

    assert floors(benchmark, seconds, HOSTILE_LIMIT) <= HOSTILE_LIMIT


@pytest.mark.parametrize("argv", [["explain", "--markdown"], ["schema"]], ids=" ".join)
def test_a_process_that_ends_at_once_has_said_everything(argv: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "aligncompiler", *argv], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and done.stderr == "" and len(done.stdout) > 10_000 and done.stdout.endswith("\n")


def test_who_reads_no_further_is_no_error() -> None:
    with subprocess.Popen([sys.executable, "-m", "aligncompiler", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b"" and process.wait() == 0


def ended(argv: list[str], folder: Path, shell: str = "", **more: str) -> tuple[int, str]:
    """(exit code, stderr) of a command whose streams are redirected as a shell does it."""
    line = f'"{sys.executable}" -m aligncompiler {" ".join(argv)} {shell}'
    done = subprocess.run(line, shell=True, capture_output=True, text=True, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)} | more)
    return done.returncode, done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("argv", [["schema"], ["init", "--list"], ["explain", "S401", "--json"], ["init", "--from", "none"]], ids=" ".join)
def test_output_that_cannot_be_written_is_one_sentence(argv: list[str], tmp_path: Path) -> None:
    stream = "2>" if "none" in argv else ">"
    code, err = ended(argv, tmp_path, f"{stream} /dev/full")
    assert (code, err) == (2, "" if stream == "2>" else "error: the output cannot be written: No space left on device\n")


def test_a_closed_stream_is_no_error(tmp_path: Path) -> None:
    assert ended(["init"], tmp_path, ">&- 2>&-") == (0, "") and ended(["check", "spec.yaml"], tmp_path, "2>&-") == (0, "")


def test_an_encoding_that_lacks_characters_gets_them_escaped(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text("alignc: v1\nn\u00e4me: \U0001f600\n", encoding="utf-8")
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    code, err = ended(["check", "spec.yaml"], tmp_path, "1>&2", **ascii_only)
    assert code == 1 and "unknown key `n\\u00e4me`" in err
    code, err = ended(["check", "spec.yaml", "--json"], tmp_path, "1>&2", **ascii_only)
    assert code == 1 and err.isascii() and any("n\u00e4me" in d["message"] for d in json.loads(err))
