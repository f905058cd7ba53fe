"""`alignc schema`: the schema on stdout or in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aligncompiler.cli import main
from aligncompiler.schema import language_schema

Capture = pytest.CaptureFixture[str]


def test_schema_prints_the_schema(capsys: Capture) -> None:
    assert main(["schema"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == language_schema() and err == ""


def test_schema_as_json_is_one_line(capsys: Capture) -> None:
    assert main(["schema", "--json"]) == 0
    out, _ = capsys.readouterr()
    assert json.loads(out) == language_schema() and out.count("\n") == 1


def test_schema_goes_to_a_file_and_says_so(folder: Path, capsys: Capture) -> None:
    assert main(["schema", "-o", ".vscode/alignc.schema.json"]) == 0
    out, err = capsys.readouterr()
    assert out == "" and err == "wrote .vscode/alignc.schema.json\n"
    assert json.loads(Path(".vscode/alignc.schema.json").read_text(encoding="utf-8")) == language_schema()
    assert main(["schema", "-o", "again.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"wrote": "again.json"}


def test_schema_says_where_it_cannot_write(folder: Path, capsys: Capture) -> None:
    assert main(["schema", "-o", "."]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err == "error: `.` cannot be written: Is a directory\n"
