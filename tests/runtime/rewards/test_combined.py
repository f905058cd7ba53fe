"""What combinations make of the scores inside them: values by hand, and any nest against numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aligncompiler.spec.base import Output, Ref
from aligncompiler.spec.combined import Clip, LengthPenalty, Levels, Lexicographic, Minimum, Normalised, Penalised, Product, Threshold, WeightedSum
from aligncompiler.spec.rule import ExactMatch, Length, Regex
from runtime import scoring
from runtime.fault import Fault, Skip
from runtime.registry import bind
from runtime.rewards.clip import clip
from runtime.rewards.length_penalty import length_penalty
from runtime.rewards.lexicographic import lexicographic
from runtime.rewards.minimum import minimum
from runtime.rewards.normalised import normalised
from runtime.rewards.penalised import penalised
from runtime.rewards.product import product
from runtime.rewards.threshold import threshold
from runtime.rewards.weighted_sum import weighted_sum
from runtime.scores import Scores
from runtime.scoring import reward_rows

ROWS = [{"prompt": "p", "completion": text} for text in ("", "one", "one two", "one two three four")]


def scores(*values, skips=None, **figures):
    return Scores({"score": np.array(values, float), **{name: np.array(found, float) for name, found in figures.items()}}, skips or {})


A, B = scores(1, 2, 3, -4), scores(0.5, 0, -1, 2)


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (weighted_sum(ROWS, parts={"b": B, "a": A}, weights={"a": 2.0, "b": -1.0}), [1.5, 4, 7, -10]),
        (product(ROWS, parts={"a": A, "b": B}), [0.5, 0, -3, -8]),
        (minimum(ROWS, parts={"a": A, "b": B}), [0.5, 0, -1, -4]),
        (
            lexicographic(ROWS, parts={"a": A, "b": B}, order=("a", "b"), levels={"a": Levels(count=3, high=2.0), "b": Levels(count=5)}),
            [7 / 14, 10 / 14, 10 / 14, 4 / 14],
        ),
        (threshold(ROWS, of=A, by=B, least=0.5, otherwise=-9.0), [1, -9, -9, -4]),
        (clip(ROWS, of=A, low=-1.0, high=2.0), [1, 2, 2, -1]),
        (clip(ROWS, of=A, low=None, high=2.0), [1, 2, 2, -4]),
        (normalised(ROWS, of=A, mean=1.0, std=2.0), [0, 0.5, 1, -2.5]),
        (normalised(ROWS, of=scores(1, 2, 3, 4), mean="rows", std="rows"), [-1.5 / 1.25**0.5, -0.5 / 1.25**0.5, 0.5 / 1.25**0.5, 1.5 / 1.25**0.5]),
        (normalised(ROWS, of=scores(7, 7, 7, 7), mean="rows", std="rows"), [0, 0, 0, 0]),
        (length_penalty(ROWS, of=A, unit="words", free=1, per_unit=0.25, most=None), [1, 2, 2.75, -4.75]),
        (length_penalty(ROWS, of=A, unit="characters", free=5, per_unit=0.5, most=1.5), [1, 2, 2, -5.5]),
        (penalised(ROWS, of=scores(1, 2, 3, -4, uncertainty=[0, 1, 2, 4]), strength=0.5), [1, 1.5, 2, -6]),
    ],
    ids=lambda value: "" if isinstance(value, list) else "-".join(value.figures),
)
def test_values_by_hand(made, wanted):
    assert made.score.tolist() == pytest.approx(wanted, abs=1e-12)


def test_the_parts_stand_beside_the_score():
    made = product(ROWS, parts={"a": A, "b": B})
    assert made.figures["a"].tolist() == A.score.tolist() and made.figures["b"].tolist() == B.score.tolist()
    assert threshold(ROWS, of=A, by=B, least=0.5, otherwise=0.0).figures.keys() == {"score", "raw", "by"}


def test_what_lowers_a_reward_leaves_its_uncertainty_beside_it():
    unsure = scores(1, 2, 3, 4, uncertainty=[0.5, 1, 1, 2])
    lower = length_penalty(ROWS, of=unsure, unit="words", free=0, per_unit=1.0, most=None)
    assert lower.figures["uncertainty"].tolist() == [0.5, 1, 1, 2]
    twice = penalised(ROWS, of=lower, strength=1.0)
    assert twice.score.tolist() == [0.5, 0, 0, -2] and twice.figures["uncertainty"].tolist() == [0.5, 1, 1, 2]


def test_a_part_that_is_earlier_in_the_order_is_never_outweighed():
    levels = {"first": Levels(count=4), "second": Levels(count=50, low=-3.0, high=3.0), "third": Levels(count=2)}
    grid = [(i / 3, -3 + 6 * j / 49, float(k)) for i in range(4) for j in range(50) for k in range(2)]
    parts = {name: scores(*values) for name, values in zip(levels, zip(*grid, strict=True), strict=True)}
    found = lexicographic([{}] * len(grid), parts=parts, order=tuple(levels), levels=levels).score
    assert (np.diff(found) > 0).all() and found[0] == 0 and found[-1] == 1


def test_a_difference_below_a_level_does_not_count():
    levels = {"a": Levels(count=11), "b": Levels(count=2)}
    found = lexicographic([{}] * 2, parts={"a": scores(0.61, 0.62), "b": scores(1, 0)}, order=("a", "b"), levels=levels).score
    assert found[0] > found[1]


def test_a_sum_does_not_depend_on_the_order_in_which_parts_are_written():
    parts = {"a": scores(0.1), "b": scores(0.2), "c": scores(0.3)}
    weights = dict.fromkeys(parts, 1.0)
    one, other = (weighted_sum([{}], parts={name: parts[name] for name in order}, weights=weights).score[0] for order in ("abc", "cba"))
    assert one == other and 0.1 + 0.2 + 0.3 != 0.3 + 0.2 + 0.1


@pytest.mark.parametrize(
    "made",
    [
        lambda one, other: weighted_sum(ROWS, parts={"a": one, "b": other}, weights={"a": 1.0, "b": 1.0}),
        lambda one, other: product(ROWS, parts={"a": one, "b": other}),
        lambda one, other: minimum(ROWS, parts={"a": one, "b": other}),
        lambda one, other: threshold(ROWS, of=one, by=other, least=-100.0, otherwise=0.0),
        lambda one, other: lexicographic(ROWS, parts={"a": one, "b": other}, order=("a", "b"), levels={"a": Levels(count=2), "b": Levels(count=2)}),
    ],
)
def test_a_skip_of_a_part_is_a_skip_of_the_whole(made):
    one, other = scores(1, 2, 0, 0, skips={2: Skip("too long"), 3: Skip("late")}), scores(0, 1, 1, 1, skips={0: Skip("no answer"), 3: Skip("no answer")})
    found = made(one, other)
    assert found.skips == {0: Skip("no answer"), 2: Skip("too long"), 3: Skip("late")}
    assert all(values[list(found.skips)].tolist() == [0, 0, 0] for values in found.figures.values()) and not isinstance(found[1], Skip)


def test_rows_without_a_score_have_no_part_in_a_mean():
    found = normalised(ROWS, of=scores(1, 3, 1000, 1000, skips={2: Skip("x"), 3: Skip("x")}), mean="rows", std="rows")
    assert found.score.tolist() == [-1, 1, 0, 0]
    assert list(normalised([{}], of=scores(5, skips={0: Skip("x")}), mean="rows", std="rows")) == [Skip("x")]


# ---- any nest


LEAVES = st.sampled_from([Length(unit="words"), Length(unit="characters"), Regex(pattern="o"), Regex(pattern="[aeiou]", gives="count")])
NUMBERS = st.integers(-8, 8).map(lambda n: n / 4)


def wider(inner):
    parts = st.dictionaries(st.sampled_from("abcd"), inner, min_size=2, max_size=3)
    return st.one_of(
        parts.flatmap(lambda p: st.tuples(*[NUMBERS] * len(p)).map(lambda w: WeightedSum(parts=p, weights=dict(zip(p, w, strict=True))))),
        parts.map(lambda p: Product(parts=p)),
        parts.map(lambda p: Minimum(parts=p)),
        parts.map(lambda p: Lexicographic(parts=p, order=tuple(p), levels={name: Levels(count=3, high=4.0) for name in p})),
        st.builds(Threshold, of=inner, by=inner, least=NUMBERS, otherwise=NUMBERS),
        st.builds(Clip, of=inner, low=NUMBERS, high=st.none()),
        st.builds(Normalised, of=inner, mean=st.one_of(NUMBERS, st.just("rows")), std=st.just("rows")),
        st.builds(LengthPenalty, of=inner, free=st.integers(0, 3), per_unit=st.just(0.5), most=st.one_of(st.none(), st.just(0.75))),
    )


def directly(reward, rows):
    """[N] by the formulas, without the runtime."""
    texts = [row["completion"] for row in rows]
    if isinstance(reward, Length):
        return np.array([len(t) if reward.unit == "characters" else len(t.split()) for t in texts], float)
    if isinstance(reward, Regex):
        return np.array([sum(c in "aeiou" for c in t) if reward.gives == "count" else "o" in t for t in texts], float)
    if hasattr(reward, "parts"):
        below = {name: directly(one, rows) for name, one in reward.parts.items()}
        if isinstance(reward, WeightedSum):
            return sum(reward.weights[name] * values for name, values in below.items())
        if isinstance(reward, Lexicographic):
            digits = [np.array([int(min(max(v, 0), 4) / 4 * 2 + 0.5) for v in below[name]]) for name in reward.order]
            return np.array([int("".join(map(str, row)), 3) for row in zip(*digits, strict=True)]) / (3 ** len(digits) - 1)
        return np.array([(min if isinstance(reward, Minimum) else np.prod)(row) for row in zip(*below.values(), strict=True)])
    of = directly(reward.of, rows)
    if isinstance(reward, Threshold):
        return np.array([a if b >= reward.least else reward.otherwise for a, b in zip(of, directly(reward.by, rows), strict=True)])
    if isinstance(reward, Clip):
        return np.maximum(of, reward.low)
    if isinstance(reward, Normalised):
        return (of - (of.mean() if reward.mean == "rows" else reward.mean)) / (of.std() if of.min() < of.max() else 1)
    beyond = [max(len(t.split()) - reward.free, 0) * reward.per_unit for t in texts]
    return of - np.array([b if reward.most is None else min(b, reward.most) for b in beyond])


@settings(deadline=None, max_examples=60)
@given(st.recursive(LEAVES, wider, max_leaves=12), st.lists(st.text("aeo x", max_size=12), min_size=1, max_size=6))
def test_any_nest_scores_as_its_formulas_say(reward, texts):
    rows = [{"prompt": "p", "completion": text} for text in texts]
    found = reward_rows(bind(reward, {}), rows)
    assert set(found.figures) == {"score", *reward.figures} and found.score == pytest.approx(directly(reward, rows), rel=1e-9, abs=1e-9)


# ---- trained scorers inside


def test_a_scorer_that_stands_in_a_nest_several_times_is_asked_once(scorer_artifact, monkeypatch):
    asked, kept, artifact = [], [], scorer_artifact()
    monkeypatch.setattr(scoring, "load_scorer", lambda one, plain=scoring.load_scorer: asked.append(one.id) or plain(one))
    rm = Ref("stages.rm", Output("scorer"))
    nest = WeightedSum(parts={"twice": Product(parts={"x": rm, "y": rm}), "style": rm}, weights={"twice": 1.0, "style": 2.0})
    alone = reward_rows(artifact, ROWS).score
    asked.clear()
    found = reward_rows(bind(nest, {"stages.rm": artifact}), ROWS, keep=lambda name: kept.append(name) or scoring.computed)
    assert asked == [artifact.id] and kept == [f"scores {artifact.id}"]
    assert found.score == pytest.approx(alone * alone + 2 * alone, rel=1e-6) and found.figures["style"] == pytest.approx(alone)


def test_an_answer_that_a_scorer_cannot_read_has_no_score_in_any_nest(scorer_artifact):
    rows = [ROWS[1], {"prompt": "x" * 5000, "completion": "a"}]
    nest = Clip(of=Minimum(parts={"style": Ref("stages.rm", Output("scorer")), "long": Length()}), high=9.0)
    first, second = reward_rows(bind(nest, {"stages.rm": scorer_artifact()}), rows)
    assert set(first) == {"score", "raw"} and isinstance(second, Skip) and second.reason.startswith("longer than")


CHARACTERS = Length(unit="characters")
LONG = [{"completion": "a" * number} for number in (1, 2, 100)]


@pytest.mark.parametrize(
    "reward",
    [
        WeightedSum(parts={"a": CHARACTERS, "b": CHARACTERS}, weights={"a": 1e307, "b": 1.0}),
        WeightedSum(parts={"a": CHARACTERS, "b": CHARACTERS}, weights={"a": 1e307, "b": -1e307}),
        Product(parts={"a": CHARACTERS, "b": WeightedSum(parts={"a": CHARACTERS, "b": CHARACTERS}, weights={"a": 1e305, "b": 0.0})}),
        Normalised(of=CHARACTERS, mean=0.0, std=1e-307),
        LengthPenalty(of=CHARACTERS, free=1, per_unit=1e307, unit="characters"),
    ],
    ids=lambda reward: reward.tag,
)
def test_a_score_beyond_all_numbers_is_a_skip_that_names_the_reward(reward, recwarn):
    found = reward_rows(bind(reward, {}, {"": "big"}), LONG)
    assert found[2] == Skip("reward `big` is beyond all numbers") and not recwarn.list
    assert all(np.isfinite([*found[number].values()]).all() for number in (0, 1))
    outer = reward_rows(bind(Clip(of=reward, high=1.0), {}), LONG)
    assert outer[2] == Skip(f"reward `{reward.tag}` is beyond all numbers") and outer[0]["score"] <= 1


def test_scores_whose_spread_is_beyond_all_numbers_are_not_normalised_to_zero():
    huge = WeightedSum(parts={"a": CHARACTERS, "b": CHARACTERS}, weights={"a": 1e200, "b": 0.0})
    found = reward_rows(bind(Normalised(of=huge), {}), LONG)
    assert [*found] == [Skip("reward `normalised` is beyond all numbers")] * 3


def test_a_rule_inside_a_nest_without_its_column_is_the_one_that_is_named():
    reward = Product(parts={"right": Clip(of=ExactMatch(), high=1.0), "long": Length()})
    with pytest.raises(Fault, match="`exact_match` reads the column `answer`"):
        reward_rows(bind(reward, {}), ROWS)


def test_nothing_is_taken_off_where_there_is_no_uncertainty_to_see():
    assert "uncertainty" not in length_penalty(ROWS, of=A, unit="words", free=0, per_unit=1.0, most=None).figures
    assert next(iter(Penalised(of=Length(), strength=1.0).check())).code == "M521"
