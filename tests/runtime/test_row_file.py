"""Rows that stream to disk and back."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from runtime import row_file
from runtime.fault import Fault
from runtime.row_file import Rows, RowWriter
from runtime.work import ROWS_FILE, load_rows


@pytest.fixture
def small_groups(monkeypatch):
    monkeypatch.setattr(row_file, "GROUP_ROWS", 4)
    monkeypatch.setattr(row_file, "BATCH_ROWS", 3)


def written(path, rows):
    writer = RowWriter(path)
    for row in rows:
        writer.add(row)
    writer.close()
    return Rows(path)


LATER = [
    ([{"a": 1}] * 5 + [{"a": 0.5}], pa.float64()),
    ([{"a": None}] * 5 + [{"a": "x"}], pa.string()),
    ([{"b": 1}] * 5 + [{"a": True, "b": 2}], pa.bool_()),
    ([{"a": []}] * 5 + [{"a": ["x"]}], pa.list_(pa.string())),
    ([{"a": {"k": 1}}] * 5 + [{"a": {"l": "x"}}], pa.struct([("k", pa.int64()), ("l", pa.string())])),
    ([{"a": [{"k": 1}]}] * 5 + [{"a": [{"k": 1.5, "l": None}]}], pa.list_(pa.struct([("k", pa.float64()), ("l", pa.null())]))),
]


@pytest.mark.parametrize(("rows", "kind"), LATER, ids=["float", "text after null", "column", "list", "field", "field of a list"])
def test_a_type_that_only_a_later_row_tells_is_the_type_of_all(rows, kind, tmp_path, small_groups):
    found = written(tmp_path / "rows.parquet", rows)
    assert pq.read_schema(tmp_path / "rows.parquet").field("a").type == kind
    at_once = pa.table({name: [row.get(name) for row in rows] for name in sorted({n for r in rows for n in r})})
    assert list(found) == at_once.to_pylist(), "as if all rows had been brought to one table together"
    assert [p.name for p in tmp_path.iterdir()] == ["rows.parquet"], "no part is left"


def test_rows_are_read_by_number_and_by_slice_as_they_are_in_order(tmp_path, small_groups):
    rows = [{"n": n, "text": "x" * n} for n in range(25)]
    found = written(tmp_path / "rows.parquet", rows)
    assert list(found) == rows and len(found) == 25
    assert [found[n] for n in (24, 0, 7, -1, 13)] == [rows[n] for n in (24, 0, 7, -1, 13)]
    assert found[2:23:5] == rows[2:23:5] and found[:2] == rows[:2]
    for beyond in (25, -26):
        with pytest.raises(IndexError):
            found[beyond]
    first = Rows(tmp_path / "rows.parquet", 10, ("text",))
    assert list(first) == [{"text": "x" * n} for n in range(10)] and first[9] == {"text": "x" * 9} and len(first) == 10
    with pytest.raises(IndexError):
        first[10]


def test_long_texts_make_small_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(row_file, "GROUP_CHARACTERS", 1000)
    written(tmp_path / "rows.parquet", [{"text": "x" * 300}] * 20)
    assert pq.read_metadata(tmp_path / "rows.parquet").num_row_groups == 5


@pytest.mark.parametrize("late", ["two", {"a": 1}, [1]], ids=["text", "mapping", "list"])
def test_a_type_that_changes_in_a_later_group_is_one_fault_with_both_rows(make_work, small_groups, late):
    with pytest.raises(Fault, match=r"the type of `v` is (text|mapping|list) in row 11, but number in row 1$") as caught:
        make_work().save_rows([{"v": 1}] * 6 + [{"v": 0.5}] * 4 + [{"v": late}])
    assert caught.value.code == "P602"


def test_a_mistake_of_who_makes_the_rows_is_not_taken_for_a_clash(make_work):
    def rows():
        yield {"v": 1}
        raise OverflowError("a mistake")

    with pytest.raises(OverflowError, match="a mistake"):
        make_work().save_rows(rows())


def test_an_artifact_holds_one_file_of_rows(make_work, finished, small_groups):
    work = make_work()
    work.save_rows([{"v": None}] * 9 + [{"v": "a"}])
    assert [p.name for p in work.folder.iterdir()] == [ROWS_FILE]
    assert [row["v"] for row in load_rows(finished(work, "dataset"))] == [None] * 9 + ["a"]
