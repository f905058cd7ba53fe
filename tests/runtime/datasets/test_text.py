"""Plain text."""

import pytest

from runtime.fault import Fault, Skip


def test_documents_come_through_and_blank_ones_are_skips(read):
    assert read("text", [{"text": "one"}, {"text": "\n"}]) == [{"text": "one"}, Skip("empty text")]


def test_splits_go_by_the_hash_of_the_text(read):
    rows = [{"text": f"t{i}"} for i in range(100)]
    low, high = read("text", rows, between=(0.0, 0.3)), read("text", rows, between=(0.3, 1.0))
    assert len(low) + len(high) == 100
    assert 15 < len(low) < 45


def test_a_missing_column_is_one_fault(read):
    with pytest.raises(Fault, match="`text`"):
        read("text", [{"prompt": "x"}])
