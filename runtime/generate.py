"""Answers of a policy to prompts: each distinct prompt read once, its answers written side by side with those of other prompts.

Every answer draws from a random stream of its own, a hash of (seed, prompt, sample, step, token), added to the logits as Gumbel noise;
the largest sum is then a draw from softmax(logits / temperature). So an answer does not depend on which others are written beside it,
but for rounding (`decoding/decoder.py` says what holds).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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


def generate(policy: Policy, encoder: Encoder, rows: Sequence[Row], count: int, decoding: Decoding, seed: int, tell: Tell) -> list[list[Answer] | Skip]:
    """`count` answers to each row's prompt, in the order of the rows; a prompt that leaves no room for an answer is skipped."""
    jobs = jobs_of(encoder, rows, count, seed)
    decoder = Decoder(policy, encoder, decoding.answers_at_once)
    drawing, stops = Drawing(decoding.temperature, decoding.top_k, decoding.top_p), Stops(encoder.tokenizer, decoding.stop)
    waiting = [(i, sample, stream) for i in jobs.answered for sample, stream in enumerate(jobs.streams(i))]
    written: dict[tuple[int, int], Answer] = {}
    roots: dict[tuple[int, ...], Node] = {}
    for start in range(0, len(waiting), decoding.answers_at_once):
        group = waiting[start : start + decoding.answers_at_once]
        wanted = dict.fromkeys(tuple(jobs.prompts[i]) for i, _, _ in group)
        roots = {prompt: root for prompt, root in roots.items() if prompt in wanted}  # the last one may have answers left to write
        new = [prompt for prompt in wanted if prompt not in roots]
        roots |= zip(new, decoder.prefill(new), strict=True)
        found = decoder.extend(
            [roots[tuple(jobs.prompts[i])] for i, _, _ in group],
            max_new_tokens=decoding.max_new_tokens,
            drawing=drawing,
            stop=decoding.stop,
            streams=[stream for _, _, stream in group],
            keep=False,
            tell=lambda done, _, before=start: tell(before + done, len(waiting)),  # type: ignore[misc]
        )
        written |= {(i, sample): answer_of(child, stops) for (i, sample, _), (child,) in zip(group, found, strict=True)}
    return [jobs.skipped.get(i) or [written[i, sample] for sample in range(count)] for i in range(len(rows))]


def answer_of(node: Node, stops: Stops) -> Answer:
    """A node below a prompt as an answer: without the stop text that ended it, and what followed that in the same token."""
    if node.stop_at is None:
        return Answer(node.text, len(node.tokens), node.why == "end")
    text, tokens = stops.before(node.tokens, node.stop_at)
    return Answer(text, tokens, True)
