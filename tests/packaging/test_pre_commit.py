"""The hooks for pre-commit do what they say, run by pre-commit itself; only the environment is ours instead of one that it would install."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytest.importorskip("pre_commit")

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
HOOKS = {hook["id"]: hook for hook in yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))}
GOOD = (ROOT / "specs" / "quickstart.yaml").read_text(encoding="utf-8")


def command(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    quiet = {"PRE_COMMIT_HOME": str(folder / ".cache"), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PYTHONPATH": str(ROOT)}
    return subprocess.run(argv, cwd=folder, env=os.environ | quiet, capture_output=True, text=True)


def hook(folder: Path, name: str, files: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a hook of the definition over all files of a new repository."""
    local = HOOKS[name] | {"language": "system", "entry": HOOKS[name]["entry"].replace("alignc", f"{sys.executable} -m aligncompiler", 1)}
    config = yaml.safe_dump({"repos": [{"repo": "local", "hooks": [local]}]})
    for path, text in (files | {".pre-commit-config.yaml": config}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    assert command(folder, "git", "init", "-q").returncode == command(folder, "git", "add", "-A").returncode == 0
    return command(folder, sys.executable, "-m", "pre_commit", "run", "--all-files", "--color", "never")


def test_the_definition_is_valid(tmp_path: Path) -> None:
    done = command(tmp_path, sys.executable, "-m", "pre_commit", "validate-manifest", str(MANIFEST))
    assert done.returncode == 0, done.stdout
    assert set(HOOKS) == {"alignc-check", "alignc-check-fix"}


def test_the_definition_test_can_fail(tmp_path: Path) -> None:
    (tmp_path / "hooks.yaml").write_text("- {id: a, name: a, language: python}\n")
    assert command(tmp_path, sys.executable, "-m", "pre_commit", "validate-manifest", "hooks.yaml").returncode != 0


def test_check_passes_good_specs_and_stops_a_commit_of_bad_ones(tmp_path: Path) -> None:
    files = {"specs/good.yaml": GOOD, "other.yaml": "not: a spec\n", "sub/spec.yaml": GOOD}
    assert hook(tmp_path, "alignc-check", files).returncode == 0
    done = hook(tmp_path, "alignc-check", {"specs/bad.yaml": GOOD.replace("seed: 0", "sed: 0")})
    assert done.returncode == 1 and "specs/bad.yaml:6:1: error[S401]" in done.stdout and "other.yaml" not in done.stdout


def test_check_fix_mends_the_file_and_stops_the_commit_so_that_it_is_looked_at(tmp_path: Path) -> None:
    done = hook(tmp_path, "alignc-check-fix", {"spec.yaml": GOOD.replace("seed: 0", "sed: 0")})
    assert done.returncode == 1 and "files were modified by this hook" in done.stdout and "rename to `seed`" in done.stdout
    assert (tmp_path / "spec.yaml").read_text(encoding="utf-8") == GOOD
