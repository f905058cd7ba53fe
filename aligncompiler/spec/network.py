"""The shape of a transformer, and what follows from it by counting: numbers, operations, bytes. Nothing is allocated.

Legend: T tokens of one forward pass, W tokens that each may attend to (the padded length of a row), D width of the residual stream,
K width of keys and values, F width of the inner layer, H heads, V vocabulary, L layers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from .cost import UNKNOWN, Figure, about, exact

if TYPE_CHECKING:
    from .model import Adapter, Architecture

LOGITS_AT_ONCE = 1 << 24  # numbers of one chunk of [tokens, vocabulary]; the runtime's constants, held equal by a test
LOGITS_KEPT = 1 << 26  # numbers that are kept for the backward pass at most
FLOATS = {"F64", "F32", "F16", "BF16"}
BLOCK = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\.")
HEADS = ("lm_head.", "embed_out.", "cls.", "score.", "classifier.", "qa_outputs.")  # outputs that a scorer or an encoder does not keep
KNOWN_SCORERS = {"bert", "roberta", "electra", "distilbert"}  # encoders whose classification head has D^2 + 2 D + 1 numbers


@dataclass(frozen=True, slots=True)
class Linear:
    """Linear layers of one name, one in each of `count` blocks."""

    name: str
    inputs: int
    outputs: int
    count: int

    @property
    def numbers(self) -> int:
        return self.inputs * self.outputs * self.count


class Pass(NamedTuple):
    """One forward pass: tokens, padding included; the length of its rows; and whether they are trees, which need a dense mask."""

    tokens: Figure
    width: Figure
    tree: bool


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights that exist, as their files describe them: `config.json`, shapes and types of the tensors, the
    tokenizer's limit in tokens, the bytes of all files and of those beside the weights."""

    config: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]
    types: frozenset[str]
    longest: int | None
    bytes: int
    other_bytes: int


@dataclass(frozen=True, slots=True)
class Network:
    """A transformer whose blocks are alike.

    `block_numbers` counts the numbers of the matrices that every token meets, `rest` those of biases, norms and tables that are no token
    embedding, `pooler` those of an encoder that a scorer replaces by its own. `files` is the size in bytes of what is saved beside the
    weights; `elsewhere` says that the artifact only points to them; `chat`, that a template wraps its prompts. `noisy`:
    attention has dropout in training. `outputs` counts those of a scorer's head, 0 for what is no scorer, and `gate_numbers` the numbers of what
    weighs them; `sure_head`: the size of such a head is known for this family. A policy that is asked for one of `replies` behind an answer meets as
    many rows of its output matrix, and reads a question of at most `question` tokens.
    """

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    ffn: int
    vocab: Figure
    context: Figure
    linears: tuple[Linear, ...]
    block_numbers: int
    rest: int
    tied: bool
    files: Figure
    causal: bool = True
    gated: bool = True
    outputs: int = 0
    gate_numbers: int = 0
    pooler: int = 0
    noisy: bool = False
    sure_head: bool = True
    replies: int = 0
    question: int = 0
    adapter: Adapter | None = None
    elsewhere: bool = False
    chat: bool = False

    @property
    def scorer(self) -> bool:
        return self.outputs > 0

    @property
    def judge(self) -> bool:
        """Whether it gives values at the ends of answers, and no probability of each token."""
        return self.scorer or self.replies > 0

    @property
    def head_numbers(self) -> Figure:
        """Numbers of the matrix that gives the output, or of the rows of it that are asked."""
        return exact(self.hidden * (self.outputs or self.replies)) if self.judge else self.vocab * self.hidden if self.causal else exact(0)

    @property
    def parameters(self) -> Figure:
        """All numbers of the weights as transformers counts them, tied ones once."""
        body = self.vocab * self.hidden + (self.block_numbers + self.rest)
        if self.scorer and self.causal:
            return body + (self.hidden * self.outputs + self.gate_numbers)
        if self.scorer:
            whole = body + (self.hidden * (self.hidden + 1) + self.outputs * (self.hidden + 1) + self.gate_numbers)
            return whole if self.sure_head else whole.rough()
        return body + self.pooler if self.tied or not self.causal else body + self.vocab * self.hidden

    @property
    def trainable(self) -> Figure:
        """Numbers that training moves: all, or those of the adapter and the head of a scorer."""
        if self.adapter is None:
            return self.parameters
        return self.adapter.trainable(self) + (self.hidden * self.outputs + self.gate_numbers)

    def as_scorer(self, outputs: int = 1, gate_numbers: int = 0) -> Network:
        """The same backbone with a head of so many outputs in place of its own, and a gate over them."""
        return replace(self, outputs=outputs, gate_numbers=gate_numbers)

    def as_judge(self, question: str) -> Network:
        """The same policy, asked for one of two replies. A token of the question stands for one byte at least; blank lines are around it."""
        return replace(self, replies=2, question=len(question.encode()) + 3)

    def members(self, count: int, whole: bool) -> Network:
        """So many scorers like this one: heads on its backbone, or whole models, which are counted as one with as many times the blocks."""
        heads = replace(self, outputs=self.outputs * count, gate_numbers=self.gate_numbers * count)
        if not whole:
            return heads
        linears = tuple(replace(one, count=one.count * count) for one in self.linears)
        heads = replace(heads, vocab=self.vocab * count, layers=self.layers * count, linears=linears)
        return replace(heads, block_numbers=self.block_numbers * count, rest=self.rest * count)

    def tokens_in(self, size: Figure, more: int, answers: int = 1) -> Figure:
        """Most tokens of a text of so many bytes, `more` for its ends and the questions behind its answers included. A token stands for one byte at
        least; what a chat template adds is not known."""
        return UNKNOWN if self.chat else size + (more + self.question * answers)

    def forward_flops(self, tokens: Figure, width: Figure, outputs: Figure) -> tuple[Figure, Figure, Figure]:
        """Operations of a forward pass in its linear layers, 2 x numbers x T; in attention, two products of T x W in each layer, 4 L D T W
        (the causal half is not taken off: a dense mask computes it); and in the output matrix, at the tokens that are scored."""
        attention = tokens * width * (4 * self.layers * self.heads * self.head_size)
        return tokens * (2 * self.block_numbers), attention, outputs * self.head_numbers * 2

    def block_bytes(self, one: Pass, half: bool, cuda: bool) -> Figure:
        """Bytes that one block of a forward pass keeps for the backward pass.

        A decoder keeps 8 D + 2 K + 4 F numbers a token in float32 (inputs and outputs of both norms 6 D, queries and what attention gives
        2 D, keys and values 2 K, the gated layer 4 F); under bfloat16, 4 D in four bytes and 7 D + 2 K + 4 F in two. Frozen norms keep
        2 D less. An encoder keeps 11 D + 2 F, dropout masks included. A mask of trees takes W four-byte numbers a token; attention with
        dropout and no fused kernel 3 H W.
        """
        keys = self.heads * self.head_size if one.tree else self.kv_heads * self.head_size  # a dense mask repeats them for every query head
        inner = (4 if self.gated else 2) * self.ffn
        frozen = 2 if self.adapter is not None else 0
        wide, narrow = (4 - frozen, 7 if half else 4) if self.causal else (7, 4)
        a_token = 4 * wide * self.hidden + (2 if half else 4) * (narrow * self.hidden + (2 * keys if self.causal else 0) + inner)
        pairs = (4 if one.tree else 0) + (12 * self.heads if self.noisy and not cuda else 0)
        return one.tokens * a_token + one.tokens * one.width * pairs

    def around_bytes(self, one: Pass, half: bool, between: int) -> Figure:
        """Bytes that a forward pass keeps around its blocks, less those of the logits, with `between` numbers a token that lead from block to
        block; under bfloat16 a copy of every matrix as well."""
        kept = one.tokens * (4 * between + 12 * self.hidden) + one.tokens * one.width * (1 if one.tree else 0)
        return kept + ((self.head_numbers + self.block_numbers) * 2 if half else 0)

    def kept_bytes(self, one: Pass, half: bool, cuda: bool, logits: Figure, again: bool) -> Figure:
        """Bytes that a forward pass keeps for the backward pass. Blocks that are computed `again` keep what goes in, D numbers a token; all else
        is there of one block at a time, when the logits are gone. Under bfloat16 an adapter reads its inputs in float32: F numbers a token in
        the widest matrix, while a block is computed again."""
        block = self.block_bytes(one, half, cuda)
        widened = one.tokens * (4 * self.ffn) if half and self.adapter is not None else exact(0)
        if again:
            return self.around_bytes(one, half, self.layers * self.hidden) + (block + widened).most(logits)
        return self.around_bytes(one, half, 0) + block * self.layers + logits

    def passing_bytes(self, one: Pass) -> Figure:
        """Bytes that a forward pass without gradients holds at a time: in the inner layer of one block, 4.5 D + 3 F numbers a token (2 F
        where it has no gate), and a mask of trees as bytes and as numbers."""
        a_token = 18 * self.hidden + 4 * (3 if self.gated else 2) * self.ffn
        return one.tokens * a_token + (one.tokens * one.width * 5 if one.tree else 0)

    def keeps_logits(self, outputs: Figure) -> bool:
        """Whether the backward pass finds the logits of so many scored tokens, and need not compute them again."""
        return outputs.value is None or self.vocab.value is None or outputs.value * self.vocab.value <= LOGITS_KEPT

    def logits_bytes(self, outputs: Figure, kept: bool, half: bool) -> Figure:
        """Bytes of the logits of the scored tokens as probabilities: of all, if they are kept, else of one chunk; under bfloat16 a copy of a chunk."""
        if not self.causal or self.judge:
            return exact(0)
        numbers = outputs * self.vocab
        chunk = numbers.least(LOGITS_AT_ONCE)
        return (numbers if kept and self.keeps_logits(outputs) else chunk) * 4 + (chunk * 2 if half else 0)

    def weight_bytes(self, half: bool) -> Figure:
        """Bytes of the weights in float32, and of the copies that a bfloat16 stage without gradients keeps of its matrices."""
        return self.parameters * 4 + ((self.head_numbers + self.block_numbers) * 2 if half else 0)

    def saved_bytes(self) -> Figure:
        """Bytes of the folder that `save_pretrained` writes: float32 numbers, tokenizer and configuration, and our own few files."""
        return (self.parameters * 4 + self.files).rough()

    @staticmethod
    def of_architecture(shape: Architecture, vocab: Figure) -> Network:
        """The network that the runtime builds: SwiGLU, root-mean-square norms, rotary positions; Qwen2 has biases on q, k and v."""
        size, layers = shape.hidden_size, shape.num_layers
        head_size = size // shape.num_heads
        kv_heads = shape.num_heads if shape.num_kv_heads == "num_heads" else shape.num_kv_heads
        ffn = shape.ffn_width
        keys = kv_heads * head_size
        sides = {"q_proj": (size, size), "k_proj": (size, keys), "v_proj": (size, keys), "o_proj": (size, size)}
        inner = {"gate_proj": (size, ffn), "up_proj": (size, ffn), "down_proj": (ffn, size)}
        linears = [Linear(f"self_attn.{n}", *s, layers) for n, s in sides.items()] + [Linear(f"mlp.{n}", *s, layers) for n, s in inner.items()]
        rest = layers * (2 * size + (shape.family in shape.biased) * (size + 2 * keys)) + size
        files = vocab * 62 + -8900  # of a byte-level tokenizer with its merges, and of the configuration: fitted, within a fifth
        context = exact(shape.context)
        return Network(
            layers, size, shape.num_heads, kv_heads, head_size, ffn, vocab, context, tuple(linears), block_numbers(linears), rest, shape.tie_embeddings, files
        )

    @staticmethod
    def of_weights(found: Weights, causal: bool) -> Network | None:
        """The network that files describe, or None where its blocks are not alike or hold more than linear layers."""
        config = found.config
        if not found.types <= FLOATS or any(len(shape) > 2 for name, shape in found.shapes.items() if not is_head(name)):
            return None
        layers, hidden = first(config, "num_hidden_layers", "n_layer", "num_layers", "n_layers"), first(config, "hidden_size", "n_embd", "d_model", "dim")
        heads, vocab = first(config, "num_attention_heads", "n_head", "num_heads", "n_heads"), first(config, "vocab_size")
        table = next((s for n, s in found.shapes.items() if len(s) == 2 and s[0] == vocab and not is_head(n)), None)
        blocks = {match[1] for name in found.shapes if (match := BLOCK.search(name))}
        linears = tuple(linears_of(found.shapes))
        if not (layers and hidden and heads and table == (vocab, hidden) and len(blocks) == layers and all(n.count == layers for n in linears)):
            return None
        body = sum(prod(s) for n, s in found.shapes.items() if not is_head(n))
        pooler = sum(prod(s) for n, s in found.shapes.items() if "pooler." in n)
        rest = body - pooler - vocab * hidden - block_numbers(linears)
        named_head = any(n.startswith(("lm_head.", "embed_out.")) for n in found.shapes)
        return Network(
            layers=layers,
            hidden=hidden,
            heads=heads,
            kv_heads=first(config, "num_key_value_heads", "num_kv_heads") or heads,
            head_size=first(config, "head_dim") or hidden // heads,
            ffn=first(config, "intermediate_size", "n_inner", "ffn_dim", "hidden_dim") or 4 * hidden,
            vocab=exact(vocab),
            context=context_of(found),
            linears=linears,
            block_numbers=block_numbers(linears),
            rest=rest,
            tied=bool(config.get("tie_word_embeddings", not named_head)) or not named_head,
            files=exact(found.other_bytes),
            causal=causal,
            gated=any("gate" in linear.name for linear in linears),
            pooler=pooler if not causal else 0,
            noisy=not causal and float(config.get("attention_probs_dropout_prob", config.get("attention_dropout", 0.0)) or 0.0) > 0,
            sure_head=config.get("model_type") in KNOWN_SCORERS,
        )


def block_numbers(linears: Iterable[Linear]) -> int:
    return sum(linear.numbers for linear in linears)


def is_head(name: str) -> bool:
    return name.startswith(HEADS)


def first(config: Mapping[str, Any], *names: str) -> int:
    """The first of these entries that is a whole number; 0 where there is none."""
    return next((config[name] for name in names if isinstance(config.get(name), int)), 0)


def context_of(found: Weights) -> Figure:
    """Tokens that a model reads: the smaller of what its positions and its tokenizer allow."""
    positions = first(found.config, "max_position_embeddings", "n_positions") or None
    known = [n for n in (positions, found.longest) if n is not None]
    return exact(min(known)) if known else UNKNOWN


def linears_of(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[Linear]:
    """The matrices of the blocks, those of one name together."""
    groups: dict[tuple[str, tuple[int, ...]], int] = {}
    for name, shape in shapes.items():
        match = BLOCK.search(name)
        if match and len(shape) == 2 and name.endswith(".weight"):
            key = (name[match.end() :].removesuffix(".weight"), shape)
            groups[key] = groups.get(key, 0) + 1
    for (name, (outputs, inputs)), count in groups.items():
        yield Linear(name, inputs, outputs, count)


def numbers_of(found: Weights | None) -> Figure:
    """Numbers in weights that exist; unknown where they are stored in parts of numbers."""
    if found is None or not found.types <= FLOATS:
        return UNKNOWN
    return about(sum(prod(shape) for shape in found.shapes.values()))
