"""`alignc lsp` without what it needs; with it, `tests/editors` speaks to it."""

from __future__ import annotations

import pytest

from aligncompiler.cli import main


def test_lsp_says_in_one_line_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["lsp"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err == "error: the language server needs pygls: pip install 'aligncompiler[lsp]'\n"
