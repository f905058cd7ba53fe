"""Scores worked out by hand, answers that try to cheat, and text that is no answer at all."""

import json
import math
from itertools import pairwise
from random import Random

import pytest

from runtime.rewards.deduction_steps import deduction_steps

ORDER = ("result", "step", "format")
CHAIN = ["all s are m", "all m are n", "all n are p"]


def problem(**changes):
    usual = {
        "premises": CHAIN,
        "question": "judgment",
        "claim": "all s are p",
        "label": "true",
        "path": CHAIN,
        "goal": "all s are p",
        "missing": None,
        "moods": 15,
        "response": "json",
    }
    return json.dumps(usual | changes)


def answer(*steps, verdict="true"):
    body = [{"premises": list(step[:-1]), "conclusion": step[-1]} for step in steps]
    return json.dumps({"steps": body, "answer": verdict})


def scores(completion, *, combine="lexicographic", order=ORDER, weights=None, **changes):
    rows = [{"completion": completion, "problem": problem(**changes)}]
    return deduction_steps(rows, combine=combine, order=order, weights=weights or {})[0]


FIRST = ("all s are m", "all m are n", "all s are n")
SECOND = ("all s are n", "all n are p", "all s are p")


@pytest.mark.parametrize(
    "steps",
    [
        (FIRST, SECOND),
        (("all m are n", "all n are p", "all m are p"), ("all s are m", "all m are p", "all s are p")),
        (("all m are n", "all s are m", "all s are n"), SECOND),
        (("all s are m", "all m are n", "all s are n"), ("all m are n", "all n are p", "all m are p"), SECOND),
    ],
)
def test_every_sound_order_of_a_full_proof_scores_one(steps):
    assert scores(answer(*steps)) == {"score": 1.0, "step": 1.0, "result": 1.0, "format": 1.0}


def test_half_a_proof_with_the_right_answer_is_a_false_positive():
    found = scores(answer(FIRST))
    assert (found["step"], found["result"]) == (0.5, 1.0)


def test_a_step_from_something_not_yet_known_scores_nothing():
    assert scores(answer(SECOND))["step"] == 0.0
    assert scores(answer(SECOND, FIRST))["step"] == 0.5


@pytest.mark.parametrize(
    "padding",
    [
        FIRST,
        ("all m are n", "all s are m", "all s are n"),
        ("all n are p", "all n are p", "all n are p"),
        ("all s are m", "all m are n", "all s are m"),
        ("all s are m", "all m are n", "all s are s"),
        ("all s are m", "all m are n", "all z are z"),
    ],
)
def test_padding_eliminates_nothing_more(padding):
    assert scores(answer(FIRST, padding))["step"] == 0.5


def test_concluding_a_premise_from_itself_eliminates_nothing():
    assert scores(answer(("all s are m", "all s are m", "all s are m")))["step"] == 0.0


def test_a_tautology_eliminates_nothing():
    found = scores(answer(("all s are m", "all m are n", "all n are n")))
    assert (found["step"], found["format"]) == (0.0, 1.0)


def test_steps_that_overlap_and_never_join_do_not_add_up():
    found = scores(answer(FIRST, ("all m are n", "all n are p", "all m are p")))
    assert found["step"] == 0.5


def test_a_conclusion_too_weak_to_go_on_does_not_count():
    weak = ("all s are m", "all m are n", "some n are s")
    assert scores(answer(weak), moods=24)["step"] == 0.0
    assert scores(answer(weak), moods=15)["step"] == 0.0
    assert scores(answer(weak), moods=24, claim="some s are p", goal="some s are p")["step"] == 0.5


def test_import_decides_whether_all_entails_some():
    steps = answer(("all s are m", "all m are p", "some s are p"))
    path = ["all s are m", "all m are p"]
    changes = {"premises": path, "path": path, "claim": "some s are p", "goal": "some s are p"}
    assert scores(steps, moods=24, **changes)["step"] == 1.0
    assert scores(steps, moods=15, **changes)["step"] == 0.0


def test_convertible_premises_may_be_turned_and_others_may_not():
    path = ["no m are s", "all p are m"]
    changes = {"premises": path, "path": path, "claim": "no s are p", "goal": "no s are p"}
    assert scores(answer(("no s is m", "all p are m", "no p are s")), **changes)["step"] == 1.0
    assert scores(answer(("no s is m", "all m are p", "no p are s")), **changes)["step"] == 0.0


def test_a_proof_needs_the_claim_and_not_only_the_word():
    assert scores(answer(FIRST), question="proof")["result"] == 0.0
    assert scores(answer(FIRST, SECOND), question="proof")["result"] == 1.0
    assert scores(answer(FIRST, SECOND, verdict="unknown"), question="proof")["result"] == 0.0


UNKNOWN = {"premises": [CHAIN[0], CHAIN[1], "all x are y"], "missing": 2, "label": "unknown"}


def test_an_unknown_is_scored_over_what_can_still_be_eliminated():
    assert scores(answer(FIRST, verdict="unknown"), **UNKNOWN)["score"] == 1.0
    assert scores(answer(FIRST, verdict="true"), **UNKNOWN)["result"] == 0.0
    assert scores(answer(verdict="unknown"), **UNKNOWN)["step"] == 0.0
    assert scores(answer(FIRST, SECOND, verdict="unknown"), **UNKNOWN)["step"] == 1.0


@pytest.mark.parametrize(("completion", "step"), [(answer(verdict="unknown"), 1.0), (answer(FIRST), 0.0), ("[]", 0.0)])
def test_where_nothing_can_be_eliminated_only_invention_costs(completion, step):
    inner = {"premises": [CHAIN[0], CHAIN[2], "all x are y"], "missing": 1, "label": "unknown"}
    assert scores(completion, **inner)["step"] == step


def test_a_distractor_on_the_path_eliminates_nothing():
    premises = [*CHAIN, "all m are x"]
    assert scores(answer(("all s are m", "all m are x", "all s are x")), premises=premises)["step"] == 0.0


def test_renaming_and_shuffling_change_no_score():
    names = {"s": "dogs", "m": "cats", "n": "owls", "p": "bees"}

    def renamed(text):
        return " ".join(names.get(word, word) for word in text.split())

    for steps in ([FIRST, SECOND], [FIRST], [SECOND], []):
        before = scores(answer(*steps), premises=CHAIN)
        turned = answer(*(tuple(map(renamed, step)) for step in steps))
        path = [renamed(text) for text in CHAIN]
        after = scores(turned, premises=path[::-1], path=path, claim="all dogs are bees", goal="all dogs are bees")
        assert before == after


PLAIN = "all s are m and all m are n, so all s are n. all s are n and all n are p, so all s are p. the answer is true."


def test_sentences_score_like_json():
    assert scores(PLAIN, response="text") == scores(answer(FIRST, SECOND))
    assert scores("All s are m and all m are n, so all s are n. The answer is true.", response="text")["step"] == 0.5


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "true.",
        "the answer is true",
        "So: " + PLAIN,
        PLAIN + " indeed.",
        PLAIN.replace("so", "hence"),
        answer(),
    ],
)
def test_other_sentences_break_the_format(text):
    assert scores(text, response="text")["format"] == 0.0


@pytest.mark.parametrize(
    "text",
    [
        answer(FIRST)[:-1],
        answer(FIRST) + "!",
        answer(FIRST, verdict="maybe"),
        json.dumps({"answer": "true"}),
        json.dumps({"steps": [], "answer": "true", "note": ""}),
        json.dumps({"steps": ["x"], "answer": "true"}),
        json.dumps({"steps": [{"premises": CHAIN, "conclusion": "all s are p"}], "answer": "true"}),
        '{"steps":[],"answer":"false","answer":"true"}',
        '{"steps":[],"answer":NaN}',
    ],
)
def test_other_json_breaks_the_format(text):
    assert scores(text)["format"] == 0.0


def junk():
    random = Random(0)
    alphabet = '{}[]":,.0123456789-eE \\u\n' + "stepsanwrcluiom" + "\x00\udfffé"
    yield from ("".join(random.choices(alphabet, k=random.randint(0, 60))) for _ in range(500))
    whole = answer(FIRST, SECOND)
    yield from (whole[:end] for end in range(len(whole)))
    yield from ("null", "true", "[]", "1e999", "NaN", "-Infinity", '"x"', "9" * 10_000, "\ufeff{}", "\udfff", "\x00")
    yield from ("[" * 200_000, '{"steps":' * 100_000, "[" * 500 + "]" * 500, " and " * 100_000, "a, so " * 100_000)
    for value in (None, 1, 1.5, True, [], {}, [[]], "x", {"a": []}, [None], ["all s are m"] * 3):
        yield json.dumps(value)
        yield json.dumps({"steps": value, "answer": value})
        yield json.dumps({"steps": [value], "answer": "true"})
        yield json.dumps({"steps": [{"premises": value, "conclusion": value}], "answer": "true"})
        yield json.dumps({"steps": [{"premises": [value, value], "conclusion": value}], "answer": "true"})


@pytest.mark.parametrize("response", ["json", "text"])
def test_any_text_whatsoever_gets_scores(response):
    rows = [{"completion": text, "problem": problem(response=response)} for text in junk()]
    for found in deduction_steps(rows, combine="lexicographic", order=ORDER, weights={}):
        assert all(math.isfinite(value) and 0 <= value <= 1 for value in found.values())


def test_an_earlier_part_is_never_outweighed_by_later_ones():
    """Over all scores that two prompts of up to 50 leaves can have, whatever the order of the parts."""
    shares = sorted({k / m for m in range(1, 50) for k in range(m + 1)})
    assert min(b - a for a, b in pairwise(shares)) >= 1 / (49 * 48) - 1e-12
    for order in (ORDER, ("step", "result", "format"), ("format", "step", "result"), ("result", "step"), ("step",)):
        values = sorted((tuple({"result": r, "step": s, "format": f}[name] for name in order), (r, s, f)) for r in (0, 1) for s in shares for f in (0, 1))
        combined = [(parts, lexicographic(order, *rsf)) for parts, rsf in values]
        for (before, low), (after, high) in pairwise(combined):
            assert low < high if before < after else low == high
        assert combined[0][1] == 0.0 and combined[-1][1] == 1.0


def lexicographic(order, result, step, fmt):
    """The score that `deduction_steps` would give to these parts, by its own weights."""
    from runtime.rewards.deduction_steps import _lexicographic_weights

    weights = _lexicographic_weights(order)
    parts = {"result": result, "step": step, "format": fmt}
    return sum(weight * parts[name] for name, weight in weights.items()) / sum(weights.values())


def test_a_wrong_result_is_never_preferred_to_a_right_one():
    best_wrong = scores(answer(FIRST, SECOND, verdict="false"))
    worst_right = scores(json.dumps({"answer": "true"}))
    assert worst_right["result"] == 1.0 and worst_right["step"] == worst_right["format"] == 0.0
    assert best_wrong["score"] < worst_right["score"]


def test_weights_are_added_up():
    found = scores(answer(FIRST), combine="weighted", weights={"step": 2.0, "result": 1.0, "format": -0.5})
    assert found["score"] == 2.0 * 0.5 + 1.0 - 0.5


@pytest.mark.parametrize("changes", [{"order": ("style",)}, {"order": ()}, {"combine": "weighted", "weights": {"x": 1.0}}])
def test_unknown_parts_are_refused(changes):
    with pytest.raises(ValueError, match="step, result and format"):
        scores(answer(), **changes)


def test_equal_answers_tie_and_the_pair_loss_of_a_tie_is_log_two():
    gap = scores(answer(FIRST))["score"] - scores(answer(FIRST))["score"]
    assert -math.log(1 / (1 + math.exp(-gap))) == pytest.approx(math.log(2))
