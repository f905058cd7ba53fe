"""Stop texts are found wherever they begin and end, and nothing behind them stays."""

import pytest
import torch

from runtime.decoding.stopping import Stops
from runtime.generate import Answer, Decoding, generate
from runtime.networks import Policy
from runtime.tokens import Encoder


@pytest.fixture
def encoder(tokenizer):
    return Encoder(tokenizer, "plain", 64)


def first_stop(stops, tokens):
    """(number of tokens read, place), as a decoding loop asks."""
    for count in range(1, len(tokens) + 1):
        place = stops.found(tokens[:count])
        if place is not None:
            return count, place
    return None


@pytest.mark.parametrize("text", ["all cats are animals. so it follows", "some birds: no fish. é ü 漢字 end", "a\n\nb. \n"])
@pytest.mark.parametrize("start", range(0, 18, 3))
@pytest.mark.parametrize("length", [1, 2, 5])
def test_every_piece_of_a_text_stops_it_at_its_first_place(tokenizer, text, start, length):
    piece = text[start : start + length]
    if not piece:
        pytest.skip("beyond the text")
    for tokens in (tokenizer.encode(text, add_special_tokens=False), [t for c in text for t in tokenizer.encode(c, add_special_tokens=False)]):
        stops = Stops(tokenizer, [piece])
        count, place = first_stop(stops, tokens)
        assert place == text.find(piece)
        assert piece in tokenizer.decode(tokens[:count]) and piece not in tokenizer.decode(tokens[: count - 1])
        before, needed = stops.before(tokens[:count], place)
        assert before == text[: text.find(piece)]
        assert tokenizer.decode(tokens[:needed]).startswith(before) and (needed == 0 or not tokenizer.decode(tokens[: needed - 1]).startswith(before))


def test_what_is_not_there_stops_nothing(tokenizer):
    tokens = tokenizer.encode("all cats are animals", add_special_tokens=False)
    assert first_stop(Stops(tokenizer, ["dogs", "cats  "]), tokens) is None
    assert first_stop(Stops(tokenizer, []), tokens) is None


def test_the_earliest_of_several_counts(tokenizer):
    tokens = tokenizer.encode("all cats are animals", add_special_tokens=False)
    assert first_stop(Stops(tokenizer, ["animals", "cats"]), tokens)[1] == 4


def test_answers_end_before_the_stop_text_and_are_marked(make_model, encoder):
    rows = [{"prompt": p} for p in ("all cats", "some birds are not", "no")]
    policy = Policy(make_model())
    whole = generate(policy, encoder, rows, 6, Decoding(40, 1.0, 1.0, 256), 0, lambda *_: None)
    cut = generate(policy, encoder, rows, 6, Decoding(40, 1.0, 1.0, 4, None, ("e", " c")), 0, lambda *_: None)
    stopped = 0
    for before, after in zip([a for f in whole for a in f], [a for f in cut for a in f], strict=True):
        places = [before.text.find(t) for t in ("e", " c") if t in before.text]
        if places:
            stopped += 1
            assert after.text == before.text[: min(places)] and after.ended and after.tokens <= before.tokens
        else:
            assert after == before
    assert stopped > 5


def test_a_stop_text_of_several_tokens_is_found_in_what_a_model_writes(make_model, encoder):
    policy = Policy(make_model())
    with torch.no_grad():
        policy.model.model.norm.weight.zero_()  # the head's bias alone decides
        policy.model.lm_head.bias = torch.nn.Parameter(torch.zeros(len(encoder.tokenizer)))
        policy.model.lm_head.bias[encoder.ids("a")[0]] = 5.0
    [[answer]] = generate(policy, encoder, [{"prompt": "no"}], 1, Decoding(20, 0.0, 1.0, 4, None, ("aaaa",)), 0, lambda *_: None)
    assert answer == Answer("", 0, True)
    [[answer]] = generate(policy, encoder, [{"prompt": "no"}], 1, Decoding(20, 0.0, 1.0, 4, None, ("b",)), 0, lambda *_: None)
    assert answer == Answer("a" * 20, 20, False)
