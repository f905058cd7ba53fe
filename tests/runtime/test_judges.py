"""Scorers that judge whether answers are right, against plain padded forward passes of transformers."""

import json

import numpy as np
import pytest
import torch

from aligncompiler.spec.objective import BradleyTerry, CrossEntropy, StepCrossEntropy
from runtime.fault import Fault
from runtime.forest import pack, trunk_and_steps
from runtime.model_files import load_encoder, load_scorer, read_about, write_about
from runtime.registry import bind
from runtime.reply import Reply, log_odds
from runtime.rewards.ensemble import ensemble
from runtime.rewards.generative import generative
from runtime.rewards.process import process
from runtime.rewards.scalar import scalar
from runtime.scoring import reward_rows
from runtime.stages.train import train
from runtime.store import Artifact

QUESTION = "are cats red?"
ANSWERS = ["all cats\nare animals\nso", "some birds\n", "no fish\n\n\nis a bird\nthe answer\nis 42\n", "42", ""]
ROWS = [{"prompt": f"cat {number % 2}", "completion": text} for number, text in enumerate(ANSWERS)]
STEPS = [["all cats\n", "are animals\n", "so"], ["some birds\n"], ["no fish\n\n\n", "is a bird\n", "the answer\n", "is 42\n"], ["42"], [""]]


@pytest.fixture
def make_judge(make_work, finished, policy_artifact):
    """The artifact of an untrained judge: `process`, or `generative` per answer or step."""

    def make(kind, backbone=None, combine="min", seed=0, **fields):
        work = make_work(seed)
        backbone = backbone or policy_artifact()
        if kind == "process":
            process(work, backbone=backbone, separator=r"\n", combine=combine)
        elif kind == "scalar":
            scalar(work, backbone=backbone)
        else:
            usual = {"question": QUESTION, "yes": "Yes", "no": "No", "per": kind, "separator": r"\n", "combine": combine}
            generative(work, backbone=backbone, **{**usual, **fields})
        return finished(work, "scorer")

    return make


@pytest.fixture
def learn(make_work, finished, budget, dataset):
    def fit(model, data, objective, **fields):
        work = make_work(0)
        train(work, model=model, data=dataset(data), **budget(objective, **fields))
        curve = [json.loads(line) for line in (work.folder / "metrics.jsonl").read_text().splitlines()]
        return finished(work, "scorer"), curve, work

    return fit


def loaded(artifact):
    return load_scorer(artifact).eval(), load_encoder(artifact)


def plain(scorer, encoder, prompt, texts):
    """Log-odds behind each of some beginnings of an answer, by padded rows of their own, as transformers computes them."""
    reply = scorer.shape.reply
    tail = encoder.ids(f"\n\n{reply.question}\n") if reply else []
    rows = [encoder.begin + encoder.ids(prompt) + encoder.ids(text) + tail for text in texts]
    width = max(map(len, rows))
    ids = torch.tensor([row + [encoder.pad] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    ends = torch.tensor([len(row) - 1 for row in rows])
    at_end = torch.arange(len(rows)), ends
    if reply:
        logits = scorer.model(input_ids=ids, attention_mask=mask).logits[at_end]
        return logits[:, reply.yes] - logits[:, reply.no]
    return scorer.model.score(scorer.model.model(input_ids=ids, attention_mask=mask).last_hidden_state[at_end])[:, 0]


def beginnings(steps):
    return ["".join(steps[: number + 1]) for number in range(len(steps))]


def test_a_generative_score_is_the_log_odds_of_the_reply(make_judge):
    artifact = make_judge("answer")
    found = reward_rows(artifact, ROWS)
    due = [float(plain(*loaded(artifact), row["prompt"], [row["completion"]])) for row in ROWS]
    assert np.allclose(found.score, due, atol=1e-5)
    assert np.allclose(found.figures["probability"], 1 / (1 + np.exp(-np.array(due))), atol=1e-5)
    assert list(found.figures) == ["score", "probability"]
    assert np.ptp(found.score) > 0.1


@pytest.mark.parametrize("kind", ["process", "step"])
def test_steps_are_read_as_each_beginning_is_by_itself(make_judge, kind):
    """Ragged answers, one of a single step, one without a separator, one of no text: the lowest of their values, and the figures."""
    artifact = make_judge(kind)
    found = reward_rows(artifact, ROWS)
    for number, (row, steps) in enumerate(zip(ROWS, STEPS, strict=True)):
        due = plain(*loaded(artifact), row["prompt"], beginnings(steps))
        assert found.score[number] == pytest.approx(float(due.min()), abs=1e-5)
        wrong = (due < 0).nonzero()[:, 0].tolist()
        figures = {name: values[number] for name, values in found.figures.items()}
        assert figures["num_steps"] == len(steps)
        assert figures["first_wrong"] == (wrong[0] + 1 if wrong else 0)
        assert figures["probability"] == pytest.approx(float(due.min().sigmoid()), abs=1e-5)


@pytest.mark.parametrize("kind", ["process", "step"])
def test_the_values_of_an_answer_are_those_of_its_beginnings(make_judge, kind):
    """As rows: the last step of a beginning has the value that it has where the answer goes on."""
    artifact = make_judge(kind, combine="last")
    scorer, encoder = loaded(artifact)
    for row, steps in zip(ROWS, STEPS, strict=True):
        cut = scorer.shape.cut(encoder)
        [((trunk, answers), ends)] = cut.parts_of(encoder, [row], ("completion",), told=False)
        whole = scorer.read(pack([trunk_and_steps(trunk, answers, ends, cut.tail)])).node_LM[:, 0].tolist()
        parts = reward_rows(artifact, [{**row, "completion": text} for text in beginnings(steps)])
        assert np.allclose(whole, parts.score, atol=1e-5)


@pytest.mark.parametrize("kind", ["process", "step", "answer"])
def test_answers_to_one_prompt_are_computed_together_and_score_the_same(make_judge, kind, monkeypatch):
    artifact = make_judge(kind)
    together = reward_rows(artifact, ROWS).score
    monkeypatch.setattr("runtime.scoring.TOKENS_AT_ONCE", 1)
    assert np.allclose(together, reward_rows(artifact, ROWS).score, atol=1e-5)


@pytest.mark.parametrize("kind", ["answer", "step", "process"])
def test_gradients_are_those_of_the_plain_pass(make_judge, kind):
    artifact = make_judge(kind, combine="mean")
    scorer, encoder = loaded(artifact)
    row, steps = ROWS[2], STEPS[2]
    cut = scorer.shape.cut(encoder)
    [((trunk, answers), ends)] = cut.parts_of(encoder, [row], ("completion",), told=False)
    [measured] = scorer.measure(pack([trunk_and_steps(trunk, answers, ends, cut.tail)]), ("completion",))
    labels = torch.tensor([1.0, 0.0, float("nan"), 0.3])[: len(ends[0])]
    bind(StepCrossEntropy(), {})(measured["completion_steps"], labels)[0].sum().backward()
    ours = {name: p.grad.clone() for name, p in scorer.named_parameters()}
    other, _ = loaded(artifact)
    odds = plain(other, encoder, row["prompt"], beginnings(steps) if kind != "answer" else [row["completion"]])
    known = ~labels.isnan()
    torch.nn.functional.binary_cross_entropy_with_logits(odds[known], labels[known], reduction="sum").backward()
    due = {name: p.grad for name, p in other.named_parameters()}
    assert ours.keys() == due.keys()
    assert all(torch.allclose(ours[name], due[name], atol=1e-5) for name in due)
    assert max(float(grad.abs().max()) for grad in due.values()) > 1e-3


def test_only_two_rows_of_the_output_matrix_are_met(make_model):
    """The gradient of an untied output matrix is zero in all others, and nothing of the size of the vocabulary is made."""
    model = make_model(tie=False)
    head = model.get_output_embeddings()
    states = torch.randn(3, 32, requires_grad=True)
    found = log_odds(head, states, Reply("", 5, 7))
    assert torch.allclose(found, head(states)[:, 5] - head(states)[:, 7], atol=1e-5)
    found.sum().backward()
    assert head.weight.grad.abs().sum(1).nonzero()[:, 0].tolist() == [5, 7]
    with_bias = torch.nn.Linear(32, 9)
    assert torch.allclose(log_odds(with_bias, states, Reply("", 5, 7)), with_bias(states)[:, 5] - with_bias(states)[:, 7], atol=1e-5)
    doubled = torch.nn.Sequential(with_bias, torch.nn.Tanh())
    assert torch.allclose(log_odds(doubled, states, Reply("", 5, 7)), doubled(states)[:, 5] - doubled(states)[:, 7], atol=1e-5)


def test_an_encoder_reads_each_beginning_by_itself(make_judge, encoder_artifact):
    """The first token of a row of its own, with the separator token behind the step."""
    artifact = make_judge("process", backbone=encoder_artifact)
    rows = [{"prompt": "all cats", "completion": "no\nfish\nis"}, {"prompt": "all", "completion": "birds"}]
    found = reward_rows(artifact, rows)
    scorer, encoder = loaded(artifact)
    for number, row in enumerate(rows):
        texts = beginnings(row["completion"].splitlines(keepends=True))
        read = [encoder.tokenizer(row["prompt"], text, return_tensors="pt") for text in texts]
        due = [float(scorer.model(**one).logits[0, 0].detach()) for one in read]
        assert found.score[number] == pytest.approx(min(due), abs=1e-5)
        assert found.figures["num_steps"][number] == len(texts)


# ---- learning


def labelled(count=12):
    """Steps that are right exactly where they speak of fish; every third label is not there."""
    rows = []
    for number in range(count):
        steps = [f"{'fish' if (number + place) % 2 else 'birds'} {place}\n" for place in range(1 + number % 3)]
        labels = [None if (number + place) % 3 == 2 else float((number + place) % 2) for place in range(len(steps))]
        labels[0] = float(number % 2)
        rows.append({"prompt": "cat", "completion": "".join(steps), "steps": steps, "step_labels": labels})
    return rows


@pytest.mark.parametrize("kind", ["process", "step"])
def test_labels_of_steps_are_learned(make_judge, learn, kind):
    made, curve, work = learn(make_judge(kind), labelled(), StepCrossEntropy(), steps=30, rows=12, learning_rate=3e-3)
    assert curve[-1]["loss"] < 0.2 < curve[0]["loss"]
    assert curve[-1]["accuracy"] == pytest.approx(1.0)
    found = reward_rows(made, [{"prompt": "cat", "completion": text} for text in ("fish 0\nfish 1\n", "birds 0\nfish 1\n", "fish 0\nbirds 1\nfish 2\n")])
    assert found.figures["first_wrong"].tolist() == [0, 1, 2]
    assert not work.skipped


@pytest.mark.parametrize("kind", ["scalar", "answer", "process"])
def test_scores_of_answers_are_learned(make_judge, learn, kind):
    rows = [{"prompt": f"cat {n}", "completion": "fish" if n % 2 else "birds", "score": None if n == 3 else [0.1, 1.0][n % 2]} for n in range(12)]
    made, curve, work = learn(make_judge(kind), rows, CrossEntropy(), steps=20, rows=12, learning_rate=3e-3)
    assert dict(work.skipped) == {"no score is given": 1}
    assert curve[-1]["loss"] < curve[0]["loss"]
    assert curve[-1]["accuracy"] == pytest.approx(1.0)
    assert ((reward_rows(made, rows).score > 0) == [n % 2 == 1 for n in range(12)]).all()


@pytest.mark.parametrize("kind", ["answer", "step", "process"])
def test_pairs_are_learned(make_judge, learn, kind):
    rows = [{"prompt": f"cat {number}", "chosen": "fish\nfish", "rejected": "no\n" * (1 + number % 3)} for number in range(8)]
    made, curve, _ = learn(make_judge(kind), rows, BradleyTerry(), steps=10, rows=8, learning_rate=3e-3)
    assert curve[-1]["loss"] < curve[0]["loss"]
    assert curve[-1]["accuracy"] == pytest.approx(1.0)
    assert read_about(made)["scorer"]["judge"]


@pytest.mark.parametrize("kind", ["step", "process"])
def test_the_gradient_does_not_depend_on_how_a_step_is_cut(make_judge, learn, kind):
    """The mean is over the labelled steps of all rows, however they are spread over forward passes."""
    model = make_judge(kind)
    whole, apart = (learn(model, labelled(), StepCrossEntropy(), steps=1, rows=12, tokens_at_once=size)[1][0] for size in (16384, 1))
    assert all(apart[name] == pytest.approx(whole[name], rel=1e-5) for name in ("loss", "accuracy", "gradient_norm"))


def test_what_was_trained_is_trained_on(make_judge, learn):
    """A saved judge is read back with its question and its replies, and learns further."""
    model = make_judge("step", combine="product")
    once, _, _ = learn(model, labelled(), StepCrossEntropy())
    assert load_scorer(once).shape == load_scorer(model).shape
    twice, _, _ = learn(once, labelled(), StepCrossEntropy())
    assert not torch.equal(load_scorer(once).model.lm_head.weight, load_scorer(twice).model.lm_head.weight)


def test_a_judge_of_weights_that_lie_elsewhere_points_to_them(make_judge, policy_artifact, tmp_path):
    here = policy_artifact()
    there = tmp_path / "pointer"
    there.mkdir()
    write_about(there, read_about(here) | {"pointer": {"name": str(here.folder / "model"), "revision": None}})
    pointing = make_judge("answer", backbone=Artifact("models.hub", there, {"output": {"artifact": "policy"}, "facts": {}}))
    assert [file.name for file in pointing.folder.iterdir()] == ["alignc.json"]
    assert reward_rows(pointing, ROWS).score.tolist() == reward_rows(make_judge("answer", backbone=here), ROWS).score.tolist()


def test_an_adapter_of_a_judge_is_merged(make_judge, learn, policy_artifact):
    adapter = {"kind": "lora", "rank": 2, "alpha": 4.0, "dropout": 0.0, "targets": "all_linear"}
    made, curve, _ = learn(make_judge("answer", backbone=policy_artifact(adapter=adapter)), [{**ROWS[0], "score": 1.0}], CrossEntropy(), rows=1)
    assert curve[-1]["loss"] < curve[0]["loss"]
    assert "adapter" in read_about(made)
    assert np.isfinite(reward_rows(made, ROWS).score).all()


@pytest.mark.parametrize("shares", ["backbone", "nothing"])
def test_an_ensemble_of_judges_combines_what_each_makes_of_the_steps(make_judge, make_work, finished, learn, shares):
    work = make_work(0)
    ensemble(work, of=make_judge("process"), members=2, shares=shares, bagging=True, combine="mean", uncertainty="gap")
    made, _, _ = learn(finished(work, "scorer"), labelled(), StepCrossEntropy())
    found = reward_rows(made, ROWS)
    assert tuple(found.figures) == ("score", "probability", "num_steps", "first_wrong", "gap", "uncertainty")
    assert found.figures["num_steps"].tolist() == [len(steps) for steps in STEPS]
    assert (found.figures["gap"] > 0).all()


def test_rows_that_say_nothing_of_their_steps_are_skipped(make_judge, learn):
    rows = labelled(6)
    rows[0] = {**rows[0], "step_labels": [None] * len(rows[0]["steps"])}
    rows[1] = {**rows[1], "steps": None, "step_labels": None}
    rows[2] = {**rows[2], "completion": "no"}
    rows[3] = {**rows[3], "step_labels": [1.0] * 5}
    _, _, work = learn(make_judge("process"), rows, StepCrossEntropy(), steps=1)
    assert dict(work.skipped) == {"no step has a label": 2, "steps are not those of the completion": 1, "steps and step_labels differ in length": 1}


@pytest.mark.parametrize(
    ("objective", "row", "said"),
    [
        (CrossEntropy(), {"score": 3.0}, "`score` is 3.0 in row 1, outside of"),
        (StepCrossEntropy(), {"steps": ["no"], "step_labels": [2.0]}, "`step_labels` is 2.0 in row 1, outside of"),
        (StepCrossEntropy(), {"steps": ["no"]}, "the rows carry no column `step_labels`"),
        (CrossEntropy(), {}, "the rows carry no column `score`"),
    ],
)
def test_labels_that_are_none_are_refused(make_judge, learn, objective, row, said):
    with pytest.raises(Fault, match=said):
        learn(make_judge("process"), [{"prompt": "cat", "completion": "no", **row}], objective)


def test_replies_that_start_alike_are_refused(make_judge):
    with pytest.raises(Fault, match="start with the same token") as caught:
        make_judge("answer", yes="Yes", no="Yellow")
    assert (caught.value.code, caught.value.field) == ("P634", "no")
