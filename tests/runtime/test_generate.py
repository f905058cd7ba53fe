"""Answers are what a hand-written loop over plain logits would give."""

import math
import tracemalloc

import pytest
import torch

from runtime import generate as generate_module
from runtime.decoding.decoder import Decoder
from runtime.decoding.drawing import Drawing
from runtime.decoding.noise import gumbel, mix, stream_number
from runtime.fault import Skip
from runtime.generate import Answer, Decoding, generate
from runtime.networks import Policy
from runtime.tokens import Encoder

PROMPTS = ["all cats", "some birds are not red so", "no", "so it follows that all", "the answer is 4"]


@pytest.fixture
def encoder(tokenizer):
    return Encoder(tokenizer, "plain", 64)


@pytest.fixture
def policy(make_model):
    return Policy(make_model())


def rows(prompts=PROMPTS):
    return [{"prompt": p} for p in prompts]


def decoding(max_new_tokens=12, temperature=0.0, top_p=1.0, answers_at_once=256):
    return Decoding(max_new_tokens, temperature, top_p, answers_at_once)


def quiet(done, total):
    assert 0 < done <= total


def loop(model, encoder, prompt, steps, pick=lambda logits, step: int(logits.argmax())):
    """Token by token through the whole sequence; (tokens, whether it ended)."""
    ids = encoder.prompt({"prompt": prompt})
    made = []
    with torch.no_grad():
        for step in range(min(steps, encoder.context - len(ids))):
            token = pick(model(input_ids=torch.tensor([ids + made])).logits[0, -1].float(), step)
            if token == encoder.end:
                return made, True
            made.append(token)
    return made, False


def test_greedy_answers_equal_a_loop_written_by_hand(policy, encoder):
    answers = generate(policy, encoder, rows(), 1, decoding(), 0, quiet)
    for prompt, (answer,) in zip(PROMPTS, answers, strict=True):
        tokens, ended = loop(policy.model, encoder, prompt, 12)
        assert answer.text == encoder.tokenizer.decode(tokens)
        assert (answer.tokens, answer.ended) == (len(tokens), ended)


def test_samples_equal_a_loop_that_adds_the_same_noise(policy, encoder):
    answers = generate(policy, encoder, rows(), 2, decoding(6, temperature=0.7), 3, quiet)
    for index, prompt in enumerate(PROMPTS):
        for sample in range(2):
            stream = mix(torch.tensor([stream_number(3, index, sample)]))
            tokens, _ = loop(policy.model, encoder, prompt, 6, lambda logits, step, s=stream: int((logits / 0.7 + gumbel(s, step, len(logits))[0]).argmax()))
            assert answers[index][sample].text == encoder.tokenizer.decode(tokens)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_answers_do_not_depend_on_how_many_are_written_at_once(policy, encoder, temperature):
    long = [*PROMPTS, "all cats are animals " * 6, "the fish " * 9, "x" * 55]
    made = [list(generate(policy, encoder, rows(long), 3, decoding(24, temperature, answers_at_once=n), 7, quiet)) for n in (1, 4, 256)]
    assert made[0] == made[1] == made[2]
    assert len({a.text for a in made[0][0]}) == (1 if temperature == 0 else 3)


def test_answers_do_not_depend_on_rows_that_come_after(policy, encoder):
    few = list(generate(policy, encoder, rows(PROMPTS[:2]), 2, decoding(5, 1.0), 0, quiet))
    assert generate(policy, encoder, rows(), 2, decoding(5, 1.0), 0, quiet)[:2] == few


def test_another_seed_draws_other_answers(policy, encoder):
    made = [list(generate(policy, encoder, rows(), 1, decoding(6, 1.0), seed, quiet)) for seed in (0, 1)]
    assert made[0] != made[1]


def first_tokens(policy, encoder, count, temperature, top_p=1.0):
    streams = [stream_number(11, 0, i) for i in range(count)]
    prompt = encoder.prompt({"prompt": "all cats"})
    logits = []
    decoder = Decoder(policy, encoder, count)
    hook = policy.model.lm_head.register_forward_hook(lambda *args: logits.append(args[2][0, -1].float()))
    [answers] = decoder.extend(decoder.prefill([prompt]), count, max_new_tokens=1, drawing=Drawing(temperature, None, top_p), streams=streams)
    hook.remove()
    counts = torch.zeros(len(encoder.tokenizer))
    for answer in answers:
        counts[answer.tokens[0] if answer.tokens else encoder.end] += 1
    return counts, (logits[0] / temperature).softmax(-1)


def test_frequencies_of_samples_are_the_softmax_probabilities(policy, encoder):
    count = 4000
    counts, probabilities = first_tokens(policy, encoder, count, 0.8)
    common = (count * probabilities >= 8) & (counts > 0)
    seen, wanted = counts[common], count * probabilities[common]
    rest = count - wanted.sum()
    statistic = float(((seen - wanted) ** 2 / wanted).sum() + ((count - seen.sum()) - rest) ** 2 / rest)
    freedom = int(common.sum())
    # Wilson and Hilferty: the cube root of chi-square over its freedom is nearly normal.
    z = ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))
    assert freedom > 10
    assert abs(z) < 3


def test_top_p_draws_only_from_the_smallest_set_with_that_much_probability(policy, encoder):
    counts, probabilities = first_tokens(policy, encoder, 2000, 0.8, top_p=0.6)
    order = probabilities.argsort(descending=True)
    before = probabilities[order].cumsum(0) - probabilities[order]
    allowed = set(order[before < 0.6].tolist())
    drawn = set(counts.nonzero()[:, 0].tolist())
    assert drawn <= allowed
    assert len(drawn) > 1


def test_noise_is_standard_gumbel():
    noise = gumbel(mix(torch.arange(400)), 5, 300).flatten()
    assert torch.isfinite(noise).all()
    assert abs(float(noise.mean()) - 0.5772) < 0.02
    assert abs(float(noise.var()) - math.pi**2 / 6) < 0.04
    assert abs(float(torch.corrcoef(gumbel(mix(torch.arange(2)), 0, 30000))[0, 1])) < 0.03


def test_an_answer_stops_before_the_end_token(policy, encoder):
    with torch.no_grad():
        policy.model.model.norm.weight.zero_()  # every hidden state is zero, so the head's bias alone decides
        policy.model.lm_head.bias = torch.nn.Parameter(torch.zeros(len(encoder.tokenizer)))
        policy.model.lm_head.bias[encoder.end] = 5.0
    answer = generate(policy, encoder, rows(["no"]), 1, decoding(), 0, quiet)[0][0]
    assert (answer.text, answer.tokens, answer.ended) == ("", 0, True)


def test_an_answer_that_never_ends_is_marked_and_as_long_as_allowed(policy, encoder):
    with torch.no_grad():
        policy.model.model.norm.weight.zero_()
        policy.model.lm_head.bias = torch.nn.Parameter(torch.zeros(len(encoder.tokenizer)))
        policy.model.lm_head.bias[encoder.ids("a")[0]] = 5.0
    answer = generate(policy, encoder, rows(["no"]), 1, decoding(9), 0, quiet)[0][0]
    assert (answer.text, answer.tokens, answer.ended) == ("a" * 9, 9, False)
    prompt = len(encoder.prompt({"prompt": "no"}))
    at_the_end = generate(policy, encoder, rows(["no"]), 1, decoding(500), 0, quiet)[0][0]
    assert at_the_end.tokens == encoder.context - prompt


def test_settings_that_came_with_the_weights_are_not_used(policy, encoder):
    plain = list(generate(policy, encoder, rows(), 1, decoding(), 0, quiet))
    policy.model.generation_config.repetition_penalty = 50.0
    policy.model.generation_config.min_new_tokens = 12
    assert list(generate(policy, encoder, rows(), 1, decoding(), 0, quiet)) == plain
    assert policy.model.generation_config.repetition_penalty == 50.0


def test_a_prompt_that_leaves_no_room_is_a_skip_and_the_others_are_answered(policy, encoder):
    found = list(generate(policy, encoder, rows(["all cats", "x" * 200, "no"]), 2, decoding(2), 0, quiet))
    assert found[1] == Skip("prompt longer than 63 tokens")
    assert [len(f) for f in (found[0], found[2])] == [2, 2]


def instead_of_writing(monkeypatch, group):
    """Answer each group of prompts by `group` of them, at once."""
    monkeypatch.setattr(generate_module, "write_group", lambda decoder, prompts, *rest: group(prompts))


def test_prompts_are_read_by_length_equal_ones_side_by_side_and_answers_come_in_the_order_of_the_rows(policy, encoder, monkeypatch):
    read = []
    instead_of_writing(monkeypatch, lambda prompts: [read.append(tuple(p)) or Answer(str(p), len(p), True) for p in prompts])
    texts = ["cat " * (1 + n * 7 % 9) + str(n % 5) for n in range(60)] + ["", "x" * 500, "cat"] * 3
    found = list(generate(policy, encoder, rows(texts), 1, decoding(answers_at_once=7), 0, quiet))
    fitting = [(n, encoder.prompt({"prompt": text})) for n, text in enumerate(texts) if len(text) < 500]
    assert read == sorted((tuple(prompt) for _, prompt in fitting), key=lambda prompt: (len(prompt), prompt))
    assert [found[n][0].text for n, _ in fitting] == [str(prompt) for _, prompt in fitting] and isinstance(found[61], Skip)


def test_an_answer_more_takes_a_few_numbers_more_of_memory(policy, encoder, monkeypatch):
    """The writing is left out, which takes as long as it does."""
    instead_of_writing(monkeypatch, lambda prompts: [Answer("a text " * 20, 9, True) for _ in prompts])
    texts, peaks = [f"cat {number} and all" for number in range(8000)], []
    for count in (1000, 8000):
        some = rows(texts[:count])
        tracemalloc.start()
        found = generate(policy, encoder, some, 2, decoding(), 0, quiet)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(found) == count and found[-1] == [Answer("a text " * 20, 9, True)] * 2
    assert (peaks[1] - peaks[0]) / 7000 < 120, "two texts alone would be more"
