"""Tables of metrics."""

import json

import pytest

from aligncompiler.spec.metric import Accuracy, MeanScore, PairAccuracy
from aligncompiler.spec.rule import ExactMatch
from runtime.fault import Fault
from runtime.model_files import load_encoder, load_network
from runtime.registry import bind
from runtime.scoring import score_rows
from runtime.stages.evaluate import evaluate, natural

PROBLEMS = [{"prompt": f"cat {i % 5}", "answer": "all", "size": i % 3} for i in range(12)]
PAIRS = [{"prompt": f"cat {i}", "chosen": "so it follows" * (1 + i % 2), "rejected": "no fish " * (1 + i % 3)} for i in range(8)]


@pytest.fixture
def tables(make_work, dataset):
    def make(models, rows, metrics, **fields):
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
        refs = {m.reference.to: m.reference.output for m in metrics if getattr(m, "reference", None)}
        evaluate(work, models=tuple(models), data=dataset(rows), metrics=tuple(bind(m, refs) for m in metrics), **usual | fields)
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


def test_groups_that_end_in_numbers_sort_by_them():
    assert sorted(["leaves 10", "leaves 2", "leaves 1"], key=natural) == ["leaves 1", "leaves 2", "leaves 10"]
