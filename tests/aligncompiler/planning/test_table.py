"""The table of `alignc plan`: figures with units, aligned, and no wider than asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aligncompiler.cli import main
from aligncompiler.compile import Compiled
from aligncompiler.ir import artifact_folder
from aligncompiler.planning.estimate import estimate
from aligncompiler.planning.table import count, plan_table, sized
from aligncompiler.render import painter
from aligncompiler.spec.cost import UNKNOWN, Estimate, Figure, about, at_most, exact

Compile = Callable[..., Compiled]


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (exact(0), "0 B"),
        (exact(999), "999 B"),
        (exact(999.6), "1.00 kB"),
        (about(210_400_000), "~210 MB"),
        (at_most(9_994), "<=9.99 kB"),
        (exact(9_996), "10.0 kB"),
        (exact(99_960), "100 kB"),
        (exact(3.4e15), "3.40 PB"),
        (UNKNOWN, "?"),
    ],
)
def test_a_size_has_three_digits_and_a_decimal_prefix(one: Figure, text: str) -> None:
    assert sized(one, "B") == text and sized(exact(2e12), "") == "2.00 T"


@pytest.mark.parametrize(("one", "text"), [(None, "-"), (UNKNOWN, "?"), (exact(24_000), "24,000"), (at_most(492_160), "<=492k"), (exact(7.62e9), "7.62B")])
def test_a_count_is_whole_as_long_as_it_is_short(one: Figure | None, text: str) -> None:
    assert count(one) == text


def table(compiled: Compile, text: str, width: int = 100, notes: dict[str, str] | None = None) -> str:
    made = compiled(text).plan
    assert made is not None
    return plan_table(made, estimate(made), {s.id: False for s in made.stages}, painter(False), width, notes or {})


@pytest.mark.parametrize("width", [80, 120])
def test_columns_are_aligned_and_lines_end_within_the_width(compiled: Compile, full: str, width: int) -> None:
    lines = table(compiled, full, width).splitlines()
    head = next(line for line in lines if "FLOP" in line)
    rows = [line for line in lines if line.startswith("  + ")]
    assert len(rows) == 11 and max(map(len, lines)) <= width
    assert {len(line) for line in rows} == {len(head)} == {len(line) for line in lines if line.startswith(("    to do", "    all"))}


def test_a_note_stands_below_its_stage(compiled: Compile, full: str) -> None:
    lines = table(compiled, full, 80, {"stages.dpo": "runs because " + "very " * 20 + "much changed"}).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("  + stages.dpo "))
    assert lines[at + 2].strip().startswith("runs because") and lines[at + 3].startswith("        ")


def test_what_is_trained_has_a_column_where_it_is_not_everything(compiled: Compile, full: str) -> None:
    adapted = full.replace("vocab_size: 600}", "vocab_size: 600}\n    adapter: {kind: lora, rank: 2}")
    assert "trained" not in table(compiled, full) and "trained" in table(compiled, adapted)


@pytest.fixture
def spec(folder: Path, full: str) -> str:
    (folder / "spec.yaml").write_text(full)
    return "spec.yaml"


def test_totals_are_of_what_is_to_do_and_of_all(spec: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["plan", spec, "--json"])
    made = json.loads(capsys.readouterr().out)
    assert made["totals"]["to_do"] == made["totals"]["all"] and made["totals"]["all"]["stages"] == 11
    [base] = [s for s in made["stages"] if s["id"] == "models.base"]
    place = artifact_folder(folder / "store", base["key"])
    place.mkdir(parents=True)
    (place / "manifest.json").write_text(json.dumps({"summary": {"parameters": 7, "vocabulary": 300}}))
    main(["plan", spec, "--json", "--store", "store"])
    made = json.loads(capsys.readouterr().out)
    assert (made["totals"]["to_do"]["stages"], made["totals"]["all"]["stages"]) == (10, 11)
    [base] = [s for s in made["stages"] if s["id"] == "models.base"]
    assert base["estimate"]["parameters"] == 7 and base["estimate"]["disk"] == (place / "manifest.json").stat().st_size
    main(["plan", spec, "--store", "store"])
    out = capsys.readouterr().out
    assert "to do: 10 stages" in out and "all: 11 stages" in out and "= models.base" in out


def test_the_json_of_an_estimate_has_every_figure_and_says_how_sure_it_is(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["plan", spec, "--json"])
    found = {s["id"]: s["estimate"] for s in json.loads(capsys.readouterr().out)["stages"]}
    assert found["datasets.puzzles"]["rows"] == 500 and found["datasets.puzzles"]["bounds"]["rows"] == "exact"
    assert found["models.base"]["rows"] is None and "rows" not in found["models.base"]["bounds"]
    assert all(set(one) == {"rows", "parameters", "trainable", "flops", "memory", "disk", "bounds"} for one in found.values())
    assert found["stages.sft"]["bounds"] == {
        "rows": "at_most",
        "parameters": "at_most",
        "trainable": "at_most",
        "flops": "about",
        "memory": "about",
        "disk": "about",
    }
    assert Estimate().to_json()["bounds"] == {"flops": "unknown", "memory": "unknown", "disk": "unknown"}
