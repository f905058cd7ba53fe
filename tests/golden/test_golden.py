"""A folder per claim: `spec.yaml` beside what the compiler says about it.

`errors.txt` holds the diagnostics in concise form, `plan.json` the plan without keys and places; a case has one of them, or both where
there are only warnings. `arguments.txt`, where it stands, holds options such as `--set seed=1`. `pytest --bless` rewrites both; a person
reads the diff.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from aligncompiler.cli import parser
from aligncompiler.compile import compile_spec
from aligncompiler.diagnostic import render_concise
from aligncompiler.ir import Plan

HERE = Path(__file__).parent
CASES = sorted(folder.name for folder in HERE.iterdir() if (folder / "spec.yaml").exists())


def shape(plan: Plan) -> str:
    """What a person wants to see of a plan: a line a stage."""
    rows = [{"id": s.id, "kind": s.spec.tag, "output": str(s.output), "reads": list(s.reads)} | ({"why": s.why} if s.why else {}) for s in plan.stages]
    return "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n]\n"


@pytest.mark.parametrize("case", CASES)
def test_the_compiler_says_what_is_written_beside_the_spec(case: str, bless: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = HERE / case
    monkeypatch.chdir(folder)
    options = Path("arguments.txt").read_text(encoding="utf-8") if Path("arguments.txt").exists() else ""
    args = parser().parse_args(["check", "spec.yaml", *shlex.split(options)])
    compiled = compile_spec(Path(args.spec), args.profiles, args.sets)
    said = {}
    if compiled.report.diagnostics:
        said["errors.txt"] = render_concise(compiled.report).replace(str(folder), "HERE") + "\n"
    if compiled.plan is not None:
        said["plan.json"] = shape(compiled.plan)
    if bless:
        for name in ("errors.txt", "plan.json"):
            Path(name).unlink(missing_ok=True)
        for name, text in said.items():
            Path(name).write_text(text, encoding="utf-8")
    expected = {name: Path(name).read_text(encoding="utf-8") for name in ("errors.txt", "plan.json") if Path(name).exists()}
    assert said == expected


def test_every_folder_here_is_a_case() -> None:
    folders = {f.name for f in HERE.iterdir() if f.is_dir() and not f.name.startswith("__")}
    assert folders == set(CASES)
