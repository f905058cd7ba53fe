"""The shape of the learning rate, and the one place where losses are averaged."""

import math
from dataclasses import replace

import pytest
import torch

from aligncompiler.spec.objective import DPO, SFT, BradleyTerry, StepCrossEntropy
from aligncompiler.spec.optimizer import AdamW, Schedule
from aligncompiler.spec.reduction import FixedLength, Mean, SequenceMean
from runtime.batching import Example, Steps
from runtime.forest import pack, trunk_and_leaves, trunk_and_steps
from runtime.modules.offline import Offline, learning_rate_share
from runtime.networks import Policy
from runtime.registry import bind
from runtime.scorer import Scorer, Shape

PAIRS = [([3, 4, 5][: 1 + i % 3], [[10 + i, 11, 12][: 1 + i % 3], [20 + i] * (1 + i % 4)]) for i in range(7)]


def schedule(**fields):
    return Schedule(**fields)


def shares(steps, **fields):
    return [learning_rate_share(s, steps, schedule(**fields)) for s in range(steps)]


def test_warm_up_rises_to_the_peak_in_equal_steps():
    assert shares(10, warmup=0.4, shape="constant") == pytest.approx([0.25, 0.5, 0.75, 1.0] + [1.0] * 6)


def test_no_warm_up_starts_at_the_peak():
    assert shares(4, warmup=0.0, shape="linear") == pytest.approx([1.0, 0.75, 0.5, 0.25])


def test_cosine_falls_by_half_at_half_time_and_keeps_its_floor():
    found = shares(8, warmup=0.0, shape="cosine", floor=0.2)
    assert found[0] == 1.0
    assert found[4] == pytest.approx(0.6)
    assert found == sorted(found, reverse=True)
    assert learning_rate_share(8, 8, schedule(warmup=0.0, shape="cosine", floor=0.2)) == pytest.approx(0.2)
    assert found[2] == pytest.approx(0.2 + 0.8 * 0.5 * (1 + math.cos(math.pi / 4)))


def test_warm_up_over_the_whole_budget_never_divides_by_zero():
    assert shares(5, warmup=1.0)[-1] == 1.0
    assert shares(1, warmup=0.05) == [1.0]


def steps_of(examples, leaves, per, tokens_at_once, unroll=False, rank=0, world=1, order=None, reduction=Mean()):
    made = Steps(examples, leaves, per, bind(reduction, {}), 1, len(examples), tokens_at_once, 0, 0, unroll, not unroll, rank, world)
    made.plan = [order or list(range(len(examples)))]
    return made


def loss_and_gradients(network, objective, batches):
    """Loss of one step and the gradient that Lightning would hand to the optimiser, in double precision."""
    network.zero_grad()
    module = Offline(network, bind(objective, {}), bind(AdamW(learning_rate=1.0), {}), Schedule(), 1, 1.0, lambda point: None)
    total = 0.0
    for batch in batches:
        ((losses, _, _),) = module.losses(batch)
        loss = (losses * batch.weight).sum()
        loss.backward()
        total += float(loss)
    return total, {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def same(one, other, atol):
    assert one[0] == pytest.approx(other[0], abs=atol)
    assert one[1].keys() == other[1].keys()
    for name in one[1]:
        assert torch.allclose(one[1][name], other[1][name], atol=atol), name


def dpo_examples(count=7):
    numbers = [{"reference_chosen_logp": -4.0 - i, "reference_rejected_logp": -5.0 + i} for i in range(count)]
    return [Example(trunk_and_leaves(trunk, leaves), n) for (trunk, leaves), n in zip(PAIRS, numbers, strict=False)]


@pytest.fixture
def policy(make_model):
    return Policy(make_model("qwen2"))


@pytest.mark.parametrize("tokens_at_once", [1, 12, 30])
def test_loss_and_gradient_do_not_depend_on_the_size_of_forward_passes(policy, tokens_at_once):
    leaves = ("chosen", "rejected")
    whole = list(steps_of(dpo_examples(), leaves, "rows", 10**6)[0])
    cut = list(steps_of(dpo_examples(), leaves, "rows", tokens_at_once)[0])
    assert (len(whole), len(cut) > 1) == (1, True)
    same(loss_and_gradients(policy, DPO(), cut), loss_and_gradients(policy, DPO(), whole), 2e-5)


def test_loss_and_gradient_do_not_depend_on_the_order_of_rows(policy):
    leaves = ("chosen", "rejected")
    one = steps_of(dpo_examples(), leaves, "rows", 25)[0]
    other = steps_of(dpo_examples(), leaves, "rows", 40, order=[5, 2, 6, 0, 3, 1, 4])[0]
    same(loss_and_gradients(policy, DPO(), one), loss_and_gradients(policy, DPO(), other), 2e-5)


def test_the_mean_over_tokens_counts_the_tokens_of_the_whole_step(policy):
    examples = [Example(trunk_and_leaves(trunk, leaves[1:]), {}) for trunk, leaves in PAIRS]
    batches = list(steps_of(examples, ("completion",), "tokens", 12)[0])
    tokens = sum(len(leaves[1]) for _, leaves in PAIRS)
    assert torch.allclose(torch.cat([b.weight for b in batches]), torch.full((tokens,), 1 / tokens))
    total, _ = loss_and_gradients(policy, SFT(), batches)
    alone = [-policy.measure(b.forest, b.leaves)[0]["completion_token_logp"].sum() for b in batches]
    assert total == pytest.approx(float(sum(alone)) / tokens, rel=1e-5)


REDUCTIONS = [Mean(), SequenceMean(), FixedLength(tokens=5)]


def demonstrations():
    return [Example(trunk_and_leaves(trunk, leaves[1:]), {}) for trunk, leaves in PAIRS]


@pytest.mark.parametrize("reduction", REDUCTIONS, ids=lambda r: r.tag)
def test_a_reduction_over_tokens_does_not_depend_on_passes_padding_order_or_ranks(policy, reduction):
    examples, leaves = demonstrations(), ("completion",)
    whole = loss_and_gradients(policy, SFT(), steps_of(examples, leaves, "tokens", 10**6, reduction=reduction)[0])
    by_hand = [-policy.measure(b.forest, b.leaves)[0]["completion_token_logp"] for e in examples for b in steps_of([e], leaves, "tokens", 10**6)[0]]
    sums, lengths = [float(x.sum()) for x in by_hand], [len(x) for x in by_hand]
    wanted = {
        "mean": sum(sums) / sum(lengths),
        "sequence_mean": sum(s / n for s, n in zip(sums, lengths, strict=True)) / len(sums),
        "fixed_length": sum(sums) / (5 * len(sums)),
    }
    assert whole[0] == pytest.approx(wanted[reduction.tag], rel=1e-5)
    for passes, most in {2: 20, 4: 6}.items():
        cut = steps_of(examples, leaves, "tokens", most, reduction=reduction, order=[5, 2, 6, 0, 3, 1, 4])[0]
        assert len(cut) >= passes
        same(loss_and_gradients(policy, SFT(), cut), whole, 2e-5)
    parts = [loss_and_gradients(policy, SFT(), steps_of(examples, leaves, "tokens", 24, rank=r, world=2, reduction=reduction)[0]) for r in (0, 1)]
    summed = {name: parts[0][1][name] + parts[1][1][name] for name in whole[1]}
    same((parts[0][0] + parts[1][0], summed), whole, 2e-5)


def test_rows_of_one_prompt_on_one_tree_teach_what_they_teach_apart(policy):
    answers = [[5, 6, 7], [5, 6, 8, 9], [5, 10], [11]]
    pairs = [
        Example(trunk_and_leaves([3, 4], [a, b]), {"reference_chosen_logp": -4.0 - n, "reference_rejected_logp": -5.0})
        for n, a in enumerate(answers)
        for b in answers[n + 1 :]
    ]
    one = steps_of(pairs, ("chosen", "rejected"), "rows", 10**6)[0]
    assert [b.forest.num_tokens for b in one] == [2 + 7]
    few = steps_of(pairs, ("chosen", "rejected"), "rows", 6)[0]
    assert len(few) > 1
    assert all(b.forest.seat_BT.numel() <= 9 for b in few)
    apart = [b for e in pairs for b in steps_of([e], ("chosen", "rejected"), "rows", 10**6)[0]]
    alone = [replace(b, weight=b.weight / len(pairs)) for b in apart]
    for batches in (one, few):
        same(loss_and_gradients(policy, DPO(), batches), loss_and_gradients(policy, DPO(), alone), 2e-5)


@pytest.mark.parametrize("world", [2, 3, 9])
def test_ranks_together_make_the_gradient_of_one(policy, world):
    leaves = ("chosen", "rejected")
    alone = loss_and_gradients(policy, DPO(), steps_of(dpo_examples(), leaves, "rows", 25)[0])
    parts = [steps_of(dpo_examples(), leaves, "rows", 25, rank=r, world=world)[0] for r in range(world)]
    assert len({len(p) for p in parts}) == 1, "every rank makes as many passes as the others"
    together = [loss_and_gradients(policy, DPO(), p) for p in parts]
    summed = {name: sum(gradients[name] for _, gradients in together) for name in alone[1]}
    same((sum(loss for loss, _ in together), summed), alone, 2e-5)


def test_a_scorer_that_cannot_share_prefixes_learns_the_same_in_small_passes(encoder_artifact):
    from runtime.model_files import load_scorer

    scorer = load_scorer(encoder_artifact, 0).eval()
    examples = [Example(trunk_and_leaves([2, *trunk, 3], [[*leaf, 3] for leaf in leaves]), {"margin": 0.1 * i}) for i, (trunk, leaves) in enumerate(PAIRS)]
    leaves = ("chosen", "rejected")
    whole, cut = (list(steps_of(examples, leaves, "rows", n, unroll=True)[0]) for n in (10**6, 40))
    assert len(cut) > 1
    assert all(b.forest.seat_BT.numel() <= 40 for b in cut)
    same(loss_and_gradients(scorer, BradleyTerry(center=0.1), cut), loss_and_gradients(scorer, BradleyTerry(center=0.1), whole), 2e-5)


def test_a_causal_scorer_learns_the_same_in_small_passes(make_model):
    scorer = Scorer(make_model(head=1))
    examples = [Example(trunk_and_leaves(*pair), {"margin": 0.0}) for pair in PAIRS]
    leaves = ("chosen", "rejected")
    whole, cut = (steps_of(examples, leaves, "rows", n)[0] for n in (10**6, 20))
    same(loss_and_gradients(scorer, BradleyTerry(), cut), loss_and_gradients(scorer, BradleyTerry(), whole), 2e-5)


def labelled_steps(tail=()):
    """Seven answers of one to four steps, of which some have no label."""
    answers = [[10 + i, 11, 12, 13][: 1 + i % 4] for i in range(7)]
    labels = [[float((i + n) % 2) if (i + n) % 3 else math.nan for n in range(len(answer))] for i, answer in enumerate(answers)]
    labels[0] = [1.0]
    trees = [trunk_and_steps([3, 4][: 1 + i % 2], [answer], [[*range(1, len(answer) + 1)]], tail) for i, answer in enumerate(answers)]
    return [Example(tree, {"step_labels": one}) for tree, one in zip(trees, labels, strict=True)]


@pytest.mark.parametrize("reduction", [Mean(), SequenceMean()], ids=lambda r: r.tag)
@pytest.mark.parametrize("tail", [(), (7, 8)], ids=["process", "asked"])
def test_labelled_steps_are_counted_over_the_whole_step_whatever_passes_and_ranks_it_is_cut_into(make_model, reduction, tail):
    scorer = Scorer(make_model(head=1), Shape(judge=True, separator="x"))
    examples, leaves = labelled_steps(tail), ("completion",)
    whole = loss_and_gradients(scorer, StepCrossEntropy(), steps_of(examples, leaves, "steps", 10**6, reduction=reduction)[0])
    by_hand = []
    for example in examples:
        odds = scorer.read(pack([example.tree])).node_LM[:, 0]
        known = [(z, label) for z, label in zip(odds.tolist(), example.numbers["step_labels"], strict=True) if not math.isnan(label)]
        by_hand.append([math.log1p(math.exp(-z)) if label else math.log1p(math.exp(z)) for z, label in known])
    wanted = {"mean": sum(map(sum, by_hand)) / sum(map(len, by_hand)), "sequence_mean": sum(sum(one) / len(one) for one in by_hand) / len(by_hand)}
    assert whole[0] == pytest.approx(wanted[reduction.tag], rel=1e-5)
    cut = steps_of(examples, leaves, "steps", 6, reduction=reduction, order=[5, 2, 6, 0, 3, 1, 4])[0]
    assert len(cut) > 2
    same(loss_and_gradients(scorer, StepCrossEntropy(), cut), whole, 2e-5)
    apart = steps_of(examples, leaves, "steps", 40, unroll=True, reduction=reduction)[0]
    assert all(batch.forest.plain for batch in apart)
    same(loss_and_gradients(scorer, StepCrossEntropy(), apart), whole, 2e-5)
    parts = [loss_and_gradients(scorer, StepCrossEntropy(), steps_of(examples, leaves, "steps", 24, rank=r, world=2, reduction=reduction)[0]) for r in (0, 1)]
    summed = {name: parts[0][1][name] + parts[1][1][name] for name in whole[1]}
    same((parts[0][0] + parts[1][0], summed), whole, 2e-5)
