"""Rows of an artifact."""

import pytest

from runtime.fault import Fault, Skip
from runtime.work import load_rows

ROWS = [{"prompt": "a", "n": 1, "steps": ["x", "y"]}, {"prompt": "b", "n": None, "extra": {"k": True}}]


def test_rows_come_back_as_they_were_with_gaps_filled(make_work, finished):
    work = make_work()
    work.save_rows(ROWS)
    found = load_rows(finished(work, "dataset"))
    assert found[0] == {"prompt": "a", "n": 1, "steps": ["x", "y"], "extra": None}
    assert found[1]["extra"] == {"k": True}
    assert list(load_rows(finished(work, "dataset"), 1)) == found[:1]
    assert work.summary["rows"] == 2


def test_skips_are_counted_by_reason(make_work):
    work = make_work()
    assert list(work.usable([Skip("empty"), {"a": 1}, Skip("empty"), Skip("long")])) == [{"a": 1}]
    assert work.skipped == {"empty": 2, "long": 1}


def test_no_rows_left_is_one_fault_with_the_reasons(make_work):
    work = make_work()
    with pytest.raises(Fault, match=r"no rows are left \(2 x empty\)") as caught:
        work.save_rows(work.usable([Skip("empty"), Skip("empty")]))
    assert caught.value.code == "P604"
    assert list(work.folder.iterdir()) == []


def test_a_fault_of_the_rows_of_a_file_names_it_and_its_lines(make_work, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.jsonl").write_text('{"v": "", "n": 0}\n\n{"v": "a", "n": 1}\n{"v": "b", "n": "c"}\n')
    work = make_work(file=str(tmp_path / "x.jsonl"))
    with pytest.raises(Fault, match=r"^no rows of `x.jsonl` are left \(1 x empty\)$") as caught:
        work.save_rows(work.usable([Skip("empty")]))
    assert caught.value.field == "file"
    with pytest.raises(Fault, match=r"^the rows of `x.jsonl` do not fit one table: the type of `n` is text in line 4, but number in line 1$") as caught:
        work.save_rows([{"v": "a", "n": 1}, {"v": "b", "n": "c"}])
    assert caught.value.field == "file"


@pytest.mark.parametrize("values", [[1, "one"], [{"a": 1}, "x"], [1, 2**70]], ids=["number and text", "mapping and text", "a number too large"])
def test_a_column_of_two_types_is_one_fault(make_work, values):
    with pytest.raises(
        Fault, match=r"the type of `v` is text in row 2, but (number|mapping) in row 1|the values of a column cannot be stored as one type"
    ) as caught:
        make_work().save_rows([{"v": v} for v in values])
    assert caught.value.code == "P602"


def test_text_that_is_no_unicode_is_one_fault(make_work):
    with pytest.raises(Fault, match="surrogates not allowed"):
        make_work().save_rows([{"prompt": "half a pair \ud83d"}])
