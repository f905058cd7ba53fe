"""S4: keys, kinds and values."""

from __future__ import annotations

from .code import GOOD_PUZZLES, TRAIN, Code, puzzles

CODES = (
    Code(
        "S401",
        "unknown-key",
        "A key that nothing reads would be ignored silently; a typo would then change your experiment without a word.",
        "seeed: 1\n",
        "seed: 1\n",
    ),
    Code("S402", "missing-key", "This key has no sensible default, so you have to choose.", puzzles("leaves: {min: 2, max: 4}"), GOOD_PUZZLES),
    Code("S403", "wrong-type", "The value is of another type than the field.", "seed: one\n", "seed: 1\n"),
    Code(
        "S404",
        "not-a-choice",
        "The field takes one of a few words.",
        puzzles("count: 100, leaves: {min: 2, max: 4}, tree: bushy"),
        puzzles("count: 100, leaves: {min: 2, max: 4}, tree: balanced"),
    ),
    Code("S405", "out-of-range", "The value lies outside what the field allows.", puzzles("count: 0, leaves: {min: 2, max: 4}"), GOOD_PUZZLES),
    Code("S406", "unknown-kind", "`kind` chooses among the kinds of a family; there is none of this name.", TRAIN.replace("kind: sft}", "kind: stf}"), TRAIN),
    Code(
        "S407",
        "language-version",
        "The first key of a spec names the version of the language, so that an old spec keeps its meaning.",
        "alignc: v9\n",
        "alignc: v1\n",
    ),
    Code(
        "S408",
        "plugin-unusable",
        "A package that is installed beside alignc announces kinds that cannot be used: its module fails, its classes are no kinds, or a name "
        "is taken. Its kinds are left out; a spec that names none of them is not concerned.",
        severity="warning",
    ),
)
