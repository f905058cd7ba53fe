"""Scores come in the order of the rows."""

import pytest

from aligncompiler.spec.reward import ExactMatch
from runtime.fault import Fault, Skip
from runtime.networks import load_encoder, load_policy, load_scorer
from runtime.registry import bind
from runtime.scoring import reward_rows, score_rows

ROWS = [{"prompt": f"cat {i}" * (1 + i % 3), "chosen": "all cats " * (1 + i % 4), "rejected": "no"} for i in range(9)]


@pytest.mark.parametrize("tokens_at_once", [1, 40, 100_000])
def test_scores_do_not_depend_on_the_size_of_forward_passes(policy_artifact, tokens_at_once):
    artifact = policy_artifact()
    policy, encoder = load_policy(artifact), load_encoder(artifact)
    whole = [score_rows(policy, encoder, [row], ("chosen", "rejected"), 64, 64)[0] for row in ROWS]
    found = score_rows(policy, encoder, ROWS, ("chosen", "rejected"), 64, tokens_at_once)
    assert [v for pair in found for v in pair] == pytest.approx([v for pair in whole for v in pair], abs=1e-4)


def test_rows_that_do_not_fit_are_skips_in_their_place(scorer_artifact):
    rows = [ROWS[0], {"prompt": "x" * 100, "chosen": "a", "rejected": "b"}, ROWS[1]]
    artifact = scorer_artifact()
    found = score_rows(load_scorer(artifact), load_encoder(artifact), rows, ("chosen", "rejected"), 64, 1000)
    assert found[1] == Skip("longer than 64 tokens")
    assert all(len(found[i]) == 2 for i in (0, 2))


def test_a_rule_and_a_scorer_are_asked_alike(scorer_artifact):
    rows = [{"prompt": "p", "completion": "a", "answer": "a"}, {"prompt": "p", "completion": "b", "answer": "a"}]
    assert reward_rows(bind(ExactMatch(), {}), rows) == [{"score": 1.0}, {"score": 0.0}]
    assert all(set(score) == {"score"} for score in reward_rows(scorer_artifact(), rows))


def test_a_rule_without_its_column_is_one_fault():
    with pytest.raises(Fault, match="`exact_match` reads the column `answer`") as caught:
        reward_rows(bind(ExactMatch(), {}), [{"prompt": "p", "completion": "a"}])
    assert caught.value.code == "P603"
    assert reward_rows(bind(ExactMatch(), {}), []) == []
