"""Estimates of the compiler beside what torch counts: parameters, operations, bytes of tensors.

Operations are counted by `FlopCounterMode`, which is told those of the fused attention of CPUs, where decoding asks for it by name; other tests use eager
attention, which does the same products. Bytes are counted by the profiler, over allocations; what a step finds already allocated is added.
"""

from dataclasses import replace
from types import SimpleNamespace

import peft
import pytest
import torch
import transformers
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from aligncompiler.planning.survey import FileSurvey
from aligncompiler.spec import effort, network
from aligncompiler.spec.base import Ref
from aligncompiler.spec.cost import UNKNOWN, Estimate, exact
from aligncompiler.spec.effort import Load, Writing, scoring, training, writing
from aligncompiler.spec.experiment import Engine
from aligncompiler.spec.model import BPE, Architecture, CausalLM, Encoder, LoRA
from aligncompiler.spec.network import Network
from runtime import output_head
from runtime import scoring as runtime_scoring
from runtime.decoding import decoder as runtime_decoder
from runtime.decoding.decoder import Decoder
from runtime.decoding.drawing import Drawing
from runtime.forest import pack, trunk_and_leaves
from runtime.generate import Decoding
from runtime.growing import Grower
from runtime.growing import Shape as TreeShape
from runtime.models.causal_lm import build
from runtime.networks import Policy
from runtime.reply import Reply
from runtime.rewards.scalar import scalar
from runtime.scorer import Scorer, Shape

pytestmark = pytest.mark.torch

VOCAB = 700
CPU = Engine(accelerator="cpu")
SMALL = {"family": "llama", "hidden_size": 64, "num_layers": 2, "num_heads": 4, "context": 128}
WIDE = {"family": "qwen2", "hidden_size": 96, "num_layers": 4, "num_heads": 6, "num_kv_heads": 2, "context": 256}
SHAPES = [
    SMALL,
    WIDE,
    SMALL | {"tie_embeddings": False},
    WIDE | {"tie_embeddings": False},
    SMALL | {"num_kv_heads": 1},
    SMALL | {"num_kv_heads": 2, "ffn_size": 100},
    SMALL | {"hidden_size": 200, "num_heads": 5},
    SMALL | {"hidden_size": 8, "num_heads": 2, "num_layers": 1},
    WIDE | {"num_kv_heads": "num_heads"},
    WIDE | {"num_layers": 24, "hidden_size": 896, "num_heads": 14, "num_kv_heads": 2, "ffn_size": 4864},
    SMALL | {"hidden_size": 4096, "num_layers": 32, "num_heads": 32, "num_kv_heads": 8, "ffn_size": 14336, "tie_embeddings": False},
    WIDE | {"num_layers": 28, "hidden_size": 3584, "num_heads": 28, "num_kv_heads": 4, "ffn_size": 18944, "tie_embeddings": False},
]


class Words:
    """What `build` asks of a tokenizer."""

    pad_token_id, bos_token_id, eos_token_id = 0, 1, 2

    def __len__(self):
        return VOCAB


def built(shape, device="cpu"):
    """(the network of transformers, the network as the compiler sees it)."""
    with torch.device(device):
        model = build(Architecture(**shape), Words(), 0)[0].model
    return model, Network.of_architecture(Architecture(**shape), exact(VOCAB))


def scorer_of(model):
    config = model.config
    config.num_labels = 1
    return getattr(transformers, type(model).__name__.replace("CausalLM", "SequenceClassification"))(config)


def numbers(model, trained=False):
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trained)


def taken(kind, folder):
    return kind(folder=str(folder)).estimate(FileSurvey(CPU, {}))


# ---- parameters


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_parameters_of_an_architecture_are_those_that_transformers_counts(shape):
    model, seen = built(shape, "meta")
    assert seen.parameters == exact(numbers(model))
    with torch.device("meta"):
        assert seen.as_scorer().parameters == exact(numbers(scorer_of(model)))


@pytest.mark.parametrize("targets", ["all_linear", ("q_proj", "v_proj"), ("mlp.down_proj",)], ids=str)
@pytest.mark.parametrize("head", [False, True], ids=["policy", "scorer"])
@pytest.mark.parametrize("shape", [SMALL, WIDE], ids=["llama", "qwen2"])
def test_trainable_parameters_of_an_adapter_are_those_that_peft_counts(shape, head, targets):
    model, seen = built(shape, "meta")
    with torch.device("meta"):
        model = scorer_of(model) if head else model
        modules = "all-linear" if targets == "all_linear" else list(targets)
        adapted = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules=modules, task_type="SEQ_CLS" if head else "CAUSAL_LM"))
    seen = replace(seen.as_scorer() if head else seen, adapter=LoRA(rank=4, targets=targets))
    assert seen.trainable == exact(numbers(adapted, trained=True))


def test_an_adapter_without_a_layer_of_its_names_is_unknown():
    assert replace(built(SMALL, "meta")[1], adapter=LoRA(targets=("no_such",))).trainable == UNKNOWN


def save_gpt2(folder, tie):
    config = transformers.GPT2Config(vocab_size=300, n_embd=32, n_layer=2, n_head=4, n_positions=64, tie_word_embeddings=tie)
    model = transformers.GPT2LMHeadModel(config)
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize("tie", [True, False])
def test_parameters_of_a_folder_are_read_from_the_headers_of_its_files(tmp_path, tie):
    for name, model in (("own", built(SMALL | {"tie_embeddings": tie})[0]), ("gpt2", save_gpt2(tmp_path / "gpt2", tie))):
        model.save_pretrained(tmp_path / name, max_shard_size="100KB")
        assert len(list((tmp_path / name).glob("*.safetensors"))) > 1
        found = taken(CausalLM, tmp_path / name)
        assert found.parameters == found.network.parameters == exact(numbers(model)), name


def test_parameters_of_an_encoder_and_of_the_scorer_on_it(bert_folder, encoder_artifact, make_work):
    found = taken(Encoder, bert_folder)
    assert found.parameters == exact(numbers(transformers.AutoModel.from_pretrained(bert_folder)))
    work = make_work()
    scalar(work, backbone=encoder_artifact)
    assert found.network.as_scorer().parameters == exact(work.summary["parameters"])


# ---- operations


def trees(rows, length, answers):
    """Rows of a prompt of one token, so that nearly all tokens are scored."""
    return [trunk_and_leaves((1,), [tuple(range(1, length))] * answers) for _ in range(rows)]


def load(rows, length, answers):
    return Load(Estimate(), exact(rows), answers, exact(length), 1 << 30, exact(rows))


def attended(query, key, *_, **__):
    """Operations of two products of each query with all keys and values."""
    batch, heads, length, size = query
    return 4 * batch * heads * length * key[2] * size


def counted(work):
    fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    with FlopCounterMode(display=False, custom_mapping={fused: attended}) as counter:
        work()
    return counter.get_total_flops()


def within(estimated, counted, share):
    assert estimated.value == pytest.approx(counted, rel=share), f"estimated {estimated.value:,.0f}, counted {counted:,.0f}"


def eager(policy):
    """Attention by plain matrix products, the only ones that are counted on a CPU."""
    policy.flat = False
    policy.model.set_attn_implementation("eager")
    return policy


def products(shelf, query, key, value, dropout, scaling, window, both_ways):
    """Attention of a shelf by plain matrix products."""
    key, value = (t.repeat_interleave(query.shape[1] // key.shape[1], 1) for t in (key, value))
    return (query @ key.transpose(2, 3) * scaling + shelf.mask(window, query.dtype, both_ways)).softmax(-1) @ value


@pytest.fixture(params=[(SMALL, 1), (WIDE, 1), (WIDE, 2)], ids=["llama paths", "qwen2 paths", "qwen2 pairs"])
def passed(request, monkeypatch):
    """(policy, network as the compiler sees it, forest, load)."""
    shape, answers = request.param
    model, seen = built(shape)
    monkeypatch.setattr("runtime.forest_attention.in_rows", products)
    return Policy(model), seen, pack(trees(4, 48, answers)), load(4, 48, answers)


def test_operations_of_scoring(passed):
    policy, seen, forest, rows = passed
    with torch.no_grad():
        within(scoring(seen, rows, CPU).flops, counted(lambda: policy(forest)), 0.05)


def test_operations_of_training(passed):
    policy, seen, forest, rows = passed
    within(training(seen, rows, 2, CPU).flops, counted(lambda: policy(forest).sum().backward()), 0.05)


def test_operations_of_training_that_computes_its_blocks_again(passed):
    policy, seen, forest, rows = passed
    policy.model.train().activation_checkpointing_enable({"use_reentrant": False})
    within(training(seen, rows, 2, CPU, True).flops, counted(lambda: policy(forest).sum().backward()), 0.05)


def test_operations_of_training_with_logits_in_chunks(passed, monkeypatch):
    policy, seen, forest, rows = passed
    for module in (output_head, network):
        monkeypatch.setattr(module, "LOGITS_AT_ONCE", 30 * VOCAB)
        monkeypatch.setattr(module, "LOGITS_KEPT", 30 * VOCAB)
    within(training(seen, rows, 2, CPU).flops, counted(lambda: policy(forest).sum().backward()), 0.05)


def test_operations_of_training_an_adapter(passed):
    policy, seen, forest, rows = passed
    peft.get_peft_model(policy.model, peft.LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM"))
    seen = replace(seen, adapter=LoRA(rank=8))
    real = counted(lambda: policy(forest).sum().backward())
    # The first block takes no gradient to its inputs, which the estimate of a deep network does not know.
    spared = 2 * forest.seat_BT.numel() * sum(n.numbers // n.count for n in seen.linears if n.name[-6:] in ("q_proj", "k_proj", "v_proj"))
    within(training(seen, rows, 2, CPU).flops, real + spared, 0.05)


@pytest.mark.parametrize("answers", [1, 2])
def test_operations_of_an_encoder(bert_folder, answers):
    scorer = Scorer(transformers.AutoModelForSequenceClassification.from_pretrained(bert_folder, num_labels=1, attn_implementation="eager")).train()
    forest = pack([path for tree in trees(4, 40, answers) for path in tree.unrolled()])
    seen = taken(Encoder, bert_folder).network.as_scorer()
    within(training(seen, load(4, 40, answers), 2, CPU).flops, counted(lambda: scorer(forest).sum().backward()), 0.05)


@pytest.mark.parametrize("answers", [1, 2])
def test_operations_of_a_policy_that_is_asked_for_a_reply(answers, monkeypatch):
    """Two rows of the output matrix, once an answer; the question counts as tokens of the answer."""
    model, seen = built(WIDE)
    monkeypatch.setattr("runtime.forest_attention.in_rows", products)
    judge = Scorer(model, Shape(judge=True, reply=Reply("", 5, 7))).train()
    forest = pack(trees(4, 48, answers))
    within(training(seen.as_judge(""), load(4, 48, answers), 2, CPU).flops, counted(lambda: judge(forest).sum().backward()), 0.05)
    assert seen.as_judge("why").parameters == seen.parameters
    assert seen.as_judge("why").tokens_in(exact(10), 4, 2) == exact(10 + 4 + 2 * 6)


def answerer(model, context, rows, prompt, new, temperature, each=1):
    """Writes `rows` answers, `each` to a prompt."""
    encoder = SimpleNamespace(pad=0, end=-1, context=context, tokenizer=SimpleNamespace(decode=lambda *_, **__: ""))
    decoder = Decoder(eager(Policy(model)), encoder, rows)
    prompts = [[5 + i] * prompt for i in range(rows // each)]
    return lambda: decoder.extend(decoder.prefill(prompts), each, max_new_tokens=new, drawing=Drawing(temperature), keep=False)


def asked(rows, prompt, new, drawn, each=1):
    return Writing(Estimate(row_bytes=exact(prompt - 1), longest_bytes=exact(prompt - 1)), exact(rows), each, new, rows, drawn)


@pytest.mark.parametrize("each", [1, 3])
def test_operations_of_writing(each):
    model, seen = built(WIDE)
    real = counted(answerer(model, 256, 3, 64, 4, 0.0, each))
    within(writing(seen, asked(3, 64, 4, False, each), CPU).flops, real, 0.05)
    assert writing(seen, asked(3, 64, 100, False, each), CPU).flops.value >= counted(answerer(model, 256, 3, 64, 100, 0.0, each))


# ---- bytes


def peak(work):
    """Most bytes allocated at a time, above what was there before."""
    work()  # what is only made once, such as moments, is there now
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        work()
    held = most = 0
    events = [(e.start_ns(), e.nbytes()) for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    for _, size in sorted(events, key=lambda event: event[0]):
        held += size
        most = max(most, held)
    return most


MEDIUM = SMALL | {"hidden_size": 128, "num_layers": 3, "num_kv_heads": 2}
HALF = Engine(accelerator="cpu", precision="bfloat16")


@pytest.mark.parametrize("engine", [CPU, HALF], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("answers", [1, 2], ids=["paths", "pairs"])
@pytest.mark.parametrize("adapter", [None, LoRA(rank=8)], ids=["whole", "adapter"])
@pytest.mark.parametrize("again", [False, True], ids=["kept", "computed again"])
def test_bytes_of_training(again, answers, adapter, engine):
    model, seen = built(MEDIUM)
    if again:
        model.activation_checkpointing_enable({"use_reentrant": False})
    if adapter is not None:
        peft.get_peft_model(model, peft.LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM"))
    policy, forest = Policy(model).train(), pack(trees(32, 96, answers))
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained)

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=engine is HALF, cache_enabled=False):
            loss = -policy(forest).sum()
        loss.backward()
        del loss
        optimizer.step()
        optimizer.zero_grad()

    real = peak(step) + 4 * numbers(model) + 8 * sum(p.numel() for p in trained)
    within(training(replace(seen, adapter=adapter), load(32, 96, answers), 2, engine, again).memory, real, 0.15)


def test_bytes_of_training_a_policy_that_is_asked_for_a_reply():
    model, seen = built(MEDIUM)
    judge, forest = Scorer(model, Shape(judge=True, reply=Reply("", 5, 7))).train(), pack(trees(32, 96, 1))
    optimizer = torch.optim.AdamW(model.parameters())

    def step():
        judge(forest).sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    within(training(seen.as_judge(""), load(32, 96, 1), 2, CPU).memory, peak(step) + 12 * numbers(model), 0.15)


def test_bytes_of_training_an_encoder(bert_folder):
    scorer = Scorer(transformers.AutoModelForSequenceClassification.from_pretrained(bert_folder, num_labels=1)).train()
    forest = pack([path for tree in trees(32, 48, 2) for path in tree.unrolled()])
    optimizer = torch.optim.AdamW(scorer.parameters())

    def step():
        scorer(forest).sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    real = peak(step) + 12 * numbers(scorer)
    within(training(taken(Encoder, bert_folder).network.as_scorer(), load(32, 48, 2), 2, CPU).memory, real, 0.25)


@pytest.mark.parametrize("answers", [1, 2], ids=["paths", "pairs"])
def test_bytes_of_scoring(answers):
    model, seen = built(MEDIUM)
    policy, forest = Policy(model).eval(), pack(trees(32, 96, answers))
    with torch.no_grad():
        real = peak(lambda: policy(forest)) + 4 * numbers(model)
    within(scoring(seen, load(32, 96, answers), CPU).memory, real, 0.25)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize(("prompt", "new", "each"), [(96, 16, 1), (8, 100, 1), (96, 30, 8), (8, 100, 32)])
def test_bytes_of_writing(prompt, new, each, temperature):
    model, seen = built(MEDIUM)
    real = peak(answerer(model, 128, 32, prompt, new, temperature, each)) + 4 * numbers(model)
    within(writing(seen, asked(32, prompt, new, temperature > 0, each), CPU).memory, real, 0.3)


def test_trees_take_no_more_than_as_many_answers_that_are_kept():
    """What segments share is written and kept once; the estimate does not know how much that is."""
    model, seen = built(MEDIUM)
    tokenizer = SimpleNamespace(decode=lambda tokens, **_: "".join("." if token % 8 == 0 else "x" for token in tokens))
    encoder = SimpleNamespace(pad=0, end=-1, context=256, tokenizer=tokenizer)
    decoder, shape = Decoder(eager(Policy(model)), encoder, 32), TreeShape(3, 2, r"\.", 1, 0.0, 0.0)

    def grow():
        one = Grower(decoder, shape, Decoding(100, 1.0, 1.0, 32), 0, lambda more: None)
        roots = one.roots([[5 + i] * 8 for i in range(4)], [(i, 0) for i in range(4)])
        one.dfs(roots)
        made.append(sum(len(one.leaves(root)) for root in roots))

    made = []
    estimated = writing(seen, replace(asked(32, 8, 100, True, 8), kept=True), CPU)
    memory, flops = peak(grow) + 4 * numbers(model), counted(grow)
    assert min(made) > 24
    assert 0.3 * estimated.memory.value < memory < 1.3 * estimated.memory.value
    assert 0.3 * estimated.flops.value < flops < estimated.flops.value


# ---- bytes on disk


@pytest.mark.parametrize("tie", [True, False])
def test_bytes_of_a_saved_model(tmp_path, tie):
    model, seen = built(SMALL | {"tie_embeddings": tie})
    model.save_pretrained(tmp_path)
    within(replace(seen, files=exact(0)).saved_bytes(), sum(f.stat().st_size for f in tmp_path.iterdir()), 0.05)


def test_bytes_of_a_tokenizer(tmp_path, tokenizer):
    tokenizer.save_pretrained(tmp_path)
    model = CausalLM(architecture=Architecture(**SMALL), tokenizer=BPE(data=Ref("datasets.x", None), vocab_size=len(tokenizer)))
    seen = model.estimate(FileSurvey(CPU, {})).network
    within(seen.files, sum(f.stat().st_size for f in tmp_path.iterdir()) + 1000, 0.2)


# ---- what both sides must agree on


def test_the_constants_are_those_of_the_runtime():
    assert (network.LOGITS_AT_ONCE, network.LOGITS_KEPT) == (output_head.LOGITS_AT_ONCE, output_head.LOGITS_KEPT)
    assert effort.TOKENS_AT_ONCE == runtime_scoring.TOKENS_AT_ONCE == runtime_decoder.TOKENS_AT_ONCE


def test_this_comparison_can_fail(passed):
    policy, seen, forest, rows = passed
    deeper = replace(seen, block_numbers=seen.block_numbers * 5 // 4)
    with torch.no_grad(), pytest.raises(AssertionError):
        within(scoring(deeper, rows, CPU).flops, counted(lambda: policy(forest)), 0.05)
