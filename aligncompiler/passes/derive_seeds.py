"""Every stage that draws random numbers gets a seed of its own."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from ..diagnostic import Report
from ..ir import Plan


def derive_seeds(plan: Plan, report: Report) -> Plan:
    """Seed of a stage = first 31 bits of sha256(seed of the experiment, id of the stage): adding a stage moves nobody else's randomness."""

    def seed(id: str) -> int:
        digest = hashlib.sha256(f"{plan.seed}/{id}".encode()).digest()
        return int.from_bytes(digest[:4], "big") >> 1

    return plan.map({s.id: replace(s, seed=seed(s.id)) for s in plan.stages if s.spec.draws})
