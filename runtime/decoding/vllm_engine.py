"""Answers by vLLM, for GPUs: its own kernels, scheduler and random numbers, behind the interface of `generate`.

Seeds are per prompt, so that answers do not depend on the order of prompts; that they do not depend on the batch at all, vLLM does not promise.
It is imported when it is first needed, for it belongs to the extra `gpu`.
"""

from __future__ import annotations

from dataclasses import astuple
from importlib import import_module
from typing import Any

import torch

from ..checkpoints import Keep
from ..fault import Fault
from ..generate import Answer, Answers, Decoding, Jobs, Tell
from ..tokens import Encoder
from .noise import stream_number
from .stopping import Stops

HELP = ("install it: pip install 'aligncompiler[gpu]'", "or write `sampler: transformers`, which works everywhere")


def library() -> Any:
    """The module `vllm`. Raises Fault if it cannot be imported."""
    try:
        return import_module("vllm")
    except ImportError as error:
        raise absent(f", for {error.name} is missing" if error.name not in (None, "vllm") else "") from None


def absent(missing: str = "") -> Fault:
    """What is told where vLLM is not there, or something that it needs."""
    return Fault("P606", f"`sampler: vllm` needs vLLM, which is not installed{missing}", "sampler", HELP)


def settings(encoder: Encoder, decoding: Decoding, prompt: list[int], count: int, seed: int) -> dict[str, Any]:
    """The fields of `SamplingParams` for the answers to one prompt. A seed has no sign there; `top_k` -1 leaves out no token."""
    return {
        "n": count,
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "top_k": decoding.top_k or -1,
        "stop": list(decoding.stop) or None,
        "stop_token_ids": [encoder.end],
        "max_tokens": min(decoding.max_new_tokens, encoder.context - len(prompt)),
        "seed": seed & 0x7FFFFFFF,
        "skip_special_tokens": False,
        "repetition_penalty": 1.0,
    }


def answer_of(output: Any, stops: Stops, end: int) -> Answer:
    """One `CompletionOutput` as an answer: without the end token, or the stop text that ended it."""
    tokens = list(output.token_ids)
    if isinstance(output.stop_reason, str):
        whole = stops.decode(tokens)
        place = whole.find(output.stop_reason)
        text, count = stops.before(tokens, place if place >= 0 else len(output.text))
        return Answer(text, count, True)
    if end in tokens:
        tokens = tokens[: tokens.index(end)]
    return Answer(stops.decode(tokens), len(tokens), output.finish_reason == "stop")


def by_vllm(weights: tuple[str, str | None], encoder: Encoder, jobs: Jobs, decoding: Decoding, tell: Tell, keep: Keep) -> Answers:
    """The answers to all prompts of `jobs`, in their order. Raises Fault if vLLM is not installed."""
    vllm = library()
    name, revision = weights
    half = torch.is_autocast_enabled("cuda") or torch.is_autocast_enabled("cpu")
    model = vllm.LLM(
        model=name,
        revision=revision,
        dtype="bfloat16" if half else "float32",
        max_model_len=encoder.context,
        max_num_seqs=decoding.answers_at_once,
        generation_config="vllm",  # not the settings that lie beside the weights
        seed=jobs.seed & 0x7FFFFFFF,
    )
    stops, answered = Stops(encoder.tokenizer, decoding.stop), jobs.answered.tolist()
    found = Answers(jobs)
    for start in range(0, len(answered), decoding.answers_at_once):
        group = answered[start : start + decoding.answers_at_once]

        def write(group: list[int] = group) -> list[Any]:
            asked = [{"prompt_token_ids": jobs.prompt(i)} for i in group]
            params = [vllm.SamplingParams(**settings(encoder, decoding, jobs.prompt(i), jobs.count, stream_number(jobs.seed, i))) for i in group]
            outputs = model.generate(asked, params, use_tqdm=False)
            return [[astuple(answer_of(one, stops, encoder.end)) for one in output.outputs] for output in outputs]

        for row, answers in zip(group, keep(group, write), strict=True):
            for sample, answer in enumerate(answers):
                found.put(row, sample, answer)
        tell((start + len(group)) * jobs.count, len(answered) * jobs.count)
    return found
