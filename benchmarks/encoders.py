"""Encoders packed into a flat row beside padded rows of like length: a part of `make bench`.

An encoder of MiniLM's size (six blocks of width 384, random weights, no dropout) learns from texts of 16 to 192 tokens; one thread, float32, both ways on the
same rows in turn. Prints Markdown and writes results/bench_encoders.json: CPU seconds of a step, medians and all.
"""

from __future__ import annotations

import copy
import json
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

from runtime.forest import Tree, batches, pack  # noqa: E402
from runtime.scorer import Scorer  # noqa: E402

RUNS = 7
ROWS, TOKENS_AT_ONCE = (16, 64), (1024, 16384)


def scorers() -> dict[str, Scorer]:
    """The same encoder twice, read in both ways."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536, "num_labels": 1}
    config = transformers.BertConfig(**sizes, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    model = transformers.BertForSequenceClassification(config)
    models = {"padded": copy.deepcopy(model), "packed": model}
    found = {way: Scorer(one) for way, one in models.items()}
    assert found["packed"].flat, "BERT can be packed"
    found["padded"].flat = False
    found["padded"].model.set_attn_implementation("sdpa")
    return found


def texts(rng: np.random.Generator, count: int) -> list[Tree]:
    """Prompts and answers whose lengths scatter as those of dialogues do."""
    sizes = np.clip(rng.lognormal(4.5, 0.6, count), 16, 192).astype(int)
    words = [tuple(rng.integers(5, 30_000, size).tolist()) for size in sizes]
    return [Tree((ids[: len(ids) // 2], ids[len(ids) // 2 :]), (-1, 0), (1,)) for ids in words]


def seconds(scorer: Scorer, trees: list[Tree], tokens_at_once: int) -> float:
    """CPU seconds of the forward and backward passes of a step."""
    start = time.process_time()
    for group in batches([tree.size for tree in trees], tokens_at_once, scorer.flat):
        scorer(pack([trees[i] for i in group])).square().sum().backward()
    spent = time.process_time() - start
    scorer.zero_grad()
    return spent


def main() -> int:
    torch.set_num_threads(1)
    rng, found = np.random.default_rng(0), scorers()
    result: dict[str, Any] = {"machine": f"{platform.machine()}, torch {torch.__version__}, transformers {transformers.__version__}", "cases": []}
    print("| rows a step | tokens a pass | padded rows, s | packed, s | ratio |\n|---|---|---|---|---|")
    for rows in ROWS:
        for tokens_at_once in TOKENS_AT_ONCE:
            spent: dict[str, list[float]] = {way: [] for way in found}
            for _ in range(RUNS):
                trees = texts(rng, rows)
                for way, scorer in found.items():
                    spent[way].append(seconds(scorer, trees, tokens_at_once))
            ratio = statistics.median(a / b for a, b in zip(spent["padded"], spent["packed"], strict=True))
            result["cases"].append({"rows": rows, "tokens_at_once": tokens_at_once, "ratio": ratio, "seconds": spent})
            middle = {way: statistics.median(values) for way, values in spent.items()}
            print(f"| {rows} | {tokens_at_once:,} | {middle['padded']:.2f} | {middle['packed']:.2f} | {ratio:.2f} |", flush=True)
    (ROOT / "results" / "bench_encoders.json").write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
