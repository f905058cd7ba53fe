"""What is measured of a scorer, on scores that are known."""

import itertools
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from aligncompiler.spec.judging import (
    BestOfN,
    CalibrationError,
    CertainAccuracy,
    ErrorAUROC,
    GapAccuracy,
    LengthCorrelation,
    MemberAgreement,
    PairNLL,
    Section,
    SectionAccuracy,
    StyleAccuracy,
    Ties,
    UncertaintyCorrelation,
)
from aligncompiler.spec.rule import Column
from runtime.correlation import pearson
from runtime.fault import Fault, Skip
from runtime.judge import Judge
from runtime.metrics.best_of_n import chances, expected_best, sure_first
from runtime.metrics.error_auroc import area
from runtime.registry import bind
from runtime.scoring import Values
from runtime.tables import table

NOTHING = Skip("longer than 9 tokens")


class Known(Judge):
    """A judge of a model whose scores are given: `pairs` and `completions` are lists of [answers, figures], None for what could not be scored."""

    def __init__(self, rows, figures=("score",), pairs=None, completions=None):
        super().__init__(SimpleNamespace(skipped=Counter(), progress=SimpleNamespace(update=lambda *said, **more: None)), "stages.rm", None, rows, None, 0, ())
        for name, found in (("own_pairs", pairs), ("own_completions", completions)):
            if found is not None:
                whole = next(one for one in found if one is not None)
                values = np.array([whole if one is None else one for one in found], float)
                vars(self)[name] = Values(values, figures, np.array([one is not None for one in found]), NOTHING)

    def completion_scores(self, reward, part):
        return self.numbers(reward.fields["name"])


def measured(metric, judge):
    return bind(metric, {})(judge)


def of_all(found):
    return found.statistic(found.values[~np.isnan(found.values).reshape(len(found.values), -1).any(1)])


def of_group(found, name):
    return (found.groups[name].statistic or found.statistic)(found.values[found.groups[name].rows])


def lines(metric, judge):
    return {(line["role"], line["model"], line["group"]): line for line in table(bind(metric, {}), [judge], 0.95, judge.work)["lines"]}


def pairs_of(*scores):
    return [None if one is None else [[one[0]], [one[1]]] for one in scores]


def test_pairs_are_grouped_by_the_sum_of_their_uncertainties():
    pairs = [[[2, 0.1], [1, 0.1]], [[1, 5.0], [2, 0.1]], [[1, 0.2], [1, 0.2]], None, [[3, 1.0], [1, 1.0]]]
    judge = Known([{}] * 5, ("score", "uncertainty"), pairs)
    found = measured(CertainAccuracy(), judge)
    np.testing.assert_equal(found.values, [1.0, 0.0, 0.5, np.nan, 1.0])
    assert {name: group.rows.tolist() for name, group in found.groups.items()} == {"most certain": [0, 2], "least certain": [1, 4]}
    narrow = measured(CertainAccuracy(share=0.3), judge).groups
    assert {name: group.rows.tolist() for name, group in narrow.items()} == {"most certain": [0], "least certain": [1]}


def test_pairs_are_grouped_by_how_far_apart_they_are():
    found = measured(GapAccuracy(groups=2), Known([{}] * 5, pairs=pairs_of((0, 3), (1, 0), None, (0, 0.5), (9, 0))))
    assert {name: group.rows.tolist() for name, group in found.groups.items()} == {"by distance, group 1 of 2": [1, 3], "by distance, group 2 of 2": [0, 4]}


def test_pairs_are_grouped_by_how_far_apart_the_rows_say_they_are():
    rows = [{"margin": margin, "chosen_score": 2.0 * n, "rejected_score": 1.0 * n} for n, margin in enumerate((1, 2, 2, None, 1))]
    scores = pairs_of((0, 3), (1, 0), None, (5, 0), (9, 0))
    found = measured(GapAccuracy(gap="margin", groups=2), Known(rows, pairs=scores)).groups
    assert {name: group.rows.tolist() for name, group in found.items()} == {"gap 1": [0, 4], "gap 2": [1]}
    found = measured(GapAccuracy(gap="scores", groups=2), Known(rows, pairs=scores)).groups
    assert {name: group.rows.tolist() for name, group in found.items()} == {"by distance, group 1 of 2": [0, 1], "by distance, group 2 of 2": [3, 4]}


def test_sections_weigh_subsets_by_their_counts_and_all_is_the_mean_over_sections():
    rows = [{"subset": name} for name in "aaabbcx"]
    judge = Known(rows, pairs=pairs_of((1, 0), (1, 0), (0, 1), (0, 1), (1, 0), (0, 1), (1, 0)))
    sections = {"one": Section(subsets=("a", "b"), counts={"b": 6.0}), "two": Section(subsets=("c",), weight=3.0)}
    found = measured(SectionAccuracy(sections=sections), judge)
    one = (3 * 2 / 3 + 6 * 1 / 2) / 9
    assert of_group(found, "section one") == pytest.approx(one)
    assert (of_group(found, "subset a"), of_group(found, "section two")) == (pytest.approx(2 / 3), 0.0)
    assert of_group(found, "") == pytest.approx((one + 3 * 0.0) / 4)
    with pytest.raises(Fault, match="no row has subset `d`"):
        measured(SectionAccuracy(sections={"one": Section(subsets=("d",))}), judge)


def test_a_question_is_right_if_all_of_its_pairs_are():
    rows = [{"subset": "a", "id": name} for name in ("q", "q", "r", "r", "s", "s")]
    judge = Known(rows, pairs=pairs_of((1, 0), (1, 0), (1, 0), (0, 1), (1, 1), (1, 0)))
    found = measured(SectionAccuracy(sections={"one": Section(subsets=("a",))}, question="id"), judge)
    np.testing.assert_equal(found.values[:, 0], [1.0, np.nan, 0.0, np.nan, 0.5, np.nan])


def test_the_matrix_of_styles_has_hard_pairs_above_its_diagonal():
    rows = [{"prompt": "p", "chosen_version": a, "rejected_version": b} for a in range(3) for b in range(3)]
    right = [[1, 1, 0], [0, 1, 0], [0, 1, 1]]  # chosen style down, rejected style across
    found = measured(StyleAccuracy(), Known(rows, pairs=pairs_of(*((right[a][b], 0.5) for a in range(3) for b in range(3)))))
    assert {name: of_group(found, name) for name in ("hard", "normal", "easy")} == {"hard": pytest.approx(1 / 3), "normal": 1.0, "easy": pytest.approx(1 / 3)}
    assert (of_group(found, "concise over detailed"), of_group(found, "detailed over concise"), of_all(found)) == (1.0, 0.0, pytest.approx(5 / 9))
    for styles in (("a", "b"), ("a", "b", "c", "d")):
        with pytest.raises(Fault, match=f"list 3 answers, and there are {len(styles)} styles"):
            measured(StyleAccuracy(styles=styles), Known(rows, pairs=pairs_of(*[(1, 0)] * 9)))


def test_a_prompt_counts_in_all_cells_or_in_none():
    rows = [{"prompt": p, "chosen_version": a, "rejected_version": b} for p in "pq" for a in range(2) for b in range(2)]
    rows.append({"prompt": "r", "chosen_version": None, "rejected_version": None})
    judge = Known(rows, pairs=pairs_of(*[(1, 0)] * 4, (1, 0), None, (1, 0), (1, 0), (1, 0)))
    found = measured(StyleAccuracy(styles=("a", "b")), judge)
    np.testing.assert_equal(found.values[:, 0], [1.0] * 4 + [np.nan] * 5)
    assert judge.work.skipped == {"prompt that could not be measured in every style": 2}


def ties_by_the_published_code(reference, tied):
    """Scores of right and of wrong answers for each question; after `process_single_model` of allenai/reward-bench."""
    spread = np.array([max(right) - min(right) for right, _ in tied])
    tied_gap = np.array([min(right) - max(wrong) for right, wrong in tied])
    reference_gap = np.array([min(right) - max(wrong) for right, wrong in reference])
    smaller = np.minimum(reference_gap, tied_gap)
    shares = [(tied_gap > 0).mean(), (reference_gap > 0).mean(), (tied_gap > spread).mean(), (smaller > spread).mean()]
    return 0.3 * shares[0] + 0.3 * shares[1] + 0.2 * shares[2] + 0.2 * shares[3] + 0.01 * np.tanh(smaller / spread - 1).mean()


def test_ties_are_counted_as_the_benchmark_does():
    draw = np.random.default_rng(0)
    reference = [(draw.normal(2, 1, 1), draw.normal(0, 1, 3)) for _ in range(20)]
    tied = [(draw.normal(2, 0.5, 4), draw.normal(0, 1, 3)) for _ in range(20)]
    rows, scores = [], []
    for version, questions in (("ref", reference), ("tied", tied)):
        for number, (right, wrong) in enumerate(questions):
            for pair in itertools.product(right, wrong):
                rows.append({"id": f"{version}:{number}"})
                scores.append(pair)
    found = measured(Ties(), Known(rows, pairs=pairs_of(*scores)))
    assert of_all(found) == pytest.approx(ties_by_the_published_code(reference, tied))
    with pytest.raises(Fault, match="no question stands in the column `id`"):
        measured(Ties(), Known([{"id": "7"}], pairs=pairs_of((1, 0))))


def test_right_answers_that_score_the_same_leave_the_margin_out():
    rows = [{"id": "ref:a"}, {"id": "tied:a"}, {"id": "tied:a"}]
    assert of_all(measured(Ties(), Known(rows, pairs=pairs_of((1, 0), (1, 0), (1, 0))))) == pytest.approx(1.0)


def test_the_cost_of_pairs_is_that_of_bradley_and_terry():
    found = measured(PairNLL(), Known([{}] * 3, pairs=pairs_of((1.540998, -0.084059), (-1.756550, 0.661961), None)))
    assert np.nanmean(found.values) == pytest.approx(1.341778, abs=1e-6)
    np.testing.assert_allclose(found.baselines["even odds"][:2], np.log(2))
    assert np.isfinite(measured(PairNLL(), Known([{}], pairs=pairs_of((-1000, 1000)))).values).all()


def test_a_calibrated_scorer_has_no_error_and_a_bold_one_has():
    odds = np.log(0.8 / 0.2)
    scores = [(odds, 0)] * 4 + [(0, odds)]  # right in four of five, and says so
    assert of_all(measured(CalibrationError(), Known([{}] * 5, pairs=pairs_of(*scores)))) == pytest.approx(0.0, abs=1e-12)
    bold = measured(CalibrationError(bins=5), Known([{}] * 5, pairs=pairs_of(*[(50 * a, 50 * b) for a, b in scores])))
    assert of_all(bold) == pytest.approx(0.2)
    assert {name: pytest.approx(of_group(bold, name)) for name in bold.groups} == {"said 0.9 to 1, right more often by": -0.2}


def test_the_area_is_the_share_of_pairs_of_a_one_and_a_zero_in_order():
    draw = np.random.default_rng(0)
    figures, ones = draw.integers(0, 6, 40).astype(float), draw.integers(0, 2, 40)
    wanted = np.mean([(a > b) + (a == b) / 2 for a, x in zip(figures, ones, strict=True) if x for b, y in zip(figures, ones, strict=True) if not y])
    assert area(np.stack([figures, ones], 1)) == pytest.approx(wanted)
    assert np.isnan(area(np.array([[1.0, 1.0], [2.0, 1.0]])))


def test_errors_are_found_by_uncertainty_and_not_by_a_shuffled_one():
    draw = np.random.default_rng(1)
    pairs = [[[right, u], [0.5, 0.0]] for u in draw.random(400) for right in [float(draw.random() > u)]]
    found = lines(ErrorAUROC(), Known([{}] * 400, ("score", "uncertainty"), pairs))
    assert found["model", "stages.rm", ""]["low"] > 0.75
    control = found["baseline", "shuffled", ""]
    assert control["low"] < 0.5 < control["high"]


def test_uncertainty_is_compared_with_a_column():
    pairs = [[[0, u], [0, 1.0]] for u in (1.0, 2.0, 4.0, 9.0)]
    rows = [{"agreement": value} for value in (1.0, 0.9, 0.7, None)]
    found = measured(UncertaintyCorrelation(column="agreement"), Known(rows, ("score", "uncertainty"), pairs))
    assert of_all(found) == pytest.approx(-1.0)
    with pytest.raises(Fault, match="no number"):
        measured(UncertaintyCorrelation(column="agreement"), Known([{"agreement": "much"}], ("score", "uncertainty"), pairs[:1]))


def test_agreement_counts_pairs_of_members():
    pairs = [[[0, 1, 2, 3], [0, 0, 0, 0]], [[0, 1, -1, 1], [0, 0, 0, 0]], None, [[0, 0, 0, 1], [0, 0, 0, 0]]]
    found = measured(MemberAgreement(), Known([{}] * 4, ("score", "member_1", "member_2", "member_3"), pairs))
    np.testing.assert_allclose(found.values, [1.0, 1 / 3, np.nan, 1 / 3])


def test_length_counts_within_the_answers_to_a_prompt():
    rows = [{"prompt": p, "completion": "w " * n} for p, n in (("a", 1), ("a", 3), ("b", 10), ("b", 12), ("c", 99))]
    found = measured(LengthCorrelation(), Known(rows, completions=[[[s]] for s in (1.0, 3.0, -50.0, -48.0, 7.0)]))
    assert of_all(found) == pytest.approx(1.0)
    assert np.isnan(pearson(np.array([[1.0, 2.0], [1.0, 3.0]])))


def test_the_expected_best_is_the_mean_over_all_subsets():
    draw = np.random.default_rng(2)
    key, true = draw.normal(size=7), draw.normal(size=7)
    for size in range(1, 8):
        subsets = list(itertools.combinations(range(7), size))
        wanted = np.mean([true[max(subset, key=lambda i: key[i])] for subset in subsets])
        assert expected_best(key, true, (size,))[0] == pytest.approx(wanted)
        assert chances(7, size).sum() == pytest.approx(1.0)
    assert expected_best(np.zeros(7), true, (1, 3, 7)) == pytest.approx([true.mean()] * 3)
    assert np.isfinite(expected_best(draw.normal(size=3000), draw.normal(size=3000), (1, 1024, 3000))).all()


def test_the_curve_shows_what_trust_in_a_scorer_costs():
    # The scorer likes two answers far too much, and is unsure of just these.
    rows = [{"prompt": p, "completion": "x", "gold": g} for p in "abc" for g in (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, -8.0, -9.0)]
    told = [[[g if g >= 0 else 10.0 - g, 0.0 if g >= 0 else 5.0]] for _ in "abc" for g in (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, -8.0, -9.0)]
    metric = BestOfN(truth=Column(name="gold"), sure=(0.75,), strength=(10.0,))
    found = lines(metric, Known(rows, ("score", "uncertainty"), completions=told))
    assert found["model", "stages.rm", "best of 1"]["value"] == pytest.approx(-0.25)
    assert found["model", "stages.rm", ""]["value"] == pytest.approx(-9.0)
    assert found["model", "stages.rm", "fall from the highest"]["value"] == pytest.approx(-0.25 + 9.0)
    assert found["model", "stages.rm, surest 0.75", ""]["value"] == pytest.approx(5.0)
    assert found["model", "stages.rm, less 10 uncertainty", ""]["value"] == pytest.approx(5.0)
    assert found["difference", "stages.rm, surest 0.75 - stages.rm", ""]["value"] == pytest.approx(14.0)
    assert found["baseline", "truth", "best of 8"]["value"] == pytest.approx(5.0)
    assert found["baseline", "dropped to 0.75", ""]["value"] < 0 < found["model", "stages.rm, surest 0.75", "slope over ln N"]["value"]
    with pytest.raises(Fault, match="no prompt has 9 answers; the most that one has is 8"):
        measured(BestOfN(truth=Column(name="gold"), sizes=(9,)), Known(rows, ("score", "uncertainty"), completions=told))


def test_a_few_prompts_with_fewer_answers_do_not_shorten_the_curve():
    rows = [{"prompt": str(p), "completion": "x", "gold": float(g)} for p in range(20) for g in range(2 if p == 0 else 8)]
    judge = Known(rows, completions=[[[row["gold"]]] for row in rows])
    found = measured(BestOfN(truth=Column(name="gold")), judge)
    assert found.values.shape == (20, 4) and np.isnan(found.values).any(1).tolist() == [True, *[False] * 19]
    assert judge.work.skipped == {"prompt with fewer than 8 scored answers": 1}


def test_where_too_few_answers_are_scored_nothing_is_measured_and_told():
    rows = [{"prompt": p, "completion": "x", "gold": 1.0} for p in "ab" for _ in range(4)]
    judge = Known(rows, ("score", "uncertainty"), completions=[None, *[[[1.0, 1.0]]] * 3] * 2)
    assert table(bind(BestOfN(truth=Column(name="gold"), sure=(0.5,)), {}), [judge], 0.95, judge.work) == {}
    assert judge.work.skipped == {
        "prompt with fewer than 4 scored answers": 2,
        "`best_of_n column` as a whole: no row has what it needs": 1,
    }


def test_scorers_that_could_score_different_prompts_are_compared_on_those_of_both():
    rows = [{"prompt": p, "completion": "x", "gold": g} for p in "abc" for g in (0.0, float(ord(p)))]
    likes = [[[row["gold"]]] for row in rows]
    first, other = (Known(rows, completions=[None if row["prompt"] == out else told for row, told in zip(rows, likes, strict=True)]) for out in "ac")
    other.name = "stages.other"
    found = table(bind(BestOfN(truth=Column(name="gold")), {}), [first, other], 0.95, first.work)["lines"]
    (difference,) = [line for line in found if (line["role"], line["model"], line["group"]) == ("difference", "stages.other - stages.rm", "")]
    assert (difference["value"], difference["n"]) == (0.0, 1)


def test_a_share_is_never_certain():
    rows = [{"prompt": str(number), "subset": "a"} for number in range(3)]
    (line,) = [
        one
        for key, one in lines(SectionAccuracy(sections={"one": Section(subsets=("a",))}), Known(rows, pairs=pairs_of(*[(0, 1)] * 3))).items()
        if key[2] == ""
    ]
    assert (line["value"], line["low"]) == (0.0, 0.0) and 0.5 < line["high"] < 0.6


def test_a_constant_that_is_no_share_is_certain():
    found = lines(PairNLL(), Known([{"prompt": str(n)} for n in range(9)], pairs=pairs_of(*[(1, 0)] * 9)))["baseline", "even odds", ""]
    assert found["low"] == found["high"] == pytest.approx(np.log(2))


def test_questions_without_a_name_are_questions_of_their_own():
    rows = [{"subset": "a", "id": None} for _ in range(3)]
    found = measured(SectionAccuracy(sections={"one": Section(subsets=("a",))}, question="id"), Known(rows, pairs=pairs_of((1, 0), (0, 1), (1, 0))))
    assert found.values[:, 0].tolist() == [1.0, 0.0, 1.0]


def test_only_the_surest_is_there_where_none_is_sure():
    rows = [{"prompt": p, "completion": "x", "gold": g} for p in "ab" for g in (0.0, 1.0)]
    told = [[[1.0, 0.1]], [[0.0, 0.2]], [[1.0, 9.0]], [[0.0, 8.0]]]
    found = measured(BestOfN(truth=Column(name="gold"), sure=(0.5,)), Known(rows, ("score", "uncertainty"), completions=told))
    assert found.variants["surest 0.5"][:, -1].tolist() == [0.0, 1.0]


def test_answers_that_are_liked_equally_and_are_as_sure_have_one_key():
    score, unsure = np.array([1.0, 1.0, 2.0, 5.0, 7.0]), np.array([0.1, 0.2, 0.1, 0.9, 0.9])
    assert sure_first(score, unsure, unsure <= 0.5).tolist() == [1.0, 1.0, 2.0, 0.0, 0.0]
