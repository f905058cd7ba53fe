"""Y1: the text of the file."""

from __future__ import annotations

from .code import GOOD_PUZZLES, Code, puzzles

CODES = (
    Code(
        "Y101",
        "duplicate-key",
        "Most YAML readers keep the last of two equal keys and say nothing; one of your two values would be ignored.",
        "name: one\nname: two\n",
        "name: one\n",
    ),
    Code("Y102", "not-yaml", "The text cannot be read as YAML, so nothing else in the file can be checked.", 'name: "open\n', 'name: "closed"\n'),
    Code(
        "Y103",
        "forbidden-yaml",
        "Tags can make a YAML reader run code, and merge keys hide where a value comes from. A spec is plain data, safe to open from a stranger.",
        "name: !!str example\n",
        "name: example\n",
    ),
    Code(
        "Y104",
        "bad-alias",
        "An alias repeats an anchor that stands above it; it cannot name a later one or contain itself.",
        "description: *text\n",
        "description: text\n",
    ),
    Code(
        "Y105",
        "several-documents",
        "A spec is one YAML document, so that there is one answer to what the file says.",
        "name: one\n---\nname: two\n",
        "name: one\n",
    ),
    Code(
        "Y106",
        "too-large",
        "Budgets on size, depth and alias expansion keep a hostile file from using up memory or time.",
        f"description: {'[' * 70}{']' * 70}\n",
        "description: text\n",
    ),
    Code(
        "Y107",
        "tab-indentation",
        "YAML forbids tabs in indentation.",
        "datasets:\n\tpuzzles: {kind: deduction, count: 1, leaves: {min: 2, max: 2}}\n",
        GOOD_PUZZLES,
    ),
    Code("Y108", "not-text", "A spec is UTF-8 text without control characters.", "name: a\x00b\n", "name: ab\n"),
    Code("Y109", "not-a-spec", "A spec is a mapping that starts with `alignc: v1`."),
    Code(
        "Y111",
        "unused-allowance",
        "The comment allows a diagnostic that is not reported on its line (any more); left where it is, it would hide the next one.",
        "seed: 1  # alignc: allow R306 kept for later\n",
        "objectives:\n  flex: {kind: dpo}  # alignc: allow R306 kept for later\n",
        severity="warning",
    ),
    Code(
        "Y112",
        "allows-nothing",
        "The comment names no code, or one that cannot be allowed: only warnings, and errors that are a matter of judgement, can.",
        "objectives:\n  # alignc: allow S401 my own key\n  flex: {kind: dpo}  # alignc: allow R306 kept for later\n",
        "objectives:\n  flex: {kind: dpo}  # alignc: allow R306 kept for later\n",
        severity="warning",
    ),
    Code(
        "Y113",
        "unexplained-allowance",
        "Who reads the spec later has to know why this was allowed; the reason stands behind the code.",
        "objectives:\n  flex: {kind: dpo}  # alignc: allow R306\n",
        "objectives:\n  flex: {kind: dpo}  # alignc: allow R306 kept for later\n",
        severity="warning",
    ),
    Code(
        "Y114",
        "comma-in-number",
        "Inside of braces a comma ends a value, so that a number with a comma becomes a shorter one, and a key that nobody meant.",
        puzzles("count: 1,000, leaves: {min: 2, max: 4}"),
        puzzles("count: 1000, leaves: {min: 2, max: 4}"),
    ),
    Code(
        "Y115",
        "misspelt-allowance",
        "A comment allows a diagnostic only if it starts with `alignc: allow`; one that nearly does was meant so, and has no effect.",
        "seed: 1  # alingc: allow R306 kept for later\n",
        "objectives:\n  flex: {kind: dpo}  # alignc: allow R306 kept for later\n",
        severity="warning",
    ),
)
