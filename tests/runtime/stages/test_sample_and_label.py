"""Answers and their scores as rows."""

import pytest

from aligncompiler.spec.combined import Minimum
from aligncompiler.spec.rule import ExactMatch, Length
from aligncompiler.spec.topology import Chain, Tree
from runtime.fault import Fault
from runtime.registry import bind
from runtime.stages.label import label
from runtime.stages.sample import sample
from runtime.work import load_rows

PROMPTS = [{"prompt": "all cats", "answer": "x"}, {"prompt": "y" * 100, "answer": "x"}, {"prompt": "no", "answer": "x"}]


@pytest.fixture
def drafts(make_work, dataset, finished, policy_artifact):
    def make(rows=None, **fields):
        work = make_work()
        usual = {
            "count": 2,
            "topology": bind(Chain(), {}),
            "max_new_tokens": 4,
            "temperature": 1.0,
            "top_k": None,
            "top_p": 1.0,
            "stop": (),
            "sampler": "transformers",
            "limit": None,
            "answers_at_once": 8,
        }
        sample(work, policy=policy_artifact(), **{"prompts": dataset(rows or PROMPTS), **usual, **fields})
        return work, finished(work, "dataset")

    return make


def test_every_prompt_that_fits_gets_its_answers_in_order(drafts):
    work, artifact = drafts()
    rows = load_rows(artifact)
    assert [(r["prompt"], r["group"], r["sample"]) for r in rows] == [("all cats", 0, 0), ("all cats", 0, 1), ("no", 2, 0), ("no", 2, 1)]
    assert all(r["answer"] == "x" and r["tokens"] <= 4 for r in rows)
    assert work.skipped == {"prompt longer than 63 tokens": 1}


def test_a_limit_takes_the_first_prompts(drafts):
    assert {r["prompt"] for r in load_rows(drafts(limit=1)[1])} == {"all cats"}


def test_no_prompt_that_fits_is_one_fault(drafts):
    with pytest.raises(Fault, match=r"no rows are left \(1 x prompt longer than 63 tokens\)"):
        drafts([PROMPTS[1]])


def test_what_speaks_of_other_answers_is_not_carried_to_new_ones(make_work, dataset, finished, policy_artifact, drafts):
    old = dataset([{"prompt": "no", "completion": "z", "gold": 7.0, "topic": "cats"}], answer_columns=["completion", "gold"])
    _, made = drafts(count=1, prompts=old)
    assert {"gold", "topic"} & set(load_rows(made).columns) == {"topic"}


def test_no_figure_takes_the_place_of_a_column_of_a_file(make_work, dataset):
    rows = dataset([{"prompt": "no", "completion": "z", "brief": 7.0}])
    reward = bind(Minimum(parts={"brief": Length(), "right": Length()}), {})
    with pytest.raises(Fault, match="the figure `brief` of the reward would take the place of the column `brief`"):
        label(make_work(), completions=rows, reward=reward)


def test_what_an_earlier_reward_said_goes_when_another_one_scores_the_answers(make_work, dataset, finished):
    rows = dataset([{"prompt": "no", "completion": "z", "score": 0.5, "brief": 0.25, "rating": 7.0}])
    rows.manifest["output"]["labelled"] = ["brief"]
    rows.manifest["facts"]["answer_columns"] = ["completion", "score", "brief", "rating"]
    work = make_work()
    label(work, completions=rows, reward=bind(Length(), {}))
    assert dict(load_rows(finished(work, "dataset"))[0]) == {"prompt": "no", "completion": "z", "score": 1.0, "rating": 7.0}
    assert work.facts["answer_columns"] == ["completion", "rating", "score"]


def test_labels_are_columns_beside_the_answer(drafts, make_work, finished):
    work = make_work()
    label(work, completions=drafts()[1], reward=bind(ExactMatch(), {}))
    rows = load_rows(finished(work, "dataset"))
    assert {r["score"] for r in rows} <= {0.0, 1.0}
    assert work.facts["answer_columns"] == ["completion", "ended", "sample", "score", "tokens"]
    assert work.summary["score"] == sum(r["score"] for r in rows) / 4


def test_a_trained_scorer_labels_as_well_as_a_rule(drafts, make_work, finished, scorer_artifact):
    work = make_work()
    label(work, completions=drafts()[1], reward=scorer_artifact())
    assert len({r["score"] for r in load_rows(finished(work, "dataset"))}) > 1


def test_new_answers_to_old_prompts_carry_nothing_of_the_old_answers(drafts, make_work, finished):
    topology = bind(Tree(depth=2, separator="[a-m ]"), {})
    work, grown = drafts(PROMPTS[:1], count=4, max_new_tokens=24, topology=topology)
    assert work.facts["answer_columns"] == ["completion", "sample", "tokens", "ended", "segments", "path"]
    assert all("".join(row["segments"]) == row["completion"] for row in load_rows(grown))
    labelled = make_work()
    label(labelled, completions=grown, reward=bind(ExactMatch(), {}))
    assert {"segments", "path", "score"} <= set(load_rows(finished(labelled, "dataset")).columns)
    _, again = drafts(list(load_rows(finished(labelled, "dataset"))), count=1)
    assert not {"segments", "path", "score"} & set(load_rows(again).columns)


ANSWERED = [{"prompt": prompt, "completion": text} for prompt, text in (("no", "x"), ("all cats", "x"), ("no", "y"), ("no", "z"), ("a", "x"))]


@pytest.mark.parametrize("kind", ["completions", "demonstrations"])
def test_a_prompt_with_several_answers_is_asked_once(drafts, dataset, kind):
    work, made = drafts(prompts=dataset(ANSWERED, (kind,)))
    assert [row["prompt"] for row in load_rows(made)] == ["no", "no", "all cats", "all cats", "a", "a"]
    assert work.skipped == {"another answer to a prompt that is asked once": 2}


def test_a_prompt_of_several_pairs_is_asked_once_and_carries_none_of_their_answers(drafts, dataset):
    pairs = [{"prompt": "no", "chosen": "x", "rejected": other, "topic": "cats"} for other in "yz"]
    _, made = drafts(prompts=dataset(pairs, ("preferences",)), count=1)
    (row,) = load_rows(made)
    assert row["topic"] == "cats" and not {"chosen", "rejected"} & set(row)


def test_prompts_that_are_repeated_are_asked_again(drafts, dataset):
    rows = [{"prompt": row["prompt"], "completion": row["completion"]} for row in ANSWERED]
    work, made = drafts(prompts=dataset(rows, ("prompts",)), count=1)
    assert [row["prompt"] for row in load_rows(made)] == ["no", "all cats", "no", "no", "a"] and not work.skipped


def test_answers_of_a_prompt_that_was_asked_twice_are_of_two_prompts(drafts, dataset):
    rows = [{"prompt": "no", "group": group, "completion": text} for group in (0, 1) for text in "xyz"]
    assert [row["group"] for row in load_rows(drafts(prompts=dataset(rows, ("completions",)), count=1)[1])] == [0, 1]


def test_a_limit_counts_prompts_and_not_their_answers(drafts, dataset):
    work, made = drafts(prompts=dataset(ANSWERED, ("completions",)), count=1, limit=2)
    assert [row["prompt"] for row in load_rows(made)] == ["no", "all cats"]
    assert work.skipped == {"another answer to a prompt that is asked once": 2}
