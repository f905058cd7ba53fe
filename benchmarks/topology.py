"""What a tree of answers costs beside as many independent answers: seconds of one CPU thread, for a small and a larger policy.

Weights are random, so lengths do not depend on what is said: no answer ends before it has `NEW` tokens, and a clause ends at one token in eight. Run by hand:
`python benchmarks/topology.py`.
"""

from __future__ import annotations

import time
from functools import partial
from types import SimpleNamespace

import torch
import transformers

from runtime.decoding.decoder import Decoder
from runtime.decoding.drawing import Drawing
from runtime.generate import Decoding
from runtime.growing import Grower, Shape
from runtime.networks import Policy

PROMPTS, PROMPT, LEAVES, NEW, AT_ONCE, RUNS = 32, 40, 8, 64, 64, 2
SIZES = {"0.5 million": (128, 2), "26 million": (512, 8)}
TREES = {"dfs": Shape(3, 2, r"\.", 3, 0.0, 0.0), "generic": Shape(3, 2, r"\.", 1, 0.0, 0.0)}


def decoder_of(hidden: int, layers: int) -> Decoder:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=512, hidden_size=hidden, intermediate_size=3 * hidden, num_hidden_layers=layers, num_attention_heads=8, max_position_embeddings=256
    )
    tokenizer = SimpleNamespace(decode=lambda tokens, **_: "".join("." if token % 8 == 0 else "x" for token in tokens))
    encoder = SimpleNamespace(pad=0, end=-1, context=256, tokenizer=tokenizer)
    return Decoder(Policy(transformers.LlamaForCausalLM(config)), encoder, AT_ONCE)  # type: ignore[arg-type]  # all of an encoder that is asked for


def chain(decoder: Decoder, prompts: list[list[int]]) -> tuple[int, int]:
    """(answers, tokens written)."""
    found = decoder.extend(decoder.prefill(prompts), LEAVES, max_new_tokens=NEW, drawing=Drawing(1.0), keep=False)
    nodes = [node for family in found for node in family]
    return len(nodes), sum(len(node.tokens) for node in nodes)


def tree(decoder: Decoder, prompts: list[list[int]], method: str, together: int) -> tuple[int, int]:
    """(answers, tokens in all nodes), so many trees at a time."""
    answers = tokens = 0
    for start in range(0, PROMPTS, together):
        grower = Grower(decoder, TREES[method], Decoding(NEW, 1.0, 1.0, AT_ONCE), 0, lambda more: None)
        some = prompts[start : start + together]
        going = roots = grower.roots(some, [(start + i, 0) for i in range(len(some))])
        getattr(grower, method)(roots)
        answers += sum(len(grower.leaves(root)) for root in roots)
        while going := [child for branch in going for child in branch.children]:
            tokens += sum(len(branch.node.tokens) for branch in going)
    return answers, tokens


def main() -> None:
    torch.set_num_threads(1)
    prompts = [[5 + i] * PROMPT for i in range(PROMPTS)]
    print("| policy | topology | answers | tokens written | CPU s, least of 2 |\n|---|---|---|---|---|")
    for name, (hidden, layers) in SIZES.items():
        decoder = decoder_of(hidden, layers)
        ways = {
            "chain": partial(chain, decoder, prompts),
            "dfs, as many trees at a time as have 64 leaves": partial(tree, decoder, prompts, "dfs", AT_ONCE // LEAVES),
            "dfs": partial(tree, decoder, prompts, "dfs", 2 * AT_ONCE // LEAVES),
            "generic": partial(tree, decoder, prompts, "generic", AT_ONCE // LEAVES),
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(RUNS):  # in turn
            for way, work in ways.items():
                start = time.process_time()
                made = work()
                seconds[way].append(time.process_time() - start)
                if len(seconds[way]) == RUNS:
                    print(f"| {name} parameters | {way} | {made[0]} | {made[1]:,} | {min(seconds[way]):.2f} |", flush=True)


if __name__ == "__main__":
    main()
