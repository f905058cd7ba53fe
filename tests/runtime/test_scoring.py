"""Scores come in the order of the rows."""

import tracemalloc
from collections.abc import Sequence

import pytest

from aligncompiler.spec.rule import ExactMatch, MathEqual
from runtime import scoring
from runtime.fault import Fault, Skip
from runtime.forest import pack
from runtime.model_files import load_encoder, load_policy, load_scorer
from runtime.registry import Bound, bind
from runtime.rewards.scalar import scalar
from runtime.scoring import reward_rows, score_rows

ROWS = [{"prompt": f"cat {i}" * (1 + i % 3), "chosen": "all cats " * (1 + i % 4), "rejected": "no"} for i in range(9)]


@pytest.mark.parametrize("tokens_at_once", [1, 40, 100_000])
def test_scores_do_not_depend_on_the_size_of_forward_passes(policy_artifact, tokens_at_once):
    artifact = policy_artifact()
    policy, encoder = load_policy(artifact), load_encoder(artifact)
    whole = [score_rows(policy, encoder, [row], ("chosen", "rejected"), 64, 64)[0] for row in ROWS]
    found = score_rows(policy, encoder, ROWS, ("chosen", "rejected"), 64, tokens_at_once)
    assert [v for pair in found for v in pair] == pytest.approx([v for pair in whole for v in pair], abs=1e-4)


def test_a_family_that_shares_no_prefixes_scores_the_same(policy_artifact):
    artifact = policy_artifact()
    policy, encoder = load_policy(artifact), load_encoder(artifact)
    shared = score_rows(policy, encoder, ROWS, ("chosen", "rejected"), 64, 200)
    policy.flat = policy.shares_prefixes = False
    alone = score_rows(policy, encoder, ROWS, ("chosen", "rejected"), 64, 200)
    assert alone.values_NLF == pytest.approx(shared.values_NLF, abs=1e-4)


@pytest.mark.parametrize(("tokens_at_once", "most"), [(1, 10), (30, 30), (100_000, 100_000)])
def test_the_answers_to_one_prompt_are_scored_on_one_tree(policy_artifact, monkeypatch, tokens_at_once, most):
    artifact, seen = policy_artifact(), []
    policy, encoder = load_policy(artifact), load_encoder(artifact)
    rows = [{"prompt": f"cat {i % 2}", "completion": "all cats " * (1 + i % 3)} for i in range(8)]
    alone = [score_rows(policy, encoder, [row], ("completion",), 64, 64)[0] for row in rows]
    apart = scoring.encode_rows(encoder, rows, ("completion",), 64, list, scoring.quiet).sizes()
    monkeypatch.setattr(scoring, "pack", lambda trees, pad: seen.append(forest := pack(trees, pad)) or forest)
    found = score_rows(policy, encoder, rows, ("completion",), 64, tokens_at_once)
    assert [v for one in found for v in one] == pytest.approx([v for one in alone for v in one], abs=1e-4)
    assert all(f.num_tokens <= max(most, apart.max()) for f in seen)
    assert sum(f.num_tokens for f in seen) < apart.sum() / (2 if tokens_at_once > 1000 else 1 if tokens_at_once > 1 else 0.99)


def test_rows_that_do_not_fit_are_skips_in_their_place(scorer_artifact):
    rows = [ROWS[0], {"prompt": "x" * 100, "chosen": "a", "rejected": "b"}, ROWS[1]]
    artifact = scorer_artifact()
    found = score_rows(load_scorer(artifact), load_encoder(artifact), rows, ("chosen", "rejected"), 64, 1000)
    assert found[1] == Skip("longer than 64 tokens")
    assert all(len(found[i]) == 2 for i in (0, 2))


def test_a_rule_and_a_scorer_are_asked_alike(scorer_artifact):
    rows = [{"prompt": "p", "completion": "a", "answer": "a"}, {"prompt": "p", "completion": "b", "answer": "a"}]
    assert list(reward_rows(bind(ExactMatch(), {}), rows)) == [{"score": 1.0}, {"score": 0.0}]
    assert all(set(score) == {"score"} for score in reward_rows(scorer_artifact(), rows))


@pytest.mark.parametrize("spec", [MathEqual(), ExactMatch()])
def test_what_a_slow_rule_said_is_not_asked_again(monkeypatch, spec):
    monkeypatch.setattr("runtime.scores.AT_ONCE", 2)
    asked, kept, rows = [], {}, [{"prompt": "p", "completion": f"{n}", "answer": "1"} for n in range(5)]

    def keep(series):
        return lambda what, compute: kept.setdefault((series, what), None) or kept.update({(series, what): compute()}) or kept[series, what]

    def rule(some):
        asked.extend(row["completion"] for row in some)
        return [Skip("odd") if row["completion"] == "3" else {"score": float(row["completion"] == "1")} for row in some]

    bound = Bound(spec, rule, {})
    both = [reward_rows(bound, rows, keep=keep, name="answers") for _ in range(2)]
    assert list(both[0]) == list(both[1]) and both[0][3] == Skip("odd")
    assert len(asked) == (5 if spec.slow else 10)
    reward_rows(bound, rows, keep=keep, name="other rows")
    assert len(asked) == (10 if spec.slow else 15)


def test_a_rule_without_its_column_is_one_fault():
    with pytest.raises(Fault, match="`exact_match` reads the column `answer`") as caught:
        reward_rows(bind(ExactMatch(), {}), [{"prompt": "p", "completion": "a"}])
    assert caught.value.code == "P603"
    assert list(reward_rows(bind(ExactMatch(), {}), [])) == []


def peak(count, score):
    """Bytes that scoring so many rows holds at its highest, beside what it takes of files."""
    rows = Lazily([{"prompt": f"cat {i} and all other animals", "chosen": f"all cats {i} are animals", "rejected": "no"} for i in range(8)], count)
    tracemalloc.start()
    try:
        score(rows)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class Lazily(Sequence):
    """Many rows that are made when they are asked for, as those of a file are."""

    def __init__(self, rows, count):
        self.rows = rows
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index >= self.count:
            raise IndexError(index)
        return dict(self.rows[index % len(self.rows)])


def test_a_row_more_takes_a_few_numbers_more_of_memory(policy_artifact, monkeypatch):
    """The forward passes are left out, which take as long as they do."""
    artifact = policy_artifact()
    policy, encoder = load_policy(artifact), load_encoder(artifact)
    monkeypatch.setattr(scoring, "node_values", lambda network, forest: {"logp": [0.0] * forest.num_leaves})
    few, many = (peak(count, lambda rows: score_rows(policy, encoder, rows, ("chosen", "rejected"), 64, 4000)) for count in (2000, 10_000))
    assert (many - few) / 8000 < 100, "its tokens alone would be more as Python objects"


def test_an_encoder_reads_each_answer_once_however_many_pairs_it_is_in(encoder_artifact, make_work, finished, monkeypatch):
    work = make_work()
    scalar(work, backbone=encoder_artifact)
    artifact, seen = finished(work, "scorer"), []
    rows = [{"prompt": "cat", "chosen": a, "rejected": b} for a in ("all cats", "fish") for b in ("no", "red birds", "animals")]
    network, encoder = load_scorer(artifact), load_encoder(artifact)
    alone = [score_rows(network, encoder, [row], ("chosen", "rejected"), 40, 40)[0] for row in rows]
    monkeypatch.setattr(scoring, "pack", lambda trees, pad: seen.append(forest := pack(trees, pad)) or forest)
    found = score_rows(network, encoder, rows, ("chosen", "rejected"), 40, 100)
    assert sum(forest.num_answers for forest in seen) == 5
    assert [v for pair in found for v in pair] == pytest.approx([v for pair in alone for v in pair], abs=1e-5)
