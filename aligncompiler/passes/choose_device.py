"""`accelerator: detect` becomes the device that this machine has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..diagnostic import Report
from ..ir import Plan


def choose_device(plan: Plan, report: Report) -> Plan:
    """The plan with the accelerator named: `cuda` where an NVIDIA driver shows a device, else `cpu`."""
    if plan.engine.accelerator != "detect":
        return plan
    found = "cuda" if Path("/dev/nvidia0").exists() else "cpu"
    return replace(plan, engine=plan.engine.model_copy(update={"accelerator": found}))
