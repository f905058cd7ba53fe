"""`# alignc: allow CODE reason`: a comment that says a diagnostic is meant.

It stands at the end of the line that the diagnostic points at, or alone on the line above (several may stand there, one below the other). An
allowed diagnostic is not reported, by no verb. Only comments count, not the same words inside a text, so the file is read as tokens; the
compiler comes here only if the words stand in a file at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from .codes import CODES
from .diagnostic import ALLOW, LIKE_ALLOW, LINE_BREAK, Allowance, Fix, Place, Report
from .fixes import cutting, replacing
from .load import shielded
from .words.suggest import distance, nearest

COMMENT = re.compile(rf"#+[ \t]*{ALLOW}(?![^\s])[ \t]*(?P<code>\S*)(?P<reason>.*)")
SEPARATORS = " \t:,;.-"
PUNCTUATION = re.compile(r"[^\w\s]*")
SIGNS = ("", ":", "=", ",", "-")  # behind a misspelt `allow`; what is none of these is for a person to mend
LIKE_OTHERS = ("ignore", "disable", "noqa", "suppress", "permit", "accept")  # what other checkers call it
SENTENCES = ("allows", "allowed", "allowing")  # words of a sentence about alignc
LATER = ("P622", "M502")  # what may be found by `check --data` alone, after everything else
DYNAMIC = "P"  # the family of what is found only where files and the machine are looked at


def allows(report: Report, code: str, place: Place) -> bool:
    """Whether a comment allows `code` on the line of `place`; the comment then has had its effect."""
    if code not in CODES or not CODES[code].allowable:
        return False
    found = [one for one in in_file(report, place.file) if one.line == place.line and one.code == code]
    for one in found:
        one.used = True
    return bool(found)


def check_allowances(report: Report, whole: str | None, static: bool) -> None:
    """Report comments that name no code that can be allowed, or give no reason; and in the file `whole` those without effect.

    `whole` is None where something else is wrong or overridden: then nobody knows which would have had one. Nor is it known of the file of a
    parent, which has other children, before the passes that look at files, and of what `check --data` alone may find.
    """
    for file in list(report.sources):
        report_misspelt(report, file)
        for one in in_file(report, file):
            unknown = one.code not in CODES or not CODES[one.code].allowable
            if unknown:
                report_unknown(report, one)
            elif not one.reason:
                report.add(
                    "Y113", f"the allowance of {one.code} gives no reason", one.place, help=(f"write it behind the code: `# {ALLOW} {one.code} because ...`",)
                )
            if file == whole and not (one.used or unknown or one.code in LATER or (static and one.code.startswith(DYNAMIC))):
                report_idle(report, file, one)


def check_shared(report: Report, file: str) -> None:
    """Report allowances of shared rows (M502) without effect in a file, once the rows of all its datasets were looked at."""
    for one in in_file(report, file):
        if one.code == "M502" and not one.used:
            report_idle(report, file, one)


def report_idle(report: Report, file: str, one: Allowance) -> None:
    text = f"{one.code} is not reported on line {one.line}, so there is nothing to allow"
    report.add("Y111", text, one.place, help=("remove the comment",), fixes=(cutting(report.sources[file], one.place, "remove the comment"),))


def report_unknown(report: Report, one: Allowance) -> None:
    names = {code.name: code.code for code in CODES.values() if code.allowable}
    if one.code in CODES:
        text, near = f"{one.code} cannot be allowed", []
    else:
        text = f"there is no code `{one.code}` to allow" if one.code else "the comment names no code to allow"
        near = [names[one.code.lower()]] if one.code.lower() in names else nearest(one.code, names.values()) if one.code else []
    help = f"did you mean `{near[0]}`?" if len(near) == 1 else f"codes that can be allowed: {', '.join(names.values())}"
    report.add("Y112", text, one.place, help=(help,), fixes=[replacing(report, one.word, near[0])] if len(near) == 1 else [])


def report_misspelt(report: Report, file: str) -> None:
    """Report the comments of a file that were meant as allowances and are none."""
    text = report.sources[file]
    if file.startswith("--set ") or not LIKE_ALLOW.search(text):
        return
    for number, start, line in comments(text, LIKE_ALLOW):
        like = LIKE_ALLOW.match(line, start)
        if like is None or COMMENT.match(line, start) or not is_meant(like):
            continue
        sign = PUNCTUATION.match(line, like.end("verb"))
        assert sign is not None
        place = Place(file, number + 1, like.start("who") + 1, number + 1, sign.end() + 1)
        space = "" if line[sign.end() : sign.end() + 1].isspace() or sign.end() == len(line) else " "
        fix = Fix(f"write `{ALLOW}`", place, ALLOW + space)
        report.add(
            "Y115", f"`{line[like.start('who') : sign.end()]}` allows nothing", place, help=(f"write `{ALLOW}`",), fixes=(fix,) if sign[0] in SIGNS else ()
        )


def is_meant(like: re.Match[str]) -> bool:
    """Whether a comment was meant as an allowance: it names alignc, or nearly, and says `allow`, and either a `:` or a code stands where it is due."""
    who, verb, rest = like["who"], like["verb"].lower(), like.string[like.end() :]
    if distance(who.lower(), "alignc") > 1 or not (nearest(verb, ["allow"]) or verb in LIKE_OTHERS):
        return False
    if re.match(r"\W*[a-z]\d{3}\b", rest, re.IGNORECASE):
        return like["sign"] == ":" or verb not in SENTENCES
    return verb == "allow" and like["sign"] in (":", ";", "=") and re.match(r"[:=(\s]|\Z", rest) is not None


def in_file(report: Report, file: str) -> list[Allowance]:
    """The allowances of a file, read once."""
    if file not in report.allowances:
        text = report.sources.get(file, "")
        report.allowances[file] = list(read(text, file)) if ALLOW in text and not file.startswith("--set ") else []
    return report.allowances[file]


def read(text: str, file: str) -> Iterator[Allowance]:
    """Every allowance of a text."""
    lines = LINE_BREAK.split(text)
    for number, start, line in comments(text, COMMENT):
        match = COMMENT.match(line, start)
        if match is None:
            continue
        below = number
        if not line[: match.start()].strip():
            below = next((n for n in range(number + 1, len(lines)) if not lines[n].lstrip().startswith("#")), number)
        code = match["code"].rstrip(SEPARATORS)
        place = Place(file, number + 1, match.start() + 1, number + 1, len(line.rstrip()) + 1)
        word = Place(file, number + 1, match.start("code") + 1, number + 1, match.start("code") + 1 + len(code))
        yield Allowance(code.upper() if code.upper() in CODES else code, match["reason"].strip(SEPARATORS), below + 1, place, word)


def comments(text: str, wanted: re.Pattern[str]) -> Iterator[tuple[int, int, str]]:
    """Line and column, counted from 0, where a comment starts, and the whole line; of the lines in which `wanted` is found."""
    inside = insides(text)
    for number, line in enumerate(LINE_BREAK.split(text)):
        if wanted.search(line):
            start = next((m.start() for m in re.finditer("#", line) if not any(a <= (number, m.start()) < b for a, b in inside)), None)
            if start is not None:
                yield number, start, line


def insides(text: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """From where to where (line, column, counted from 0) the scalars of a text reach: a `#` there is no comment."""
    found = []
    try:
        for token in yaml.scan(shielded(text), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(token, yaml.ScalarToken):
                a, b = token.start_mark, token.end_mark
                start = (a.line + 1, 0) if token.style in ("|", ">") else (a.line, a.column)  # a comment may stand behind the `|`
                found.append((start, (b.line, b.column)))
    except yaml.YAMLError:
        pass  # reported when the tree was built; what comes after the fault was not read
    return found
