"""Who may import whom: the compiler runs without the runtime's libraries, the runtime sees little of the compiler, leaves see no leaves."""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from aligncompiler.cli import parser
from aligncompiler.spec.registry import FAMILIES

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "lightning", "pytorch_lightning", "transformers", "tokenizers", "datasets", "numpy", "pyarrow", "peft", "matplotlib", "runtime")
SPEC = ROOT / "tests" / "golden" / "quick_start_shape_becomes_a_plan" / "spec.yaml"
WRONG = ROOT / "tests" / "golden" / "many_independent_faults_in_one_run" / "spec.yaml"
ALLOWED = ("spec", "ir", "diagnostic", "streams", "terminal", "package_data", "codes", "store")

GUARD = f"""
import sys
{{before}}
from aligncompiler.cli import main
assert main({{argv}}) in (0, 1)
found = sorted(set({HEAVY}) & set(sys.modules))
sys.exit("imported: " + ", ".join(found) if found else 0)
"""


def guard(argv: list[str], before: str = "") -> subprocess.CompletedProcess[str]:
    """Run a verb in a process of its own, which fails if a heavy module was imported."""
    code = GUARD.replace("{before}", before).replace("{argv}", repr(argv))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)


ARGUMENTS = [
    ["check", str(SPEC)],
    ["plan", str(SPEC)],
    ["explain", "dpo"],
    ["explain"],
    ["show", str(SPEC)],
    ["init", "--list"],
    ["why", str(SPEC)],
    ["runs"],
    ["store", "list"],
    ["completion", "fish"],
    ["schema"],
    ["check", "--fix", str(SPEC)],
    ["launch", str(SPEC), "--torchrun", "--out", str(Path(tempfile.gettempdir()) / "alignc-launch")],
    *(["check", str(WRONG), "--format", form] for form in ("full", "concise", "json", "github", "sarif")),
]
every_verb = pytest.mark.parametrize("argv", ARGUMENTS, ids=" ".join)


@every_verb
def test_the_compiler_runs_without_the_libraries_of_the_runtime(argv: list[str]) -> None:
    done = guard(argv)
    assert done.returncode == 0, done.stderr


def test_every_verb_but_those_that_start_others_is_guarded() -> None:
    [verbs] = [action.choices for action in parser()._actions if action.dest == "verb"]
    assert {argv[0] for argv in ARGUMENTS} | {"run", "lsp"} == set(verbs)


def test_this_guard_can_fail() -> None:
    done = guard(["explain", "dpo"], before="import runtime")
    assert done.returncode == 1 and "imported: runtime" in done.stderr


def imports(file: Path) -> Iterator[str]:
    """Absolute names of the modules that a file imports, anywhere in it, `import_module("...")` and `__import__("...")` included."""
    package = file.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level] if node.level else ()
            base = ".".join((*above, *((node.module,) if node.module else ())))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if name in ("import_module", "__import__"):
                yield node.args[0].value


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("file", files("aligncompiler"), ids=lambda f: str(f.relative_to(ROOT)))
def test_no_file_of_the_compiler_mentions_an_import_of_the_runtimes_world(file: Path) -> None:
    assert {name for name in imports(file) if name.split(".")[0] in HEAVY} == set()


def test_the_reader_of_imports_sees_those_inside_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "a.py").write_text("def f():\n    import torch.nn\n    from .b import c\n    importlib.import_module('datasets')\n    __import__('numpy')\n")
    assert {"torch.nn", "b.c", "datasets", "numpy"} <= set(imports(tmp_path / "a.py"))


@pytest.mark.parametrize("file", files("runtime"), ids=lambda f: str(f.relative_to(ROOT)))
def test_the_runtime_sees_only_the_language_the_plan_and_the_manners_of_the_compiler(file: Path) -> None:
    seen = {name.split(".")[1] for name in imports(file) if name.startswith("aligncompiler.")}
    assert seen <= set(ALLOWED) and "aligncompiler" not in {name for name in imports(file) if "." not in name}


@pytest.mark.parametrize("family", FAMILIES)
def test_leaves_of_a_family_never_import_each_other(family: str) -> None:
    folders = {f"runtime.{other}" for other in FAMILIES}
    for file in sorted((ROOT / "runtime" / family).glob("*.py")):
        siblings = {name for name in imports(file) if any(name == folder or name.startswith(f"{folder}.") for folder in folders)}
        assert siblings == set(), file


def test_the_language_imports_nothing_of_the_compiler() -> None:
    for file in files("aligncompiler/spec"):
        outside = {n for n in imports(file) if n.startswith("aligncompiler.") and not n.startswith("aligncompiler.spec")}
        assert outside == set(), file
