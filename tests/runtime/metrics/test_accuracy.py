"""The baselines see only what they are said to see."""

import random

from runtime.metrics.accuracy import looked_up


def rows(answers):
    return [{"answer": a} for a in answers]


def test_the_majority_baseline_reaches_the_share_of_the_most_frequent_answer():
    draw = random.Random(0)
    answers = draw.choices(["true", "false"], weights=[7, 3], k=2000)
    hits = looked_up(rows(answers), [""] * 2000)
    assert abs(sum(hits) / 2000 - answers.count("true") / 2000) < 1e-9


def test_a_leaking_shortcut_is_found_and_a_clean_one_is_not():
    draw = random.Random(0)
    answers = draw.choices(["true", "false"], k=1000)
    leak = [f"A{a}" if draw.random() < 0.9 else f"A{draw.choice(['true', 'false'])}" for a in answers]
    clean = [str(draw.randrange(4)) for _ in answers]
    assert sum(looked_up(rows(answers), leak)) / 1000 > 0.9
    assert abs(sum(looked_up(rows(answers), clean)) / 1000 - 0.5) < 0.05


def test_a_baseline_never_looks_at_the_row_it_is_measured_on():
    answers = [str(i) for i in range(50)]
    assert sum(looked_up(rows(answers), answers)) == 0


def test_a_feature_seen_in_one_half_only_falls_back_to_the_majority():
    assert looked_up(rows(["a", "a", "a", "a"]), ["x", "y", "z", "w"]).tolist() == [1.0] * 4


def test_a_single_row_cannot_be_predicted():
    assert looked_up(rows(["a"]), ["x"]).tolist() == [0.0]
