"""Tokenised rows as flat arrays."""

import pytest

from runtime import encoded
from runtime.batching import Example
from runtime.encoded import encode_rows
from runtime.tokens import Encoder

ROWS = [{"prompt": f"cat {n}", "chosen": " all cats" * (1 + n % 4), "rejected": " no fish" * (n % 3)} for n in range(23)]
LEAVES = ("chosen", "rejected")


@pytest.fixture
def encoder(tokenizer):
    return Encoder(tokenizer, "plain", 64)


def made(encoder, rows=ROWS, limit=64, **options):
    reasons = []
    found = encode_rows(encoder, rows, LEAVES, limit, reasons.append, lambda done, total: None, **options)
    return found, reasons


def test_an_example_is_the_tree_of_its_row(encoder, monkeypatch):
    monkeypatch.setattr(encoded, "BATCH_ROWS", 5)
    found, reasons = made(encoder)
    assert [e.tree for e in found] == [encoder.tree(row, LEAVES, 64) for row in ROWS]
    assert found[-1].tree == found[22].tree and len(found[3:9]) == 6 and not reasons
    assert found.rows_N.tolist() == list(range(23))


def test_rows_that_cannot_be_used_leave_no_trace_but_their_reason(encoder, monkeypatch):
    monkeypatch.setattr(encoded, "BATCH_ROWS", 5)
    limit = sorted(encoder.tree(row, LEAVES, 64).size for row in ROWS)[8]
    found, reasons = made(encoder, limit=limit, usable=lambda number: "odd" if number % 2 else "")
    fits = [n for n, row in enumerate(ROWS) if hasattr(encoder.tree(row, LEAVES, limit), "size")]
    assert found.rows_N.tolist() == [n for n in fits if n % 2 == 0]
    assert [e.tree for e in found] == [encoder.tree(ROWS[n], LEAVES, 64) for n in found.rows_N]
    assert reasons.count(f"longer than {limit} tokens") == 23 - len(fits) and reasons.count("odd") == len([n for n in fits if n % 2])
    assert len(found.ids) == sum(e.tree.size for e in found)


def test_where_no_row_is_left_there_is_no_example(encoder):
    found, reasons = made(encoder, limit=1)
    assert len(found) == 0 and list(found) == [] and len(reasons) == 23


def test_numbers_belong_to_their_rows_and_no_file_is_left(encoder, tmp_path):
    found, _ = made(encoder, folder=tmp_path)
    margins = found.with_numbers({"margin": found.rows_N / 10})
    assert margins[7] == Example(found[7].tree, {"margin": 0.7})
    assert list(tmp_path.iterdir()) == []
