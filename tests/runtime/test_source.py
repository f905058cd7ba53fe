"""Files of every format come in; what cannot be read is one fault with its line."""

import csv
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from runtime.fault import Fault
from runtime.source import read_source

ROWS = [{"prompt": "a\nb", "n": 1}, {"prompt": 'zwei, "drei" é 漢', "n": 2}]


def read(path, columns=None):
    return list(read_source(str(path), None, None, None, None, columns or {}))


def fault(path):
    with pytest.raises(Fault) as caught:
        read(path)
    assert caught.value.code == "P602"
    assert caught.value.field == "file"
    return caught.value.message


def written(path, rows=ROWS):
    if path.name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.name.endswith(".csv"):
        with path.open("w", encoding="utf-8", newline="") as stream:
            made = csv.DictWriter(stream, list(rows[0]))
            made.writeheader()
            made.writerows(rows)
    else:
        text = json.dumps(rows) if ".json" in path.suffixes and ".jsonl" not in path.name else "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["x.jsonl", "x.ndjson", "x.jsonl.gz", "x.json", "x.json.gz", "x.parquet", "x.csv", "two.dots.jsonl.gz"])
def test_every_format_gives_the_same_rows(tmp_path, name):
    assert read(written(tmp_path / name)) == ROWS


def test_a_text_file_is_one_row_a_line(tmp_path):
    (tmp_path / "x.txt").write_text("one\ntwo\n", encoding="utf-8")
    assert read(tmp_path / "x.txt") == [{"text": "one"}, {"text": "two"}]


def test_columns_are_mapped_on_the_way_in(tmp_path):
    assert read(written(tmp_path / "x.jsonl"), {"text": "prompt"})[0] == {"text": "a\nb", "n": 1}


def test_words_that_look_like_nothing_stay_words(tmp_path):
    rows = [{"prompt": "null", "answer": "NA"}, {"prompt": "None", "answer": "nan"}, {"prompt": "n/a", "answer": ""}]
    got = read(written(tmp_path / "x.csv", rows))
    assert [r["prompt"] for r in got] == ["null", "None", "n/a"]
    assert [r["answer"] for r in got][:2] == ["NA", "nan"]
    assert not got[2]["answer"]


def test_an_unknown_ending_lists_the_known_ones(tmp_path):
    (tmp_path / "x.xlsx").write_bytes(b"PK")
    with pytest.raises(Fault, match=r"`x\.xlsx` is in no known format") as caught:
        read(tmp_path / "x.xlsx")
    assert ".jsonl" in caught.value.help[0]


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.parquet", "x.json"])
def test_an_empty_file_is_named(tmp_path, name):
    (tmp_path / name).touch()
    assert fault(tmp_path / name) == f"`{name}` is empty"


@pytest.mark.parametrize(
    ("name", "content"), [("x.csv", b"prompt,answer\n"), ("x.json", b"[]"), ("x.jsonl.gz", gzip.compress(b"", mtime=0)), ("x.jsonl", b"\n\n")]
)
def test_a_file_without_rows_is_told(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert name in fault(tmp_path / name)


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz"])
def test_broken_json_names_its_line(tmp_path, name):
    content = b'{"prompt": "a"}\n\n{"prompt": "b"}\n{"prompt": \n{"prompt": "c"}\n'
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert f"`{name}`, line 4: this is not JSON" in fault(tmp_path / name)


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.txt", "x.jsonl.gz"])
def test_bytes_that_are_not_utf8_name_their_line(tmp_path, name):
    content = b'{"prompt": "a"}\n' + b'{"prompt": "\xe9t\xe9"}\n'
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert f"`{name}`, line 2: the byte 0xE9 is not UTF-8" in fault(tmp_path / name)


def test_a_late_broken_line_is_found_after_thousands_of_good_ones(tmp_path):
    lines = [json.dumps({"prompt": f"p{i}" * 10}) for i in range(3000)]
    lines[2500] = '{"prompt": "half'
    (tmp_path / "x.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert "line 2501" in fault(tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.parquet", b"this is no parquet file at all"),
        ("x.jsonl.gz", b"this is no gzip"),
        ("x.jsonl.gz", gzip.compress(b'{"prompt": "a"}\n' * 500, mtime=0)[:30]),
        ("x.json", b'{"prompt": '),
        ("x.jsonl", b"[1, 2]\n[3]\n"),
        ("x.jsonl", b'"just a text"\n'),
        ("x.jsonl", b'{"prompt": "\\ud800 alone"}\n'),
        ("x.csv", b'a,b\n1,2\n1,2,3,4\n"unclosed'),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    message = fault(tmp_path / name)
    assert name in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[1, 2]\n", "`x.jsonl`, line 1: this is a list, not a row"),
        (b'{"prompt": "a"}\n\n[1, 2]\n', "`x.jsonl`, line 3: this is a list, not a row"),
        (b'\n"just a text"\n', "`x.jsonl`, line 2: this is a text, not a row"),
        (b"3\n", "`x.jsonl`, line 1: this is a number, not a row"),
        (
            b'{"prompt": "a", "n": null}\n{"prompt": "b", "n": [1]}\n\n{"prompt": "c", "n": 2}\n',
            "`x.jsonl`: the type of `n` is number in line 4, but list in line 2",
        ),
        (
            b'{"prompt": [{"role": "user"}]}\n\n{"prompt": [{"role": 1}]}\n',
            "`x.jsonl`: the type of `prompt[].role` is number in line 3, but text in line 1",
        ),
    ],
)
def test_a_line_that_is_no_row_and_a_column_of_two_types_are_told_with_their_lines(tmp_path, content, says):
    (tmp_path / "x.jsonl").write_bytes(content)
    assert fault(tmp_path / "x.jsonl") == says


def test_an_array_of_rows_under_the_name_of_lines_is_read(tmp_path):
    (tmp_path / "x.jsonl").write_text(json.dumps(ROWS), encoding="utf-8")
    assert read(tmp_path / "x.jsonl") == ROWS


def test_a_type_that_changes_late_reaches_the_row_that_has_it(tmp_path):
    lines = [json.dumps({"prompt": f"p{i}"}) for i in range(2000)] + [json.dumps({"prompt": ["a", "list"]})]
    (tmp_path / "x.jsonl").write_text("\n".join(lines), encoding="utf-8")
    rows = read(tmp_path / "x.jsonl")
    assert rows[0] == {"prompt": "p0"}
    assert rows[2000] == {"prompt": ["a", "list"]}


def test_a_hub_that_cannot_be_reached_is_one_clear_fault():
    with pytest.raises(Fault, match="hub dataset `some-one/no-such-data` cannot be read") as caught:
        list(read_source(None, "some-one/no-such-data", "0" * 40, None, "train", {}))
    assert (caught.value.code, caught.value.field) == ("P602", "hub")
    assert "\n" not in caught.value.message
