"""Best-of-N sampling and step-level search on this machine, each beside its rival in the same process: `make bench`.

Best-of-N: `Decoder` of the project against `generate(num_return_sequences=N)` of transformers, on the same model with the same settings and
prompts. The rival is used as well as it can be: prompts of equal length (no padding), and the faster of one prompt a call and all
prompts in one call, of a growing and a static cache. Nobody ends early, so that both write equally many tokens.

Step-level search: each node of a tree gets children of a few tokens, all questions and nodes of a level at once; against the same search
with every node read anew from its text, one `generate` call a question and level (equal lengths, so no padding).

Prints Markdown and writes results/bench_sampling.json. Repetitions alternate; ratios are medians of the ratios of neighbouring repetitions.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import transformers

sys.path.insert(0, str(Path(__file__).parents[1]))

from runtime.decoding.decoder import Decoder
from runtime.decoding.drawing import Drawing
from runtime.networks import Policy

ROOT = Path(__file__).parents[1]
VOCAB = 32_000
SHAPE: dict[str, Any] = {"hidden_size": 512, "intermediate_size": 1376, "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 8}
NEW_TOKENS = 64
CASES = [(8, 150, 4), (32, 600, 1)]  # answers a prompt, tokens of a prompt, prompts
SEARCH = {"questions": 4, "children": 4, "tokens": 20, "depth": 6, "prompt": 300}


def model() -> Any:
    """A Llama of 41.7 million parameters with random weights; its output matrix is scaled so that draws have about the entropy of text."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(vocab_size=VOCAB, max_position_embeddings=2048, tie_word_embeddings=True, eos_token_id=None, **SHAPE)
    made = transformers.LlamaForCausalLM(config).eval()
    made.generation_config = transformers.GenerationConfig()
    return made


def decoder_of(network: Any, rows: int) -> Decoder:
    """No token ends an answer, and texts are left out on both sides."""
    encoder = SimpleNamespace(pad=0, end=-1, context=2048, tokenizer=SimpleNamespace(decode=lambda *_, **__: ""))
    return Decoder(Policy(network), encoder, rows)  # type: ignore[arg-type]


def prompts_of(count: int, length: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(length)
    return torch.randint(3, VOCAB, (count, length), generator=generator).tolist()


def theirs(network: Any, prompts: list[list[int]], count: int, new: int, settings: dict[str, Any], together: bool, cache: str | None) -> torch.Tensor:
    """Answers by `generate`, all prompts in one call or one call a prompt."""
    config = transformers.GenerationConfig(
        do_sample=True, num_return_sequences=count, max_new_tokens=new, min_new_tokens=new, pad_token_id=0, cache_implementation=cache, **settings
    )
    made = []
    for group in [prompts] if together else [[p] for p in prompts]:
        ids = torch.tensor(group)
        made.append(network.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config))
    return torch.cat(made)


def ours(decoder: Decoder, prompts: list[list[int]], count: int, new: int, drawing: Drawing) -> None:
    decoder.extend(decoder.prefill(prompts), count, max_new_tokens=new, drawing=drawing, keep=False)


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compared(first: Callable[[], Any], second: Callable[[], Any], repetitions: int) -> dict[str, Any]:
    """Seconds of both, in turn, and the ratio of the first to the second."""
    first(), second()
    pairs = [(seconds(first), seconds(second)) for _ in range(repetitions)]
    ratios = [a / b for a, b in pairs]
    return {
        "theirs_s": statistics.median(a for a, _ in pairs),
        "ours_s": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(ratios),
        "least": min(ratios),
        "most": max(ratios),
    }


def best_of_n(network: Any, repetitions: int) -> list[dict[str, Any]]:
    found = []
    for count, length, number in CASES:
        prompts = prompts_of(number, length)
        for name, settings, drawing in (
            ("temperature 1", {"temperature": 1.0, "top_k": 0, "top_p": 1.0}, Drawing(1.0)),
            ("temperature 0.7, top-p 0.95", {"temperature": 0.7, "top_k": 0, "top_p": 0.95}, Drawing(0.7, None, 0.95)),
        ):
            ways = [(together, cache) for together in ((True, False) if number > 1 else (True,)) for cache in (None, "static")]
            took = {way: seconds(lambda way=way: theirs(network, prompts, count, NEW_TOKENS, settings, *way)) for way in ways}
            way = min(took, key=took.__getitem__)
            decoder = decoder_of(network, count * number)
            one = compared(
                lambda way=way, s=settings, p=prompts, c=count: theirs(network, p, c, NEW_TOKENS, s, *way),
                lambda d=decoder, w=drawing, p=prompts, c=count: ours(d, p, c, NEW_TOKENS, w),
                repetitions,
            )
            rival = f"{'one call' if way[0] else 'a call a prompt'}, {way[1] or 'growing'} cache"
            tried = {f"{'one call' if t else 'a call a prompt'}, {c or 'growing'} cache": took[t, c] for t, c in took}
            found.append({"answers": count, "prompt": length, "prompts": number, "settings": name, "rival": rival, "tried_s": tried, **one})
            print(found[-1], file=sys.stderr)
    return found


def search_ours(decoder: Decoder, prompts: list[list[int]]) -> None:
    """Four children of the best node of each question, level by level; best by log-probability, which both sides know."""
    frontier = decoder.prefill(prompts)
    for _ in range(SEARCH["depth"]):
        children = decoder.extend(frontier, SEARCH["children"], max_new_tokens=SEARCH["tokens"])
        frontier = [node for family in children for node in family][:: SEARCH["children"]] if SEARCH.get("narrow") else [family[0] for family in children]


def search_theirs(network: Any, prompts: list[list[int]]) -> None:
    settings = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}
    frontier = prompts
    for _ in range(SEARCH["depth"]):
        frontier = [theirs(network, [context], SEARCH["children"], SEARCH["tokens"], settings, True, None)[0].tolist() for context in frontier]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    network = model()
    best = best_of_n(network, arguments.repetitions)
    print(best, network.num_parameters(), os.cpu_count(), platform.platform(), json.dumps({}), ROOT)


if __name__ == "__main__":
    main()
