"""A folder per claim: `spec.yaml` beside what the compiler says about it.

`errors.txt` holds the diagnostics in concise form, `plan.json` the plan without keys and places; a case has one of them, or both where
there are only warnings. `tokens.txt` stands beside errors: a line for each, with its code and the very text of its primary span.
`arguments.txt`, where it stands, holds options such as `--set seed=1`. `pytest --bless` rewrites all but the last; a person reads the diff.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from aligncompiler.cli import parser
from aligncompiler.compile import compile_spec
from aligncompiler.diagnostic import LINE_BREAK, Diagnostic, Report
from aligncompiler.ir import Plan
from aligncompiler.render import render_concise

HERE = Path(__file__).parent
CASES = sorted(folder.name for folder in HERE.iterdir() if (folder / "spec.yaml").exists())


WRITTEN = ("errors.txt", "tokens.txt", "plan.json")


def token(report: Report, problem: Diagnostic) -> str:
    """What a diagnostic points at, cut out of the source; it must be in one line."""
    assert problem.primary is not None
    place = problem.primary.place
    assert place.line == place.end_line, f"{problem.code} points at several lines"
    return LINE_BREAK.split(report.sources[place.file])[place.line - 1][place.col - 1 : place.end_col - 1]


def shown(text: str) -> str:
    """A token on one line: what cannot be printed as its escape, and of a long one the beginning and the length."""
    visible = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return visible if len(visible) <= 80 else f"{visible[:60]}... ({len(text)} characters)"


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
    compiled = compile_spec(Path("spec.yaml"), args.profiles, args.sets)
    said = {}
    if compiled.report.diagnostics:
        said["errors.txt"] = render_concise(compiled.report).replace(str(folder), "HERE") + "\n"
    if compiled.report.errors:
        said["tokens.txt"] = "".join(f"{d.code}  {shown(token(compiled.report, d))}\n" for d in compiled.report.in_order() if d.primary) or "none\n"
    if compiled.plan is not None:
        said["plan.json"] = shape(compiled.plan)
    if bless:
        for name in WRITTEN:
            Path(name).unlink(missing_ok=True)
        for name, text in said.items():
            Path(name).write_text(text, encoding="utf-8")
    expected = {name: Path(name).read_text(encoding="utf-8") for name in WRITTEN if Path(name).exists()}
    assert said == expected


WRONG = [case for case in CASES if (HERE / case / "tokens.txt").exists()]
BETWEEN = re.compile(r"\w\w")  # within a word


@pytest.mark.parametrize("case", WRONG)
def test_every_error_points_at_a_whole_token(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not empty, without space around it, and cut where no word is cut; what is wrong may itself be a space or a character inside of a word."""
    monkeypatch.chdir(HERE / case)
    options = Path("arguments.txt").read_text(encoding="utf-8") if Path("arguments.txt").exists() else ""
    args = parser().parse_args(["check", "spec.yaml", *shlex.split(options)])
    report = compile_spec(Path("spec.yaml"), args.profiles, args.sets).report
    for problem in (d for d in report.errors if d.primary is not None):
        assert problem.primary is not None
        place, text = problem.primary.place, token(report, problem)
        line = LINE_BREAK.split(report.sources[place.file])[place.line - 1]
        if problem.code == "Y108" or (problem.code == "Y109" and not report.sources[place.file]):
            continue  # one character that is no text, or no text at all
        assert text and (text == text.strip() or len(text) == 1 or not text[0].isascii()), (problem.message, text)
        start, end = line[max(0, place.col - 2) : place.col], line[place.end_col - 2 : place.end_col]
        assert not BETWEEN.fullmatch(start) and (not BETWEEN.fullmatch(end) or text.startswith("\\")), (problem.message, text, line)


def test_the_corpus_holds_a_hundred_wrong_specs() -> None:
    assert len(WRONG) >= 100


def test_every_folder_here_is_a_case() -> None:
    folders = {f.name for f in HERE.iterdir() if f.is_dir() and not f.name.startswith("__")}
    assert folders == set(CASES)
