"""Scorers that tell more than one number: attributes, spreads, gates, members."""

import json
import math

import numpy as np
import pytest
import torch

from aligncompiler.spec.codec import dump
from aligncompiler.spec.objective import BradleyTerry, GaussianLikelihood, GaussianRegression, SquaredError
from aligncompiler.spec.scorer import Fixed, Perceptron
from runtime import members
from runtime.fault import Fault
from runtime.forest import Tree, pack, trunk_and_leaves
from runtime.members import compute_at_once
from runtime.model_files import load_encoder, load_scorer, write_about
from runtime.registry import bind
from runtime.rewards.attributes import attributes
from runtime.rewards.ensemble import ensemble
from runtime.rewards.scalar import scalar
from runtime.scorer import Scorer, Shape
from runtime.scoring import reward_rows
from runtime.stages.train import freeze, train
from runtime.store import Artifact

NAMES = ("help", "truth")
ROWS = [{"prompt": f"cat {i}", "completion": "fish " * (1 + i % 3), "help": float(i % 3), "truth": float(i % 2)} for i in range(12)]
PAIRS = [{"prompt": f"cat {i}", "chosen": "fish fish", "rejected": "no"} for i in range(8)]
FOREST = pack([trunk_and_leaves((3, 4), [(5, 6), (7,)]), trunk_and_leaves((8,), [(9,), (10, 11, 12)])])


@pytest.fixture
def make_scorer(make_work, finished, policy_artifact):
    """The artifact of an untrained scorer of attributes, or of an ensemble of it."""

    def make(seed=0, backbone=None, members=1, **fields):
        spec = {"names": NAMES, "head": "gaussian", "start": "labels", "gate": Fixed(), "uncertainty": None, **fields}
        work = make_work(seed)
        attributes(work, backbone=backbone or policy_artifact(), **{**spec, "gate": bind(spec["gate"], {})})
        made = finished(work, "scorer")
        if members > 1:
            work = make_work(seed)
            ensemble(work, of=made, members=members, shares="backbone", bagging=True, combine="mean", uncertainty="gap")
            made = finished(work, "scorer")
        return made

    return make


@pytest.fixture
def encoder_of(tmp_path, bert_folder, encoder_artifact):
    """The artifact of an encoder of this family."""
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(bert_folder)

    def make(family):
        if family == "bert":
            return encoder_artifact
        folder = tmp_path / family
        sizes = {"vocab_size": len(tokenizer), "max_position_embeddings": 48, "pad_token_id": tokenizer.pad_token_id}
        if family == "distilbert":
            config = transformers.DistilBertConfig(dim=32, hidden_dim=48, n_layers=2, n_heads=4, **sizes)
            transformers.DistilBertModel(config).save_pretrained(folder / "model")
        else:
            ends = dict.fromkeys(("bos_token_id", "cls_token_id", "eos_token_id", "sep_token_id"), tokenizer.cls_token_id)
            config = transformers.ModernBertConfig(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, **sizes, **ends)
            transformers.ModernBertModel(config).save_pretrained(folder / "model")
        tokenizer.save_pretrained(folder / "model")
        write_about(folder, {"prompt_format": "plain", "adapter": None, "pointer": None, "head_seed": None})
        return Artifact("models.encoder", folder, {"output": {"artifact": "encoder"}, "facts": {}})

    return make


def whole(make_work, finished, of, **more):
    work = make_work(0)
    ensemble(work, of=of, **{"members": 2, "shares": "nothing", "bagging": False, "combine": "mean", "uncertainty": "gap", **more})
    return finished(work, "scorer")


def trained(make_work, finished, budget, model, data, objective, **fields):
    work = make_work(0)
    train(work, model=model, data=data, **budget(objective, **fields))
    return finished(work, "scorer"), work


def state(artifact):
    return {name: tensor.clone() for name, tensor in load_scorer(artifact).state_dict().items()}


def test_heads_of_attributes_are_interleaved_means_and_logarithms(make_model):
    scorer = Scorer(make_model(head=4), Shape(NAMES, True, dump(Fixed())))
    reading = scorer.read(FOREST)
    outputs, _ = scorer.outputs(FOREST)
    assert torch.equal(reading.mean_RMA[:, 0], outputs[:, [0, 2]])
    assert torch.equal(reading.log_std_RMA[:, 0], outputs[:, [1, 3]])
    assert torch.allclose(scorer(FOREST), outputs[:, [0, 2]].mean(1))


def test_a_one_hot_gate_gives_its_attribute(make_model):
    scorer = Scorer(make_model(head=2), Shape(NAMES, False, dump(Fixed(weights={"truth": 1.0}))))
    assert torch.equal(scorer(FOREST), scorer.read(FOREST).mean_RMA[:, 0, 1])


def test_a_gate_without_input_weights_is_a_fixed_one_with_its_bias(make_model):
    model = make_model(head=2)
    gated = Scorer(model, Shape(NAMES, False, dump(Perceptron(layers=1))))
    with torch.no_grad():
        gated.gates[0][0].weight.zero_()
        gated.gates[0][0].bias.copy_(torch.tensor([-1.5, 3.0]))
    fixed = Scorer(model, Shape(NAMES, False, dump(Fixed(weights={"help": -1.5, "truth": 3.0}))))
    assert torch.allclose(gated(FOREST), fixed(FOREST))


def test_a_perceptron_has_its_layers_and_no_softmax(make_model):
    gate = Scorer(make_model(head=2), Shape(NAMES, False, dump(Perceptron()))).gates[0]
    assert [type(part).__name__ for part in gate] == ["Linear", "SELU", "Linear", "SELU", "Linear"]
    weights = gate(torch.randn(50, 32))
    assert float(weights.min().detach()) < 0
    assert not torch.allclose(weights.sum(1), torch.ones(50), atol=0.1)


@pytest.mark.parametrize("members", [1, 3])
def test_what_is_saved_tells_the_same(make_scorer, members):
    made = make_scorer(gate=Perceptron(layers=2), members=members)
    first, second = load_scorer(made), load_scorer(made)
    assert len({name for name, _ in first.gates.named_parameters()}) == 4 * members
    found = [{name: value.tolist() for name, value in one.eval().figures(FOREST).items()} for one in (first, second)]
    assert found[0] == found[1]
    assert tuple(found[0]) == (*first.shape.figures, *first.shape.rewards)


def test_members_differ_and_their_gap_is_told(make_scorer):
    scorer = load_scorer(make_scorer(members=3)).eval()
    reading = scorer.read(FOREST)
    assert reading.reward_RM.shape == (4, 3)
    assert float(reading.reward_RM.std(1).min()) > 0
    figures = scorer.figures(FOREST)
    assert torch.equal(figures["gap"], figures["uncertainty"])
    assert torch.allclose(figures["score"], reading.reward_RM.mean(1))


def test_whole_members_are_models_of_their_own(make_scorer, make_work, finished):
    made = whole(make_work, finished, make_scorer(gate=Perceptron(layers=1)))
    assert sorted(p.name for p in made.folder.iterdir()) == ["alignc.json", "gates.safetensors", "model", "model_1"]
    scorer = load_scorer(made).eval()
    assert scorer.read(FOREST).reward_RM.shape == (4, 2)
    assert float(scorer.figures(FOREST)["gap"].min()) > 0


def test_figures_of_a_reward_come_in_columns_with_skips(make_scorer):
    found = reward_rows(make_scorer(uncertainty="aleatoric"), [*ROWS[:3], {"prompt": "p", "completion": "word " * 80}])
    assert tuple(found.figures) == ("score", "help", "truth", "help_std", "truth_std", "uncertainty")
    assert list(found.skips) == [3]
    assert np.allclose(found.figures["uncertainty"][:3], found.figures["help_std"][:3] ** 2 + found.figures["truth_std"][:3] ** 2)


@pytest.mark.parametrize("objective", [SquaredError(), GaussianLikelihood(), GaussianRegression()])
@pytest.mark.parametrize("members", [1, 2])
def test_attributes_are_learned(make_scorer, make_work, finished, budget, dataset, objective, members):
    _, work = trained(make_work, finished, budget, make_scorer(members=members), dataset(ROWS), objective)
    curve = [json.loads(line) for line in (work.folder / "metrics.jsonl").read_text().splitlines()]
    assert curve[-1]["error"] < curve[0]["error"]


def at_zero(artifact):
    """What a scorer tells where its head gives 0: the constants that it begins with."""
    scorer = load_scorer(artifact).eval()
    with torch.no_grad():
        for part in scorer.parts:
            part.model.score.weight.zero_()
        return {name: values.tolist() for name, values in scorer.figures(FOREST).items()}


@pytest.mark.parametrize("objective", [SquaredError(), GaussianLikelihood(), GaussianRegression()])
@pytest.mark.parametrize("kind", ["one", "heads on one backbone", "whole members"])
def test_a_head_starts_at_the_mean_and_spread_of_its_labels(make_scorer, make_work, finished, budget, dataset, objective, kind):
    rows = [{**row, "help": 4.0 + row["help"], "truth": None if i < 4 else row["truth"]} for i, row in enumerate(ROWS)]
    model = make_scorer(members=2 if kind == "heads on one backbone" else 1)
    model = whole(make_work, finished, model) if kind == "whole members" else model
    told = at_zero(trained(make_work, finished, budget, model, dataset(rows), objective)[0])
    known = {"help": [row["help"] for row in rows], "truth": [row["truth"] for row in rows[4:]]}
    for name, labels in known.items():
        assert np.allclose(told[name], np.mean(labels))
        assert np.allclose(told[f"{name}_std"], np.std(labels))


def test_labels_that_are_all_alike_give_their_value_and_the_spread_one(make_scorer, make_work, finished, budget, dataset):
    told = at_zero(trained(make_work, finished, budget, make_scorer(), dataset([{**row, "help": 5.0} for row in ROWS]), GaussianLikelihood())[0])
    assert np.allclose(told["help"], 5.0)
    assert np.allclose(told["help_std"], 1.0)


def test_the_first_loss_is_near_that_of_a_constant(make_scorer, make_work, finished, budget, dataset):
    """Labels lie at 50 with a spread near 1: from zero the first loss would be above a thousand nats."""
    data = dataset([{**row, "help": 50.0 + row["help"], "truth": 50.0 + row["truth"]} for row in ROWS])
    first = {}
    for start in ("labels", "zero"):
        _, work = trained(make_work, finished, budget, make_scorer(start=start), data, GaussianLikelihood(), rows=12)
        first[start] = json.loads((work.folder / "metrics.jsonl").read_text().splitlines()[0])["loss"]
    constant = sum(math.log(np.std(labels)) + 0.5 for labels in ([i % 3 for i in range(12)], [i % 2 for i in range(12)]))
    assert abs(first["labels"] - constant) < 0.2
    assert first["zero"] > 1000


@pytest.mark.parametrize("first", ["from zero", "from labels", "by pairs"])
def test_training_that_goes_on_keeps_the_scale(make_scorer, make_work, finished, budget, dataset, first):
    model = make_scorer(start="zero" if first == "from zero" else "labels")
    data, objective = (dataset(PAIRS), BradleyTerry()) if first == "by pairs" else (dataset(ROWS), GaussianLikelihood())
    once, _ = trained(make_work, finished, budget, model, data, objective)
    before = at_zero(once)
    assert np.allclose(before["help"], 1.0 if first == "from labels" else 0.0)
    far = dataset([{**row, "help": 9.0} for row in ROWS])
    assert at_zero(trained(make_work, finished, budget, once, far, SquaredError())[0]) == before


def test_a_scorer_that_was_written_without_a_scale_has_the_plain_one(make_scorer):
    made = make_scorer()
    about = json.loads((made.folder / "alignc.json").read_text())
    del about["scorer"]["scale"]
    write_about(made.folder, about)
    assert load_scorer(made).shape.scale == ((0.0, 1.0), (0.0, 1.0))


def test_only_the_gate_learns_where_only_the_gate_is_to(make_scorer, make_work, finished, budget, dataset):
    model = make_scorer(gate=Perceptron(layers=2), members=2)
    before = state(model)
    after = state(trained(make_work, finished, budget, model, dataset(PAIRS), BradleyTerry(), weights="gate")[0])
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert all(name.startswith("gates.") for name in moved)


def test_only_heads_learn_where_only_they_are_to(make_scorer, make_work, finished, budget, dataset):
    model = make_scorer(gate=Perceptron(layers=2))
    before = state(model)
    after = state(trained(make_work, finished, budget, model, dataset(ROWS), SquaredError(), weights="head")[0])
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert "model.score.weight" in moved
    assert not any(name.startswith("model.model.") for name in moved)


@pytest.mark.parametrize("how", ["heads on one backbone", "whole members"])
def test_a_frozen_backbone_is_computed_once_and_teaches_the_same(make_scorer, make_work, finished, budget, dataset, monkeypatch, how):
    one = make_scorer(gate=Perceptron(layers=2))
    model, data, told = make_scorer(gate=Perceptron(layers=2), members=2) if how.startswith("heads") else whole(make_work, finished, one), dataset(PAIRS), []
    seen = Scorer.states
    monkeypatch.setattr(Scorer, "states", lambda self, forest: told.append(forest.num_leaves) or seen(self, forest))
    kept, _ = trained(make_work, finished, budget, model, data, BradleyTerry(), weights="gate", steps=6)
    assert sum(told) == 2 * len(PAIRS) * (2 if how == "whole members" else 1)
    monkeypatch.setattr("runtime.stages.train.pays", lambda *asked: False)
    anew, _ = trained(make_work, finished, budget, model, data, BradleyTerry(), weights="gate", steps=6)
    assert sum(told) >= 4 * 2 * len(PAIRS)  # the pass that is kept, and three epochs
    assert all(torch.allclose(tensor, state(anew)[name], atol=1e-6) for name, tensor in state(kept).items())


def test_whole_members_learn_as_they_do_by_themselves(make_work, finished, budget, dataset, policy_artifact, make_scorer):
    one = make_scorer(head="mean")
    pair = whole(make_work, finished, one)
    data = dataset(PAIRS)
    both, _ = trained(make_work, finished, budget, pair, data, BradleyTerry())
    alone, _ = trained(make_work, finished, budget, one, data, BradleyTerry())
    first = load_scorer(both).scorers[0].state_dict()
    assert all(torch.allclose(first[name], tensor, atol=1e-6) for name, tensor in load_scorer(alone).state_dict().items())


@pytest.mark.parametrize("objective", [BradleyTerry(), GaussianLikelihood()])
@pytest.mark.parametrize(
    ("fields", "how"),
    [
        ({}, {}),
        ({"gate": Perceptron(layers=2)}, {"tokens_at_once": 24}),
        ({"gate": Perceptron(layers=1)}, {"weights": "head"}),
    ],
    ids=["plain", "gates and several passes", "heads alone"],
)
def test_members_side_by_side_learn_what_they_do_one_by_one(make_work, finished, budget, dataset, make_scorer, monkeypatch, objective, fields, how):
    monkeypatch.setattr("runtime.stages.train.pays", lambda *asked: False)
    data = dataset(PAIRS if isinstance(objective, BradleyTerry) else ROWS)
    model = whole(make_work, finished, make_scorer(**fields), members=3, bagging=True)
    one_by_one, _ = trained(make_work, finished, budget, model, data, objective, **how)
    told, seen = [], members.side_by_side
    monkeypatch.setattr(members, "side_by_side", lambda scorers, forest: told.append(len(scorers)) or seen(scorers, forest))
    together, _ = trained(make_work, finished, budget, model, data, objective, members_at_once=2, **how)
    assert set(told) == {2}
    after = state(together)
    assert max(float((tensor - after[name]).abs().max()) for name, tensor in state(one_by_one).items()) < 1e-4


@pytest.mark.parametrize("family", ["bert", "distilbert", "modernbert"])
def test_encoders_side_by_side_say_what_they_do_one_by_one(encoder_of, make_work, finished, make_scorer, family):
    scorer = load_scorer(whole(make_work, finished, make_scorer(backbone=encoder_of(family)), members=3)).eval()
    forest = pack([Tree(((3, 4), (5, 6)), (-1, 0), (1,)), Tree(((8,), (9, 10, 11)), (-1, 0), (1,))])
    found = []
    for at_once in (1, 2, 3):
        scorer.zero_grad()
        compute_at_once(scorer, at_once, "cpu")
        scorer.eval()
        scorer.read(forest).reward_RM.square().sum().backward()
        found.append([p.grad.clone() for p in scorer.parameters() if p.grad is not None])
    for other in found[1:]:
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("weights", ["all", "head"])
def test_what_is_frozen_drops_nothing_out_side_by_side(encoder_of, make_work, finished, budget, dataset, make_scorer, monkeypatch, weights):
    model, seen = whole(make_work, finished, make_scorer(backbone=encoder_of("bert"))), []
    read = members.side_by_side
    monkeypatch.setattr(members, "side_by_side", lambda scorers, forest: seen.append(scorers[0].model.base_model.training) or read(scorers, forest))
    trained(make_work, finished, budget, model, dataset(PAIRS), BradleyTerry(), members_at_once=2, weights=weights)
    assert seen[0] is False  # the trial
    assert set(seen[1:]) == {weights == "all"}


def test_members_in_bfloat16_say_side_by_side_what_they_do_one_by_one(make_work, finished, make_scorer):
    scorer = load_scorer(whole(make_work, finished, make_scorer(), members=3))
    found = []
    with torch.autocast("cpu", torch.bfloat16):
        for at_once in (1, 3):
            compute_at_once(scorer, at_once, "cpu")
            reward_RM = scorer.read(FOREST).reward_RM
            reward_RM.square().sum().backward()
            found.append(torch.cat([p.grad.flatten() for p in scorer.parameters() if p.grad is not None]))
    assert float((found[0] - found[1]).norm()) < 0.03 * float(found[0].norm())


def test_members_that_cannot_be_computed_side_by_side_are_one_fault(make_work, finished, budget, dataset, make_scorer, monkeypatch):
    def refuse(*asked, **named):
        raise RuntimeError("no rule for this operation")

    monkeypatch.setattr(members, "vmap", refuse)
    model = whole(make_work, finished, make_scorer())
    with pytest.raises(Fault, match="`llama` cannot be computed side by side") as caught:
        trained(make_work, finished, budget, model, dataset(PAIRS), BradleyTerry(), members_at_once=2)
    assert caught.value.field == "batch.members_at_once"


def test_members_learn_from_samples_of_their_own(make_scorer, make_work, finished, budget, dataset):
    """With one row that a member drew zero times, that member's head has no gradient."""
    model = make_scorer(members=3, head="mean")
    draws = np.random.default_rng(0).poisson(1.0, (1, 3))
    assert 0 in draws
    before = state(model)["model.score.weight"].reshape(3, 2, -1)
    after = state(trained(make_work, finished, budget, model, dataset(ROWS[:1]), SquaredError(), weights="head")[0])
    moved = (after["model.score.weight"].reshape(3, 2, -1) != before).flatten(1).any(1)
    assert moved.tolist() == (draws[0] > 0).tolist()


def test_an_encoder_tells_attributes_too(make_scorer, encoder_artifact, make_work, finished, budget, dataset):
    model = make_scorer(backbone=encoder_artifact, gate=Perceptron(layers=2), members=2)
    after, _ = trained(make_work, finished, budget, model, dataset(ROWS), GaussianLikelihood())
    rows = reward_rows(after, ROWS)
    assert not rows.skips
    assert np.isfinite(rows.score).all()


def test_padding_moves_neither_mean_nor_spread(make_scorer):
    """Answers of other lengths beside it are padding to a short one."""
    artifact = make_scorer()
    alone = reward_rows(artifact, ROWS[:1])
    beside = reward_rows(artifact, [ROWS[0], {"prompt": "cat", "completion": "fish " * 30}])
    assert all(math.isclose(alone.figures[name][0], beside.figures[name][0], rel_tol=1e-5) for name in alone.figures)


def test_a_scorer_of_attributes_starts_from_a_scalar_one(make_work, finished, policy_artifact, make_scorer):
    work = make_work(0)
    scalar(work, backbone=policy_artifact())
    made = make_scorer(backbone=finished(work, "scorer"))
    assert load_scorer(made).model.score.weight.shape[0] == 4
    assert load_encoder(made).context == 64


@pytest.mark.parametrize("family", ["distilbert", "modernbert"])
def test_an_encoder_without_kinds_of_segments_scores(make_scorer, encoder_of, family):
    made = make_scorer(backbone=encoder_of(family), gate=Perceptron(layers=2))
    found = reward_rows(made, ROWS[:4])
    assert not found.skips
    assert np.ptp(found.score) > 0


def test_a_gate_that_the_objective_does_not_ask_has_no_gradient_to_wait_for(make_scorer):
    network = load_scorer(make_scorer(gate=Perceptron(layers=1)))
    freeze(network, "all", GaussianLikelihood.reads)
    assert not any(p.requires_grad for p in network.gates.parameters())
    assert all(p.requires_grad for p in network.model.parameters())
    network = load_scorer(make_scorer(gate=Perceptron(layers=1)))
    freeze(network, "gate", BradleyTerry.reads)
    assert {name.partition(".")[0] for name, p in network.named_parameters() if p.requires_grad} == {"gates"}
