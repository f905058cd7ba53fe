"""What both sides of `training.py` read: a Llama with a vocabulary of 32,000 words, its tokenizer, and rows of HH-like lengths."""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Iterator
from pathlib import Path

SHAPE = {"hidden_size": 320, "intermediate_size": 864, "num_hidden_layers": 8, "num_attention_heads": 5, "num_key_value_heads": 5}
GPU = "--gpu" in sys.argv
BFLOAT16 = GPU or "--bfloat16" in sys.argv
if GPU:
    SHAPE = {"hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 16, "num_attention_heads": 16, "num_key_value_heads": 16}
# Trees want a model that fills the GPU: one that waits for launches shows nothing of the tokens that they save.
WIDE = {"hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 6, "num_attention_heads": 16, "num_key_value_heads": 16}
MODELS = {"model": SHAPE, "wide": WIDE} if GPU else {"model": SHAPE}
VOCABULARY = 32_000
ROWS_A_STEP = 32
TREE_PAIRS_A_STEP = 448 if GPU else 112  # 28 a tree


def model_of(rows: str) -> str:
    """The folder of the model that reads these rows."""
    return "wide" if GPU and rows == "trees" else "model"


def words(rng: random.Random, count: int) -> str:
    return " ".join(f"w{rng.randrange(VOCABULARY - 5)}" for _ in range(count))


def length(rng: random.Random, mean: float, spread: float, most: int) -> int:
    """Tokens of a text: log-normal about this mean."""
    return max(4, min(most, round(rng.lognormvariate(math.log(mean) - spread**2 / 2, spread))))


def independent_pairs(count: int, seed: int = 0) -> Iterator[dict[str, str]]:
    """Pairs of two answers to a prompt of their own."""
    rng = random.Random(seed)
    for _ in range(count):
        yield {"prompt": words(rng, length(rng, 150, 0.6, 300))} | {n: " " + words(rng, length(rng, 70, 0.6, 200)) for n in ("chosen", "rejected")}


def tree_pairs(trees: int, seed: int = 0) -> Iterator[dict[str, str]]:
    """All 28 pairs of the 8 leaves of binary trees of depth 3: each of the three segments of an answer has about 70 / 3 tokens."""
    rng = random.Random(seed)
    for _ in range(trees):
        prompt = words(rng, length(rng, 150, 0.6, 300))
        leaves = [""]
        for _ in range(3):
            leaves = [f"{leaf} {words(rng, length(rng, 70 / 3, 0.4, 60))}" for leaf in leaves for _ in range(2)]
        order = rng.sample(leaves, len(leaves))
        yield from ({"prompt": prompt, "chosen": a, "rejected": b} for i, a in enumerate(order) for b in order[i + 1 :])


def rated_answers(count: int, seed: int = 0) -> Iterator[dict[str, object]]:
    """Answers with five ratings."""
    rng = random.Random(seed)
    for row in independent_pairs(count, seed):
        yield {"prompt": row["prompt"], "completion": row["chosen"]} | {name: float(rng.randrange(5)) for name in "abcde"}


def prepare(folder: Path) -> None:
    """The model, its tokenizer, and the rows, once."""
    if (folder / "rated.jsonl").exists():
        return
    import tokenizers
    import torch
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    names = ["<pad>", "</s>", "<unk>", "a", "word", *(f"w{n}" for n in range(VOCABULARY - 5))]
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({name: n for n, name in enumerate(names)}, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>", pad_token="<pad>", unk_token="<unk>", model_max_length=512)
    for name, shape in MODELS.items():
        torch.manual_seed(0)
        config = transformers.LlamaConfig(
            vocab_size=VOCABULARY, **shape, max_position_embeddings=512, tie_word_embeddings=True, pad_token_id=0, bos_token_id=None, eos_token_id=1
        )
        transformers.LlamaForCausalLM(config).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    for name, rows in {
        "pairs": independent_pairs(256),
        "few": independent_pairs(ROWS_A_STEP, seed=1),
        "trees": tree_pairs(96 if GPU else 24),
        "rated": rated_answers(256),
    }.items():
        with (folder / f"{name}.jsonl").open("w") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in rows)
