"""Answers read as mathematics, in processes that are ended when one takes too long.

A text of ten characters, such as `9^{9^9}!`, can keep a computer algebra busy for ever, and in one operation of C that no signal reaches. So
math-verify reads and compares outside of this process, with its own bounds off: they are set by signals, which only a main thread takes.
"""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import re
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import TimeoutError as Late
from decimal import Decimal
from functools import cache

from pebble import ProcessExpired, ProcessPool

from .fault import Skip

SECONDS = 10.0  # for one answer; a usual one takes milliseconds
PROCESSES = 2
BYTES = 4 * 2**30  # of memory of one of these processes
WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
COLON = r"\banswer\**\s*:\**"  # stars make bold print of what they stand around
LABEL = re.compile(rf"({COLON})\+?(?=-?\.?\d)", re.IGNORECASE)
THOUSANDS = r"\d{1,3}(?:,\d{3})*,0\d\d(?:,\d{3})*"  # of `(1,234)` nobody knows whether it is one number; there is no second one in `(1,000)`
NUMBER = rf"\+?(-?(?:(?:{THOUSANDS}|\d+)(?:\.\d+|/\d+)?|\.\d+))"
BRACKETED = re.compile(
    rf"(\A|\banswer\s+is(?:\s*:)?|{COLON}|\banswer>|=)\s*\**(?:\({NUMBER}\)|\[{NUMBER}\])(?=\s*(?:\Z|</|(?:[.!]\**|\*+(?:[.!]\**)?)\s*\Z))", re.IGNORECASE
)
# 2e-5 may be five less than twice Euler's number; 2e-05, 1e-5 and 2E-5 are numbers
SCIENTIFIC = re.compile(r"(?<![\w.])(?<!\d,)(?:(?:\d+(?:\.\d*)?|\.\d+)(?:[eE]\d{1,2}|E[-+]\d{1,2}|e[-+]0\d)|1(?:\.0*)?e[-+]\d{1,2})(?!\w|\.\d)")
CLOSING = re.compile(r"</([A-Za-z_]+)>")
MARKS = ("$", "\\(", "\\[", "\\boxed")
UNREADABLE = "the reference answer cannot be read as mathematics"


def equal(questions: Iterable[tuple[str, str, int]]) -> Iterator[bool | Skip]:
    """Whether each (reference answer, completion, decimal places) agree; a skip where the reference is no mathematics, or too much for the machine."""
    found = processes().map(agree, questions, timeout=SECONDS).result()
    while True:
        try:
            same = next(found)
        except StopIteration:
            return
        except Late:
            yield Skip(f"comparing the answer as mathematics takes more than {SECONDS:g} s")
        except (ProcessExpired, MemoryError):
            yield Skip("comparing the answer as mathematics takes too much memory")
        else:
            yield Skip(UNREADABLE) if same is None else same


@cache
def processes() -> ProcessPool:
    """Processes that stay until this one ends: each takes over a second to start."""
    pool = ProcessPool(PROCESSES, initializer=prepared, context=multiprocessing.get_context("spawn"))
    atexit.register(pool.join)
    atexit.register(pool.stop)  # before the other: the last one registered is the first one called
    return pool


def prepared() -> None:
    """Bound the memory of this process, where the system can, keep what the library logs of every text to itself, and load it."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    logging.disable(logging.CRITICAL)
    agree(("1/2", r"$\frac{1}{2}$", 6))  # what is read once, over a second of it, is no part of the time of an answer


def agree(question: tuple[str, str, int]) -> bool | None:
    """Whether a completion holds the reference answer; None where the reference is no mathematics."""
    from math_verify import parse, verify

    reference, completion, digits = question
    gold = parse(as_formula(reference), parsing_timeout=None)
    return bool(verify(gold, parse(legible(completion), parsing_timeout=None), float_rounding=digits, timeout_seconds=None)) if gold else None


def legible(completion: str) -> str:
    """A completion as math-verify finds its last number: with a blank between `Answer:` and a number, without brackets around one number that is all
    of the answer, `(7)` or `[7]`, and in decimals. An interval, a list, an argument and a remark in brackets stay what they are."""
    return without_tags(LABEL.sub(r"\1 ", BRACKETED.sub(r"\1 \2\3", in_decimals(completion))))


def in_decimals(text: str) -> str:
    """A text with its numbers in scientific notation, as in `1.5e3`, in plain decimals: math-verify reads Euler's number there."""
    return SCIENTIFIC.sub(lambda found: f"{Decimal(found[0]):f}", text)


def without_tags(completion: str) -> str:
    """A completion with a blank for each tag that it also closes, as in `<answer>7</answer>`: math-verify finds no number that touches one."""
    names = "|".join(map(re.escape, set(CLOSING.findall(completion))))
    return re.sub(f"</?(?:{names})>", " ", completion) if names else completion


def as_formula(reference: str) -> str:
    """A reference answer as math-verify finds all of it: a bare formula is put between dollars, where without them it would read a number at most.
    Text with words in it is left as it is, but for numbers in scientific notation."""
    reference = in_decimals(reference)
    return reference if WORD.search(reference) or any(mark in reference for mark in MARKS) else f"${reference}$"
