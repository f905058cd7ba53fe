"""Weights that exist already come from a folder, a package or the hub; what cannot be loaded is one clear fault."""

import json
import shutil
import sys

import huggingface_hub
import pytest
import torch
import transformers

from aligncompiler.spec.base import Output, Ref
from aligncompiler.spec.model import BPE, Architecture, CausalLM, Encoder
from aligncompiler.spec.objective import SFT, BradleyTerry
from aligncompiler.spec.scorer import Scalar
from runtime.execute import precision
from runtime.fault import Fault
from runtime.model_files import load_encoder, load_policy, load_scorer
from runtime.registry import bind
from runtime.rewards.scalar import scalar
from runtime.stages.train import train

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LORA = {"kind": "lora", "rank": 2, "alpha": 8.0, "dropout": 0.0, "targets": "all_linear"}
PAIRS = [{"prompt": f"cat {i}", "chosen": "so it follows", "rejected": "no fish", "margin": 0.0} for i in range(4)]


@pytest.fixture(scope="module")
def saved(tmp_path_factory, make_model, tokenizer):
    """A tiny language model as `save_pretrained` leaves it."""
    folder = tmp_path_factory.mktemp("saved")
    make_model("qwen2").save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy")


@pytest.fixture
def take(make_work, finished):
    """The artifact that a model spec makes."""

    def make(spec):
        work = make_work()
        bind(spec, {})(work)
        return finished(work, spec.output().artifact, "models.x")

    return make


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A cache of the hub, laid out as `huggingface_hub` does, that holds one commit of `some-one/tiny`."""

    def lay_out(source):
        cache = tmp_path / "cache"
        root = cache / "models--some-one--tiny"
        shutil.copytree(source, root / "snapshots" / COMMIT)
        (root / "refs").mkdir()
        (root / "refs" / "main").write_text(COMMIT, encoding="utf-8")
        monkeypatch.setenv("HF_HUB_CACHE", str(cache))
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
        assert huggingface_hub.constants.is_offline_mode()
        return "some-one/tiny"

    return lay_out


def logits(model):
    with torch.no_grad():
        return model(input_ids=torch.tensor([[1, 5, 6, 7]])).logits


def test_a_local_folder_gives_the_same_logits(take, saved):
    artifact = take(CausalLM(folder=str(saved)))
    assert torch.equal(logits(load_policy(artifact).model), logits(transformers.AutoModelForCausalLM.from_pretrained(saved)))
    assert load_encoder(artifact).context == 64


def test_a_package_is_read_without_running_its_code(take, saved, tmp_path, monkeypatch):
    package = tmp_path / "site" / "tiny_model_package"
    shutil.copytree(saved, package / "weights")
    (package / "__init__.py").write_text("raise SystemExit('this code must not run')", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(package.parent), *sys.path])
    artifact = take(CausalLM(package="tiny_model_package", path="weights"))
    assert torch.equal(logits(load_policy(artifact).model), logits(transformers.AutoModelForCausalLM.from_pretrained(saved)))
    assert "tiny_model_package" not in sys.modules


def test_the_hub_is_pointed_to_by_commit_and_loaded_from_its_cache(take, saved, hub):
    artifact = take(CausalLM(pretrained=hub(saved), revision=COMMIT))
    assert json.loads((artifact.folder / "alignc.json").read_text(encoding="utf-8"))["pointer"] == {"name": "some-one/tiny", "revision": COMMIT}
    assert not (artifact.folder / "model").exists()
    assert torch.equal(logits(load_policy(artifact).model), logits(transformers.AutoModelForCausalLM.from_pretrained(saved)))


def test_a_policy_of_the_hub_trains_into_a_folder_of_its_own(take, saved, hub, make_work, dataset, budget, finished):
    artifact = take(CausalLM(pretrained=hub(saved), revision=COMMIT))
    work = make_work()
    train(work, model=artifact, data=dataset([{"prompt": "p", "completion": "c"}]), **budget(SFT(), steps=1))
    assert (work.folder / "model" / "model.safetensors").is_file()
    assert not torch.equal(logits(load_policy(finished(work, "policy")).model), logits(load_policy(artifact).model))


def test_a_scorer_on_the_hub_keeps_the_head_of_its_seed_and_trains_it_beside_lora(take, saved, hub, make_work, dataset, budget, finished):
    from aligncompiler.spec.model import LoRA

    backbone = take(CausalLM(pretrained=hub(saved), revision=COMMIT, adapter=LoRA(rank=2)))
    heads = []
    for seed in (3, 3, 4):
        work = make_work(seed)
        scalar(work, backbone=backbone)
        scorer = finished(work, "scorer")
        heads.append(load_scorer(scorer).model.score.weight)
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])
    work = make_work()
    train(work, model=scorer, data=dataset(PAIRS), **budget(BradleyTerry(), steps=3, learning_rate=3e-2))
    after = transformers.AutoModelForSequenceClassification.from_pretrained(work.folder / "model")
    assert not torch.equal(after.score.weight, heads[2])
    assert torch.linalg.matrix_rank(after.model.layers[0].mlp.up_proj.weight - load_policy(backbone).model.model.layers[0].mlp.up_proj.weight, atol=1e-5) == 2


def test_a_commit_that_is_not_there_is_one_fault(take, saved, hub):
    with pytest.raises(Fault, match="no model can be loaded from `some-one/tiny`") as caught:
        take(CausalLM(pretrained=hub(saved), revision="f" * 40))
    assert caught.value.code == "P607"
    assert "\n" not in caught.value.message


def fault(take, spec, match):
    with pytest.raises(Fault, match=match) as caught:
        found = take(spec)
        load_encoder(found)
        load_policy(found)
    assert caught.value.code == "P607"
    assert "\n" not in caught.value.message


def test_pickled_weights_are_refused_with_a_way_out(take, copy):
    torch.save(transformers.AutoModelForCausalLM.from_pretrained(copy).state_dict(), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    fault(take, CausalLM(folder=str(copy)), "holds no safetensors weights")


def test_an_encoder_where_a_decoder_is_due_is_named(take, bert_folder, saved):
    fault(take, CausalLM(folder=str(bert_folder)), "is an encoder")
    fault(take, Encoder(folder=str(saved)), "is no encoder")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", None),
        ("config.json", b"{"),
        ("config.json", b"[]"),
        ("config.json", b'{"model_type": "no-such-family"}'),
        ("config.json", b"\xff\xfe"),
        ("model.safetensors", b"not safetensors"),
        ("model.safetensors", b""),
        ("tokenizer.json", b"{}"),
        ("tokenizer.json", None),
    ],
)
def test_a_broken_folder_is_one_fault(take, copy, file, content):
    if content is None:
        (copy / file).unlink()
    else:
        (copy / file).write_bytes(content)
    fault(take, CausalLM(folder=str(copy)), "no model can be loaded from")


def test_weights_of_another_shape_are_one_fault(take, copy):
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    (copy / "config.json").write_text(json.dumps(config | {"hidden_size": 64}), encoding="utf-8")
    fault(take, CausalLM(folder=str(copy)), "no model can be loaded from")


def test_weights_without_an_output_head_are_no_policy(take, copy, saved):
    config = transformers.AutoConfig.from_pretrained(saved)
    config.tie_word_embeddings = False
    transformers.AutoModelForCausalLM.from_config(config).model.save_pretrained(copy)
    fault(take, CausalLM(folder=str(copy)), "1 of its weights are missing, such as `lm_head.weight`")


def test_code_that_comes_with_weights_is_never_run(take, copy):
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    marker = copy / "ran"
    (copy / "mine.py").write_text(f"open({str(marker)!r}, 'w')", encoding="utf-8")
    (copy / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoConfig": "mine.C", "AutoModelForCausalLM": "mine.M"}}), encoding="utf-8")
    load_policy(take(CausalLM(folder=str(copy))))
    assert not marker.exists()


def test_weights_before_training_are_the_same_bytes_in_every_precision(make_work, finished, dataset, bert_folder, saved):
    """Why the keys of models and of untrained scorers hold neither device nor precision: no network computes there."""
    texts = dataset([{"text": f"every cat {i} is a fish"} for i in range(40)])
    shape = Architecture(family="llama", hidden_size=32, num_layers=1, num_heads=2, context=32)
    built = CausalLM(architecture=shape, tokenizer=BPE(data=Ref("datasets.rows", Output("dataset", ("text",))), vocab_size=300))

    def files(number_format):
        works = []
        for spec in (built, CausalLM(folder=str(saved)), Encoder(folder=str(bert_folder))):
            works.append(make_work(seed=3, precision=number_format))
            with precision(works[-1].engine):
                bind(spec, {"datasets.rows": texts})(works[-1])
            scorer = Scalar(backbone=Ref("models.x", spec.output()))
            inputs = {"models.x": finished(works[-1], spec.output().artifact, "models.x")}
            works.append(make_work(seed=4, precision=number_format))
            with precision(works[-1].engine):
                bind(scorer, inputs)(works[-1])
        return [{p.relative_to(w.folder): p.read_bytes() for p in w.folder.rglob("*") if p.is_file()} for w in works]

    first = files("float32")
    assert all(len(one) > 3 for one in first) and first == files("bfloat16")
