"""A policy as a judge: asked a question behind an answer, it is scored by how likely it says yes rather than no.

Shapes: L scored nodes, D width of the policy.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .fault import Fault
from .tokens import Encoder


@dataclass(frozen=True)
class Reply:
    """A question, and the tokens that stand for the two replies to it."""

    question: str
    yes: int
    no: int

    @staticmethod
    def of(question: str, yes: str, no: str, encoder: Encoder) -> Reply:
        """The replies in the tokens of a policy, the first of each. Raises Fault where both are the same token."""
        first_yes, first_no = (encoder.ids(text)[0] for text in (yes, no))
        if first_yes == first_no:
            text = f"`{yes}` and `{no}` start with the same token in the tokenizer of the policy, {encoder.tokenizer.decode([first_yes])!r}"
            raise Fault("P634", text, "no", ("take replies that differ from their first letters on",))
        return Reply(question, first_yes, first_no)


def log_odds(head: nn.Module, states_LD: Tensor, reply: Reply) -> Tensor:
    """log p(yes) - log p(no) of the next token, [L], in float32: the product with two rows of the output matrix, since what all tokens have in
    common cancels. A head that is more than a matrix is asked as it is."""
    if type(head) is not nn.Linear:
        logits_LV = head(states_LD).float()
        return logits_LV[:, reply.yes] - logits_LV[:, reply.no]
    with torch.autocast(states_LD.device.type, enabled=False):
        yes_D, no_D = head.weight[[reply.yes, reply.no]].float()
        found_L = states_LD.float() @ (yes_D - no_D)
        return found_L if head.bias is None else found_L + (head.bias[reply.yes] - head.bias[reply.no])
