"""Encoders, which attend both ways: what they make of a prompt depends on the answer behind it, so each answer is a path of its own, with its prompt.

Heads and poolers read the first token, or all, in ways that differ from family to family, and want rows. So tokens stand flat up to the last
block, which is where nearly all the work is, and are put into rows behind it (`Forest.seat_BT`), by a hook on that block; the code of the family goes on from
there. A family that cannot be read so is read in padded rows from the start.

Shapes: S tokens of the forest, B rows of T places, one a path, O outputs of the head, D width of the backbone.
"""

from __future__ import annotations

from inspect import signature
from typing import Any

import torch
import transformers
from torch import Tensor, nn

from .forest import Forest, Tree, pack
from .forest_attention import Seated, flatly, served

FAMILIES = {"bert", "roberta", "electra", "camembert", "xlm-roberta"}  # that transformers lists under causal models too


def is_bidirectional(config: Any) -> bool:
    """Whether the family of a configuration has no causal language model of its own: an encoder."""
    names = transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    return config.model_type in FAMILIES or config.model_type not in names


def first_tokens(model: Any, forest: Forest, flat: bool, states: bool) -> tuple[Tensor, Tensor]:
    """The numbers of the head for each path, [B, O] in float32, and, if `states` are asked for, the last hidden state of its first token, [B, D]."""
    asked: dict[str, Any] = {"output_hidden_states": states}
    kinds = getattr(model.config, "type_vocab_size", 0)  # of segments: families without them tell prompt and answer apart by a token
    segments = bool(kinds) and "token_type_ids" in signature(model.forward).parameters
    level_S = forest.level_S.clamp(max=kinds - 1) if segments else forest.level_S
    if flat:
        asked |= {"token_type_ids": level_S[None]} if segments else {}
        found = model(input_ids=forest.ids_S[None], position_ids=forest.positions_S[None] + first_position(model), **flatly(forest), **asked)
    else:
        asked |= {"token_type_ids": forest.in_rows(level_S, 0)} if segments else {}
        found = model(input_ids=forest.in_rows(forest.ids_S, forest.pad), attention_mask=(forest.seat_BT < forest.num_tokens).long(), **asked)
    logits: Tensor = found.logits.float()
    return logits, found.hidden_states[-1][:, 0] if states else logits


def first_position(model: Any) -> int:
    """The position of a first token: RoBERTa and its kin count from behind that of padding."""
    padding = getattr(getattr(model.base_model, "embeddings", None), "padding_idx", None)
    return 0 if padding is None else padding + 1


def into_rows(block: nn.Module, given: tuple[Any, ...], named: dict[str, Any], found: Any) -> Any:
    """A hook: what a block makes of the flat tokens of a forest, [1, S, D], in its rows, [B, T, D]."""
    forest = named.get("forest")
    if forest is None:
        return found
    states = found[0] if isinstance(found, tuple) else found
    rows_BTD = Seated.apply(states[0], forest.seat_BT.flatten(), forest.place_S).unflatten(0, forest.seat_BT.shape)
    return (rows_BTD, *found[1:]) if isinstance(found, tuple) else rows_BTD


def reads_flat(model: Any) -> bool:
    """Make a classification model read flat tokens, and say whether it can: it is tried on a few."""
    stacks = [module for module in model.base_model.modules() if isinstance(module, nn.ModuleList)]
    if not stacks:
        return False
    blocks = max(stacks, key=lambda stack: sum(p.numel() for p in stack.parameters()))
    hook = blocks[-1].register_forward_hook(into_rows, with_kwargs=True)
    ids = [number for number in range(8) if number != model.config.pad_token_id]
    paths = [Tree((tuple(ids[:3]), tuple(ids[3:6])), (-1, 0), (1,)), Tree((tuple(ids[4:5]), tuple(ids[1:3])), (-1, 0), (1,))]

    def told(trees: list[Tree], flat: bool) -> Tensor:
        return torch.cat(first_tokens(model, pack(trees).to(model.device), flat, states=True), 1)

    can = served(model, lambda: told(paths, flat=True), lambda: torch.cat([told([path], flat=False) for path in paths]))
    if not can:
        hook.remove()
    return can
