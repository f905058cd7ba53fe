"""Who writes answers: the samplers that a spec can name, behind one function; and what a topology of answers is asked and gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .checkpoints import Keep
from .decoding.vllm_engine import by_vllm
from .fault import Skip
from .generate import Answer, Answers, Decoding, Tell, generate, jobs_of
from .model_files import load_encoder, load_policy, weights_of
from .rows import Row
from .store import Artifact

Family = Sequence[list[tuple[Answer, Row]] | Skip]  # for each row the answers to its prompt, and what each carries beside its text
Sampler = Callable[[Artifact, Sequence[Row], int, Decoding, int, str, Tell, Keep], Answers]


@dataclass(frozen=True)
class Request:
    """What is asked of a topology: `count` answers to the prompt of each row. `tell` hears how far it is, `keep` knows what an earlier attempt wrote."""

    policy: Artifact
    rows: Sequence[Row]
    count: int
    decoding: Decoding
    seed: int
    device: str
    tell: Tell
    keep: Keep


def by_transformers(policy: Artifact, rows: Sequence[Row], count: int, decoding: Decoding, seed: int, device: str, tell: Tell, keep: Keep) -> Answers:
    """Through our own loop, on a model that transformers loads."""
    return generate(load_policy(policy).to(device), load_encoder(policy), rows, count, decoding, seed, tell, keep)


def through_vllm(policy: Artifact, rows: Sequence[Row], count: int, decoding: Decoding, seed: int, device: str, tell: Tell, keep: Keep) -> Answers:
    """Through vLLM, which loads the model itself. Raises Fault if it is not installed."""
    encoder = load_encoder(policy)
    return by_vllm(weights_of(policy), encoder, jobs_of(encoder, rows, count, seed), decoding, tell, keep)


SAMPLERS: dict[str, Sampler] = {"transformers": by_transformers, "vllm": through_vllm}


def write_answers(policy: Artifact, rows: Sequence[Row], count: int, decoding: Decoding, seed: int, device: str, tell: Tell, keep: Keep) -> Answers:
    """`count` answers of a policy to each row's prompt, in the order of the rows; a prompt that leaves no room for an answer is skipped."""
    return SAMPLERS[decoding.sampler](policy, rows, count, decoding, seed, device, tell, keep)
