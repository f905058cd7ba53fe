"""Byte-level byte-pair encoding, trained on the texts of a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tokenizers as tk
import transformers

from aligncompiler.spec.base import ROW_COLUMNS
from aligncompiler.spec.model import BPE

from ..registry import implements
from ..rows import Row
from ..store import Artifact
from ..work import load_rows

SPECIAL = ("<|pad|>", "<|begin|>", "<|end|>")


@implements(BPE)
def bpe(*, data: Artifact, vocab_size: int, digits: str) -> Any:
    """A fast tokenizer whose merges are learned from every text column of `data`; decode(encode(x)) = x.

    Spaces stay at the front of the word that follows. Left out: normalisation of any kind, since it would break the round trip.
    """
    made = tk.Tokenizer(tk.models.BPE())
    split_digits = [tk.pre_tokenizers.Digits(individual_digits=True)] if digits == "separate" else []
    made.pre_tokenizer = tk.pre_tokenizers.Sequence([*split_digits, tk.pre_tokenizers.ByteLevel(add_prefix_space=False)])
    made.decoder = tk.decoders.ByteLevel()
    alphabet = tk.pre_tokenizers.ByteLevel.alphabet()
    trainer = tk.trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(texts(load_rows(data)), trainer)
    pad, begin, end = SPECIAL
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token=pad, bos_token=begin, eos_token=end, clean_up_tokenization_spaces=False)


def texts(rows: list[Row]) -> Iterator[str]:
    """Every text of the columns that row kinds are made of."""
    columns = sorted({column for columns in ROW_COLUMNS.values() for column in columns} & set(rows[0]))
    for row in rows:
        for column in columns:
            if isinstance(row[column], str):
                yield row[column]
