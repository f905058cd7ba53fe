"""A package that is really installed, and packages that are as good as installed: their metadata lie on the path."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
Alignc = Callable[..., subprocess.CompletedProcess[str]]


def installed(source: Path, target: Path) -> Path:
    """The folder `target` after pip has installed a package into it; nothing is downloaded."""
    options = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-build-isolation", "--no-deps", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True, capture_output=True, text=True)
    return target


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that pip has installed the package into."""
    source = tmp_path_factory.mktemp("source") / "package"
    subprocess.run(["cp", "-r", str(HERE / "package"), str(source)], check=True)  # a build leaves its traces beside what it builds
    return installed(source, tmp_path_factory.mktemp("site"))


GUIDE = ROOT / "docs" / "adding" / "plugin.md"
BLOCK = re.compile(r"^ *```\w+\n( *)# ([\w./]+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="session")
def guide(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The files that the guide shows, in a folder; and a folder that pip has installed their package into."""
    source = tmp_path_factory.mktemp("guide")
    for indent, name, text in BLOCK.findall(GUIDE.read_text(encoding="utf-8")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(re.sub(rf"^{indent}", "", text, flags=re.MULTILINE), encoding="utf-8")
    for folder in ("alignc_brief", "alignc_brief/rewards"):
        (source / folder / "__init__.py").touch()
    return source, installed(source, tmp_path_factory.mktemp("guide-site"))


@pytest.fixture
def python(tmp_path: Path) -> Alignc:
    """Run Python in an empty folder, with more folders on its path."""

    def run(*args: str, sites: Sequence[Path] = (), folder: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(map(str, [ROOT, *sites]))
        environment = os.environ | {"PYTHONPATH": path, "NO_COLOR": "1", "HF_HUB_OFFLINE": "1"}
        return subprocess.run([sys.executable, *args], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)

    return run


@pytest.fixture
def alignc(python: Alignc) -> Alignc:
    """Run `alignc` likewise."""
    return lambda *args, **where: python("-m", "aligncompiler", *args, **where)


@pytest.fixture
def distribution(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder that holds an installed distribution: its metadata with an entry point, and modules by their path."""

    def make(name: str, module: str, files: dict[str, str], point: str = "alignc.plugins") -> Path:
        folder = tmp_path / f"site-{name}"
        info = folder / f"{name.replace('-', '_')}-0.1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
        (info / "entry_points.txt").write_text(f"[{point}]\n{name} = {module}\n")
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return folder

    return make


SPEC = """\
alignc: v1
name: plugged
engine: {accelerator: cpu, threads: 1}
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 64}
    tokenizer: {kind: bpe, data: "${datasets.additions}", vocab_size: 300}
datasets:
  additions: {kind: sums, count: 40, largest: 20}
  pairs: {kind: preferences, file: pairs.jsonl}
rewards:
  short:
    kind: brief
    words: {min: 1, max: 3}
    penalty: {per_word: 0.5}
stages:
  sft:
    kind: train
    model: ${models.base}
    data: ${datasets.additions}
    objective: {kind: sft}
    budget: {steps: 2}
    batch: {rows: 2}
    optimizer: {kind: adamw, learning_rate: 0.01}
  tuned:
    kind: train
    model: ${stages.sft}
    data: ${datasets.pairs}
    objective: {kind: hinge, gap: 2.0}
    budget: {steps: 2}
    batch: {rows: 2}
    optimizer: {kind: adamw, learning_rate: 0.01}
  drafts: {kind: sample, policy: "${stages.tuned}", prompts: "${datasets.additions}", count: 2, max_new_tokens: 4, limit: 4}
  scored: {kind: label, completions: "${stages.drafts}", reward: "${rewards.short}"}
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    """A spec that uses every kind of the package, with its data, in the current folder of `alignc`."""
    (tmp_path / "spec.yaml").write_text(SPEC)
    rows = [{"prompt": f"{n} + 1 =", "chosen": f" {n + 1}", "rejected": " no idea"} for n in range(6)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "spec.yaml"
