"""Answers of a policy to prompts, through `generate` of transformers.

Every answer draws from a random stream of its own, a hash of (seed, prompt, sample, step, token), added to the logits as Gumbel noise;
the largest sum is then a draw from softmax(logits / temperature). So an answer does not depend on which others are written beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from functools import partial
from typing import Any

import torch
import transformers
from torch import Tensor

from .checkpoints import Keep, computed
from .fault import Skip
from .networks import Policy
from .rows import Row
from .tokens import Encoder

M1, M2, M3 = -7046029254386353131, -4658895280553007687, -7723592293110705685  # splitmix64, as signed 64-bit numbers


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its text, its number of tokens, and whether it ended by itself."""

    text: str
    tokens: int
    ended: bool


def stream_number(seed: int, prompt: int, sample: int) -> int:
    """The number of the random stream of one answer, a signed 64-bit hash."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{prompt}/{sample}".encode()).digest()[:8], "big", signed=True)


def wrapped(x: int) -> int:
    """A whole number as the signed 64-bit number it becomes on overflow."""
    return (x + (1 << 63)) % (1 << 64) - (1 << 63)


def mix(x: Tensor) -> Tensor:
    """One round of splitmix64 on int64 (wrapping): a well-spread hash."""
    x = x + M1
    x = (x ^ ((x >> 30) & 0x3FFFFFFFF)) * M2
    x = (x ^ ((x >> 27) & 0x1FFFFFFFFF)) * M3
    return x ^ ((x >> 31) & 0x1FFFFFFFF)


def gumbel(stream_B: Tensor, step: int, size: int) -> Tensor:
    """Standard Gumbel noise [B, size] that depends on each row's stream number, the step and the column only."""
    column = torch.arange(size, device=stream_B.device)
    bits_BV = mix(mix(stream_B[:, None] + wrapped(step * M2)) + column * M3)
    uniform_BV = ((bits_BV >> 11) & ((1 << 53) - 1)).double() * 2.0**-53 + 2.0**-54
    return -(-uniform_BV.log()).log()


class GumbelNoise(transformers.LogitsProcessor):  # type: ignore[misc]  # transformers is not typed
    """Adds the noise of each row's stream, so that the arg-max is a sample."""

    def __init__(self, stream_B: Tensor, prompt_length: int) -> None:
        self.stream_B = stream_B
        self.prompt_length = prompt_length

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        step = input_ids.shape[1] - self.prompt_length
        return scores.double() + gumbel(self.stream_B, step, scores.shape[1])


@dataclass(frozen=True)
class Decoding:
    """How answers are drawn. `temperature` 0 takes the most likely token; `top_p` 1 and a positive temperature draw from all."""

    max_new_tokens: int
    temperature: float
    top_p: float
    answers_at_once: int


def generate(
    policy: Policy, encoder: Encoder, rows: Sequence[Row], count: int, decoding: Decoding, seed: int, tell: Callable[[int, int], None], keep: Keep = computed
) -> list[list[Answer] | Skip]:
    """`count` answers to each row's prompt, in the order of the rows; a prompt that leaves no room for an answer is skipped. `keep` knows the
    answers of an earlier attempt."""
    prompts = [encoder.prompt(row) for row in rows]
    room = encoder.context - 1
    made: list[list[Answer] | Skip] = [Skip(f"prompt longer than {room} tokens") if len(p) > room else [] for p in prompts]
    jobs = [(i, sample) for i in sorted(range(len(rows)), key=lambda i: len(prompts[i])) if not isinstance(made[i], Skip) for sample in range(count)]
    policy.eval()
    done = 0
    for group in side_by_side(jobs, list(map(len, prompts)), encoder.context, decoding):
        streams = [stream_number(seed, i, sample) for i, sample in group]
        answers = keep(group, partial(written, policy.model, encoder, [prompts[i] for i, _ in group], streams, decoding))
        for (i, _), answer in zip(group, answers, strict=True):
            found = made[i]
            assert isinstance(found, list)
            found.append(Answer(*answer))
        done += len(group)
        tell(done, len(jobs))
    return made


def written(*batch: Any) -> list[tuple[Any, ...]]:
    """The answers of a batch as JSON."""
    return [astuple(answer) for answer in generate_batch(*batch)]


def side_by_side(jobs: Sequence[tuple[int, int]], lengths: Sequence[int], context: int, decoding: Decoding) -> Iterator[Sequence[tuple[int, int]]]:
    """Groups of (prompt, sample), which come sorted by length, to be written at once.

    Prompts so long that the context may end their answers share a group with equally long ones only: padding would take room from them.
    """
    start = 0
    for end in range(1, len(jobs) + 1):
        if end < len(jobs) and end - start < decoding.answers_at_once:
            length = lengths[jobs[end][0]]
            if length == lengths[jobs[start][0]] or length + decoding.max_new_tokens <= context:
                continue
        yield jobs[start:end]
        start = end


@contextmanager
def nothing_inherited(model: Any) -> Iterator[None]:
    """Without the model's own generation settings: what a spec does not say (penalties, forced tokens) must not happen."""
    own, model.generation_config = model.generation_config, transformers.GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = own


@torch.no_grad()
def generate_batch(model: Any, encoder: Encoder, prompts: Sequence[Sequence[int]], streams: Sequence[int], decoding: Decoding) -> list[Answer]:
    """One answer to each prompt, all written side by side; prompts are padded on the left."""
    device = model.device
    width = max(map(len, prompts))
    ids_BT = torch.tensor([[encoder.pad] * (width - len(p)) + list(p) for p in prompts], device=device)
    mask_BT = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device)
    processors = transformers.LogitsProcessorList()
    if decoding.temperature > 0:
        processors.append(transformers.TemperatureLogitsWarper(decoding.temperature))
        if decoding.top_p < 1:
            processors.append(transformers.TopPLogitsWarper(decoding.top_p))
        stream_B = mix(torch.tensor(streams, dtype=torch.long, device=device))
        processors.append(GumbelNoise(stream_B, width))
    settings = transformers.GenerationConfig(
        max_new_tokens=min(decoding.max_new_tokens, encoder.context - width), do_sample=False, pad_token_id=encoder.pad, eos_token_id=encoder.end
    )
    with nothing_inherited(model):
        out_BT = model.generate(input_ids=ids_BT, attention_mask=mask_BT, logits_processor=processors, generation_config=settings)
    answers = []
    for new in out_BT[:, width:].tolist():
        ended = encoder.end in new
        tokens = new[: new.index(encoder.end)] if ended else new
        answers.append(Answer(encoder.tokenizer.decode(tokens, skip_special_tokens=False), len(tokens), ended))
    return answers
