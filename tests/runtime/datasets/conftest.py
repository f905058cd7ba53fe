"""Rows of a file, as a dataset stage reads them."""

import json

import pytest

from aligncompiler.spec.registry import kinds
from runtime.registry import bind


@pytest.fixture
def read(tmp_path):
    """The rows and skips that a dataset kind makes of rows in a jsonl file."""

    def rows_of(kind, rows, **fields):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return list(bind(kinds("datasets")[kind](file=str(path), **fields), {})())

    return rows_of
