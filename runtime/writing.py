"""Who writes answers: the samplers that a spec can name, behind one function."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .checkpoints import Keep
from .decoding.vllm_engine import by_vllm
from .generate import Answers, Decoding, Tell, generate, jobs_of
from .model_files import load_encoder, load_policy, weights_of
from .rows import Row
from .store import Artifact

Sampler = Callable[[Artifact, Sequence[Row], int, Decoding, int, str, Tell, Keep], Answers]


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
