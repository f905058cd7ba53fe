"""Attention over a forest on a GPU: over rows with a dense mask, beside flex attention over flat tokens, in bfloat16; a part of `make bench`.

Each case is a forward and a backward pass of a policy (Llama of 240 M parameters, vocabulary 32,000) in one process, both ways in turn; before
that, both are compared with one sequence at a time in float32. Prints Markdown and writes results/bench_attention.json. Without a GPU it says so.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
import transformers  # noqa: E402

from runtime import forest_attention  # noqa: E402
from runtime.forest import Forest, Tree, grafted, pack, trunk_and_leaves  # noqa: E402
from runtime.networks import Policy  # noqa: E402

WAYS: dict[str, Callable[..., Any]] = {"rows": forest_attention.rows, "flex": forest_attention.flex}
RUNS = 10


def policy(hidden: int, layers: int, heads: int, kv_heads: int, vocabulary: int) -> Policy:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=hidden * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
    )
    return Policy(transformers.LlamaForCausalLM(config).cuda())


def words(rng: random.Random, mean: int) -> tuple[int, ...]:
    return tuple(rng.randrange(3, 1000) for _ in range(rng.randint(mean // 2, mean * 3 // 2)))


def pairs(rng: random.Random, count: int, prompt: int, answer: int) -> list[Tree]:
    return [trunk_and_leaves(words(rng, prompt), [words(rng, answer), words(rng, answer)]) for _ in range(count)]


def binary(rng: random.Random, count: int, prompt: int, segment: int) -> list[Tree]:
    """Binary trees of depth 3."""
    made = []
    for _ in range(count):
        leaves: list[tuple[int, ...]] = [()]
        for _ in range(3):
            leaves = [leaf + words(rng, segment) for leaf in leaves for _ in range(2)]
        trunk = words(rng, prompt)
        made.append(grafted([trunk_and_leaves(trunk, leaves[i : i + 2]) for i in range(0, 8, 2)]))
    return made


def attend_by(way: str) -> None:
    """Both names lead to the one that is asked for."""
    forest_attention.rows = forest_attention.flex = WAYS[way]  # type: ignore[assignment]  # what is measured is put in place of the choice


def agreement() -> dict[str, float]:
    """The largest difference of log-probabilities, and of gradients as a share of the largest, to one sequence at a time; float32."""
    torch.backends.cuda.matmul.allow_tf32 = False
    model = policy(128, 3, 4, 2, 1000)
    rng = random.Random(1)
    trees = [*pairs(rng, 5, 60, 30), *binary(rng, 2, 40, 20)]
    weights = None
    found: dict[str, tuple[torch.Tensor, list[torch.Tensor]]] = {}
    for way in ("alone", *WAYS):
        if way != "alone":
            attend_by(way)
        model.zero_grad()
        if way == "alone":
            parts = []
            for tree in trees:
                for ids, answer in tree.sequences():
                    logits = model.model(input_ids=torch.tensor([ids]).cuda()).logits[0].log_softmax(-1)
                    parts.append(logits[range(len(ids) - answer - 1, len(ids) - 1), ids[len(ids) - answer :]])
            values = torch.cat(parts)
        else:
            values = model(pack(trees).to("cuda"))
        weights = torch.linspace(-1, 1, len(values)).cuda() if weights is None else weights
        (values * weights).sum().backward()
        found[way] = values.detach(), [p.grad.clone() for p in model.parameters() if p.grad is not None]
    result = {}
    for way in WAYS:
        result[f"{way}: log-probabilities"] = float((found[way][0] - found["alone"][0]).abs().max())
        largest = max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(found[way][1], found["alone"][1], strict=True))
        result[f"{way}: gradients"] = largest
    return result


def timed(model: Policy, forest: Forest) -> tuple[float, float]:
    """Milliseconds and megabytes of a forward and a backward pass."""
    for name in ("masks", "block_masks"):
        vars(forest).pop(name, None)  # a pass makes its masks
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.synchronize()
    start = time.perf_counter()
    with torch.autocast("cuda", torch.bfloat16):
        loss = model(forest).sum()
    loss.backward()
    torch.cuda.synchronize()
    milliseconds = (time.perf_counter() - start) * 1000
    model.zero_grad()
    return milliseconds, torch.cuda.max_memory_allocated() / 2**20


def main() -> int:
    if not torch.cuda.is_available():
        print("no GPU: attention over a forest is not measured")
        return 0
    result: dict[str, Any] = {"machine": f"{torch.cuda.get_device_name()}, torch {torch.__version__}, transformers {transformers.__version__}"}
    result["differences"] = agreement()
    print(result["machine"], *(f"{name}: {value:.2e}" for name, value in result["differences"].items()), sep="\n", flush=True)
    model = policy(1024, 16, 16, 16, 32_000)
    rng = random.Random(0)
    cases = {
        "32 pairs, prompt 150, answers 70": pairs(rng, 32, 150, 70),
        "16 trees of 8 leaves, prompt 150, segments 23": binary(rng, 16, 150, 23),
        "8 pairs, prompt 800, answers 400": pairs(rng, 8, 800, 400),
        "2 trees of 8 leaves, prompt 2,000, segments 300": binary(rng, 2, 2000, 300),
    }
    print("\n| a forward and a backward pass | tokens | way | ms | MB |\n|---|---|---|---|---|")
    result["cases"] = {}
    for name, trees in cases.items():
        forest = pack(trees).to("cuda")
        seen: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
        for run in range(RUNS + 2):
            for way in WAYS:
                attend_by(way)
                one = timed(model, forest)
                seen[way] += [one] if run >= 2 else []  # kernels are compiled before
        result["cases"][name] = {"tokens": forest.num_tokens, "in rows": forest.seat_BT.numel()}
        for way, values in seen.items():
            middle = [statistics.median(column) for column in zip(*values, strict=True)]
            result["cases"][name][way] = {"ms": middle[0], "mb": middle[1], "all ms": [one[0] for one in values]}
            print(f"| {name} | {forest.num_tokens} | {way} | {middle[0]:.1f} | {middle[1]:.0f} |", flush=True)
    (ROOT / "results" / "bench_attention.json").write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
