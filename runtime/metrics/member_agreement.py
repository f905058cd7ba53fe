"""How often the members of an ensemble agree on the order of two answers."""

from __future__ import annotations

import numpy as np

from aligncompiler.spec.judging import MemberAgreement

from ..judge import Judge, Measured
from ..registry import implements


@implements(MemberAgreement)
def member_agreement(judge: Judge) -> Measured:
    """Share of the pairs of members whose difference of scores has the same sign."""
    found = judge.own_pairs
    members = [name for name in found.figures if name.startswith("member_")]
    sign_NM = np.stack([np.sign(scores[:, 0] - scores[:, 1]) for scores in map(found.of, members)], 1)
    alike_N = sum((sign_NM == value).sum(1) * ((sign_NM == value).sum(1) - 1) for value in (-1.0, 0.0, 1.0))
    values = alike_N / (len(members) * (len(members) - 1))
    return Measured(np.where(np.isnan(sign_NM).any(1), np.nan, values))
