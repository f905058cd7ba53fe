"""Answers in steps: where they end in texts and in tokens, and what their values become."""

import math
from types import SimpleNamespace

import pytest
import torch

from runtime.chat import Chat
from runtime.fault import Fault
from runtime.forest import grafted, pack, trunk_and_steps
from runtime.steps import OVER_STEPS, Cut, first_wrong, text_ends, written_ends
from runtime.tokens import Encoder

TEXTS = ["all cats\nare animals\n", "all cats", "\n\nall\n\n\ncats\n  \n", "\n", "", "so, it: follows\nthat 42\n\nsome birds é\u3002\nno"]
ANSWER_L = torch.tensor([0, 0, 0, 1, 2, 2])
LOGIT_L = torch.tensor([2.0, -1.0, 3.0, -0.5, 0.0, 4.0], dtype=torch.float64)
TEMPLATE = (
    "{% for m in messages %}<|begin|>{{ m['role'] }}\n{{ m['content'] | trim }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|begin|>assistant\n{% endif %}"
)


@pytest.fixture
def encoder(tokenizer):
    return Encoder(tokenizer, "plain", 64)


@pytest.fixture
def chat(tokenizer):
    import copy

    made = copy.deepcopy(tokenizer)
    made.chat_template = TEMPLATE
    return Encoder(made, "chat", 64)


@pytest.mark.parametrize(
    ("text", "separator", "steps"),
    [
        ("a\nb\nc", r"\n", ["a\n", "b\n", "c"]),
        ("a\nb\n", r"\n", ["a\n", "b\n"]),
        ("a\n\n\nb", r"\n", ["a\n\n\n", "b"]),
        ("\n a\nb", r"\n", ["\n a\n", "b"]),
        ("a. b.c", r"\.", ["a.", " b.", "c"]),
        ("a\nb", r"\n\n", ["a\nb"]),
        ("a\nb", "", ["a\nb"]),
        (" \n ", r"\n", [" \n "]),
        ("", r"\n", [""]),
    ],
)
def test_a_step_ends_behind_each_separator_and_blanks_are_none(text, separator, steps):
    ends = text_ends(text, separator)
    assert [text[start:end] for start, end in zip([0, *ends], ends, strict=False)] == steps


@pytest.mark.parametrize("separator", [r"\n", "a", "t", ""])
@pytest.mark.parametrize("text", TEXTS)
def test_cutting_changes_no_token(encoder, text, separator):
    """Each step ends with the token that holds its last letter, and together they are the tokens of the whole."""
    [((_, [answer]), [ends])] = Cut(separator).parts_of(encoder, [{"prompt": "no", "completion": text}], ("completion",), told=False)
    assert answer == encoder.ids(text)
    assert ends == sorted(ends)
    assert ends[-1] == len(answer)
    for end, letters in zip(ends, text_ends(text, separator), strict=True):
        held = encoder.tokenizer.decode(answer[:end])
        assert held.startswith(text[:letters])
        assert not end or not encoder.tokenizer.decode(answer[: end - 1]).startswith(text[:letters]) or not text[:letters]


def test_a_token_over_the_end_of_a_step_belongs_to_it(encoder):
    text = "all cats"
    assert [encoder.tokenizer.decode([token]) for token in encoder.ids(text)] == ["all", " cats"]
    [((_, [answer]), [ends])] = Cut("c").parts_of(encoder, [{"prompt": "no", "completion": text}], ("completion",), told=False)
    assert ends == [len(answer), len(answer)]


def test_rows_may_say_what_their_steps_are(encoder):
    row = {"prompt": "no", "completion": "all cats are red", "steps": ["all cats", " are", " red"]}
    [((_, [answer]), [ends])] = Cut(r"\n").parts_of(encoder, [row], ("completion",), told=True)
    assert [encoder.tokenizer.decode(answer[a:b]) for a, b in zip([0, *ends], ends, strict=False)] == row["steps"]


def test_steps_are_found_in_what_a_template_writes_of_an_answer(chat):
    text = " all cats\nare red\n "
    row = {"prompt": "no", "completion": text}
    [((trunk, [answer]), [ends])] = Cut(r"\n").parts_of(chat, [row], ("completion",), told=False)
    assert chat.tokenizer.decode(answer) == "all cats\nare red"  # trimmed by the template, its end token left out
    assert chat.tokenizer.decode(answer[: ends[0]]) == "all cats"
    assert trunk == chat.prompt(row)
    assert written_ends([3, 5], "a b c", "<think>\n\na b c") == [12, 14]


def test_a_question_is_the_next_turn_of_the_user(chat, encoder):
    assert chat.tokenizer.decode(chat.asked("Is it?")) == "<|end|>\n<|begin|>user\nIs it?<|end|>\n<|begin|>assistant\n"
    assert encoder.tokenizer.decode(encoder.asked("Is it?")) == "\n\nIs it?\n"
    conversation = [{"role": r, "content": c} for r, c in (("user", "no"), ("assistant", "all cats"), ("user", "Is it?"))]
    whole = chat.ids(Chat(chat.tokenizer).render(conversation, True))
    assert whole == [*chat.prompt({"prompt": "no"}), *chat.ids("all cats"), *chat.asked("Is it?")]


def test_a_template_that_drops_the_question_is_refused(tokenizer):
    import copy

    made = copy.deepcopy(tokenizer)
    made.chat_template = TEMPLATE.replace("messages %}", "messages[:2] %}", 1)
    with pytest.raises(Fault, match="of a question behind an answer it writes"):
        Encoder(made, "chat", 64).asked("Is it?")


def test_a_tokenizer_without_places_of_letters_is_refused():
    with pytest.raises(Fault, match="does not say where"):
        Encoder(SimpleNamespace(is_fast=False), "plain", 64).spans_of(["a"])


# ---- trees of steps


def test_steps_are_a_path_that_tails_leave():
    tree = trunk_and_steps((1, 2), [(3, 4, 5), (6,)], [[1, 3], [1]], (8, 9))
    assert tree.tokens == ((1, 2), (3,), (8, 9), (4, 5), (8, 9), (6,), (8, 9))
    assert tree.parents == (-1, 0, 1, 1, 3, 0, 5)
    assert [tokens for tokens, _ in tree.sequences()] == [[1, 2, 3, 8, 9], [1, 2, 3, 4, 5, 8, 9], [1, 2, 6, 8, 9]]
    assert pack([tree, trunk_and_steps((1,), [(3,)], [[1]])]).answer_L.tolist() == [0, 0, 1, 2]
    assert trunk_and_steps((1, 2), [(3, 4, 5)], [[1, 3]]).is_path


def test_grafted_and_unrolled_steps_stay_with_their_answers():
    trees = [trunk_and_steps((1, 2), [(3, 4, 5)], [[1, 3]]), trunk_and_steps((1, 2), [(3, 4, 6)], [[1, 2, 3]])]
    forest = pack([grafted(trees)])
    assert forest.num_tokens == 6
    assert (forest.answer_L.tolist(), forest.num_answers) == ([0, 0, 1, 1, 1], 2)
    unrolled = pack([path for tree in trees for path in tree.unrolled()])
    assert (unrolled.answer_L.tolist(), unrolled.num_answers) == ([0, 0, 1, 1, 1], 2)


# ---- values


@pytest.mark.parametrize("how", OVER_STEPS)
def test_the_score_is_the_log_odds_of_combined_probabilities(how):
    plain = {"last": lambda p: p[-1], "min": min, "mean": lambda p: sum(p) / len(p), "product": math.prod}[how]
    found = OVER_STEPS[how](LOGIT_L[:, None], ANSWER_L, 3)[:, 0]
    groups = [LOGIT_L[answer == ANSWER_L].sigmoid().tolist() for answer in range(3)]
    assert torch.allclose(found.sigmoid(), torch.tensor([plain(group) for group in groups], dtype=torch.float64))
    assert float(found[1]) == pytest.approx(-0.5)


@pytest.mark.parametrize("how", OVER_STEPS)
def test_gradients_of_combinations_are_those_of_differences(how):
    logit_LM = LOGIT_L[:, None].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: OVER_STEPS[how](z, ANSWER_L, 3), (logit_LM,))


@pytest.mark.parametrize("how", OVER_STEPS)
@pytest.mark.parametrize("size", [60.0, 200.0])
def test_sure_steps_give_finite_scores_and_gradients(how, size):
    logit_LM = torch.tensor([[size], [size], [-size], [-size]]).requires_grad_()
    found = OVER_STEPS[how](logit_LM, torch.tensor([0, 0, 1, 1]), 2)
    found.sum().backward()
    assert torch.isfinite(found).all()
    assert torch.isfinite(logit_LM.grad).all()
    assert found[0] > 50 > -50 > found[1]


def test_the_first_wrong_step_counts_from_one():
    assert first_wrong(LOGIT_L, ANSWER_L, 3).tolist() == [2, 1, 0]
