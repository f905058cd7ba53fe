"""What is wrong with a data file, in plain sentences, with the line where it can be told; rows of a JSON list are counted from 1, as lines are."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from aligncompiler.store.inputs import shown

from .fault import Fault
from .rows import clash, type_of

LINED = (".jsonl", ".ndjson")
GZIP = b"\x1f\x8b"
ROW_HELP = 'a row is one object: `{"prompt": ...}`'
DEEP = "this is nested too deeply"
# What the parser says of broken JSON, in the words of a person.
SAID = {
    "Expecting value": "a value is missing",
    "Expecting property name enclosed in double quotes": "a name in double quotes is missing",
    "Expecting ',' delimiter": "a `,` or a closing bracket is missing",
    "Expecting ':' delimiter": "a `:` is missing",
    "Unterminated string starting at": "a text is not closed that starts",
    "Invalid control character at": "a tab or another control character stands in a text",
    "Invalid \\escape": "`\\` stands before a letter that it has no meaning with",
    "Invalid \\uXXXX escape": "`\\u` stands without four hexadecimal digits",
    "Extra data": "something follows the value",
}


class Repeated(dict[str, Any]):
    """An object in which `key` stands twice."""

    key = ""


class NotJson(Exception):
    """Why a text is no JSON value that can be read, and in which of its lines; 0 where that cannot be told."""

    def __init__(self, text: str, line: int) -> None:
        super().__init__(text)
        self.line = line


def opened(path: Path) -> BinaryIO:
    """The bytes of a file, unpacked."""
    return cast(BinaryIO, gzip.open(path, "rb")) if path.name.endswith(".gz") else path.open("rb")


def fault_at(path: Path, where: str, text: str, *help: str) -> Fault:
    """A fault of a file, `where` in it ("line 3") if that is known."""
    return Fault("P602", f"`{shown(str(path))}`{f', {where}' if where else ''}: {text}", "file", help)


def check_lines(path: Path) -> None:
    """Raise Fault if the first line of a jsonl file is JSON, but no row; `datasets` would make rows of its own of it."""
    with opened(path) as stream:
        number, line = next(((n, one) for n, one in enumerate(stream, 1) if one.strip()), (0, b"{}"))
    try:
        value = value_of(line.decode("utf-8-sig"))
    except (NotJson, UnicodeDecodeError) as error:
        if DEEP in str(error):
            raise fault_at(path, f"line {number}", DEEP) from None
        if line.lstrip().startswith(b"["):
            check_list(path)
        return  # what is wrong is told by who reads on
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        check_list(path)
    elif fault := row_fault(path, f"line {number}", value):
        raise fault


def check_list(path: Path) -> None:
    """Raise Fault if a file that is one JSON list holds something else than rows; `datasets` would mend silently what is in them.

    A list of texts is rows too, of one column.
    """
    with opened(path) as stream:
        data = stream.read()
    if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        return
    try:
        value = value_of(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return  # which is told by who reads on
    except NotJson as error:
        raise fault_at(path, f"line {error.line}" if error.line else "", str(error)) from None
    texts = all(isinstance(row, str) for row in value)
    for number, row in enumerate(value, 1):
        fault = row_fault(path, f"row {number}", {"text": row} if texts else row)
        if fault is not None:
            raise fault


def check_header(path: Path) -> None:
    """Raise Fault if the first line of a csv file names a column twice, or has fewer names than the next has fields: `datasets` would rename
    the one, and move the fields of the other."""
    try:
        (first, header), (second, row) = [*records(path, 2), (0, []), (0, [])][:2]
    except (csv.Error, UnicodeDecodeError):
        return  # which is told by who reads on
    twice = next((name for name, count in Counter(filter(None, header)).items() if count > 1), None)
    if twice is not None:
        raise fault_at(path, f"line {first}", f"the column `{twice}` is named twice", "give each column a name of its own")
    if len(row) > len(header):
        raise uneven(path, second, row, header)


def records(path: Path, most: int | None = None) -> Iterator[tuple[int, list[str]]]:
    """The records of a csv file, each with the line where it starts; lines of nothing left out. Raises csv.Error where quotes are not closed."""
    with io.TextIOWrapper(opened(path), encoding="utf-8-sig", newline="") as stream:
        reader, line, count = csv.reader(stream, strict=True), 1, 0
        try:
            for record in reader:
                if record:
                    yield line, record
                    count += 1
                if count == most:
                    return
                line = reader.line_num + 1
        except csv.Error:
            raise csv.Error(line) from None


def uneven(path: Path, line: int, row: list[str], header: list[str]) -> Fault:
    text = f"{len(row)} fields, where the header has {len(header)}"
    return fault_at(path, f"line {line}", text, 'write a field that holds a comma in double quotes: `"one, two"`')


def is_lined(path: Path, suffix: str) -> bool:
    """Whether each line is a row, by the name of the file or, in a json file, by its first line."""
    if suffix != ".json":
        return suffix in LINED
    with opened(path) as stream:
        line = next((one for one in stream if one.strip()), b"")
    try:
        return isinstance(value_of(line.decode("utf-8-sig")), dict)
    except (NotJson, UnicodeDecodeError):
        return False


def value_of(text: str) -> Any:
    """The value that a text of JSON holds, with `Repeated` for objects. Raises NotJson."""
    try:
        return json.loads(text, object_pairs_hook=paired)
    except RecursionError:
        raise NotJson(DEEP, 0) from None
    except json.JSONDecodeError as error:
        raise NotJson(f"this is not JSON: {SAID.get(error.msg, error.msg)} at character {error.colno}", error.lineno) from None
    except ValueError:
        raise NotJson(f"a number in it has more than {sys.get_int_max_str_digits():,} digits", 0) from None


def paired(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of its names and values; `Repeated` if a name stands twice."""
    made = dict(pairs)
    if len(made) < len(pairs):
        made = Repeated(made)
        made.key = Counter(name for name, _ in pairs).most_common(1)[0][0]
    return made


def row_fault(path: Path, where: str, value: Any) -> Fault | None:
    """What is wrong with what should be a row; a null is skipped where the rows are used."""
    if value is not None and not isinstance(value, dict):
        return fault_at(path, where, f"this is a {type_of(value)}, not a row", ROW_HELP)
    inside = [value]
    while inside:
        one = inside.pop()
        if isinstance(one, Repeated):
            return fault_at(path, where, f"the key `{one.key}` stands twice in one object", "give each value a key of its own")
        if isinstance(one, dict):
            inside.extend([*one.values(), *one])
        elif isinstance(one, list):
            inside.extend(one)
        elif isinstance(one, str) and (half := next((c for c in one if "\ud800" <= c <= "\udfff"), None)):
            return fault_at(path, where, f"`\\u{ord(half):04x}` is half of a character, without its other half")
    return None


def line_fault(path: Path, lined: bool) -> Fault | None:
    """The first line that is not UTF-8 or, where the lines are JSON, no row."""
    with opened(path) as stream:
        for number, line in enumerate(stream, 1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                fault = row_fault(path, f"line {number}", value_of(text.rstrip())) if lined and text.strip() else None
            except UnicodeDecodeError as error:
                return fault_at(path, f"line {number}", f"the byte 0x{error.object[error.start]:02X} is not UTF-8", "save the file as UTF-8")
            except NotJson as error:
                return fault_at(path, f"line {number}", str(error))
            if fault is not None:
                return fault
    return None


def type_clash(path: Path) -> str:
    """The first two rows of a file of JSON whose values of a column differ in type, with their lines; empty if there are none."""
    suffix = Path(path.name.removesuffix(".gz")).suffix
    try:
        if is_lined(path, suffix):
            with opened(path) as stream:
                return clash(((n, value_of(line.decode("utf-8-sig"))) for n, line in enumerate(stream, 1) if line.strip()), "line")
        with opened(path) as stream:
            return clash(enumerate(value_of(stream.read().decode("utf-8-sig")), 1), "row") if suffix == ".json" else ""
    except NotJson:
        return ""  # such as a number of thousands of digits, which is infinity for who reads the rows


def csv_fault(path: Path) -> Fault | None:
    """The first record of a csv file with more fields than the header, or whose quotes are not closed."""
    header: list[str] = []
    try:
        for line, record in records(path):
            header = header or record
            if len(record) > len(header):
                return uneven(path, line, record, header)
    except csv.Error as error:
        return fault_at(path, f"line {error}", "a double quote is not closed, or something follows where it is", 'write a quote inside of quotes twice: `""`')
    return None


def explained(path: Path, suffix: str, error: Exception) -> Fault:
    """What is wrong with a file that `datasets` could not read, with the line where it can be told."""
    name = f"`{shown(str(path))}`"
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == GZIP
        if packed != path.name.endswith(".gz"):
            text, way_out = ("is packed with gzip", "add `.gz` to its name") if packed else ("is not packed with gzip", "drop `.gz` from its name")
            return Fault("P602", f"{name} {text}", "file", (way_out,))
        lined = is_lined(path, suffix)
        fault = line_fault(path, lined) if suffix != ".parquet" else None
        fault = fault or (csv_fault(path) if suffix == ".csv" else None)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return Fault("P602", f"{name} is damaged, or was cut short: it cannot be unpacked", "file", ("write or copy it once more",))
    except OSError as failed:
        return Fault("P602", f"{name} cannot be read: {failed.strerror}", "file")
    if fault is not None:
        return fault
    mixed = type_clash(path) if lined else ""
    if mixed:
        return fault_at(path, "", mixed, "write all values of a column in one form")
    said = str(error.__cause__ or error)
    if isinstance(error, RecursionError) or "depth limit" in said or "Recursion level" in said:
        return fault_at(path, "", DEEP)
    if "too big" in said:
        return fault_at(path, "", "a number in it is too large to be read")
    if "magic bytes" in said:
        return Fault("P602", f"{name} is no Parquet file, or was cut short", "file")
    return Fault("P602", f"{name} is no {suffix[1:]} file that can be read: {said.splitlines()[0].rstrip('.')}", "file")
