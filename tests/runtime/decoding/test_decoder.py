"""Nodes written through shared prompts are what whole sequences, read one by one, would give."""

import pytest
import torch
import transformers

from runtime.decoding.attention import Step
from runtime.decoding.decoder import Decoder
from runtime.decoding.drawing import Drawing
from runtime.decoding.front import Replay
from runtime.decoding.noise import gumbel, mix, stream_number
from runtime.decoding.probe import shares_prompts
from runtime.forest_attention import serves
from runtime.networks import Policy
from runtime.tokens import Encoder

GREEDY = Drawing(0.0)
VOCAB = 90
SIZE = {"vocab_size": VOCAB, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
GROUPED = SIZE | {"num_key_value_heads": 2, "max_position_embeddings": 64}
SHARING = {
    "llama": transformers.LlamaConfig(**GROUPED),
    "qwen2": transformers.Qwen2Config(**GROUPED),
    "qwen3": transformers.Qwen3Config(**GROUPED, head_dim=8),
    "mistral": transformers.MistralConfig(**GROUPED, sliding_window=None),
    "wide window": transformers.MistralConfig(**GROUPED, sliding_window=64),
    "gpt2": transformers.GPT2Config(vocab_size=VOCAB, n_embd=32, n_layer=2, n_head=4, n_positions=64),
    "gemma": transformers.GemmaConfig(**GROUPED, head_dim=8),
    "neox": transformers.GPTNeoXConfig(**SIZE, max_position_embeddings=64),
}
ALONE = {
    "narrow window": transformers.MistralConfig(**GROUPED, sliding_window=8),
    "gemma2": transformers.Gemma2Config(**GROUPED, head_dim=8, sliding_window=16),
    "bloom": transformers.BloomConfig(vocab_size=VOCAB, hidden_size=32, n_layer=2, n_head=4),
}


class Words:
    """A tokenizer whose every token is a word, its number."""

    pad_token_id, bos_token_id, eos_token_id = 0, 1, 2

    def decode(self, tokens, **_):
        return "".join(f"{t} " for t in tokens)

    def encode(self, text, **_):
        return [int(t) for t in text.split()]


def decoder(config, context=64, rows_at_once=256):
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():  # freshly drawn weights are so small that every token is nearly as likely as any other
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.mul_(4)
    return Decoder(Policy(model), Encoder(Words(), "plain", context), rows_at_once)


def prompts(*lengths):
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(3, VOCAB, (n,), generator=generator).tolist() for n in lengths]


def loop(one, context, steps, drawing=GREEDY, stream=0, depth=0):
    """(tokens, log p of each, how it ended), through the whole sequence each time."""
    made, logps = [], []
    for step in range(min(steps, one.encoder.context - len(context))):
        with torch.no_grad():
            logits = one.model(input_ids=torch.tensor([context + made]), use_cache=False).logits[0, -1].float()
        scores = logits if drawing.temperature == 0 else logits / drawing.temperature + gumbel(mix(torch.tensor([stream])), depth + step, VOCAB)[0]
        token = int(scores.argmax())
        logps.append(float(logits.log_softmax(-1)[token]))
        if token == one.encoder.end:
            return made, logps, "end"
        made.append(token)
    return made, logps, "context" if len(context) + len(made) == one.encoder.context else "length"


def same(one, node, context, steps, drawing=GREEDY):
    tokens, logps, why = loop(one, context, steps, drawing, node.stream)
    assert (list(node.tokens), node.why) == (tokens, why)
    assert node.logp == pytest.approx(sum(logps), abs=1e-4)


@pytest.mark.parametrize("name", [*SHARING, *ALONE])
@pytest.mark.parametrize("drawing", [GREEDY, Drawing(0.8)], ids=["greedy", "drawn"])
def test_tokens_and_log_probabilities_are_those_of_whole_sequences(name, drawing):
    one = decoder((SHARING | ALONE)[name])
    assert one.shares is (name in SHARING)
    texts = prompts(5, 1, 17, 5, 9)
    for text, family in zip(texts, one.extend(one.prefill(texts), [3, 1, 2, 1, 4], max_new_tokens=12, drawing=drawing), strict=True):
        for node in family:
            same(one, node, text, 12, drawing)


@pytest.mark.parametrize("name", ["llama", "gpt2", "narrow window"])
def test_a_node_that_is_continued_becomes_what_it_had_become_without_a_break(name):
    one = decoder((SHARING | ALONE)[name])
    texts, drawing = prompts(6, 13, 2), Drawing(1.0)
    streams = [stream_number(4, i) for i in range(6)]
    whole = one.extend(one.prefill(texts), 2, max_new_tokens=18, drawing=drawing, streams=streams)
    nodes = [n for family in one.extend(one.prefill(texts), 2, max_new_tokens=5, drawing=drawing, streams=streams) for n in family]
    for steps in (1, 4, 8):  # together 18
        going = [n for n in nodes if not n.ended]
        grown = iter(one.extend(going, max_new_tokens=steps, drawing=drawing, streams=[n.stream for n in going]))
        nodes = [n if n.ended else next(grown)[0] for n in nodes]
    for node, (other) in zip(nodes, [n for family in whole for n in family], strict=True):
        assert tuple(t for part in node.line[1:] for t in part.tokens) == other.tokens
        assert node.logp == pytest.approx(other.logp, abs=1e-4)


def test_nodes_of_many_questions_and_depths_are_continued_in_one_batch():
    one = decoder(SHARING["llama"])
    roots = one.prefill(prompts(11, 4))
    later = one.prefill(prompts(7, 3, 20)[2:])  # read at another time
    first = [n for family in one.extend([*roots, *later], 3, max_new_tokens=4) for n in family]
    second = one.extend([n for n in first[:4] if not n.ended], 2, max_new_tokens=6, seed=1)
    mixed = [roots[1], *(n for n in first[4:] if not n.ended), *(n for family in second for n in family if not n.ended), later[0]]
    assert len({n.depth for n in mixed}) == 3
    for node, (child,) in zip(mixed, one.extend(mixed, max_new_tokens=5, drawing=GREEDY), strict=True):
        tokens, logps, why = loop(one, node.context, 5)
        assert (list(child.tokens), child.why) == (tokens, why)
        assert child.logp == pytest.approx(node.logp + sum(logps), abs=1e-4)


def test_a_freed_node_is_read_anew_when_it_is_continued():
    one = decoder(SHARING["llama"])
    [root] = one.prefill(prompts(9))
    [family] = one.extend([root], 2, max_new_tokens=3)
    expected = [n.tokens for [n] in one.extend(family, max_new_tokens=4, drawing=GREEDY)]
    assert root.nbytes > 0 and family[0].nbytes == 2 * 2 * 3 * 2 * 8 * 4  # layers, keys and values, tokens, heads, size, bytes
    for node in (root, *family):
        node.free()
        assert node.nbytes == 0
    assert [n.tokens for [n] in one.extend(family, max_new_tokens=4, drawing=GREEDY)] == expected


def test_equal_prompts_are_read_once():
    one = decoder(SHARING["llama"])
    seen = []
    one.model.base_model.register_forward_pre_hook(lambda module, args, kwargs: seen.append(kwargs["input_ids"].shape), with_kwargs=True)
    text, other = prompts(8, 6)
    one.prefill([text, other, text])
    assert seen == [(2, 7)]
    roots = one.prefill([text])
    seen.clear()
    one.extend(roots, 16, max_new_tokens=3, drawing=GREEDY)
    assert seen == [(16, 1)] * 3


def test_a_full_context_ends_an_answer_however_long_its_neighbours_are():
    one = decoder(SHARING["qwen2"], context=30)
    texts = prompts(29, 4, 28)
    nodes = [n for [n] in one.extend(one.prefill(texts), max_new_tokens=12, drawing=GREEDY)]
    assert [len(n.tokens) for n in nodes] == [1, 12, 2] or "end" in {n.why for n in nodes}
    for text, node in zip(texts, nodes, strict=True):
        same(one, node, text, 12)


@pytest.mark.parametrize("name", ["llama", "narrow window"])
def test_finished_rows_leave_the_batch(name):
    one = decoder((SHARING | ALONE)[name], context=40)
    widths = []
    one.model.register_forward_pre_hook(lambda module, args, kwargs: widths.append(len(kwargs["input_ids"])), with_kwargs=True)
    texts = prompts(39, 38, 36, 30, 20, 10)
    for text, [node] in zip(texts, one.extend(one.prefill(texts), max_new_tokens=40, drawing=Drawing(1.0)), strict=True):
        widths_before = list(widths)
        same(one, node, text, 40, Drawing(1.0))
        widths[:] = widths_before
    assert widths[0] == 6 and widths[-1] <= 2


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_children_do_not_depend_on_the_batch(temperature):
    texts = prompts(12, 3, 8, 20, 3, 15, 1)
    made = []
    for rows_at_once, order in ((256, range(7)), (3, range(7)), (5, reversed(range(7))), (1, range(7))):
        one = decoder(SHARING["qwen2"], rows_at_once=rows_at_once)
        order = list(order)
        streams = [stream_number(5, i, s) for i in order for s in range(3)]
        found = one.extend(one.prefill([texts[i] for i in order]), 3, max_new_tokens=16, drawing=Drawing(temperature), streams=streams)
        made.append({i: [n.tokens for n in family] for i, family in zip(order, found, strict=True)})
    assert made[0] == made[1] == made[2] == made[3]


def test_half_precision_decodes_and_keeps_half_as_much():
    one = decoder(SHARING["llama"])
    full = one.prefill(prompts(9))[0].nbytes
    with torch.autocast("cpu", torch.bfloat16):
        roots = one.prefill(prompts(9))
        [family] = one.extend(roots, 3, max_new_tokens=8)
        again = one.extend([n for n in family if not n.ended], 2, max_new_tokens=4)
    assert roots[0].nbytes == full // 2 and all(n.logp < 0 for pair in again for n in pair)


def test_the_attention_of_a_model_is_put_back():
    one = decoder(SHARING["llama"])
    before = one.model.config._attn_implementation
    one.extend(one.prefill(prompts(5)), max_new_tokens=2)
    assert one.model.config._attn_implementation == before != "alignc_shared"


def played(one):
    """Steps of `one` are recorded, by a stand-in for a CUDA graph: done again, a step reads and writes where it did, and sees the numbers of
    the host as they were when it was recorded. Returns how often steps were recorded and done again."""
    told = {"recorded": 0, "again": 0}

    def record(take):
        front = take.__self__
        batch = front.batch
        hidden, length, told["recorded"] = batch.step.own_bias_R11S, batch.step.length, told["recorded"] + 1
        places = addresses(front)

        def again():
            assert addresses(front) == places
            batch.step.length, told["again"] = length, told["again"] + 1
            logp = take()
            assert batch.step.own_bias_R11S is hidden
            return logp

        batch.step.length += 1  # as the host's part of a step that is recorded
        return again

    one.record = record
    return told


def addresses(front):
    own = [t for layer in front.batch.layers for t in (layer.keys, layer.values, layer.trunk_keys, layer.trunk_values)]
    return [t.data_ptr() for t in (*own, front.token_R, front.position_R, front.step_R, front.stream_R)]


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma"])
@pytest.mark.parametrize("drawing", [GREEDY, Drawing(0.8, top_k=40, top_p=0.9)], ids=["greedy", "drawn"])
def test_recorded_steps_write_what_steps_write(name, drawing):
    config = SHARING[name].__class__.from_dict(SHARING[name].to_dict() | {"n_positions" if name == "gpt2" else "max_position_embeddings": 200})
    texts, plain = prompts(5, 1, 17, 5, 9), decoder(config, context=200)
    whole = plain.extend(plain.prefill(texts), [3, 1, 2, 1, 4], max_new_tokens=150, drawing=drawing, seed=3)
    one = decoder(config, context=200)
    told = played(one)
    made = one.extend(one.prefill(texts), [3, 1, 2, 1, 4], max_new_tokens=150, drawing=drawing, seed=3)
    for node, other in zip((n for f in made for n in f), (n for f in whole for n in f), strict=True):
        assert (node.tokens, node.why) == (other.tokens, other.why)
        assert node.logp == pytest.approx(other.logp, abs=1e-3)
    assert told["again"] > 100 and 3 <= told["recorded"] <= 8  # rows leave, and own tokens need more room twice


def test_recorded_steps_continue_nodes():
    plain, one = decoder(SHARING["llama"]), decoder(SHARING["llama"])
    told = played(one)
    texts = prompts(6, 13, 2)
    grown = []
    for each in (plain, one):
        roots = each.prefill(texts)
        first = [n for f in each.extend(roots, 2, max_new_tokens=7, drawing=Drawing(1.0)) for n in f]
        going = [*[n for n in first if not n.ended], roots[1]]
        grown.append([n for f in each.extend(going, 2, max_new_tokens=9, drawing=Drawing(1.0)) for n in f])
    assert [n.tokens for n in grown[0]] == [n.tokens for n in grown[1]]
    assert told["recorded"] >= 2


def test_a_step_that_cannot_be_recorded_is_taken_as_it_is():
    plain, one = decoder(SHARING["llama"]), decoder(SHARING["llama"])

    tried = []

    def record(take):
        tried.append(take)
        take.__self__.batch.step.length += 1
        raise RuntimeError("operation not permitted when stream is capturing")

    one.record = record
    texts = prompts(6, 13)
    made = [[n.tokens for f in each.extend(each.prefill(texts), 2, max_new_tokens=20) for n in f] for each in (plain, one, one)]
    assert made[0] == made[1] == made[2]
    assert len(tried) == 1, "and it is not tried again"


def test_rows_that_are_full_wait_for_others_without_positions_beyond_the_context():
    one = decoder(SHARING["gpt2"])
    texts = prompts(60, 5)
    for text, family in zip(texts, one.extend(one.prefill(texts), [1, 9], max_new_tokens=40, drawing=Drawing(1.0)), strict=True):
        for node in family:
            same(one, node, text, 40, Drawing(1.0))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma"])
@pytest.mark.parametrize("drawing", [GREEDY, Drawing(0.8, top_k=40, top_p=0.9)], ids=["greedy", "drawn"])
def test_a_gpu_writes_by_recorded_steps_what_it_writes_step_by_step(name, drawing, monkeypatch):
    config = SHARING[name].__class__.from_dict(SHARING[name].to_dict() | {"n_positions" if name == "gpt2" else "max_position_embeddings": 200})
    made, refused = [], []
    monkeypatch.setattr(Replay, "forget", lambda self, forget=Replay.forget: (refused.append(self.refused), forget(self)))
    for recorded in (False, True):
        one = Decoder(Policy(decoder(config).model.cuda()), Encoder(Words(), "plain", 200))
        one.record = one.record if recorded else None
        roots = one.prefill(prompts(5, 1, 17, 5, 9))
        made.append([n for f in one.extend(roots, [3, 1, 2, 1, 4], max_new_tokens=150, drawing=drawing, seed=3) for n in f])
    for node, other in zip(*made, strict=True):
        assert (node.tokens, node.why) == (other.tokens, other.why)
        assert node.logp == pytest.approx(other.logp, abs=1e-3)
    assert len(refused) > 1 and not any(refused)


DEEP = {"vocab_size": 4000, "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 12, "num_attention_heads": 4, "num_key_value_heads": 2}


@pytest.mark.parametrize("autocast", [False, True], ids=["weights", "autocast"])
def test_rounding_to_sixteen_bits_is_no_reason_to_read_prompts_once_a_row(autocast):
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**DEEP))
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        assert shares_prompts(model if autocast else model.bfloat16(), 64)
        assert serves(model)


@pytest.mark.parametrize("half", [False, True])
def test_one_token_that_is_not_hidden_is_seen_in_any_format(half, monkeypatch):
    torch.manual_seed(0)
    model = transformers.MistralForCausalLM(transformers.MistralConfig(**DEEP, sliding_window=7))
    monkeypatch.setattr(Step, "context", property(lambda self: 0, lambda self, value: None), raising=False)  # it asks for no window then
    assert not shares_prompts(model.bfloat16() if half else model, 64)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_recording_that_fails_leaves_the_gpu_as_it_was():
    one = Decoder(Policy(decoder(SHARING["llama"]).model.cuda()), Encoder(Words(), "plain", 64))
    torch.cuda.manual_seed(5)
    numbers = torch.rand(4, device="cuda")
    torch.cuda.manual_seed(5)
    with pytest.raises(RuntimeError):
        one.record(lambda: torch.ones(1, device="cuda").item())
    assert torch.equal(torch.rand(4, device="cuda"), numbers)
    before, again = numbers.clone(), one.record(lambda: numbers.add_(1))
    again(), again()
    assert torch.equal(numbers, before + 2)
