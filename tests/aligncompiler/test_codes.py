"""Every diagnostic code: its examples are true, and it is reported somewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from aligncompiler.codes import ALL, BASE, CODES, Code
from aligncompiler.compile import Compiled

ROOT = Path(__file__).parents[2]
SHOWN = [code for code in ALL if code.bad]


def completed(fragment: str) -> str:
    """An example with the sections of `BASE` that it does not have itself."""
    own = re.findall(r"^([a-z]+):", fragment, re.MULTILINE)
    text = fragment + "".join(section for name, section in BASE.items() if name not in own and name != "alignc")
    return text if "alignc" in own else BASE["alignc"] + text


@pytest.mark.parametrize("code", SHOWN, ids=lambda c: c.code)
def test_the_bad_example_gives_this_code_and_no_other(compiled: Callable[..., Compiled], code: Code) -> None:
    found = compiled(completed(code.bad), static=True).report
    assert {d.code for d in found.diagnostics} == {code.code}, [d.message for d in found.diagnostics]


@pytest.mark.parametrize("code", [c for c in ALL if c.good], ids=lambda c: c.code)
def test_the_good_example_checks_clean(compiled: Callable[..., Compiled], code: Code) -> None:
    found = compiled(completed(code.good), static=True)
    assert found.report.diagnostics == [] and found.plan is not None


def test_the_base_of_the_examples_checks_clean(compiled: Callable[..., Compiled]) -> None:
    assert compiled(completed(""), static=True).report.diagnostics == []


def emitted() -> set[str]:
    """Codes that stand as a text in a module of the compiler or the runtime."""
    files = [f for package in ("aligncompiler", "runtime") for f in (ROOT / package).rglob("*.py") if f.parent.name != "codes"]
    return {code for f in files for code in re.findall(r"\"([YCRSMPD]\d{3})\"", f.read_text(encoding="utf-8"))}


def test_every_code_that_is_reported_exists() -> None:
    assert emitted() - set(CODES) == set()


def test_every_code_that_exists_is_reported_somewhere() -> None:
    assert set(CODES) - emitted() == set()


def test_codes_and_names_are_unique_and_their_letter_is_a_family() -> None:
    assert len({c.code for c in ALL}) == len({c.name for c in ALL}) == len(ALL)
    families = {"Y": "1", "C": "2", "R": "3", "S": "4", "M": "5", "P": "6", "D": "7"}
    assert all(c.code[1] == families[c.code[0]] for c in ALL)


@pytest.mark.parametrize("code", ALL, ids=lambda c: c.code)
def test_every_code_says_why_in_sentences(code: Code) -> None:
    assert code.why.endswith(".") and len(code.why) > 20
