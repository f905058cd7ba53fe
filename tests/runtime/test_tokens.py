"""One path from rows to tokens."""

import json

import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.fault import Fault, Skip
from runtime.model_files import load_encoder
from runtime.tokens import Encoder, leaves_of

CHAT = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"


@pytest.fixture
def encoder(tokenizer):
    return Encoder(tokenizer, "plain", 64)


@pytest.fixture
def chat(tokenizer):
    copy = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer, pad_token="<|pad|>", bos_token="<|begin|>", eos_token="<|end|>", chat_template=CHAT
    )
    return Encoder(copy, "chat", 64)


def test_the_boundary_never_depends_on_what_follows(encoder):
    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(st.text(min_size=1, max_size=12), st.text(max_size=12), st.text(max_size=12))
    def stays(prompt, chosen, rejected):
        tree = encoder.tree({"prompt": prompt, "chosen": chosen, "rejected": rejected}, ("chosen", "rejected"), 10_000)
        trunk, *leaves = tree.tokens
        assert list(trunk) == encoder.prompt({"prompt": prompt})
        for text, leaf in zip((chosen, rejected), leaves, strict=True):
            assert list(leaf) == encoder.answer(text)
            assert encoder.tokenizer.decode(leaf[:-1]) == text

    stays()


def test_a_prompt_begins_once_and_an_answer_ends_once(encoder):
    tokenizer = encoder.tokenizer
    trunk, answer = encoder.tree({"prompt": "all cats", "completion": "are animals"}, ("completion",), 64).tokens
    assert [t for t in trunk if t == tokenizer.bos_token_id] == [trunk[0]]
    assert tokenizer.eos_token_id not in trunk
    assert [t for t in answer if t == tokenizer.eos_token_id] == [answer[-1]]
    assert tokenizer.bos_token_id not in answer


def test_an_empty_prompt_still_gives_the_answer_something_to_follow(encoder):
    assert encoder.prompt({"prompt": ""}) == [encoder.tokenizer.bos_token_id]
    bare = transformers.PreTrainedTokenizerFast(tokenizer_object=encoder.tokenizer.backend_tokenizer, eos_token="<|end|>")
    assert Encoder(bare, "plain", 64).prompt({"prompt": ""}) == [bare.eos_token_id]
    assert Encoder(bare, "plain", 64).pad == bare.eos_token_id


def test_text_rows_have_no_prompt(encoder):
    tree = encoder.tree({"text": "all cats"}, ("text",), 64)
    assert tree.tokens[0] == (encoder.tokenizer.bos_token_id,)
    assert tree.scored == (1,)


PAIR = {"prompt": "p", "chosen": "c", "rejected": "r"}


@pytest.mark.parametrize(
    ("row", "reads", "leaves"),
    [
        (PAIR, ("chosen_logp", "rejected_logp"), (("chosen", "chosen"), ("rejected", "rejected"))),
        (PAIR, ("completion_token_logp",), (("completion", "chosen"),)),
        ({"prompt": "p", "completion": "c", "answer": "a"}, ("completion_token_logp",), (("completion", "completion"),)),
        ({"text": "t"}, ("completion_token_logp",), (("completion", "text"),)),
    ],
)
def test_answers_of_a_row_are_those_that_the_objective_reads(row, reads, leaves):
    assert leaves_of(row, reads) == leaves


def test_a_row_longer_than_the_limit_is_a_skip_and_one_that_just_fits_is_not(encoder):
    row = {"prompt": "all cats", "chosen": "are", "rejected": "are animals"}
    length = len(encoder.prompt(row)) + len(encoder.answer("are animals"))
    assert encoder.tree(row, ("chosen", "rejected"), length).size > 0
    assert encoder.tree(row, ("chosen", "rejected"), length - 1) == Skip(f"longer than {length - 1} tokens")


def test_a_limit_above_the_context_is_refused_and_never_lowered(encoder):
    assert encoder.limit("context") == 64
    assert encoder.limit(10) == 10
    with pytest.raises(Fault, match="the model reads at most 64 tokens"):
        encoder.limit(100)


def test_chat_format_uses_the_template_once(chat):
    ids = chat.prompt({"prompt": "hello"})
    assert chat.tokenizer.decode(ids) == "<user>hello<assistant>"
    messages = [{"role": "system", "content": "be"}, {"role": "user", "content": "hi"}]
    row = {"prompt": "System: be\n\nHuman: hi\n\nAssistant:", "messages": json.dumps(messages)}
    assert chat.tokenizer.decode(chat.prompt(row)) == "<system>be<user>hi<assistant>"


def test_chat_format_without_a_template_is_one_clear_fault(tokenizer):
    with pytest.raises(Fault, match="no chat template") as caught:
        Encoder(tokenizer, "chat", 64).prompt({"prompt": "hello"})
    assert caught.value.code == "P607"


def test_an_encoder_reads_two_segments_as_its_own_tokenizer_lays_them_out(encoder_artifact):
    encoder = load_encoder(encoder_artifact)
    tree = encoder.tree({"prompt": "all cats", "completion": "are animals"}, ("completion",), 48)
    theirs = encoder.tokenizer("all cats", "are animals")
    assert [t for segment in tree.tokens for t in segment] == theirs["input_ids"]
    assert [level for level, segment in enumerate(tree.tokens) for _ in segment] == theirs["token_type_ids"]


def test_the_context_is_the_smaller_of_what_model_and_tokenizer_say(encoder_artifact, policy_artifact):
    assert load_encoder(policy_artifact(context=40)).context == 40
    config = encoder_artifact.folder / "model" / "tokenizer_config.json"
    target = encoder_artifact.folder / "copy"
    target.mkdir()
    for file in config.parent.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    said = json.loads(config.read_text(encoding="utf-8")) | {"model_max_length": 20}
    (target / "tokenizer_config.json").write_text(json.dumps(said), encoding="utf-8")
    (encoder_artifact.folder / "model").unlink()
    target.rename(encoder_artifact.folder / "model")
    assert load_encoder(encoder_artifact).context == 20


def test_texts_together_have_the_tokens_of_each_alone_whatever_the_file_of_the_tokenizer_cuts_or_pads(encoder, bert_folder):
    texts = ["all cats", "", " so it  follows\n" * 9, "é🙂"]
    for tokenizer in (encoder.tokenizer, transformers.AutoTokenizer.from_pretrained(bert_folder)):
        tokenizer.backend_tokenizer.enable_truncation(2)
        tokenizer.backend_tokenizer.enable_padding()
        assert Encoder(tokenizer, "plain", 64).ids_of(texts) == [tokenizer.encode(text, add_special_tokens=False) for text in texts]
