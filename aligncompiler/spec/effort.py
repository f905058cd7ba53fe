"""What the three works of a network take: training, scoring what is written, and writing. Operations and peak bytes.

Bounds are taken at the longest rows that the data or the model allow; the formulas of bytes were compared with the tensors that torch
holds (`docs/decisions/0006-estimates.md`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from .cost import FILE_BYTES, UNKNOWN, Estimate, Figure, exact
from .network import Network, Pass

if TYPE_CHECKING:
    from .experiment import Engine

TOKENS_AT_ONCE = 16384  # of a trained scorer that is asked as a reward; the runtime's constant, held equal by a test
NOISE_AT_ONCE, NOISE_BYTES = 1 << 17, 20  # numbers of [answers, vocabulary] that are drawn at a time, and bytes for each: scores and noise
OWN_ROOM = 32  # columns of keys and values that answers have room for beyond those that are filled, in the mean: they grow by 64


class Effort(NamedTuple):
    """Operations, and peak bytes of the tensors."""

    flops: Figure
    memory: Figure

    def then(self, other: Effort) -> Effort:
        """One work after the other."""
        return Effort(self.flops + other.flops, self.memory.most(other.memory))


NOTHING = Effort(exact(0), exact(0))
NOT_KNOWN = Effort(UNKNOWN, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Load:
    """Rows that go through a network: how many in all, and side by side at most; their answers each; the longest sequence that is let
    in, in tokens; the most tokens of one pass."""

    data: Estimate
    rows: Figure
    answers: int
    limit: Figure
    at_once: int
    together: Figure

    def mean(self, network: Network) -> Figure:
        """Tokens of a row, in the mean."""
        apart = self.limit.least(network.tokens_in(self.data.row_bytes, 3)) * self.answers
        return apart.least(network.tokens_in(self.data.row_bytes, 2 + self.answers, self.answers)) if network.causal else apart

    def width(self, network: Network) -> Figure:
        """Tokens of the longest row of a pass: a tree whose answers share their prompt, or one sequence."""
        longest = self.limit.least(network.tokens_in(self.data.longest_bytes, 3))
        return longest * self.answers if network.causal else longest

    def of(self, network: Network) -> tuple[Figure, Pass]:
        """(tokens in all, the largest pass) in a network; an encoder reads each answer with a prompt of its own."""
        width = self.width(network)
        a_row = width if network.causal else width * self.answers
        one = Pass(a_row.most((self.together * a_row).least(self.at_once)).bounded(), width, network.causal and self.answers > 1)
        return self.rows * self.mean(network), one

    def outputs(self, network: Network, tokens: Figure, rows: Figure) -> Figure:
        """Outputs that are asked for: the tokens of answers, or one number an answer."""
        return rows * self.answers if network.judge else tokens.bounded()


def training(network: Network | None, load: Load, moments: int | None, engine: Engine, again: bool = False) -> Effort:
    """Forward and backward passes over the load.

    Operations: 3 x those of a forward pass, one more of the output matrix where its logits are computed in chunks. With an adapter, 2 x
    those of the frozen matrices, 3 x those of attention and of the adapter. The blocks once more where the backward pass computes them
    `again`. Bytes: weights, gradients and `moments` numbers of the optimiser for each trained number, all float32; what one pass keeps
    (`Network.kept_bytes`); 3 copies of a chunk of logits. Under fsdp the first three are divided by the devices, and one block, its
    neighbour and the embedding are whole; ddp holds the gradients twice; deepspeed divides gradients and moments, beside a buffer as large
    as the gradients. On a GPU the optimiser takes one more number for each trained one, when what a pass keeps is gone.
    """
    if network is None or moments is None:
        return NOT_KNOWN
    half = engine.precision == "bfloat16"
    tokens, one = load.of(network)
    outputs, chunk = load.outputs(network, tokens, load.rows), load.outputs(network, one.tokens, one.tokens)
    linear, attention, head = network.forward_flops(tokens, one.width, outputs)
    chunked = not network.keeps_logits(chunk)
    flops = linear * 3 + attention * 3 + head * (4 if chunked else 3)
    if network.adapter is not None:
        flops = linear * 2 + attention * 3 + head * (3 if chunked or network.judge else 2) + network.adapter.trainable(network) * tokens * 6
    if again:  # but for the last matrix of each block, whose output nothing asks for
        flops = flops + linear + attention + tokens * (-2 * network.layers * network.hidden * network.ffn * network.causal)
    weights, moved = network.parameters * 4, network.trainable * 4
    held = weights + moved * (1 + moments)
    if engine.strategy == "fsdp":
        whole = network.vocab * (network.hidden * (1 if network.tied else 2)) + 2 * network.block_numbers / network.layers
        held = held * (1 / engine.world) + whole * 4
    elif engine.strategy == "ddp":
        held = held + moved
    elif engine.strategy == "deepspeed":
        held = weights + moved + moved * (1 + moments) * (1 / engine.world)
    cuda = engine.accelerator == "cuda"
    passing = network.kept_bytes(one, half, cuda, network.logits_bytes(chunk, True, half), again)
    memory = held + (passing.most(moved) if cuda else passing)
    return Effort(flops.bounded(), memory.rough())


def scoring(network: Network | None, load: Load, engine: Engine) -> Effort:
    """A forward pass over the load, without gradients. Bytes: weights, and the larger of one block's tensors and a chunk
    of logits beside the last hidden states."""
    if network is None:
        return NOT_KNOWN
    tokens, one = load.of(network)
    linear, attention, head = network.forward_flops(tokens, one.width, load.outputs(network, tokens, load.rows))
    logits = network.logits_bytes(load.outputs(network, one.tokens, one.tokens), False, engine.precision == "bfloat16")
    last = one.tokens * (8 * network.hidden) + logits
    memory = network.weight_bytes(engine.precision == "bfloat16") + network.passing_bytes(one).most(last)
    return Effort((linear + attention + head).bounded(), memory.rough())


@dataclass(frozen=True, slots=True)
class Writing:
    """Answers to be written: to which prompts, how many in all, to a prompt and side by side, how long at most, whether by chance, and whether their
    keys and values are kept, for others to go on from."""

    prompts: Estimate
    answers: Figure
    each: int
    new_tokens: int
    at_once: int
    drawn: bool
    kept: bool = False


def writing(network: Network | None, asked: Writing, engine: Engine) -> Effort:
    """Every prompt is read once for all of its answers, each of their tokens once, beside a cache of keys and values.

    Operations: a forward pass over prompts and over answers, the output matrix at each new token. Bytes: weights; keys and values, 2 K L
    numbers a token, of the prompts that answers side by side stand on, each once; and the larger of what a pass over prompts takes
    beside them, and keys and values of the new tokens, those of one layer twice, with logits, and the noise of a few rows. Those that are `kept`
    lie there once more.
    """
    if network is None or not network.causal:
        return NOT_KNOWN
    half = engine.precision == "bfloat16"
    new = network.context.least(asked.new_tokens)
    mean = network.context.least(network.tokens_in(asked.prompts.row_bytes, 1))
    prompt = network.context.least(network.tokens_in(asked.prompts.longest_bytes, 1))
    longest = network.context.least(network.tokens_in(asked.prompts.longest_bytes, 1 + asked.new_tokens))
    read, written = asked.answers * (1 / asked.each) * mean, asked.answers * new
    first, then = network.forward_flops(read, prompt, exact(0)), network.forward_flops(written, longest, written)
    together = asked.answers.least(asked.at_once)
    prompts = (together * (1 / asked.each)).most(1)
    a_layer = 2 * network.kv_heads * network.head_size * (2 if half else 4)
    kept = prompts * prompt * (a_layer * network.layers)
    at_once = (prompts * prompt).least(TOKENS_AT_ONCE).most(prompt)
    reading = network.passing_bytes(Pass(at_once, prompt, False)) + at_once * (2 * a_layer)
    columns = new + OWN_ROOM
    scores = together * longest * (4 * 4 * network.heads)
    words = together * network.vocab
    logits = words * (10 if half else 4) + (words.least(NOISE_AT_ONCE) * NOISE_BYTES if asked.drawn else 0)
    drawing = together * columns * (a_layer * (network.layers + 1)) + scores + logits
    if asked.kept:
        kept = kept + together * new * (a_layer * network.layers)
    memory = network.weight_bytes(half) + kept + reading.most(drawing)
    return Effort(sum(first[1:], first[0]).bounded() + sum(then[1:], then[0]).bounded(), memory.rough())


def estimated(network: Network | None, copies: int = 1, otherwise: Estimate | None = None) -> Estimate:
    """A model that is made and saved `copies` times. Where the shape is not known, `otherwise` may know the number of its parameters."""
    if network is None:
        return Estimate(parameters=UNKNOWN if otherwise is None or otherwise.parameters is None else otherwise.parameters, trainable=UNKNOWN)
    disk = exact(FILE_BYTES) if network.elsewhere else network.saved_bytes() * copies + FILE_BYTES
    held = exact(0) if network.elsewhere else network.parameters * 4
    return Estimate(parameters=network.parameters, trainable=network.trainable, flops=exact(0), memory=held, disk=disk.rough(), network=network)
