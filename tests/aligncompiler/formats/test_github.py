"""Workflow commands of GitHub Actions."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

from aligncompiler.compile import Compiled
from aligncompiler.diagnostic import Place, Report
from aligncompiler.render import render

Compile = Callable[..., Compiled]
COMMAND = re.compile(r"::(error|warning) ([^:]*)::(.*)")


def read(line: str) -> tuple[str, dict[str, str], str]:
    """A command as the runner of GitHub Actions reads it: properties end at `,`, the message at the end of the line, %XX stands for a character."""
    match = COMMAND.fullmatch(line)
    assert match is not None, line
    properties = dict(pair.split("=", 1) for pair in match[2].split(","))
    return match[1], {name: unquote(value) for name, value in properties.items()}, unquote(match[3])


def test_a_problem_is_a_command_with_its_place(compiled: Compile, full: str) -> None:
    assert render(compiled(full.replace("beta: 0.2", "bta: 0.2")).report, "github") == (
        "::error file=spec.yaml,line=17,endLine=17,col=23,endColumn=26,title=S401 unknown-key"
        "::unknown key `bta` in objective `gentle` (dpo)%0Ahelp: did you mean `beta`?"
    )


def test_a_warning_is_a_warning_and_nothing_to_say_is_nothing(compiled: Compile, full: str) -> None:
    assert render(compiled(full.replace("objective: ${objectives.gentle}", "objective: dpo")).report, "github").startswith("::warning file=spec.yaml,line=17,")
    assert render(compiled(full).report, "github") == ""


def test_percent_line_ends_colon_and_comma_come_through() -> None:
    made = Report()
    message, file = "100%: a, b::c\r\nnext %0A", "a,b:c 100%.yaml"
    made.add("S401", message, Place(file, 1, 2, 3, 4), help=("x: y",))
    text = render(made, "github")
    assert "\n" not in text and "\r" not in text
    kind, properties, said = read(text)
    assert (kind, properties["file"], properties["endLine"]) == ("error", file, "3")
    assert said.replace("\ufffd", "\r") == f"{message}\nhelp: x: y"


def test_a_problem_without_a_file_has_no_file(compiled: Compile, full: str) -> None:
    nowhere = Report()
    nowhere.add("P601", "there is no file", None)
    _, properties, said = read(render(nowhere, "github"))
    assert set(properties) == {"title"} and said == "there is no file"
    _, properties, said = read(render(compiled(full, sets=["sed=1"]).report, "github"))
    assert set(properties) == {"title"} and said.startswith("--set sed=1:1:1: ")


def test_control_characters_of_a_stranger_stay_out() -> None:
    made = Report()
    made.add("S401", "bad \x1b[2J", Place("a\x1b.yaml"))
    assert "\x1b" not in render(made, "github")
