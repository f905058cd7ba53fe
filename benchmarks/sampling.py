"""Best-of-N sampling and step-level search on this machine, each beside its rival in the same process: `make bench`.

Best-of-N: `Decoder` of the project against `generate(num_return_sequences=N)` of transformers, on the same model with the same settings and
prompts. The rival is used as well as it can be: prompts of equal length (no padding), all in one call; it has
lines with its default, a growing cache, and with a static one. Nobody ends early, so that both write equally many tokens.

Step-level search: on every level one node of each question gets children of a few tokens; against the same search with every node read anew,
one `generate` call a node, and one a level (equal lengths, so no padding).

Prints Markdown and writes results/bench_sampling.json. Repetitions alternate; times are CPU seconds of one thread, ratios are medians of
the ratios of neighbouring repetitions. With `--bfloat16`: weights in bfloat16 for the rival, for ours in float32 under autocast, as `alignc run`
has them; results/bench_sampling_bfloat16.json. With `--gpu`: a larger model in bfloat16 on a GPU, seconds by the clock; results/bench_sampling_gpu.json.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
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
SHAPE: dict[str, Any] = {"hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 8, "num_attention_heads": 6, "num_key_value_heads": 6}
GPU_SHAPE: dict[str, Any] = {"hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22, "num_attention_heads": 32, "num_key_value_heads": 4}
NEW_TOKENS = 48
CASES = [(32, 600, 1, 1), (8, 150, 2, 1), (8, 150, 8, 1)]  # answers a prompt, tokens of a prompt, prompts, how many of the settings
QUESTIONS, CHILDREN, STEP, DEPTH, SEARCH_PROMPT = 4, 4, 20, 6, 150
PLAIN: dict[str, Any] = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}
SETTINGS = [
    ("temperature 1", PLAIN, Drawing(1.0)),
    ("temperature 0.7, top-p 0.95", {"temperature": 0.7, "top_k": 0, "top_p": 0.95}, Drawing(0.7, None, 0.95)),
]


def model(gpu: bool) -> Any:
    """A Llama of 26.5 million parameters (on a GPU 1,034, in bfloat16) with random weights. All are drawn so wide that what
    comes next is not nearly uniform, as it is not in text: that decides how much top-p has to sort."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=VOCAB, max_position_embeddings=2048, tie_word_embeddings=True, eos_token_id=None, **(GPU_SHAPE if gpu else SHAPE)
    )
    made = transformers.LlamaForCausalLM(config).eval()
    with torch.no_grad():
        made.model.norm.weight.fill_(12.0)
    made.generation_config = transformers.GenerationConfig()
    return made.to("cuda", torch.bfloat16) if gpu else made


def decoder_of(network: Any, rows: int) -> Decoder:
    """No token ends an answer, and texts are left out on both sides."""
    encoder = SimpleNamespace(pad=0, end=-1, context=2048, tokenizer=SimpleNamespace(decode=lambda *_, **__: ""))
    return Decoder(Policy(network), encoder, rows)  # type: ignore[arg-type]


def prompts_of(count: int, length: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(length)
    return torch.randint(3, VOCAB, (count, length), generator=generator).tolist()


def theirs(network: Any, prompts: list[list[int]], count: int, new: int, settings: dict[str, Any], together: bool, cache: str | None) -> torch.Tensor:
    """Answers by `generate`, all prompts in one call or one call a prompt; its weights have the format that it computes in."""
    config = transformers.GenerationConfig(
        do_sample=True, num_return_sequences=count, max_new_tokens=new, min_new_tokens=new, pad_token_id=0, cache_implementation=cache, **settings
    )
    made = []
    with torch.autocast("cpu", enabled=False):
        for group in [prompts] if together else [[p] for p in prompts]:
            ids = torch.tensor(group, device=network.device)
            made.append(network.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config))
    return torch.cat(made)


def ours(decoder: Decoder, prompts: list[list[int]], count: int, new: int, drawing: Drawing) -> None:
    decoder.extend(decoder.prefill(prompts), count, max_new_tokens=new, drawing=drawing, keep=False)


def seconds(work: Callable[[], Any]) -> float:
    """CPU seconds: on a machine that others use as well, wall time says more of them. On a GPU, seconds until it is done."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    start = clock()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return clock() - start


def compared(first: Callable[[], Any], second: Callable[[], Any], repetitions: int) -> dict[str, Any]:
    """Seconds of both, in turn, and the ratio of the first to the second."""
    pairs = []
    if torch.cuda.is_available():  # kernels are chosen at the first call
        first(), second()
    for _ in range(repetitions):
        pairs.append((seconds(first), seconds(second)))
        print(*pairs[-1], file=sys.stderr)
    ratios = [a / b for a, b in pairs]
    return {
        "theirs_s": statistics.median(a for a, _ in pairs),
        "ours_s": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(ratios),
        "least": min(ratios),
        "most": max(ratios),
    }


def best_of_n(ours_in: Any, theirs_in: Any, repetitions: int) -> list[dict[str, Any]]:
    """One line for each case, setting and cache of the rival."""
    found: list[dict[str, Any]] = []
    on_gpu = ours_in.device.type == "cuda"
    for count, length, number, some in CASES:
        prompts, decoder = prompts_of(number, length), decoder_of(ours_in, count * number)
        for name, settings, drawing in SETTINGS[:some]:
            for cache in (None, "static"):
                if on_gpu and cache and found[1:]:  # once: `generate` compiles the model for a static cache, about a minute for each shape
                    continue
                rival = partial(theirs, theirs_in, prompts, count, NEW_TOKENS, settings, True, cache)
                one = compared(rival, partial(ours, decoder, prompts, count, NEW_TOKENS, drawing), repetitions)
                about = {"answers": count, "prompt": length, "prompts": number, "new_tokens": NEW_TOKENS, "settings": name}
                found.append(about | {"rival": f"one call, {cache or 'growing'} cache"} | one)
                print(json.dumps(found[-1]), file=sys.stderr)
    return found


def search_ours(decoder: Decoder, prompts: list[list[int]]) -> None:
    """Children of one node of each question, level by level, all questions at once."""
    frontier = decoder.prefill(prompts)
    for _ in range(DEPTH):
        frontier = [family[0] for family in decoder.extend(frontier, CHILDREN, max_new_tokens=STEP)]


def search_theirs(network: Any, prompts: list[list[int]], together: bool) -> None:
    """The same search; every node is read anew, one call a node or one a level."""
    frontier = prompts
    for _ in range(DEPTH):
        frontier = theirs(network, frontier, CHILDREN, STEP, PLAIN, together, None)[::CHILDREN].tolist()


def search(ours_in: Any, theirs_in: Any, repetitions: int) -> list[dict[str, Any]]:
    prompts, found = prompts_of(QUESTIONS, SEARCH_PROMPT), []
    decoder = decoder_of(ours_in, QUESTIONS * CHILDREN)
    for together in (True,) if ours_in.device.type == "cuda" else (False, True):
        one = compared(partial(search_theirs, theirs_in, prompts, together), partial(search_ours, decoder, prompts), repetitions)
        about = {"questions": QUESTIONS, "children": CHILDREN, "tokens": STEP, "depth": DEPTH, "prompt": SEARCH_PROMPT}
        found.append(about | {"rival": f"reads every node anew, {'one call a level' if together else 'a call a node'}"} | one)
        print(json.dumps(found[-1]), file=sys.stderr)
    return found


def machine() -> dict[str, Any]:
    cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), platform.machine())
    flags = [name for name in ("avx2", "avx512f", "amx_bf16") if name in Path("/proc/cpuinfo").read_text()]
    versions = {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__}
    threads = torch.get_num_threads()
    gpu = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return {**gpu, "cpu": cpu, "instructions": flags, "cores": os.cpu_count(), "threads": threads, "load": os.getloadavg()[0], "versions": versions}


def markdown(parts: dict[str, Any]) -> str:
    lines = ["| what | rival | rival, s | ours, s | ratio (least to most) |", "|---|---|---|---|---|"]
    for one in parts.get("best_of_n", []):
        what = f"best of {one['answers']}, {one['prompts']} prompts of {one['prompt']} tokens, {one['settings']}"
        lines.append(f"| {what} | `generate`, {one['rival']} " + figures(one))
    for one in parts.get("search", []):
        what = f"search: {one['questions']} questions, {one['children']} children, {one['tokens']} tokens, depth {one['depth']}, prompt {one['prompt']}"
        lines.append(f"| {what} | {one['rival']} " + figures(one))
    return "\n".join(lines)


def figures(one: dict[str, Any]) -> str:
    return f"| {one['theirs_s']:.2f} | {one['ours_s']:.2f} | {one['ratio']:.1f} ({one['least']:.1f} to {one['most']:.1f}) |"


PARTS: dict[str, Callable[[Any, Any, int], list[dict[str, Any]]]] = {"best_of_n": best_of_n, "search": search}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5, help="pairs of runs, taken in turn")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument("--only", choices=PARTS, help="one part; the others keep their figures in the file")
    parser.add_argument("--gpu", action="store_true", help="on a GPU, in bfloat16")
    parser.add_argument("--bfloat16", action="store_true", help="on a CPU that has units for it")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    flag = "gpu" if arguments.gpu else "bfloat16" if arguments.bfloat16 else ""
    arguments.out = arguments.out or ROOT / "results" / f"bench_sampling{flag and f'_{flag}'}.json"
    torch.set_num_threads(arguments.threads)
    network = model(arguments.gpu)
    theirs_in = copy.deepcopy(network).to(torch.bfloat16) if arguments.bfloat16 else network
    found: dict[str, Any] = json.loads(arguments.out.read_text()) if arguments.only and arguments.out.exists() else {}
    with torch.autocast("cpu", torch.bfloat16, enabled=arguments.bfloat16):
        for name, part in PARTS.items():
            if arguments.only in (None, name):
                found[name] = part(network, theirs_in, arguments.repetitions)
    shape = {"family": "llama", "vocabulary": VOCAB, "parameters": network.num_parameters()}
    shape |= (GPU_SHAPE if arguments.gpu else SHAPE) | {"precision": "bfloat16" if flag else "float32"}
    found |= {
        "command": f"python benchmarks/sampling.py{flag and f' --{flag}'} --repetitions {arguments.repetitions}",
        "repetitions": arguments.repetitions,
        "model": shape,
        "machine": machine(),
    }
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(markdown(found))


if __name__ == "__main__":
    main()
