"""What is true of any text: the compiler never loses its manners, and of a misspelt word it finds the right one.

Each test runs a script that measures and prints JSON; here a small part, from the same seed as the whole, which `make fuzz` runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def measured(script: str, *options: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, str(HERE / script), *options], capture_output=True, text=True, cwd=ROOT, env=None)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check_mutants(count: int) -> None:
    found = measured("check_mutants.py", "--count", str(count))
    assert found["mutants"] == count and found["findings"] == []
    assert found["peak memory, MB"] < 200 and found["cpu seconds"]["most"] < 1
    assert found["with errors"] > count / 2, "mutations that spoil nothing show nothing"


def check_typos(count: int) -> None:
    found = measured("check_typos.py", "--count", str(count), "--failures")
    assert found["keys"]["share"] >= 0.95 and found["keys"]["words"] >= 200, found["failures"]
    for group in ("kinds", "choices", "references"):
        assert found[group]["share"] >= 0.9, found["failures"]
    assert all(one["share"] >= 0.9 for one in found["classes of keys"].values()), found["classes of keys"]


def test_no_mutant_makes_the_compiler_lose_its_manners() -> None:
    check_mutants(400)


@pytest.mark.slow
def test_no_mutant_of_ten_thousand_makes_the_compiler_lose_its_manners() -> None:
    check_mutants(10_000)


def test_a_misspelt_word_finds_the_right_one() -> None:
    check_typos(4)


@pytest.mark.slow
def test_each_word_misspelt_in_twenty_ways_finds_the_right_one() -> None:
    check_typos(20)


BROKEN = """
import sys
sys.argv[1:] = ["--count", "30"]
sys.path.insert(0, {here!r})
import check_mutants
from aligncompiler.diagnostic import Place, Report

def add(self, code, message, place, **more):
    self.diagnostics.append(check_mutants.Diagnostic(code, "bad \\x1b", (), ()))

Report.add = add
sys.exit(check_mutants.main())
"""


def test_the_check_of_mutants_can_fail() -> None:
    done = subprocess.run([sys.executable, "-c", BROKEN.format(here=str(HERE))], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and "has no place" in done.stdout


def test_a_mutant_that_wants_too_much_memory_fails() -> None:
    greedy = "import resource, check_mutants as c; resource.setrlimit(resource.RLIMIT_AS, (c.MAX_MEMORY, c.MAX_MEMORY)); bytearray(200 << 20)"
    done = subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, {str(HERE)!r}); {greedy}"], capture_output=True, text=True, cwd=ROOT)
    assert "MemoryError" in done.stderr
