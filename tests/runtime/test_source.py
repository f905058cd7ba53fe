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


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Files are named as seen from the working directory."""
    monkeypatch.chdir(tmp_path)


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


def test_a_parquet_file_without_rows_is_told_as_one_of_lines_is(tmp_path):
    pq.write_table(pa.table({"prompt": pa.array([], pa.string())}), tmp_path / "x.parquet")
    assert fault(tmp_path / "x.parquet") == "`x.parquet` holds no rows"


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"prompt": ' * 3000 + "1" + "}" * 3000, '{"prompt": "b", "x": ' + "[" * 150 + "]" * 150 + "}", '{"x": ' + "[" * 80 + "]" * 80 + "}"],
)
@pytest.mark.parametrize("line", [1, 2])
def test_a_line_that_is_nested_too_deeply_is_a_fault(tmp_path, text, line):
    (tmp_path / "x.jsonl").write_text('{"prompt": "a"}\n' * (line - 1) + text + "\n")
    assert "nested too deeply" in fault(tmp_path / "x.jsonl")
    if len(text) > 1000:
        assert f"`x.jsonl`, line {line}:" in fault(tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("prompt,answer,prompt\na,b,c\n", "line 1: the column `prompt` is named twice"),
        ("\nprompt,prompt\na,b\n", "line 2: the column `prompt` is named twice"),
        ("prompt,answer\na,b,c\n", "line 2: 3 fields, where the header has 2"),
        ('prompt,answer\n"a\nb",b\nd,e,f\n', "line 4: 3 fields, where the header has 2"),
        ('prompt,answer\na,b\n"d,e\n', "line 3: a double quote is not closed, or something follows where it is"),
    ],
)
def test_a_csv_file_names_each_column_once_and_its_rows_fit(tmp_path, content, says):
    (tmp_path / "x.csv").write_text(content)
    assert fault(tmp_path / "x.csv") == f"`x.csv`, {says}"


def test_columns_of_a_csv_file_may_lack_names(tmp_path):
    (tmp_path / "x.csv").write_text(",prompt,\n0,a,b\n")
    assert read(tmp_path / "x.csv")[0]["prompt"] == "a"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ('{"prompt": "a", "prompt": "b"}', "the key `prompt` stands twice in one object"),
        ('{"prompt": "\\ud800 alone"}', "`\\ud800` is half of a character, without its other half"),
        ("3", "this is a number, not a row"),
    ],
)
@pytest.mark.parametrize(("name", "where"), [("x.jsonl", "line 2"), ("lines.json", "line 2"), ("x.json", "row 2"), ("list.jsonl", "row 2")])
def test_a_row_at_fault_is_counted_from_one_in_every_format(tmp_path, row, says, name, where):
    first = '{"prompt": "a"}'
    (tmp_path / name).write_text(f"[\n{first},\n{row}\n]" if where == "row 2" else f"{first}\n{row}\n")
    assert fault(tmp_path / name) == f"`{name}`, {where}: {says}"


@pytest.mark.parametrize(
    ("name", "content", "says", "help"),
    [
        ("x.jsonl.gz", b'{"prompt": "a"}\n', "`x.jsonl.gz` is not packed with gzip", "drop `.gz` from its name"),
        ("x.csv.gz", b"prompt\na\n", "`x.csv.gz` is not packed with gzip", "drop `.gz` from its name"),
        ("x.jsonl", gzip.compress(b'{"prompt": "a"}\n', mtime=0), "`x.jsonl` is packed with gzip", "add `.gz` to its name"),
        ("x.json", b'[{"prompt": ' + b"9" * 5000 + b"}]", "`x.json`: a number in it has more than 4,300 digits", ""),
        ("x.json", b'[{"prompt": ' + b"9" * 50 + b"}]", "`x.json`: a number in it is too large to be read", ""),
        ("x.jsonl", b'{"prompt": "a"\n', "`x.jsonl`, line 1: this is not JSON: a `,` or a closing bracket is missing at character 15", ""),
        ("x.parquet", b"no parquet", "`x.parquet` is no Parquet file, or was cut short", ""),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(tmp_path, name, content, says, help):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Fault) as caught:
        read(tmp_path / name)
    assert caught.value.message == says
    assert (help,) == (caught.value.help or ("",))


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
