"""Answers of a policy to prompts: each distinct prompt read once, its answers written side by side with those of other prompts.

Every answer draws from a random stream of its own, a hash of (seed, prompt, sample, step, token), added to the logits as Gumbel noise;
the largest sum is then a draw from softmax(logits / temperature). So an answer does not depend on which others are written beside it,
but for rounding (`decoding/decoder.py` says what holds).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from .checkpoints import Keep, computed
from .decoding.decoder import Decoder
from .decoding.drawing import Drawing
from .decoding.node import Node
from .decoding.noise import stream_number
from .decoding.stopping import Stops
from .fault import Skip
from .networks import Policy
from .rows import Row
from .tokens import Encoder

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its text, its number of tokens, and whether it ended by itself (with the end token, or a stop text)."""

    text: str
    tokens: int
    ended: bool


@dataclass(frozen=True)
class Decoding:
    """How answers are drawn. `temperature` 0 takes the most likely token; `top_k` None, `top_p` 1 and a positive temperature draw from all;
    an answer ends before the first of the texts `stop`. `sampler` names who writes."""

    max_new_tokens: int
    temperature: float
    top_p: float
    answers_at_once: int
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    sampler: str = "transformers"


@dataclass(frozen=True)
class Jobs:
    """Prompts that are to be answered, by number, `count` times each; the others are skips."""

    prompts: list[list[int]]
    skipped: dict[int, Skip]
    count: int
    seed: int

    @property
    def answered(self) -> list[int]:
        """Numbers of the prompts that leave room, equal ones side by side, by length."""
        return sorted((i for i in range(len(self.prompts)) if i not in self.skipped), key=lambda i: (len(self.prompts[i]), self.prompts[i]))

    def streams(self, prompt: int) -> list[int]:
        return [stream_number(self.seed, prompt, sample) for sample in range(self.count)]


def jobs_of(encoder: Encoder, rows: Sequence[Row], count: int, seed: int) -> Jobs:
    prompts, room = [encoder.prompt(row) for row in rows], encoder.context - 1
    return Jobs(prompts, {i: Skip(f"prompt longer than {room} tokens") for i, p in enumerate(prompts) if len(p) > room}, count, seed)


def generate(
    policy: Policy, encoder: Encoder, rows: Sequence[Row], count: int, decoding: Decoding, seed: int, tell: Tell, keep: Keep = computed
) -> list[list[Answer] | Skip]:
    """`count` answers to each row's prompt, in the order of the rows; a prompt that leaves no room for an answer is skipped. `keep` knows the
    answers of an earlier attempt."""
    jobs = jobs_of(encoder, rows, count, seed)
    decoder = Decoder(policy, encoder, decoding.answers_at_once)
    waiting = [(i, sample, stream) for i in jobs.answered for sample, stream in enumerate(jobs.streams(i))]
    written: dict[tuple[int, int], Answer] = {}
    for start in range(0, len(waiting), decoding.answers_at_once):
        group = waiting[start : start + decoding.answers_at_once]

        def write(start: int = start, group: Sequence[tuple[int, int, int]] = group) -> list[tuple[Any, ...]]:
            prompts, streams = [jobs.prompts[i] for i, _, _ in group], [stream for *_, stream in group]
            return [astuple(a) for a in write_group(decoder, prompts, streams, decoding, lambda done, _: tell(start + done, len(waiting)))]

        answers = keep([(i, sample) for i, sample, _ in group], write)
        written |= {(i, sample): Answer(*answer) for (i, sample, _), answer in zip(group, answers, strict=True)}
        tell(len(written), len(waiting))
    return [jobs.skipped.get(i) or [written[i, sample] for sample in range(count)] for i in range(len(rows))]


def write_group(decoder: Decoder, prompts: Sequence[list[int]], streams: Sequence[int], decoding: Decoding, tell: Tell) -> list[Answer]:
    """An answer to each of these prompts, side by side; equal ones are read once."""
    distinct = list(dict.fromkeys(map(tuple, prompts)))
    roots = dict(zip(distinct, decoder.prefill(distinct), strict=True))
    drawing = Drawing(decoding.temperature, decoding.top_k, decoding.top_p)
    nodes = [roots[tuple(prompt)] for prompt in prompts]
    found = decoder.extend(nodes, max_new_tokens=decoding.max_new_tokens, drawing=drawing, stop=decoding.stop, streams=list(streams), keep=False, tell=tell)
    stops = Stops(decoder.encoder.tokenizer, decoding.stop)
    return [answer_of(child, stops) for (child,) in found]


def answer_of(node: Node, stops: Stops) -> Answer:
    """A node below a prompt as an answer: without the stop text that ended it, and what followed that in the same token."""
    if node.stop_at is None:
        return Answer(node.text, len(node.tokens), node.why == "end")
    text, tokens = stops.before(node.tokens, node.stop_at)
    return Answer(text, tokens, True)
