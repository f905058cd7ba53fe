"""Attention over a forest, behind the attention interface of transformers: linear layers see the flat tokens, no padding among them.

`rows` puts queries, keys and values into the rows of the forest's shelves and asks `scaled_dot_product_attention` with their masks (none for plain paths);
`flex` leaves them flat and asks a compiled kernel that skips the blocks in which no token sees another. Both make the same numbers.
A module that says `is_causal = False` attends both ways, which only paths can. `Unservable` is raised where a family asks attention for something
that these do not do. A model that gets no forest attends as by `sdpa`.

Shapes: S tokens of the forest, B rows of T places, P places of all rows, Q query heads, K heads of keys and values, D their size.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from torch._C._functorch import is_batchedtensor
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from .forest import Forest, pack, trunk_and_leaves
from .product_attention import ProductAttention, faster
from .shelves import Shelf
from .trial import Unservable, agree, hides_window

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
    wanted = [name for name in ("softcap", "position_bias", "s_aux") if extra.get(name) is not None] + ["a window in the mask"] * hides_window(module, extra)
    if wanted or query.shape[2] != forest.num_tokens:
        raise Unservable(", ".join(wanted) or "other tokens than those of the forest")
    query_SQD, key_SKD, value_SKD = (t[0].transpose(0, 1).to(value.dtype) for t in (query, key, value))  # under autocast, rotated keys come in float32
    window = extra.get("sliding_window")
    both_ways = getattr(module, "is_causal", True) is False
    flat = query.is_cuda and not dropout and forest.seat_BT.shape[1] >= FLEX_FROM and not is_batchedtensor(query)  # flex knows nothing of `vmap`
    kernel = flex if flat else rows
    return kernel(forest, query_SQD, key_SKD, value_SKD, dropout, scaling, window, both_ways)[None], None


def rows(
    forest: Forest, query_SQD: Tensor, key_SKD: Tensor, value_SKD: Tensor, dropout: float, scaling: float | None, window: int | None, both_ways: bool
) -> Tensor:
    """softmax(q k^T scaling) v in rows, [S, Q, D]."""
    shelves, scaling = forest.shelves, query_SQD.shape[2] ** -0.5 if scaling is None else scaling
    parts = zip(*(shelves.split(Seated.apply(t, shelves.seat_P, shelves.place_S)) for t in (query_SQD, key_SKD, value_SKD)), strict=True)
    out_PQD = [
        in_rows(shelf, *(t.transpose(1, 2) for t in part), dropout, scaling, window, both_ways).transpose(1, 2).flatten(0, 1)
        for shelf, part in zip(shelves.rows, parts, strict=True)
    ]
    return Unseated.apply(out_PQD[0] if len(out_PQD) == 1 else torch.cat(out_PQD), shelves.seat_P, shelves.place_S)


def in_rows(
    shelf: Shelf, query_BQTD: Tensor, key_BKTD: Tensor, value_BKTD: Tensor, dropout: float, scaling: float, window: int | None, both_ways: bool
) -> Tensor:
    """softmax(q k^T scaling) v of one shelf, [B, Q, T, D]."""
    if window is not None and shelf.seat_BT.shape[1] <= window:
        window = None
    needless = window is None and (shelf.full if both_ways else shelf.plain)
    mask = None if needless else shelf.mask(window, query_BQTD.dtype, both_ways)
    if faster(query_BQTD, dropout):
        made: Tensor = ProductAttention.apply(query_BQTD, key_BKTD, value_BKTD, mask, not both_ways, scaling)
        return made
    causal, grouped = mask is None and not both_ways, query_BQTD.shape[1] != key_BKTD.shape[1]
    return nn.functional.scaled_dot_product_attention(
        query_BQTD, key_BKTD, value_BKTD, attn_mask=mask, dropout_p=dropout, is_causal=causal, scale=scaling, enable_gqa=grouped
    )


def seat(values_Sx: Tensor, seat_P: Tensor) -> Tensor:
    """[S, ...] as [P, ...]; padding gets the numbers of the last token, which nobody reads."""
    return values_Sx.index_select(0, seat_P.clamp(max=len(values_Sx) - 1))


class Seated(torch.autograd.Function):
    """Flat tokens in the places of rows; each has one, so the gradient is read from there."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values_Sx: Tensor, seat_P: Tensor, place_S: Tensor) -> Tensor:  # type: ignore[override]  # torch declares any
        return seat(values_Sx, seat_P)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[2])

    @staticmethod
    def backward(ctx: Any, gradient_Px: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]  # torch declares any
        (place_S,) = ctx.saved_tensors
        return gradient_Px.index_select(0, place_S), None, None


class Unseated(torch.autograd.Function):
    """Places of rows as flat tokens; the gradient of padding is zero."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values_Px: Tensor, seat_P: Tensor, place_S: Tensor) -> Tensor:  # type: ignore[override]  # torch declares any
        return values_Px.index_select(0, place_S)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, gradient_Sx: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]  # torch declares any
        (seat_P,) = ctx.saved_tensors
        seated = seat(gradient_Sx, seat_P)
        return seated.masked_fill_((seat_P == len(gradient_Sx)).view(-1, *[1] * (seated.ndim - 1)), 0.0), None, None


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
