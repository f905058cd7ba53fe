"""Near words and foreign names."""

from __future__ import annotations

import pytest

from aligncompiler.compose import VAR_TYPES
from aligncompiler.spec.base import Spec
from aligncompiler.spec.experiment import Experiment
from aligncompiler.spec.registry import FAMILIES, kinds
from aligncompiler.spec.slot import slots
from aligncompiler.words.foreign import FOREIGN, INSTEAD, TARGETS, VALUES
from aligncompiler.words.misplaced import leads_somewhere, mending, mistaken_kind
from aligncompiler.words.suggest import distance, nearest


@pytest.mark.parametrize(("a", "b", "expected"), [("lable", "label", 1), ("", "abc", 3), ("same", "same", 0), ("kitten", "sitting", 3), ("sft", "stf", 1)])
def test_an_exchange_of_neighbours_is_one_mistake(a: str, b: str, expected: int) -> None:
    assert distance(a, b) == distance(b, a) == expected


def test_far_words_are_not_suggested() -> None:
    assert nearest("zebra", ["label", "model"]) == [] and nearest("x" * 1000, ["x" * 999]) == []


def test_words_that_differ_in_case_and_underscores_are_the_same() -> None:
    assert nearest("maxNewTokens", ["max_tokens", "max_new_tokens"]) == ["max_new_tokens"] and nearest("LEARNING-RATE", ["learning_rate"]) == ["learning_rate"]


def test_of_equally_near_words_the_likelier_slip_comes_first() -> None:
    assert nearest("nin", ["min", "nine"])[0] == "min"  # `n` lies beside `m`
    assert nearest("sktp", ["stop", "skip"])[0] == "skip" or distance("sktp", "stop") == distance("sktp", "skip")


def test_letters_of_another_script_are_read_as_they_look() -> None:
    assert nearest("c\u043eunt", ["amount", "count"]) == ["count"]


EVERY: list[type[Spec]] = [Experiment, *(kind for family in FAMILIES for kind in kinds(family).values())]
NESTED = [slot.nested for cls in EVERY for slot in slots(cls).values() if slot.nested]


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_of_foreign_names_is_a_word_of_the_language(target: str) -> None:
    for path in target.split():
        assert path in ("kind", "columns") or any(leads_somewhere(cls, path) for cls in [*EVERY, *NESTED]), path


def home(path: str) -> type[Spec] | None:
    """A statement in which a foreign name with this target is plausible: the deepest that holds a part of the path."""
    parts = path.split(".")
    tails = [".".join(parts[start:]) for start in range(len(parts))]
    return next(
        (cls for tail in tails for cls in (kinds("stages")["train"], *EVERY[1:], *NESTED, Experiment) if cls is not None and leads_somewhere(cls, tail)), None
    )


@pytest.mark.parametrize("theirs", FOREIGN)
def test_every_foreign_name_gets_the_right_word_where_it_is_plausible(theirs: str) -> None:
    for target in FOREIGN[theirs].split():
        cls = home(target)
        if target == "kind":
            assert mistaken_kind("objectives", {theirs: None}) == theirs
            continue
        assert cls is not None
        if theirs in slots(cls):
            continue  # a word of this very statement, and foreign in others only
        help = " ".join(mending(cls, theirs, "this").help)
        named = [one for path in FOREIGN[theirs].split() for one in (path, path.rpartition(".")[2])]
        assert any(f"`{one}`" in help or f".{one}`" in help for one in named), (theirs, cls.__name__, help)


@pytest.mark.parametrize("theirs", INSTEAD)
def test_a_name_without_a_counterpart_says_what_takes_its_place(theirs: str) -> None:
    assert theirs not in FOREIGN and mending(kinds("stages")["train"], theirs, "this").help == (INSTEAD[theirs],)


def test_every_foreign_value_stands_for_a_word_of_the_language() -> None:
    words = {str(c) for cls in [*EVERY, *NESTED] for slot in slots(cls).values() for c in (slot.items or slot).choices} | set(VAR_TYPES)
    words |= {tag for family in FAMILIES for tag in kinds(family)}
    assert {one for ours in VALUES.values() for one in ours.split()} <= words
