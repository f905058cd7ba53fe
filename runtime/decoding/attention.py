"""Attention of single new tokens to a shared prompt and to what each row has of its own, without a copy of the prompt per row.

A decoder of transformers hands the keys and values of new tokens to `OwnLayer.update`, which keeps them, and then calls the attention
function that its configuration names; ours takes what the row attends to from the layer that was just updated. All queries on a prompt
and a key-value head are the rows of one matrix, multiplied with the prompt's keys at once. `joined` runs one softmax over both parts; on a CPU
`merged` asks the fused kernel for each part by itself, and weighs what they give by their sums of exponentials. No model
code is copied. `Unservable` is raised where a family asks attention for something that this file does not do.

Shapes: R rows, G prompts, N rows of a prompt at most, K key-value heads, Q query heads of each, D their size, P tokens of the longest
prompt, S own columns, T = P + S.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers.cache_utils import CacheLayerMixin

from ..trial import Unservable, hides_window

NAME = "alignc_shared"
GROWTH = 64  # columns by which room for own tokens grows at least


class Groups:
    """Which rows stand on which prompt: rows of a prompt lie side by side, in the order of the prompts."""

    def __init__(self, counts: list[int], device: torch.device) -> None:
        self.num, self.most = len(counts), max(counts)
        even = all(count == self.most for count in counts)
        slots = [g * self.most + i for g, count in enumerate(counts) for i in range(count)]
        self.slot_R = None if even else torch.tensor(slots, device=device)

    def slots(self, rows_Rx: Tensor) -> Tensor:
        """[R, ...] as [G, N, ...]; places without a row are zero."""
        if self.slot_R is not None:
            filled = rows_Rx.new_zeros(self.num * self.most, *rows_Rx.shape[1:])
            rows_Rx = filled.index_copy_(0, self.slot_R, rows_Rx)
        return rows_Rx.unflatten(0, (self.num, self.most))

    def rows(self, slots_GNx: Tensor) -> Tensor:
        """[G, N, ...] as [R, ...]."""
        rows = slots_GNx.flatten(0, 1)
        return rows if self.slot_R is None else rows[self.slot_R]


class Step:
    """What all layers share while one batch is decoded. The biases are 0 where attention is allowed and -inf elsewhere, over the columns of the prompts,
    and over all own columns that there is room for; they are None if it is allowed everywhere.

    With `column_1`, the number of the next column as a tensor, no shape and no address depends on how many columns are filled, so that a step can
    be recorded and done again: attention goes over all columns that there is room for, and the bias hides those that are not filled.
    """

    def __init__(self, context: int, length: int) -> None:
        self.context = context
        self.length = length  # own columns that are filled, in every layer
        self.column_1: Tensor | None = None
        self.groups: Groups
        self.trunk_bias_G11P: Tensor | None = None
        self.own_bias_R11S: Tensor | None = None
        self.now: OwnLayer | None = None
        self.served = 0


CURRENT: ContextVar[Step] = ContextVar("CURRENT")


class OwnLayer(CacheLayerMixin):  # type: ignore[misc]  # transformers is not typed
    """Keys and values of one layer: those of the prompts, and each row's own. Own tokens end in the same column in every row."""

    def __init__(self, step: Step, trunk: tuple[Tensor, Tensor], own: tuple[Tensor, Tensor]) -> None:
        super().__init__()
        self.step = step
        self.trunk_keys, self.trunk_values = trunk
        self.keys, self.values = own
        self.is_initialized = True

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing: there is room from the start."""

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if key_states.shape[2] != 1:
            raise Unservable("more than one token at a time")
        key_states = key_states.to(value_states.dtype)  # under autocast, rotated keys come in float32
        if self.step.column_1 is None:
            self.keys[:, :, self.step.length] = key_states[:, :, 0]
            self.values[:, :, self.step.length] = value_states[:, :, 0]
        else:
            self.keys.index_copy_(2, self.step.column_1, key_states)
            self.values.index_copy_(2, self.step.column_1, value_states)
        self.step.now = self
        return key_states, value_states

    @property
    def seen(self) -> tuple[Tensor, Tensor]:
        """Own keys and values that are attended to, [R, K, S, D] each: those that are filled, or all that there is room for."""
        if self.step.column_1 is not None:
            return self.keys, self.values
        return self.keys[:, :, : self.step.length + 1], self.values[:, :, : self.step.length + 1]

    def make_room(self, columns: int) -> None:
        """Room for so many columns more."""
        self.keys, self.values = (nn.functional.pad(t, (0, 0, 0, columns)) for t in (self.keys, self.values))

    def keep(self, index_R: Tensor) -> None:
        """Keep these rows alone."""
        self.keys, self.values = self.keys[index_R], self.values[index_R]

    def get_seq_length(self) -> int:
        return self.trunk_keys.shape[2] + self.step.length

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.get_seq_length() + query_length, 0

    def get_max_length(self) -> int:
        return -1


def attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, scaling: float | None = None, **extra: Any
) -> tuple[Tensor, None]:
    """Attention output [R, 1, heads, D] of one new token in each row; the attention interface of transformers."""
    step = CURRENT.get()
    layer, step.now = step.now, None
    wanted = {name for name in ("softcap", "position_bias", "s_aux") if extra.get(name) is not None}
    if (extra.get("sliding_window") or step.context) < step.context or hides_window(module, extra):
        wanted.add("sliding_window")
    if layer is None or attention_mask is not None or wanted:
        raise Unservable(", ".join(sorted(wanted)) or "keys that no cache holds")
    step.served += 1
    kernel = merged if query.device.type == "cpu" and layer.keys.shape[3] == layer.values.shape[3] else joined
    with torch.autocast(query.device.type, enabled=False):
        rows, heads, _, size = query.shape
        query_RKQD = query.to(layer.values.dtype).reshape(rows, layer.keys.shape[1], heads // layer.keys.shape[1], size)
        out_RKQD = kernel(step, layer, query_RKQD, size**-0.5 if scaling is None else scaling)
        return out_RKQD.reshape(rows, 1, heads, -1), None


def joined(step: Step, layer: OwnLayer, query_RKQD: Tensor, scaling: float) -> Tensor:
    """softmax(q [trunk keys; own keys]^T scaling) [trunk values; own values], [R, K, Q, D]."""
    groups, columns = step.groups, layer.trunk_keys.shape[2]
    keys, values = layer.seen
    query_RKQD = query_RKQD * scaling
    shared_GKMP = groups.slots(query_RKQD).transpose(1, 2).flatten(2, 3) @ layer.trunk_keys.transpose(2, 3)
    own_RKQS = query_RKQD @ keys.transpose(2, 3)
    if step.trunk_bias_G11P is not None:
        shared_GKMP += step.trunk_bias_G11P
    if step.own_bias_R11S is not None:
        own_RKQS += step.own_bias_R11S[..., : keys.shape[2]]
    own_GKNQS = groups.slots(own_RKQS).transpose(1, 2)
    weights = torch.cat([shared_GKMP.unflatten(2, own_GKNQS.shape[2:4]), own_GKNQS], -1).softmax(-1)
    from_shared_GKMD = weights[..., :columns].flatten(2, 3) @ layer.trunk_values
    from_own_RKQD = groups.rows(weights[..., columns:].transpose(1, 2)) @ values
    return from_own_RKQD + groups.rows(from_shared_GKMD.unflatten(2, own_GKNQS.shape[2:4]).transpose(1, 2))


def merged(step: Step, layer: OwnLayer, query_RKQD: Tensor, scaling: float) -> Tensor:
    """The same from two softmaxes: each part has its output and the logarithm of its sum of exponentials, whose difference tells their shares."""
    keys, values = layer.seen
    bias = None if step.own_bias_R11S is None else step.own_bias_R11S[..., : keys.shape[2]]
    own_RKQD, own_RKQ = fused(query_RKQD, keys, values, bias, scaling)
    if not layer.trunk_keys.shape[2]:
        return own_RKQD
    slots_GNKQD = step.groups.slots(query_RKQD)
    shared_GKMD, shared_GKM = fused(slots_GNKQD.transpose(1, 2).flatten(2, 3), layer.trunk_keys, layer.trunk_values, step.trunk_bias_G11P, scaling)
    if step.trunk_bias_G11P is not None:  # of a prompt that holds nothing the kernel says 0
        shared_GKM = shared_GKM + step.trunk_bias_G11P.amax(-1)
    seats = (slots_GNKQD.shape[1], slots_GNKQD.shape[3])
    shared_RKQD = step.groups.rows(shared_GKMD.unflatten(2, seats).transpose(1, 2))
    shared_RKQ = step.groups.rows(shared_GKM.unflatten(2, seats).transpose(1, 2))
    return own_RKQD.lerp_(shared_RKQD, (shared_RKQ - own_RKQ).sigmoid_().unsqueeze(-1).to(own_RKQD.dtype))


def fused(query: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None, scaling: float) -> tuple[Tensor, Tensor]:
    """Attention by the kernel behind `scaled_dot_product_attention` on a CPU, which tells the logarithms of the sums of exponentials as well."""
    found: tuple[Tensor, Tensor] = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(query, keys, values, 0.0, False, attn_mask=bias, scale=scaling)
    return found


transformers.AttentionInterface.register(NAME, attend)


@contextmanager
def attending(model: Any, step: Step) -> Iterator[None]:
    """The model attends through `attend`."""
    before = model.config._attn_implementation
    token = CURRENT.set(step)
    model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(before)
        CURRENT.reset(token)
