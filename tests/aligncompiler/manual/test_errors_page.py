"""The page of all codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from aligncompiler.cli import EXITS, main
from aligncompiler.codes import ALL
from aligncompiler.manual.errors_page import FAMILIES, errors_page

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "errors.md"


def test_the_page_in_the_docs_is_fresh(bless: bool) -> None:
    if bless:
        PAGE.write_text(errors_page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == errors_page(), "`pytest tests/aligncompiler/test_errors_page.py --bless` writes it anew"


def test_every_code_has_one_anchor_one_entry_and_a_link_to_it() -> None:
    page = errors_page()
    assert re.findall(r'<a id="(\w+)"></a>', page) == re.findall(r"\]\(#(\w+)\)", page)
    for code in ALL:
        assert page.count(f"\n### {code.code} {code.name}\n") == 1 and code.why in page
        entry = page[page.index(f"### {code.code} ") :].split("<a id")[0]
        assert ("can be allowed" in entry.split(".")[0]) == code.allowable
        assert ("Bad:" in entry, "Good:" in entry) == (bool(code.bad), bool(code.good))


def test_every_family_has_a_heading_and_every_code_a_family() -> None:
    assert {code.code[0] for code in ALL} <= set(FAMILIES)
    assert re.findall(r"^## (\w):", errors_page(), re.MULTILINE) == [f for f in FAMILIES if any(c.code[0] == f for c in ALL)]


def test_the_page_shows_every_exit_code_and_no_control_character() -> None:
    page = errors_page()
    assert all(f"| {number} | {meaning} |" in page for number, meaning in EXITS.items())
    assert all(c.isprintable() or c in "\n\t" for c in page) and page.count("```") % 2 == 0


def test_explain_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--markdown"]) == 0
    assert capsys.readouterr().out == errors_page()
    assert main(["explain", "--markdown", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"markdown": errors_page()}
