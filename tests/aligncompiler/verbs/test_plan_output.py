"""Where a plan may be written, and arguments that stand behind options."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aligncompiler.cli import main

SPEC = Path(__file__).parents[3] / "specs" / "quickstart.yaml"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copy(SPEC, "spec.yaml")
    return tmp_path


def test_a_plan_never_takes_the_place_of_another_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("spec.yaml").read_bytes()
    assert main(["plan", "spec.yaml", "-o", "spec.yaml"]) == 2
    assert Path("spec.yaml").read_bytes() == before and "is no saved plan" in capsys.readouterr().err
    assert main(["plan", "spec.yaml", "-o", "plan.json"]) == main(["plan", "spec.yaml", "-o", "plan.json"]) == 0


def test_a_plan_makes_no_folders(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "spec.yaml", "-o", "no/plan.json"]) == 2
    assert not Path("no").exists() and "there is no folder `no`" in capsys.readouterr().err


def test_an_optional_word_may_stand_behind_options(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "spec.yaml", "--json", "seed"]) == 0
    assert capsys.readouterr().out == "0\n"
    with pytest.raises(SystemExit, match="2"):
        main(["show", "spec.yaml", "--json", "seed", "more"])
