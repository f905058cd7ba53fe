"""Attention over a forest, behind the attention interface of transformers: linear layers see the flat tokens, no padding among them.

`rows` puts queries, keys and values into the rows of the forest and asks `scaled_dot_product_attention` with its mask (none for plain paths);
`flex` leaves them flat and asks a compiled kernel that skips the blocks in which no token sees another. Both make the same numbers.
A module that says `is_causal = False` attends both ways, which only paths can. `Unservable` is raised where a family asks attention for something
that these do not do. A model that gets no forest attends as by `sdpa`.

Shapes: S tokens of the forest, B rows of T places, Q query heads, K heads of keys and values, D their size.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from .forest import Forest, pack, trunk_and_leaves
from .trial import Unservable, agree

NAME = "alignc_forest"
FLEX_FROM = 1024  # places in a row from which flex attention is the faster one on a GPU (results/bench_attention.json)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    forest: Forest | None = None,
    **extra: Any,
) -> tuple[Tensor, None]:
    """Attention output [1, S, heads, D]."""
    if forest is None:
        output: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **extra)
        return output
    wanted = [name for name in ("softcap", "position_bias", "s_aux") if extra.get(name) is not None]
    if wanted or query.shape[2] != forest.num_tokens:
        raise Unservable(", ".join(wanted) or "other tokens than those of the forest")
    query_SQD, key_SKD, value_SKD = (t[0].transpose(0, 1).to(value.dtype) for t in (query, key, value))  # under autocast, rotated keys come in float32
    window = extra.get("sliding_window")
    both_ways = getattr(module, "is_causal", True) is False
    kernel = flex if query.is_cuda and not dropout and forest.seat_BT.shape[1] >= FLEX_FROM else rows
    return kernel(forest, query_SQD, key_SKD, value_SKD, dropout, scaling, window, both_ways)[None], None


def rows(
    forest: Forest, query_SQD: Tensor, key_SKD: Tensor, value_SKD: Tensor, dropout: float, scaling: float | None, window: int | None, both_ways: bool
) -> Tensor:
    """softmax(q k^T scaling) v in rows, [S, Q, D]."""
    parts = [Seated.apply(t, forest.seat_BT, forest.place_S).transpose(1, 2) for t in (query_SQD, key_SKD, value_SKD)]
    if window is not None and forest.seat_BT.shape[1] <= window:
        window = None
    needless = window is None and (forest.full if both_ways else forest.plain)
    mask = None if needless else forest.mask(window, query_SQD.dtype, both_ways)
    causal, grouped = mask is None and not both_ways, query_SQD.shape[1] != key_SKD.shape[1]
    out_BQTD = nn.functional.scaled_dot_product_attention(*parts, attn_mask=mask, dropout_p=dropout, is_causal=causal, scale=scaling, enable_gqa=grouped)
    return Unseated.apply(out_BQTD.transpose(1, 2), forest.seat_BT, forest.place_S)


def seat(values: Tensor, seat_BT: Tensor) -> Tensor:
    """[S, ...] as [B, T, ...]; padding gets the numbers of the last token, which nobody reads."""
    return values.index_select(0, seat_BT.reshape(-1).clamp(max=len(values) - 1)).view(*seat_BT.shape, *values.shape[1:])


class Seated(torch.autograd.Function):
    """Flat tokens in the places of the rows; each has one, so the gradient is read from there."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor, seat_BT: Tensor, place_S: Tensor) -> Tensor:  # type: ignore[override]  # torch declares any
        return seat(values, seat_BT)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[2])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]  # torch declares any
        (place_S,) = ctx.saved_tensors
        return gradient.flatten(0, 1).index_select(0, place_S), None, None


class Unseated(torch.autograd.Function):
    """Places of the rows as flat tokens; the gradient of padding is zero."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor, seat_BT: Tensor, place_S: Tensor) -> Tensor:  # type: ignore[override]  # torch declares any
        return values.flatten(0, 1).index_select(0, place_S)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]  # torch declares any
        (seat_BT,) = ctx.saved_tensors
        seated = seat(gradient, seat_BT)
        return seated.masked_fill_((seat_BT == len(gradient)).view(*seat_BT.shape, *[1] * (seated.ndim - 2)), 0.0), None, None


def flex(
    forest: Forest, query_SQD: Tensor, key_SKD: Tensor, value_SKD: Tensor, dropout: float, scaling: float | None, window: int | None, both_ways: bool
) -> Tensor:
    """The same over flat tokens, [S, Q, D], without dropout."""
    from torch.nn.attention.flex_attention import create_block_mask

    if (window, both_ways) not in forest.block_masks:
        until_S, depth_S, row_S = forest.until_S, forest.positions_S, forest.place_S // forest.seat_BT.shape[1]

        def allowed(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
            seen = row_S[q] == row_S[k] if both_ways else (k <= q) & (q < until_S[k])
            return seen if window is None else seen & ((depth_S[q] - depth_S[k]).abs() < window)

        forest.block_masks[window, both_ways] = create_block_mask(allowed, None, None, forest.num_tokens, forest.num_tokens, device=query_SQD.device)
    parts = [t.transpose(0, 1)[None].contiguous() for t in (query_SQD, key_SKD, value_SKD)]
    grouped = query_SQD.shape[1] != key_SKD.shape[1]
    out: Tensor = kernel_of(query_SQD.device.type)(*parts, block_mask=forest.block_masks[window, both_ways], scale=scaling, enable_gqa=grouped)
    return out[0].transpose(0, 1)


@cache
def kernel_of(device: str) -> Any:
    """Flex attention, compiled where there is a compiler for its kernel."""
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=True) if device == "cuda" else flex_attention


transformers.AttentionInterface.register(NAME, attend)
transformers.AttentionMaskInterface.register(NAME, sdpa_mask)


@torch.no_grad()
def served(model: Any, ours: Callable[[], Tensor], own: Callable[[], Tensor]) -> bool:
    """Whether a model computes by this attention what it computes by its own, in two ways to compute the same; it keeps the attention that does."""
    if not model._can_set_attn_implementation():  # transformers would warn, and change nothing
        return False
    before, training = model.config._attn_implementation, model.training

    def by(attention: str, compute: Callable[[], Tensor]) -> Tensor:
        model.set_attn_implementation(attention)
        return compute()

    model.eval()
    same = agree(partial(by, NAME, ours), partial(by, before, own))
    model.set_attn_implementation(NAME if same else before)
    model.train(training)
    return same


def serves(model: Any) -> bool:
    """Whether a causal model with this attention gives tokens the hidden states that they have in sequences by themselves.

    Families that do not hand what they are given on to their attention do not, nor those that ask it for caps or sinks. The model keeps its
    own attention then. It is tried on a few tokens.
    """
    trees = [trunk_and_leaves((1, 2, 3), [(4, 2), (1,)]), trunk_and_leaves((3, 1), [(2, 2, 4)])]
    forest = pack(trees).to(model.device)
    sequences = [torch.tensor([ids], device=model.device) for tree in trees for ids, _ in tree.sequences()]

    def flat() -> Tensor:
        return flat_states(model.base_model, forest)[forest.end_L]

    def alone() -> Tensor:
        return torch.stack([model.base_model(input_ids=ids, use_cache=False).last_hidden_state[0, -1] for ids in sequences])

    return served(model, flat, alone)


def flat_states(backbone: Any, forest: Forest) -> Tensor:
    """Hidden states of a backbone with this attention, [S, D]."""
    found = backbone(input_ids=forest.ids_S[None], position_ids=forest.positions_S[None], use_cache=False, **flatly(forest))
    states_SD: Tensor = found.last_hidden_state[0]
    return states_SD


def flatly(forest: Forest) -> dict[str, Any]:
    """What a model is given that is to attend over a forest. The mask is there so that none is made; `attend` does not read it."""
    return {"forest": forest, "attention_mask": torch.ones(1, 1, 1, 1, dtype=torch.bool, device=forest.ids_S.device)}
