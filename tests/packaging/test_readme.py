"""What the README says can be done, can be done."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.S) for line in block.splitlines() if line.startswith("alignc ")]
QUICK = [c for c in COMMANDS if c.split()[1] in ("check", "plan", "show", "explain", "init")]


def test_the_readme_shows_the_verbs() -> None:
    assert {c.split()[1] for c in COMMANDS} >= {"init", "check", "plan", "run", "show", "explain"}


@pytest.mark.parametrize("command", QUICK)
def test_quick_commands_of_the_readme_work(command: str, tmp_path: Path) -> None:
    arguments = shlex.split(command.split("#")[0])[1:]
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    (tmp_path / "spec.yaml").write_text((ROOT / "specs" / "quickstart.yaml").read_text())
    if arguments[0] == "init":
        (tmp_path / "spec.yaml").unlink()
    done = subprocess.run([sys.executable, "-m", "aligncompiler", *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tree_of_the_readme_names_every_module() -> None:
    tree = re.search(r"```text\n(aligncompiler/.*?)```", README, re.S)
    assert tree is not None
    for package in ("aligncompiler", "runtime"):
        for path in (ROOT / package).glob("*.py"):
            if path.name not in ("__init__.py", "__main__.py"):
                assert path.name in tree[1], f"{package}/{path.name} is missing from the tree of the README"


def test_make_targets_named_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make (\w+)`", README):
        assert re.search(rf"^{target}:", makefile, re.M), target
