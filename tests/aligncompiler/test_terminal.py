"""What a person sees on a real terminal, and a program in a pipe."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aligncompiler.diagnostic import Place, Report
from aligncompiler.render import FORMATS, render

pty = pytest.importorskip("pty")


def said(folder: Path, argv: list[str], terminal: tuple[str, ...], **environment: str) -> dict[str, str]:
    """What a verb writes to stdout and stderr, each of them a pseudo-terminal if it is named, else a pipe."""
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")} | {"TERM": "xterm-256color"}
    ends = {name: pty.openpty() if name in terminal else os.pipe() for name in ("stdout", "stderr")}
    command = [sys.executable, "-m", "aligncompiler", *argv]
    process = subprocess.Popen(command, cwd=folder, env=clean | environment, **{name: write for name, (_, write) in ends.items()})  # type: ignore[call-overload]
    texts = {}
    for _, write in ends.values():
        os.close(write)
    for name, (read, _) in ends.items():
        chunks = []
        try:
            while chunk := os.read(read, 65536):
                chunks.append(chunk)
        except OSError:  # a terminal that nobody writes to any more
            pass
        os.close(read)
        texts[name] = b"".join(chunks).decode().replace("\r\n", "\n")
    process.wait()
    return texts


@pytest.fixture
def wrong(folder: Path, full: str) -> Path:
    (folder / "spec.yaml").write_text(full.replace("seed: 3", "sed: 3"))
    return folder


CONCISE = "spec.yaml:4:1: error[S401]: unknown key `sed` in the spec (did you mean `seed`?)\n"


def form(text: str) -> tuple[str, bool]:
    """Which form a text is in, and whether it is coloured."""
    return "concise" if text == CONCISE else "full" if "= help:" in text or "help:\x1b" in text else "none", "\x1b[" in text


@pytest.mark.parametrize(
    ("terminal", "argv", "environment", "expected"),
    [
        (True, [], {}, ("full", True)),
        (True, [], {"NO_COLOR": "1"}, ("full", False)),
        (True, [], {"NO_COLOR": ""}, ("full", True)),
        (True, [], {"TERM": "dumb"}, ("full", False)),
        (True, [], {"TERM": "dumb", "FORCE_COLOR": "1"}, ("full", True)),
        (True, [], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, ("full", False)),
        (True, ["--format", "concise"], {}, ("concise", False)),
        (False, [], {}, ("concise", False)),
        (False, ["--format", "full"], {}, ("full", False)),
        (False, [], {"FORCE_COLOR": "1"}, ("full", True)),
        (False, [], {"FORCE_COLOR": ""}, ("concise", False)),
    ],
)
def test_the_form_follows_the_terminal_and_the_environment(
    wrong: Path, terminal: bool, argv: list[str], environment: dict[str, str], expected: tuple[str, bool]
) -> None:
    out = said(wrong, ["check", "spec.yaml", *argv], ("stdout",) if terminal else (), **environment)["stdout"]
    assert form(out) == expected, out


def test_each_stream_is_judged_by_itself(wrong: Path) -> None:
    both = said(wrong, ["plan", "spec.yaml", "--json"], ("stderr",))
    assert form(both["stderr"]) == ("full", True) and both["stdout"].startswith('{"diagnostics": [')
    both = said(wrong, ["plan", "spec.yaml"], ("stdout",))
    assert form(both["stderr"]) == ("concise", False) and both["stdout"] == ""


@pytest.mark.parametrize("form_name", ["json", "github", "sarif"])
def test_forms_for_programs_are_never_coloured(wrong: Path, form_name: str) -> None:
    assert "\x1b" not in said(wrong, ["check", "spec.yaml", "--format", form_name], ("stdout", "stderr"), FORCE_COLOR="1")["stdout"]


def test_help_with_brackets_gets_no_second_ones_in_the_concise_form() -> None:
    made = Report()
    made.add("S401", "no", Place("a.yaml"), help=("one of a (the first), b",))
    made.add("S402", "no", Place("a.yaml", 2, 1, 2, 2), help=("write it",))
    assert render(made, "concise").splitlines() == ["a.yaml:1:1: error[S401]: no - one of a (the first), b", "a.yaml:2:1: error[S402]: no (write it)"]


def test_the_command_line_offers_the_forms_that_there_are() -> None:
    from aligncompiler.cli import FORMATS as OFFERED

    assert tuple(FORMATS) == OFFERED
