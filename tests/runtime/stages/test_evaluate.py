"""Tables of metrics."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from aligncompiler.spec.base import Output, Ref
from aligncompiler.spec.codec import dump
from aligncompiler.spec.combined import LengthPenalty, Penalised, WeightedSum
from aligncompiler.spec.judging import (
    AttributeNLL,
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
    Shift,
    SpreadCorrelation,
    StyleAccuracy,
    Ties,
    UncertaintyCorrelation,
)
from aligncompiler.spec.metric import Accuracy, MeanScore, PairAccuracy
from aligncompiler.spec.rule import Column, ExactMatch, Length, Regex
from aligncompiler.spec.scorer import Fixed
from runtime.fault import Fault, Skip
from runtime.judge import natural
from runtime.model_files import load_encoder, load_network, save_network
from runtime.registry import bind
from runtime.report.plots import plot
from runtime.scorer import Scorer, Shape
from runtime.scoring import score_rows
from runtime.stages.evaluate import evaluate, names, reasons
from runtime.store import Artifact
from runtime.tables import metric_name
from runtime.tokens import Encoder

PROBLEMS = [{"prompt": f"cat {i % 5}", "answer": "all", "size": i % 3} for i in range(12)]
PAIRS = [{"prompt": f"cat {i}", "chosen": "so it follows" * (1 + i % 2), "rejected": "no fish " * (1 + i % 3)} for i in range(8)]


@pytest.fixture
def tables(make_work, dataset):
    def make(models, rows, metrics, artifacts=None, kinds=(), **fields):
        work = make_work()
        usual = {
            "max_new_tokens": 3,
            "stop": (),
            "temperature": 0.0,
            "sampler": "transformers",
            "confidence": 0.95,
            "limit": None,
            "answers_at_once": 8,
            "tokens_at_once": 100,
        }
        evaluate(work, models=tuple(models), data=dataset(rows, kinds), metrics=tuple(bind(m, artifacts or {}) for m in metrics), **usual | fields)
        return work, json.loads((work.folder / "table.json").read_text(encoding="utf-8"))["tables"]

    return make


def line(table, role, model, group=""):
    return next(x for x in table["lines"] if (x["role"], x["model"], x["group"]) == (role, model, group))


def test_a_model_compared_with_itself_differs_by_nothing(tables, policy_artifact):
    one, same = policy_artifact(id="stages.a"), policy_artifact(id="stages.b")
    _, (table,) = tables([one, same], PROBLEMS, [Accuracy(reward=ExactMatch())])
    found = line(table, "difference", "stages.b - stages.a")
    assert (found["value"], found["low"], found["high"], found["n"]) == (0.0, 0.0, 0.0, 12)


def test_groups_split_the_rows_without_loss(tables, policy_artifact):
    _, (table,) = tables([policy_artifact(id="stages.a")], PROBLEMS, [Accuracy(reward=ExactMatch(), by="size")])
    assert [x["group"] for x in table["lines"] if x["role"] == "model"] == ["", "size 0", "size 1", "size 2"]
    assert sum(line(table, "model", "stages.a", f"size {i}")["n"] for i in range(3)) == 12


def test_splitting_by_a_column_that_is_not_there_is_one_fault(tables, policy_artifact):
    with pytest.raises(Fault, match="no column `depth`"):
        tables([policy_artifact()], PROBLEMS, [Accuracy(reward=ExactMatch(), by="depth")])


def test_prompts_that_do_not_fit_are_counted_and_leave_the_rest(tables, policy_artifact):
    rows = [*PROBLEMS, {"prompt": "x" * 100, "answer": "all", "size": 0}]
    work, (table,) = tables([policy_artifact(id="stages.a")], rows, [MeanScore(reward=ExactMatch())])
    assert line(table, "model", "stages.a")["n"] == 12
    assert work.skipped == {"prompt longer than 63 tokens": 1}


def test_a_row_that_several_models_cannot_read_is_counted_once_and_one_that_some_cannot_with_their_names(tables, policy_artifact):
    rows = [*PROBLEMS, {"prompt": "x" * 100, "answer": "all", "size": 0}]
    models = [policy_artifact(id="stages.a"), policy_artifact(id="stages.b")]
    assert tables(models, rows, [MeanScore(reward=ExactMatch())])[0].skipped == {"prompt longer than 63 tokens": 1}
    judges = [SimpleNamespace(name=name, skipped=lambda skips=skips: skips) for name, skips in (("a", [Skip("x")] * 2), ("b", [Skip("x"), Skip("y")]))]
    assert reasons(judges) == {"x (a)": 2, "x (b)": 1, "y (b)": 1}


def test_no_row_to_measure_is_one_fault(tables, policy_artifact):
    with pytest.raises(Fault, match="no row could be measured by `mean_score`"):
        tables([policy_artifact()], [{"prompt": "x" * 100, "answer": "all"}], [MeanScore(reward=ExactMatch())])


def test_pair_accuracy_is_the_share_of_pairs_in_order(tables, scorer_artifact):
    artifact = scorer_artifact(id="stages.rm")
    _, (table,) = tables([artifact], PAIRS, [PairAccuracy()])
    scores = score_rows(load_network(artifact), load_encoder(artifact), PAIRS, ("chosen", "rejected"), 64, 10_000)
    assert line(table, "model", "stages.rm")["value"] == sum(a > b for a, b in scores) / 8
    longer = sum(len(r["chosen"]) > len(r["rejected"]) for r in PAIRS) / 8
    assert line(table, "baseline", "longer")["value"] == longer


def test_a_policy_that_is_its_own_reference_ties_every_pair(make_work, dataset, policy_artifact):
    artifact = policy_artifact(id="stages.a")
    work = make_work()
    metric = bind(PairAccuracy(), {})
    metric.fields["reference"] = artifact
    fields = {
        "max_new_tokens": 3,
        "stop": (),
        "temperature": 0.0,
        "sampler": "transformers",
        "confidence": 0.95,
        "limit": None,
        "answers_at_once": 8,
        "tokens_at_once": 100,
    }
    evaluate(work, models=(artifact,), data=dataset(PAIRS), metrics=(metric,), **fields)
    assert work.facts["tables"][0]["lines"][0]["value"] == 0.5


@pytest.fixture
def gaussian_ensemble(tmp_path, tokenizer, make_model):
    """A saved ensemble of three scorers of attributes, which tells how far they are apart."""

    def make(names, id, seed=0):
        shape = Shape(names, True, dump(Fixed()), members=3, uncertainty="gap")
        scorer = Scorer(make_model(head=shape.outputs, seed=seed), shape)
        save_network(scorer, Encoder(tokenizer, "plain", 64), tmp_path / id, {"prompt_format": "plain", "adapter": None})
        return Artifact(id, tmp_path / id, {"output": {"artifact": "scorer"}, "facts": {}})

    return make


RATED = [
    {"prompt": f"cat {i // 4}", "completion": "so it " * (1 + i % 4), "a": 0.1 * i, "b": None if i == 3 else -0.2 * i, "gold": float(i % 4)} for i in range(24)
]


def test_everything_that_a_scorer_tells_can_be_judged(tables, gaussian_ensemble, dataset):
    one, two = gaussian_ensemble(("a", "b"), "stages.one"), gaussian_ensemble(("a", "b"), "stages.two", seed=1)
    metrics = [CertainAccuracy(), GapAccuracy(groups=2), PairNLL(), CalibrationError(bins=3), ErrorAUROC(), MemberAgreement()]
    _, found = tables([one, two], PAIRS, metrics)
    assert [(t["metric"], line(t, "model", "stages.two")["n"]) for t in found] == [(metric.kind, 8) for metric in metrics]
    assert all(0 <= line(t, "model", "stages.two")["value"] <= 1 for t in found)
    assert line(found[0], "model", "stages.one")["value"] == 0.0  # every pair is wrong, so errors are not told from what is right
    assert [x for x in found[4]["lines"] if x["model"] == "stages.one"] == []
    figures = score_rows(load_network(one), load_encoder(one), PAIRS, ("chosen", "rejected"), 64, 10_000, members=True)
    signs = np.sign(np.stack([figures.of(f"member_{m}")[:, 0] - figures.of(f"member_{m}")[:, 1] for m in (1, 2, 3)], 1))
    assert line(found[-1], "model", "stages.one")["value"] == pytest.approx(np.mean([signs[:, i] == signs[:, j] for i, j in ((0, 1), (0, 2), (1, 2))]))
    shift = Shift(against=Ref("datasets.others", Output("dataset", ("completions",))), figure="a")
    metrics = [AttributeNLL(), SpreadCorrelation(), LengthCorrelation(), BestOfN(truth=Column(name="gold"), sure=(0.5,)), shift]
    work, found = tables([one, two], RATED, metrics, {"datasets.others": dataset(RATED[:8])})
    told = score_rows(load_network(one), load_encoder(one), RATED, ("completion",), 64, 10_000)
    whole = [i for i in range(24) if i != 3]
    cost = sum(nll(told.of(n)[whole, 0], told.of(f"{n}_std")[whole, 0], np.array([RATED[i][n] for i in whole])) for n in ("a", "b"))
    assert line(found[0], "model", "stages.one")["value"] == pytest.approx(cost.mean())
    assert line(found[0], "model", "stages.one")["n"] == 23
    assert line(found[4], "model", "stages.one")["value"] == pytest.approx(told.of("a").mean() - told.of("a")[:8].mean())
    assert line(found[3], "difference", "stages.two - stages.one", "best of 4")["n"] == 6
    (curve,) = json.loads((work.folder / "table.json").read_text(encoding="utf-8"))["plots"]
    assert [(one["of"], one["x"]) for one in curve["lines"]][:2] == [("one", [1, 2, 4]), ("one, surest 0.5", [1, 2, 4])]
    assert "log scale" in plot(curve).note


def test_rewards_that_are_not_learned_are_judged_as_scorers_are(tables, gaussian_ensemble):
    one = gaussian_ensemble(("a", "b"), "stages.one")
    ref = Ref("stages.one", Output("scorer", columns=("uncertainty",)))
    sure, shorter = Penalised(of=ref, strength=100.0), LengthPenalty(of=Length(unit="words"), free=0, per_unit=2.0)
    artifacts = {"stages.one": one}
    models = [bind(reward, artifacts) for reward in (Length(unit="words"), shorter, sure)]
    _, (accuracy,) = tables(models, PAIRS, [PairAccuracy()], artifacts)
    words = [(len(row["chosen"].split()), len(row["rejected"].split())) for row in PAIRS]
    longer = sum((a > b) + (a == b) / 2 for a, b in words) / 8
    assert line(accuracy, "model", "length")["value"] == longer
    assert line(accuracy, "model", "length_penalty")["value"] == 1 - longer
    told = score_rows(load_network(one), load_encoder(one), PAIRS, ("chosen", "rejected"), 64, 10_000)
    less = told.of("score") - 100 * told.of("uncertainty")
    assert line(accuracy, "model", "penalised")["value"] == (less[:, 0] > less[:, 1]).mean()
    _, (certain,) = tables(models[2:], PAIRS, [CertainAccuracy()], artifacts)
    assert {x["group"] for x in certain["lines"]} == {"", "most certain", "least certain"}


def test_several_rewards_of_a_kind_are_counted():
    assert names([bind(Length(unit=unit), {}) for unit in ("words", "characters")]) == ["length", "length (unit characters)"]
    assert names([bind(Length(), {}), bind(Length(), {})]) == ["length 1", "length 2"]


def test_a_reward_with_a_name_is_shown_by_it_wherever_it_stands():
    longer, shorter = bind(Length(), {}, {"": "longer"}), bind(Length(unit="words"), {})
    assert names([longer, shorter]) == ["rewards.longer", "length"]
    inner = bind(BestOfN(truth=Length(), figure="gap", sure=(0.5,)), {}, {"truth": "longer"})
    assert metric_name(inner) == "best_of_n longer gap" and metric_name(bind(BestOfN(truth=Length()), {})) == "best_of_n length"
    both = bind(WeightedSum(parts={"a": Length(), "b": Length()}, weights={"a": 1, "b": 1}), {}, {"parts.b": "longer"})
    assert [one.called for one in both.fields["parts"].values()] == ["length", "longer"]


def test_metrics_with_rewards_of_one_kind_are_told_apart_in_tables_and_in_the_summary(tables, policy_artifact):
    metrics = [MeanScore(reward=Regex(pattern=pattern)) for pattern in ("red", "[a-z]")]
    work, found = tables([policy_artifact(id="stages.a")], PROBLEMS, metrics)
    assert [one["name"] for one in found] == ["mean_score regex (pattern red)", "mean_score regex (pattern [a-z])"]
    assert {name: value for name, value in work.summary.items() if name.startswith("mean")} == {f"{one['name']} a": one["lines"][0]["value"] for one in found}


def test_a_statistic_without_a_value_is_told_and_the_others_stay(tables, gaussian_ensemble):
    work, found = tables([gaussian_ensemble(("a", "b"), "stages.one")], PAIRS, [ErrorAUROC(), MemberAgreement()])
    assert [table["metric"] for table in found] == ["member_agreement"]
    assert work.skipped == {"`error_auroc` as a whole: what it compares does not vary": 1}


def nll(mean, std, rating):
    return np.log(std) + (rating - mean) ** 2 / (2 * std**2) + np.log(2 * np.pi) / 2


def test_groups_that_end_in_numbers_sort_by_them():
    assert sorted(["leaves 10", "leaves 2", "leaves 1"], key=natural) == ["leaves 1", "leaves 2", "leaves 10"]


def test_what_a_policy_writes_is_measured_once_a_prompt_and_what_rows_hold_in_every_row(tables, policy_artifact):
    pairs = [{"prompt": f"cat {i % 3}", "chosen": "so it follows" * (1 + i % 2), "rejected": f"no fish {i}"} for i in range(9)]
    work, found = tables([policy_artifact(id="stages.a")], pairs, [MeanScore(reward=Length()), PairAccuracy()], kinds=("preferences",))
    assert [line(table, "model", "stages.a")["n"] for table in found] == [3, 9]
    assert work.skipped == {"another answer to a prompt that is asked once": 6}


@pytest.mark.parametrize("metric", [PairAccuracy(), CalibrationError()])
def test_an_interval_tells_how_far_it_is(tables, scorer_artifact, metric):
    pairs = [*PAIRS, PAIRS[0]]
    work, (table,) = tables([scorer_artifact()], pairs, [metric])
    told = [said for said in work.progress.said if said[2] == f"interval of {table['name']}"]
    assert told and all(done <= total for done, total, _ in told) and told[-1][0] == told[-1][1] >= 1000


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (PairAccuracy(by="depth"), "no column `depth`"),
        (StyleAccuracy(), "no column `chosen_version`"),
        (Ties(), "no column `id`"),
        (SectionAccuracy(sections={"one": Section(subsets=("a",))}), "no column `subset`"),
        (UncertaintyCorrelation(column="prompt"), "holds what is no number"),
    ],
)
def test_a_metric_that_the_rows_do_not_fit_is_refused_before_any_model_is_asked(tables, scorer_artifact, monkeypatch, wrong, said):
    monkeypatch.setattr("runtime.judge.score_rows", lambda *asked, **more: pytest.fail("a model was asked"))
    with pytest.raises(Fault, match=said) as caught:
        tables([scorer_artifact()], PAIRS, [PairNLL(), wrong])
    assert caught.value.field == "metrics.1"


@pytest.mark.parametrize("metric", [MeanScore(reward=Column(name="gold")), Accuracy(reward=ExactMatch(), by="depth")])
def test_no_answer_is_written_for_a_reward_or_a_table_that_the_rows_do_not_fit(tables, policy_artifact, monkeypatch, metric):
    monkeypatch.setattr("runtime.judge.write_answers", lambda *asked, **more: pytest.fail("a model was asked"))
    with pytest.raises(Fault, match="column") as caught:
        tables([policy_artifact()], PROBLEMS, [metric])
    assert caught.value.field == "metrics.0"


def test_more_answers_than_any_prompt_has_are_refused_before_any_model_is_asked(tables, scorer_artifact, monkeypatch):
    monkeypatch.setattr("runtime.judge.score_rows", lambda *asked, **more: pytest.fail("a model was asked"))
    rows = [{"prompt": f"cat {i % 2}", "completion": "no fish", "gold": float(i)} for i in range(6)]
    with pytest.raises(Fault, match="no prompt has 4 answers; the most that one has is 3"):
        tables([scorer_artifact()], rows, [LengthCorrelation(), BestOfN(truth=Column(name="gold"), sizes=(4,))])


ANSWERS = [{"prompt": f"cat {i // 3}", "completion": "no fish " * (1 + i), "gold": float(i)} for i in range(9)]


@pytest.mark.parametrize(("limit", "measured"), [(3, 1), (5, 1), (6, 2), (8, 2), (9, 3), (20, 3)])
def test_a_limit_leaves_no_prompt_with_some_of_its_answers(tables, scorer_artifact, limit, measured):
    _, (table,) = tables([scorer_artifact(id="stages.rm")], ANSWERS, [BestOfN(truth=Column(name="gold"), sizes=(3,))], kinds=("completions",), limit=limit)
    assert line(table, "model", "stages.rm")["n"] == measured


def test_a_limit_that_has_no_room_for_the_first_prompt_is_one_fault(tables, scorer_artifact):
    with pytest.raises(Fault, match="the answers to a prompt are measured together, which takes the first 3 rows, and `limit` is 2") as caught:
        tables([scorer_artifact()], ANSWERS, [PairNLL()], kinds=("completions",), limit=2)
    assert caught.value.field == "limit"


@pytest.mark.parametrize(("order", "limit", "measured"), [([0, 3, 1, 4, 2, 5, 6, 7, 8], 7, 2), ([3, 4, 5, 0, 6, 1, 7, 2, 8], 8, 1)])
def test_a_limit_cuts_no_prompt_whose_answers_stand_apart(tables, scorer_artifact, order, limit, measured):
    rows, metrics = [ANSWERS[i] for i in order], [BestOfN(truth=Column(name="gold"), sizes=(3,))]
    _, (table,) = tables([scorer_artifact(id="stages.rm")], rows, metrics, kinds=("completions",), limit=limit)
    assert line(table, "model", "stages.rm")["n"] == measured


def test_a_limit_counts_prompts_where_only_answers_that_models_write_are_measured(tables, policy_artifact):
    work, (table,) = tables([policy_artifact(id="stages.a")], ANSWERS, [MeanScore(reward=Length())], kinds=("completions",), limit=2)
    assert line(table, "model", "stages.a")["n"] == 2
    assert work.skipped == {"another answer to a prompt that is asked once": 4}


def test_a_model_that_scores_nothing_leaves_the_baselines_to_the_next(tables):
    rows = [{**row, "rating": None if number else 1.0} for number, row in enumerate(ANSWERS)]
    models = [bind(Column(name=name), {}) for name in ("rating", "gold")]
    _, (table,) = tables(models, rows, [BestOfN(truth=Column(name="gold"), sizes=(3,))], kinds=("completions",))
    assert line(table, "baseline", "truth")["n"] == 3


def test_a_reward_in_the_place_of_a_model_is_refused_with_the_column_that_it_misses(tables, scorer_artifact):
    with pytest.raises(Fault, match="reads the column `gold`") as caught:
        tables([scorer_artifact(), bind(Column(name="gold"), {})], PAIRS, [PairAccuracy()])
    assert caught.value.field == "models.1"
