"""The wheel works outside the checkout, in an environment that has nothing of the runtime."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)], check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_the_wheel_carries_specs_and_templates(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in ("aligncompiler/specs/quickstart.yaml", "aligncompiler/templates/report.html.j2", "runtime/execute.py"):
        assert wanted in names
    assert not [name for name in names if name.startswith("tests/")]


def test_init_check_and_plan_work_from_the_wheel_without_torch(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", ROOT / "constraints.txt", wheel], check=True, capture_output=True
    )
    assert subprocess.run([python, "-c", "import torch"], capture_output=True, cwd=tmp_path).returncode != 0
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    def alignc(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([tmp_path / "env" / "bin" / "alignc", *args], cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert alignc("init").returncode == 0
    checked = alignc("check", "spec.yaml", "--json")
    assert (checked.returncode, json.loads(checked.stdout)) == (0, [])
    assert json.loads(alignc("schema", "--json").stdout)["$schema"].startswith("http://json-schema.org/")
    server = alignc("lsp")
    assert (server.returncode, server.stdout) == (2, "") and server.stderr == "error: the language server needs pygls: pip install 'aligncompiler[lsp]'\n"
    planned = alignc("plan", "spec.yaml", "--json")
    assert planned.returncode == 0
    assert any(stage["id"] == "stages.dpo" for stage in json.loads(planned.stdout)["stages"])
    ran = alignc("run", "spec.yaml")
    assert ran.returncode == 1
    assert "P606" in ran.stderr and "aligncompiler[runtime]" in ran.stderr and "Traceback" not in ran.stderr
