"""Training stages, from artifact to artifact."""

import json
import signal

import pytest
import torch
import transformers

from aligncompiler.spec.objective import DPO, SFT, BradleyTerry
from aligncompiler.spec.optimizer import Schedule
from runtime.fault import Fault
from runtime.forest import pack, trunk_and_leaves
from runtime.logprob_table import read_logprobs
from runtime.model_files import load_encoder, load_network, load_policy, load_scorer, save_network
from runtime.modules.offline import Offline
from runtime.networks import Policy
from runtime.rewards.scalar import scalar
from runtime.scorer import Scorer
from runtime.stages.logprobs import logprobs
from runtime.stages.train import train
from runtime.store import Artifact
from runtime.tokens import Encoder

DEMOS = [{"prompt": f"cat {i}", "completion": " all cats" * (1 + i % 3)} for i in range(6)]
PAIRS = [{"prompt": f"cat {i}", "chosen": "so it follows" * (1 + i % 2), "rejected": "no fish " * (1 + i % 3), "margin": i / 10} for i in range(6)]
LORA = {"kind": "lora", "rank": 2, "alpha": 8.0, "dropout": 0.0, "targets": "all_linear"}


def curve(work):
    return [json.loads(line) for line in (work.folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def weights(work):
    return (work.folder / "model" / "model.safetensors").read_bytes()


@pytest.fixture
def run(make_work, budget):
    def run_training(model, data, objective=None, seed=0, **fields):
        work = make_work(seed)
        train(work, model=model, data=data, **budget(objective, **fields))
        return work

    return run_training


def test_equal_seeds_make_equal_checkpoints_and_other_seeds_others(run, policy_artifact, dataset):
    model, data = policy_artifact(), dataset(DEMOS)
    first, again, other = (run(model, data, seed=s) for s in (0, 0, 1))
    assert weights(first) == weights(again)
    assert curve(first) == curve(again)
    assert weights(first) != weights(other)


def test_the_curve_does_not_depend_on_the_size_of_forward_passes(run, policy_artifact, dataset, make_work):
    model, data = policy_artifact(), dataset(PAIRS)
    reference = make_work()
    logprobs(reference, policy=model, data=data, max_tokens="context", tokens_at_once=64)
    stored = Artifact("stages.x.reference", reference.folder, {})
    curves = [curve(run(model, data, DPO(), reference=stored, tokens_at_once=n, learning_rate=1e-3)) for n in (10**6, 20)]
    for a, b in zip(*curves, strict=True):
        assert b == pytest.approx(a, abs=2e-4)
    assert curves[0][0]["loss"] == pytest.approx(0.693147, abs=1e-4), "training starts at the reference"
    assert curves[0][-1]["loss"] < curves[0][0]["loss"]


def test_training_lowers_the_loss_and_reports_it(run, policy_artifact, dataset):
    work = run(policy_artifact(), dataset(DEMOS), steps=12, learning_rate=3e-3)
    points = curve(work)
    assert [p["step"] for p in points] == list(range(1, 13))
    assert points[-1]["loss"] < 0.8 * points[0]["loss"]
    assert work.summary["rows"] == 6
    assert max(p["learning_rate"] for p in points) == pytest.approx(3e-3)
    assert work.progress.said[-1][:2] == (12, 12)


@pytest.mark.parametrize("chatty", [1, 5])
def test_the_curve_holds_the_first_the_last_and_every_nth_step(run, policy_artifact, dataset, chatty):
    points = curve(run(policy_artifact(), dataset(DEMOS), steps=7, log_every=chatty))
    assert [p["step"] for p in points] == (list(range(1, 8)) if chatty == 1 else [1, 5, 7])


def test_a_checkpoint_is_the_model_as_it_stood_at_its_share_of_the_budget(run, policy_artifact, dataset, finished):
    model, data = policy_artifact(), dataset(DEMOS)
    work = run(model, data, steps=4, checkpoints=(0.01, 0.5, 1.0), schedule=Schedule(shape="constant", warmup=0.0))
    plain = run(model, data, steps=4, schedule=Schedule(shape="constant", warmup=0.0))
    assert weights(plain) == weights(work), "keeping weights does not move them"
    whole = finished(work, "policy")
    states = [load_policy(Artifact("x", work.folder / "checkpoints" / str(n), whole.manifest)).model.state_dict() for n in (1, 2, 3)]
    assert [work.facts[f"checkpoints.{n}"]["steps"] for n in (1, 2, 3)] == [1, 2, 4]
    last = load_policy(whole).model.state_dict()
    assert all(torch.equal(states[2][name], last[name]) for name in last)
    assert len({next(iter(state.values())).sum().item() for state in states}) == 3
    two = load_policy(finished(run(model, data, steps=2, schedule=Schedule(shape="constant", warmup=0.0)), "policy")).model.state_dict()
    assert all(torch.equal(states[1][name], two[name]) for name in two), "half of four steps are two steps"


@pytest.mark.parametrize("kind", ["policy", "scorer"])
def test_a_checkpoint_has_its_adapter_merged_and_training_goes_on_with_it(kind, run, policy_artifact, scorer_artifact, dataset):
    model, data, objective = (policy_artifact(LORA), dataset(DEMOS), SFT()) if kind == "policy" else (scorer_artifact(LORA), dataset(PAIRS), BradleyTerry())
    work = run(model, data, objective, steps=4, checkpoints=(0.5, 1.0), learning_rate=3e-2)
    assert weights(work) == weights(run(model, data, objective, steps=4, learning_rate=3e-2))
    kept = [load_network(Artifact("x", work.folder / "checkpoints" / n, {"output": {"artifact": kind}})).model.state_dict() for n in "12"]
    last = load_network(Artifact("x", work.folder, {"output": {"artifact": kind}})).model.state_dict()
    assert kept[0].keys() == last.keys() and all(torch.equal(kept[1][name], last[name]) for name in last)
    assert any(not torch.equal(kept[0][name], last[name]) for name in last)


@pytest.mark.parametrize("kind", ["policy", "adapter", "scorer", "encoder"])
def test_gradient_checkpointing_changes_no_number(kind, run, policy_artifact, scorer_artifact, encoder_artifact, make_work, finished, dataset, recwarn):

    def encoder_scorer():
        work = make_work()
        scalar(work, backbone=encoder_artifact)
        return finished(work, "scorer")

    models = {"policy": policy_artifact, "adapter": lambda: policy_artifact(LORA), "scorer": scorer_artifact, "encoder": encoder_scorer}
    model, data, objective = models[kind](), *((dataset(DEMOS), SFT()) if kind in ("policy", "adapter") else (dataset(PAIRS), BradleyTerry()))
    kept = run(model, data, objective, tokens_at_once=24)
    recwarn.clear()
    again = run(model, data, objective, gradient_checkpointing=True, tokens_at_once=24)
    assert not [str(one.message) for one in recwarn if "checkpointing_enable" in str(one.message)]
    assert curve(kept) == curve(again) and weights(kept) == weights(again)
    assert all((kept.folder / "model" / f.name).read_bytes() == f.read_bytes() for f in (again.folder / "model").iterdir())


def test_a_family_without_gradient_checkpointing_is_one_fault(run, policy_artifact, dataset, monkeypatch):
    monkeypatch.setattr(transformers.LlamaForCausalLM, "supports_gradient_checkpointing", False)  # as ALBERT says
    with pytest.raises(Fault, match="family `llama` keep all their states") as caught:
        run(policy_artifact(), dataset(DEMOS), gradient_checkpointing=True)
    assert caught.value.field == "gradient_checkpointing"


def test_gradient_checkpointing_keeps_less_for_the_backward_pass(make_model):
    """Bytes that autograd holds between the passes, in four layers."""
    held = []
    for flag in (False, True):
        policy = Policy(make_model(layers=4)).train()
        if flag:
            policy.model.activation_checkpointing_enable({"use_reentrant": False})
        sizes = {}
        keep = lambda tensor: sizes.update({tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()}) or tensor  # noqa: E731
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            policy(pack([trunk_and_leaves([3, 4], [list(range(5, 55))])] * 4, 0))
        held.append(sum(sizes.values()))
    assert held[1] < 0.5 * held[0]


def test_gradients_are_scaled_down_to_the_clip_norm(run, policy_artifact, dataset):
    loose, tight = (curve(run(policy_artifact(), dataset(DEMOS), steps=1, clip_norm=c))[0]["gradient_norm"] for c in (100.0, 1e-3))
    assert loose == tight > 1e-3, "the curve shows the norm before it is scaled"


def test_a_row_longer_than_the_context_is_counted_and_left_out(run, policy_artifact, dataset):
    long = {"prompt": "cat", "completion": "x" * 300}
    assert curve(run(policy_artifact(), dataset([*DEMOS]), seed=3)) == curve(work := run(policy_artifact(), dataset([*DEMOS, long]), seed=3))
    assert work.skipped == {"longer than 64 tokens": 1}


def test_no_row_that_fits_is_one_fault(run, policy_artifact, dataset):
    with pytest.raises(Fault, match="no row is left to train on") as caught:
        run(policy_artifact(), dataset(DEMOS), max_tokens=3)
    assert (caught.value.code, caught.value.field) == ("P604", "max_tokens")


def test_a_loss_that_is_no_number_is_one_fault(run, policy_artifact, dataset):
    with pytest.raises(Fault, match=r"the (loss|gradient norm) is (nan|inf) at step") as caught:
        run(policy_artifact(), dataset(DEMOS), steps=30, learning_rate=1e30)
    assert caught.value.code == "P608"


def test_a_gradient_that_is_no_number_is_one_fault_before_the_weights_are_stored(run, policy_artifact, dataset, monkeypatch):
    monkeypatch.setattr(Offline, "clip", lambda module: torch.tensor(float("inf")))
    with pytest.raises(Fault, match="the gradient norm is inf at step 1") as caught:
        run(policy_artifact(), dataset(DEMOS), steps=1)
    assert caught.value.code == "P608"


def test_a_family_that_shares_no_prefixes_learns_the_same(run, policy_artifact, dataset, monkeypatch):
    whole = curve(run(policy_artifact(), dataset(DEMOS), steps=3))
    monkeypatch.setattr("runtime.networks.serves", lambda model: False)
    for alone, shared in zip(curve(run(policy_artifact(), dataset(DEMOS), steps=3)), whole, strict=True):
        assert alone == pytest.approx(shared, rel=1e-4)


@pytest.fixture
def own_signals():
    """Lightning ignores Ctrl-C once it saw one; a test must not leave that behind."""
    kept = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, kept)


def test_an_interrupt_comes_out_as_one(own_signals, policy_artifact, dataset, make_work, budget):
    work = make_work()

    class Hand:
        def update(self, done, total, text="", unit="", tokens=None):
            if text.startswith("loss"):
                raise KeyboardInterrupt

    work.progress = Hand()
    with pytest.raises(KeyboardInterrupt):
        train(work, model=policy_artifact(), data=dataset(DEMOS), **budget())


def test_rows_that_the_reference_could_not_read_are_counted(run, policy_artifact, dataset, make_work, finished):
    data = dataset([*PAIRS, {"prompt": "cat", "chosen": "x" * 40, "rejected": "no", "margin": None}])
    short = make_work()
    logprobs(short, policy=policy_artifact(context=24), data=data, max_tokens="context", tokens_at_once=64)
    work = run(policy_artifact(seed=1), data, DPO(), reference=finished(short, "logprobs"))
    left_out = 7 - int(read_logprobs(finished(short, "logprobs"), 7)[0].sum())
    assert left_out > 0
    assert work.skipped == {"longer than the reference reads": left_out}


def test_a_trained_policy_loads_with_plain_transformers_and_gives_the_same_logits(run, policy_artifact, dataset, finished):
    work = run(policy_artifact(family="qwen2"), dataset(DEMOS))
    ours = load_policy(finished(work, "policy")).model
    plain = transformers.AutoModelForCausalLM.from_pretrained(work.folder / "model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(work.folder / "model")
    ids = torch.tensor([tokenizer.encode("all cats are animals")])
    assert torch.equal(plain(ids).logits, ours(ids).logits)
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|end|>", "<|pad|>")


def plain_rewards(folder, encoder, rows, columns=("chosen", "rejected"), together=False):
    """Rewards of AutoModelForSequenceClassification, one answer at a time, or all in one padded batch."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    assert model.config.num_labels == 1
    made = [(encoder.prompt(row), encoder.answer(row[column])) for row in rows for column in columns]
    with torch.no_grad():
        if not together:
            kinds = [{"token_type_ids": torch.tensor([[0] * len(p) + [1] * len(a)])} if encoder.pair else {} for p, a in made]
            return [float(model(input_ids=torch.tensor([p + a]), **kind).logits) for (p, a), kind in zip(made, kinds, strict=True)]
        width = max(len(p + a) for p, a in made)
        ids = torch.tensor([p + a + [encoder.pad] * (width - len(p + a)) for p, a in made])
        mask = torch.tensor([[1] * len(p + a) + [0] * (width - len(p + a)) for p, a in made])
        return model(input_ids=ids, attention_mask=mask).logits[:, 0].tolist()


def our_rewards(work, finished, rows):
    from runtime.scoring import score_rows

    artifact = finished(work, "scorer")
    encoder = load_encoder(artifact)
    return [v for pair in score_rows(load_scorer(artifact), encoder, rows, ("chosen", "rejected"), encoder.context, 200) for v in pair]


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_a_trained_scorer_gives_plain_transformers_the_same_rewards(run, scorer_artifact, dataset, finished, family):
    work = run(scorer_artifact(family=family), dataset(PAIRS), BradleyTerry())
    encoder = load_encoder(finished(work, "scorer"))
    ours = our_rewards(work, finished, PAIRS)
    assert ours == pytest.approx(plain_rewards(work.folder / "model", encoder, PAIRS), abs=1e-5)
    assert ours == pytest.approx(plain_rewards(work.folder / "model", encoder, PAIRS, together=True), abs=1e-5)


def test_a_scorer_whose_padding_is_its_end_token_still_reads_the_end(run, dataset, finished, tokenizer, make_model, tmp_path):
    bare = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, bos_token="<|begin|>", eos_token="<|end|>", pad_token="<|end|>")
    save_network(Scorer(make_model(head=1)), Encoder(bare, "plain", 64), tmp_path / "bare", {"prompt_format": "plain", "adapter": None})
    config = tmp_path / "bare" / "model" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text(encoding="utf-8")) | {"pad_token_id": bare.eos_token_id}), encoding="utf-8")
    model = Artifact("models.x", tmp_path / "bare", {"output": {"artifact": "scorer"}, "facts": {}})
    work = run(model, dataset(PAIRS), BradleyTerry())
    ours = our_rewards(work, finished, PAIRS)
    assert ours == pytest.approx(plain_rewards(work.folder / "model", load_encoder(finished(work, "scorer")), PAIRS), abs=1e-5)


def test_a_trained_encoder_scorer_gives_plain_transformers_the_same_rewards(run, encoder_artifact, dataset, finished, make_work):
    from runtime.rewards.scalar import scalar

    fresh = make_work(5)
    scalar(fresh, backbone=encoder_artifact)
    work = run(finished(fresh, "scorer"), dataset(PAIRS), BradleyTerry(), tokens_at_once=60)
    ours = our_rewards(work, finished, PAIRS)
    assert ours == pytest.approx(plain_rewards(work.folder / "model", load_encoder(finished(work, "scorer")), PAIRS), abs=1e-5)
    assert len(set(ours)) > 4


def test_lora_trains_only_the_adapter_and_merges_it_when_saved(run, policy_artifact, dataset):
    model = policy_artifact(adapter=LORA)
    work = run(model, dataset(DEMOS), steps=4, learning_rate=3e-2)
    before = load_network(model).model.state_dict()
    after = transformers.AutoModelForCausalLM.from_pretrained(work.folder / "model").state_dict()
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.endswith("proj.weight") for name in changed), "only adapted linear layers move"
    for name in changed:
        assert torch.linalg.matrix_rank((after[name] - before[name]).double(), atol=1e-5) <= 2, "an update of rank 2"


def test_a_target_of_lora_that_the_model_lacks_is_one_fault_with_those_it_has(run, policy_artifact, dataset):
    with pytest.raises(Fault, match="no layer `nosuch`") as caught:
        run(policy_artifact(adapter={**LORA, "targets": ["q_proj", "nosuch"]}), dataset(PAIRS))
    assert (caught.value.code, caught.value.field) == ("P607", "adapter.targets")
    assert "q_proj" in caught.value.help[0]


def test_lora_stays_on_for_the_next_stage(run, policy_artifact, dataset, finished):
    first = run(policy_artifact(adapter=LORA), dataset(DEMOS), learning_rate=3e-2)
    second = run(finished(first, "policy"), dataset(DEMOS), learning_rate=3e-2, seed=1)
    before, after = (load_network(finished(w, "policy")).model.state_dict() for w in (first, second))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.endswith("proj.weight") for name in changed)
    assert json.loads((second.folder / "alignc.json").read_text(encoding="utf-8"))["adapter"] == LORA


def test_lora_on_a_scorer_trains_its_head_as_well(run, policy_artifact, dataset, finished, make_work):
    from runtime.rewards.scalar import scalar

    fresh = make_work(5)
    scalar(fresh, backbone=policy_artifact(adapter=LORA))
    before = load_scorer(finished(fresh, "scorer")).model.state_dict()
    work = run(finished(fresh, "scorer"), dataset(PAIRS), BradleyTerry(), learning_rate=3e-2)
    after = transformers.AutoModelForSequenceClassification.from_pretrained(work.folder / "model").state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert "score.weight" in changed
    assert all(name.endswith("proj.weight") or name == "score.weight" for name in changed)


def test_text_and_chosen_answers_are_demonstrations_too(run, policy_artifact, dataset):
    for rows in ([{"text": "all cats are animals"}], PAIRS):
        assert run(policy_artifact(), dataset(rows), SFT(), steps=1).summary["steps"] == 1
