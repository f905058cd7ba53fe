"""Regular expressions of a spec on texts that a model wrote: bounded in time.

Python's own `re` has no bound: a pattern such as `(a|aa)+$` takes longer than the universe on sixty letters. `regex` reads the same language, and
stops.
"""

from __future__ import annotations

from functools import lru_cache

import regex

from .fault import Fault

SECONDS = 10.0  # on one text; a pattern that behaves takes microseconds
compiled = lru_cache(maxsize=64)(regex.compile)


def matches(pattern: str, text: str, whole: bool = False, most: int | None = None, field: str = "reward") -> list[regex.Match[str]]:
    """The matches in a text from its start, none over another; or of all of it. At most so many of them. Raises Fault, at this field
    of the stage, when that takes too long."""
    read, found = compiled(pattern), list[regex.Match[str]]()
    try:
        if whole:
            match = read.fullmatch(text, timeout=SECONDS)
            return [] if match is None else [match]
        for match in read.finditer(text, timeout=SECONDS):
            found.append(match)
            if len(found) == most:
                break
    except TimeoutError:
        told = f"the regular expression `{pattern}` took more than {SECONDS:g} s on an answer of {len(text):,} characters"
        way_out = (
            "a repetition inside of a repetition, such as `(a+)+`, or of alternatives that match the same, such as `(a|aa)+`, tries all ways to divide a text"
        )
        raise Fault("P632", told, field, (way_out,)) from None
    return found
