"""Answers of a policy to prompts: each distinct prompt read once, its answers written side by side with those of other prompts.

Every answer draws from a random stream of its own, a hash of (seed, prompt, sample, step, token), added to the logits as Gumbel noise;
the largest sum is then a draw from softmax(logits / temperature). So an answer does not depend on which others are written beside it,
but for rounding (`decoding/decoder.py` says what holds).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from .checkpoints import Keep, computed
from .decoding.decoder import Decoder
from .decoding.drawing import Drawing
from .decoding.node import Node
from .decoding.noise import stream_number
from .decoding.stopping import Stops
from .encoded import Encoded, Ints, encode_rows
from .fault import Skip
from .networks import Policy
from .on_demand import OnDemand
from .rows import Row
from .spool import Spool
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
    """Prompts that are to be answered, `count` times each, by the numbers of their `rows` rows; those that are in `encoded` leave room, the others are
    `skip`."""

    encoded: Encoded
    rows: int
    skip: Skip
    count: int
    seed: int

    @cached_property
    def answered(self) -> Ints:
        """Numbers of the prompts that leave room, equal ones side by side, by length."""
        return self.encoded.rows_N[in_order(self.encoded)]

    def prompt(self, row: int) -> list[int]:
        """Tokens of a prompt that leaves room."""
        start, end = self.encoded.bounds_NB[np.searchsorted(self.encoded.rows_N, row)].tolist()
        tokens: list[int] = self.encoded.ids[start:end].tolist()
        return tokens

    def group(self, start: int, size: int) -> list[tuple[int, int]]:
        """(row, sample) of some answers, in the order that they are written in."""
        places = range(start, min(start + size, len(self.answered) * self.count))
        return [(int(self.answered[place // self.count]), place % self.count) for place in places]


def in_order(encoded: Encoded) -> Ints:
    """The examples by length, then by their tokens, then as they came."""
    starts, sizes = encoded.bounds_NB[:, 0], encoded.sizes()
    order = np.argsort(sizes, kind="stable")
    for same in np.split(order, np.flatnonzero(np.diff(sizes[order])) + 1):
        if len(same) > 1:
            columns = [encoded.ids[starts[same] + place] for place in range(sizes[same[0]])]
            same[:] = same[np.lexsort(columns[::-1])]
    return order


def jobs_of(encoder: Encoder, rows: Sequence[Row], count: int, seed: int) -> Jobs:
    room = encoder.context - 1
    encoded = encode_rows(encoder, rows, (), room, lambda reason: None, lambda done, total: None)
    return Jobs(encoded, len(rows), Skip(f"prompt longer than {room} tokens"), count, seed)


class Answers(OnDemand[list[Answer] | Skip]):
    """The answers to each prompt, in the order of the rows; they lie in a file until they are asked for."""

    def __init__(self, jobs: Jobs) -> None:
        self.each = jobs.count
        self.skip = jobs.skip
        self.spool = Spool(jobs.rows * jobs.count)
        self.fits_N = np.zeros(jobs.rows, np.bool_)
        self.fits_N[jobs.encoded.rows_N] = True

    def put(self, row: int, sample: int, answer: Sequence[Any]) -> None:
        self.spool.put(row * self.each + sample, answer)

    def __len__(self) -> int:
        return len(self.fits_N)

    def item(self, row: int) -> list[Answer] | Skip:
        return [Answer(*self.spool.get(row * self.each + sample)) for sample in range(self.each)] if self.fits_N[row] else self.skip


def generate(policy: Policy, encoder: Encoder, rows: Sequence[Row], count: int, decoding: Decoding, seed: int, tell: Tell, keep: Keep = computed) -> Answers:
    """`count` answers to each row's prompt, in the order of the rows; a prompt that leaves no room for an answer is skipped. `keep` knows the
    answers of an earlier attempt."""
    jobs = jobs_of(encoder, rows, count, seed)
    decoder = Decoder(policy, encoder, decoding.answers_at_once)
    found, total = Answers(jobs), len(jobs.answered) * count
    for start in range(0, total, decoding.answers_at_once):
        group = jobs.group(start, decoding.answers_at_once)

        def write(start: int = start, group: Sequence[tuple[int, int]] = group) -> list[tuple[Any, ...]]:
            prompts, streams = [jobs.prompt(i) for i, _ in group], [stream_number(seed, i, sample) for i, sample in group]
            return [astuple(a) for a in write_group(decoder, prompts, streams, decoding, lambda done, _: tell(start + done, total))]

        for (row, sample), answer in zip(group, keep(group, write), strict=True):
            found.put(row, sample, answer)
        tell(start + len(group), total)
    torch.clear_autocast_cache()  # copies of the weights in the number format of the passes, which would outlive the policy
    return found


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
