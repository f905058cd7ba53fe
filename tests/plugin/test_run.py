"""The kinds of an installed package are carried out; what their code would ignore stops the run before anything is made."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.torch

ROOT = Path(__file__).parents[2]
CONTRACTS = [str(ROOT / "tests" / "contracts" / name) for name in ("test_vocabulary.py", "test_language.py")]


def test_a_spec_with_kinds_of_the_package_runs(alignc: Any, spec: str, site: Path, tmp_path: Path) -> None:
    done = alignc("run", spec, "--json", sites=[site])
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["status"] == "complete" and {s["id"]: s["metrics"] for s in summary["stages"]}["datasets.additions"] == {"rows": 40}
    artifacts = Path(tmp_path / summary["run"] / "artifacts")
    assert {"score", "words"} <= set(json.loads((artifacts / "stages.scored" / "manifest.json").read_text())["facts"]["answer_columns"])
    versions = json.loads((artifacts / "stages.tuned" / "manifest.json").read_text())["versions"]
    assert versions["alignc-brief"] == "0.3"
    without = alignc("run", spec)
    assert without.returncode == 1 and "S406" in without.stderr


def test_the_contracts_hold_for_its_kinds(python: Any, site: Path) -> None:
    """The same tests as for our own kinds, unchanged."""
    done = python(
        "-m",
        "pytest",
        "-vv",
        "-p",
        "no:cacheprovider",
        "-k",
        "brief or sums or hinge or Brief or Sums or Hinge or frozen",
        *CONTRACTS,
        sites=[site],
        folder=ROOT,
    )
    assert done.returncode == 0, done.stdout
    for name in ("every_field_is_read[rewards.brief]", "nothing_is_ignored[datasets.sums]", "with_their_shapes[hinge]", "a_role_and_a_unit[Brief-words]"):
        assert f"{name} PASSED" in done.stdout


SPEC = """\
alignc: v1
name: ignored
datasets:
  rows:
    kind: counted
    count: 3
    scale: 2.0
    shape: {wide: 4, high: 5}
  others: {kind: deduction, count: 4, leaves: {min: 2, max: 2}}
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 64}
    tokenizer: {kind: bpe, data: "${datasets.others}", vocab_size: 300}
stages:
  sft:
    kind: train
    model: ${models.base}
    data: ${datasets.rows}
    objective: {kind: sft}
    budget: {steps: 2}
    optimizer: {kind: adamw, learning_rate: 0.01}
"""

WORDS = '''\
from __future__ import annotations
from typing import Literal
from aligncompiler.spec.base import Output, Spec, field
from aligncompiler.spec.dataset import Dataset

class Shape(Spec):
    """A size."""
    wide: int = field(unit="1")
    """Width."""
    high: int = field(unit="1")
    """Height."""
    deep: int = field(1, unit="1")
    """Depth."""

class Counted(Dataset):
    """Rows of numbers."""
    kind: Literal["counted"] = "counted"
    count: int = field(unit="rows")
    """Number of rows."""
    scale: float = field(1.0, unit="1")
    """Factor."""
    shape: Shape
    """Size."""

    def output(self) -> Output:
        return Output("dataset", ("demonstrations",))
'''

CODE = """\
from runtime.registry import implements
from ..spec import Counted, Shape

@implements(Counted)
def counted(*, count: int, scale: float, shape: Shape):
    for n in range(int(count * scale)):
        yield {"prompt": f"{n}", "completion": " x" * area(shape)}

def area(size: Shape) -> int:
    return size.wide * size.high * size.deep
"""

IGNORED = {
    "a field of the kind": (("count * scale", "count"), "7:12: error[P613]: stage `datasets.rows`: `scale` of dataset `counted` is read by nobody"),
    "a field that was written": (("size.wide * size.high", "size.wide"), "8:28: error[P613]: stage `datasets.rows`: `shape.high` of dataset `counted`"),
    "a field by its default": ((" * size.deep", ""), "8:5: error[P613]: stage `datasets.rows`: `shape.deep` of dataset `counted`"),
    "a keyword that is not taken": ((", scale: float", ""), "7:12: error[P613]"),
    "a keyword that is no field": (
        ("scale: float", "scale: float, size: int"),
        "5:11: error[P621]: stage `datasets.rows`: the implementation of dataset `counted` wants `size`",
    ),
    "any keyword at all": (
        ("shape: Shape)", "shape: Shape, **rest)"),
        "5:11: error[P621]: stage `datasets.rows`: the implementation of dataset `counted` has `rest` open",
    ),
    "another name": (
        ("def counted", "def counting"),
        "5:11: error[P621]: stage `datasets.rows`: dataset `counted` is implemented by `words.datasets.counted.counting`",
    ),
    "a module that fails": (
        ("from runtime", "import nothing_here\nfrom runtime"),
        "5:11: error[P621]: stage `datasets.rows`: dataset `counted` cannot be carried out here: ModuleNotFoundError",
    ),
}


LOWER = """
from dataclasses import replace
from pathlib import Path
from aligncompiler.compile import compile_spec
from runtime.lowering import lower
plan = compile_spec(Path("spec.yaml")).plan
for stage, fault in lower(replace(plan, stages=(plan["datasets.rows"],)), Path("store")):
    print(f"{stage.place(fault.field)}: error[{fault.code}]: stage `{stage.id}`: {fault.message}")
"""


def words(code: str) -> dict[str, str]:
    """The files of a package whose dataset is carried out by this code."""
    return {"words/__init__.py": "", "words/spec.py": WORDS, "words/datasets/__init__.py": "", "words/datasets/counted.py": code}


@pytest.mark.parametrize("what", IGNORED)
def test_what_the_code_would_ignore_is_found_at_its_place(python: Any, distribution: Any, tmp_path: Path, what: str) -> None:
    (old, new), said = IGNORED[what]
    assert old in CODE
    (tmp_path / "spec.yaml").write_text(SPEC)
    done = python("-c", LOWER, sites=[distribution("some-words", "words.spec", words(CODE.replace(old, new)))])
    assert done.returncode == 0, done.stderr
    assert f"spec.yaml:{said}" in done.stdout


def test_of_a_statement_that_is_ignored_as_a_whole_no_more_is_said(python: Any, distribution: Any, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    done = python("-c", LOWER, sites=[distribution("some-words", "words.spec", words(CODE.replace("area(shape)", "2")))])
    [said] = done.stdout.splitlines()
    assert said.startswith("spec.yaml:8:5: error[P613]: stage `datasets.rows`: `shape` of dataset `counted` is read by nobody"), done.stderr


def test_an_attribute_of_the_same_name_elsewhere_is_no_read(python: Any, distribution: Any, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    code = CODE.replace("area(shape)", "(shape.wide * shape.deep * area(Shape(wide=1, high=1)))")
    done = python("-c", LOWER, sites=[distribution("some-words", "words.spec", words(code))])
    [said] = done.stdout.splitlines()
    assert said.startswith("spec.yaml:8:28: error[P613]: stage `datasets.rows`: `shape.high` of dataset `counted` is read by nobody"), done.stderr


def test_it_stops_the_run_before_anything_is_made(alignc: Any, distribution: Any, tmp_path: Path) -> None:
    site = distribution("some-words", "words.spec", words(CODE.replace("* scale", "").replace(" * size.high", "")))
    (tmp_path / "spec.yaml").write_text(SPEC)
    done = alignc("run", "spec.yaml", "--json", sites=[site])
    assert done.returncode == 1 and "Traceback" not in done.stderr
    first, second = (line for line in done.stderr.splitlines() if "error" in line)
    assert first.startswith("spec.yaml:7:12: error[P613]: stage `datasets.rows`: `scale` of dataset `counted` is read by nobody")
    assert second.startswith("spec.yaml:8:28: error[P613]: stage `datasets.rows`: `shape.high` of dataset `counted` is read by nobody")
    summary = json.loads(done.stdout)
    assert (summary["status"], summary["failed"], summary["stages"]) == ("failed", "datasets.rows", [])
    assert list((tmp_path / ".alignc" / "artifacts").iterdir()) == []


def test_code_that_reads_everything_is_started(alignc: Any, python: Any, distribution: Any, tmp_path: Path) -> None:
    site = distribution("some-words", "words.spec", words(CODE))
    (tmp_path / "spec.yaml").write_text(SPEC)
    done = alignc("run", "spec.yaml", "--only", "datasets.rows", sites=[site])
    assert done.returncode == 0 and re.search(r"datasets\.rows .*rows 6", done.stderr), done.stderr
    plan = next(tmp_path.glob("runs/*/plan.json"))
    done = python("-m", "runtime", str(plan), "--store", str(tmp_path / ".alignc"))
    assert done.returncode == 1 and "P621" in done.stderr and "there is no dataset of kind `counted` here" in done.stderr


def test_the_data_of_its_kinds_is_looked_at(alignc: Any, spec: str, site: Path) -> None:
    done = alignc("check", spec, "--data", sites=[site])
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "datasets.additions  40 rows  answer text, carries true or false, completion text, prompt text  tokens of models.base: p50" in done.stderr


def test_a_dataset_whose_code_ignores_a_field_is_not_read(alignc: Any, distribution: Any, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    done = alignc("check", "spec.yaml", "--data", sites=[distribution("some-words", "words.spec", words(CODE.replace("* scale", "")))])
    assert done.returncode == 1 and done.stdout.startswith("spec.yaml:7:12: error[P613]: `scale` of dataset `counted` is read by nobody")
