"""Whether a model's attention can be served by `attention.py`: it is tried on a few tokens."""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache

from ..trial import agree
from .batch import SharedBatch
from .node import Node, Trunk

PROMPTS = ((1, 2, 3, 4, 2), (3, 1, 2))
ANSWER = (2, 4, 1)


@torch.no_grad()
def shares_prompts(model: Any, context: int) -> bool:
    """Whether rows on shared prompts get the logits that whole sequences get.

    Families without the attention interface, and those that ask it for windows, caps or sinks, do not.
    """
    if context < len(PROMPTS[0]) + len(ANSWER):
        return False

    def alone() -> torch.Tensor:
        return torch.stack([model(input_ids=torch.tensor([[*p, *ANSWER]], device=model.device), use_cache=False).logits[0, -1] for p in PROMPTS])

    return agree(lambda: through_trunk(model, context), alone)


def through_trunk(model: Any, context: int) -> torch.Tensor:
    """Logits after each prompt and the answer, [2, V], two rows to the second prompt."""
    width = max(map(len, PROMPTS)) - 1
    ids_GP = torch.tensor([[*p[:-1], *[0] * (width + 1 - len(p))] for p in PROMPTS], device=model.device)
    cache = DynamicCache()
    model.base_model(input_ids=ids_GP, past_key_values=cache, use_cache=True)
    trunk = Trunk.of_cache(cache, [len(p) - 1 for p in PROMPTS])
    roots = [Node(None, p, "", 0.0, "prompt", 0, (i,), None, (trunk, i)) for i, p in enumerate(PROMPTS)]
    rows = [roots[0], roots[1], roots[1]]
    batch = SharedBatch(model, rows, context)
    with batch.at_work():
        for depth, tokens in enumerate(zip(*[(r.tokens[-1], *ANSWER) for r in rows], strict=True)):
            positions = [len(r.tokens) - 1 + depth for r in rows]
            logits = batch.logits(torch.tensor(tokens, device=model.device), torch.tensor(positions, device=model.device))
    return logits[:2]
