"""The ratchet: small files, small functions, thin modules, no ladders over kinds, no import cycles. Never loosened."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(f for package in ("aligncompiler", "runtime") for f in (ROOT / package).rglob("*.py"))
MAX_FILE, MAX_FUNCTION, MAX_MODULE, MAX_LADDER = 400, 60, 150, 2
TAGS = ("kind", "tag", "loss_type", "method")

every_file = pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def lines(node: ast.AST) -> int:
    return (node.end_lineno or 0) - node.lineno + 1  # type: ignore[attr-defined]


@every_file
def test_a_file_is_at_most_400_lines(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MAX_FILE


@every_file
def test_a_function_is_at_most_60_lines(file: Path) -> None:
    long = {n.name: lines(n) for n in ast.walk(tree(file)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and lines(n) > MAX_FUNCTION}
    assert long == {}


@every_file
def test_a_lightning_module_is_at_most_150_lines(file: Path) -> None:
    classes = [n for n in ast.walk(tree(file)) if isinstance(n, ast.ClassDef) and any("LightningModule" in ast.unparse(b) for b in n.bases)]
    assert {c.name: lines(c) for c in classes if lines(c) > MAX_MODULE} == {}


def asks_for_kind(test: ast.expr) -> bool:
    """Whether a condition compares a kind or tag with a text, or asks for the class of something."""
    for node in ast.walk(test):
        if isinstance(node, ast.Compare) and any(isinstance(c, ast.Constant) and isinstance(c.value, str) for c in [node.left, *node.comparators]):
            names = {n.attr if isinstance(n, ast.Attribute) else n.id for n in ast.walk(node) if isinstance(n, ast.Attribute | ast.Name)}
            if names & set(TAGS):
                return True
    return False


def ladders(module: ast.Module) -> Iterator[int]:
    """For each `if` the number of its rungs, `elif` included, that ask for a kind."""
    for node in ast.walk(module):
        rungs, here = 0, node
        while isinstance(here, ast.If):
            rungs += asks_for_kind(here.test)
            here = here.orelse[0] if len(here.orelse) == 1 else ast.Pass()
        yield rungs
        if isinstance(node, ast.Match):
            yield sum(isinstance(c.pattern, ast.MatchValue) for c in node.cases) if asks_for_subject(node.subject) else 0


def asks_for_subject(subject: ast.expr) -> bool:
    return (subject.attr if isinstance(subject, ast.Attribute) else getattr(subject, "id", "")) in TAGS


@every_file
def test_nothing_asks_for_a_kind_three_times(file: Path) -> None:
    assert max(ladders(tree(file)), default=0) <= MAX_LADDER


def test_the_ladder_test_can_fail() -> None:
    source = "if x.kind == 'a': pass\nelif x.kind == 'b': pass\nelif 'c' == x.kind: pass\n"
    assert max(ladders(ast.parse(source))) == 3
    assert max(ladders(ast.parse("match x.kind:\n case 'a': pass\n case 'b': pass\n case 'c': pass\n"))) == 3


def imported_at_start(file: Path) -> set[str]:
    """Modules of ours that a file imports when it is itself imported."""
    package = file.relative_to(ROOT).with_suffix("").parts
    found = set()
    for node in tree(file).body:
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] in ("aligncompiler", "runtime")):
            above = package[: len(package) - node.level] if node.level else ()
            base = ".".join((*above, *((node.module,) if node.module else ())))
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_there_is_no_import_cycle() -> None:
    names = {module_name(f) for f in FILES}
    graph = {module_name(f): (imported_at_start(f) & names) - {module_name(f)} for f in FILES if f.name != "__init__.py"}
    left = dict(graph)
    while free := {name for name, needs in left.items() if not needs & set(left)}:
        left = {name: needs for name, needs in left.items() if name not in free}
    assert left == {}, "these modules import each other"


def test_no_file_is_a_drawer_for_everything() -> None:
    assert {f.name for f in FILES} & {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"} == set()
