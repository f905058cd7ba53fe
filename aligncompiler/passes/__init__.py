"""Passes over the plan, each `(Plan, Report) -> Plan` in a file of its own; this list is the order and says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..diagnostic import Report
from ..ir import Plan
from .check_copies import check_copies
from .check_judges import check_judges
from .check_pairs import check_pairs
from .check_shards import check_shards
from .check_shift import check_shift
from .check_splits import check_splits
from .choose_device import choose_device
from .hash_inputs import hash_inputs
from .key_stages import key_stages
from .supply_reference import supply_reference

Pass = Callable[[Plan, Report], Plan]

PASSES: tuple[Pass, ...] = (
    supply_reference,  # first, since it adds stages that all others have to see
    check_splits,  # on the finished graph; before anything reads a file
    check_pairs,  # the same
    check_judges,  # the same
    check_shift,  # the same
    check_shards,  # the same
    choose_device,  # keys depend on the device
    hash_inputs,  # keys depend on the content of files
    check_copies,  # the content of files tells more than their names
    key_stages,  # last: a key covers all that the passes before it decided
)


STATIC = PASSES[: PASSES.index(choose_device)]  # what `check` runs: the passes that read nothing but the plan


def run_passes(plan: Plan, report: Report, passes: Sequence[Pass] = PASSES) -> Plan:
    """The plan after these passes. Those of `STATIC` need nothing of each other's; of the rest none comes after one that finds an error."""
    for one in passes:
        if report.errors and one not in STATIC:
            break
        plan = one(plan, report)
    return plan
