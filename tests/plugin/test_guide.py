"""The package that `docs/adding/plugin.md` shows, file by file, does what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .conftest import BLOCK, GUIDE


def test_every_block_of_the_guide_is_a_file_of_its_package(guide: tuple[Path, Path]) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    named = [name for _, name, _ in BLOCK.findall(text)]
    assert named == ["pyproject.toml", "alignc_brief/spec.py", "alignc_brief/rewards/brief.py", "test_brief.py", "spec.yaml"]
    assert len(re.findall(r"^ *```\w", text, re.MULTILINE)) == len(named)


def test_its_spec_checks_and_its_kind_is_explained(alignc: Any, guide: tuple[Path, Path]) -> None:
    folder, site = guide
    done = alignc("check", "spec.yaml", sites=[site], folder=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "ok  spec.yaml: 4 stages\n")
    assert "Taken off for every word too many or too few." in alignc("explain", "brief", sites=[site]).stdout


def test_its_tests_pass(python: Any, guide: tuple[Path, Path], tmp_path: Path) -> None:
    folder, site = guide
    (tmp_path / "test_brief.py").write_text((folder / "test_brief.py").read_text())
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_brief.py", sites=[site])
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout
