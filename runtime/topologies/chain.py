"""Answers that have nothing in common but their prompt."""

from __future__ import annotations

from aligncompiler.spec.topology import Chain

from ..on_demand import Mapped
from ..registry import implements
from ..writing import Family, Request, write_answers


@implements(Chain)
def chain(asked: Request) -> Family:
    """As many answers to each prompt as are asked for, each drawn for itself."""
    answers = write_answers(asked.policy, asked.rows, asked.count, asked.decoding, asked.seed, asked.device, asked.tell, asked.keep)
    return Mapped(answers, lambda found: found if not isinstance(found, list) else [(answer, {}) for answer in found])
