"""Any text comes back, and special tokens have names of their own."""

from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.tokenizers.bpe import bpe, texts


def test_decoding_undoes_encoding_for_any_text(tokenizer):
    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(st.text())
    def comes_back(text):
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert tokenizer.decode(ids, skip_special_tokens=False) == text

    comes_back()


def test_spaces_of_every_kind_survive(tokenizer):
    for text in (" a", "a ", "  a  b ", "\n\n\ta\r\n", "a , b . c ' s", "don 't", "\u00a0\u200b", "", " "):
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False), skip_special_tokens=False) == text


def test_digits_stand_alone_unless_joined(dataset):
    rows = dataset([{"text": "4242 4242 4242 4242"}])
    apart = bpe(data=rows, vocab_size=300, digits="separate")
    joined = bpe(data=rows, vocab_size=300, digits="joined")
    assert len(apart.encode("4242", add_special_tokens=False)) == 4
    assert len(joined.encode("4242", add_special_tokens=False)) < 4


def test_vocabulary_has_the_size_asked_for_and_three_special_tokens(tokenizer):
    assert len(tokenizer) == 290
    assert len({tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id}) == 3


def test_training_twice_gives_the_same_tokenizer(dataset):
    made = [bpe(data=dataset([{"text": "all cats are animals, all animals breathe"}]), vocab_size=280, digits="separate") for _ in range(2)]
    assert made[0].get_vocab() == made[1].get_vocab()


def test_every_text_column_is_learned_from_and_no_other():
    rows = [
        {"prompt": "p", "completion": "c", "answer": "a", "score": 1.0, "note": "n"},
        {"prompt": "q", "completion": None, "answer": "b", "score": 2.0, "note": "m"},
    ]
    assert sorted(texts(rows)) == ["a", "b", "c", "p", "q"]
