"""What an engine asks of the machine and of what is installed, seen before any work is done."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from aligncompiler.diagnostic import Report
from aligncompiler.ir import Plan

from .loggers import DESTINATIONS


def demands(plan: Plan, world: int) -> Report:
    """What the engine of a plan asks for and does not find; `world` processes were started for it."""
    report = Report()
    engine = plan.engine
    if engine.world != world:
        text = f"the plan asks for {engine.nodes} machine(s) with {engine.devices} process(es) each, but {world} were started"
        add(report, plan, "P610", "nodes" if engine.nodes > 1 else "devices", text, f"start them with `alignc launch {plan.spec_file} --torchrun`")
    if engine.accelerator == "cuda":
        import torch

        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if found < engine.devices:
            text = f"the plan asks for {engine.devices} CUDA device(s); this machine has {found}"
            add(report, plan, "P610", "devices", text, "set `engine.accelerator: cpu`, or run where the devices are")
    elif engine.strategy == "deepspeed":
        text = "`strategy: deepspeed` works on CUDA devices only, and this machine has none"
        add(report, plan, "P610", "strategy", text, "choose `strategy: ddp` or `strategy: fsdp`, or run where the devices are")
    if engine.strategy == "deepspeed" and find_spec("deepspeed") is None:
        text = "`strategy: deepspeed` needs the package deepspeed, which is not installed"
        add(report, plan, "P606", "strategy", text, "pip install deepspeed", "or choose `strategy: fsdp`, which needs nothing more")
    for number, name in enumerate(engine.loggers):
        packages = DESTINATIONS[name].packages
        if packages and not any(find_spec(package) for package in packages):
            text = f"the logger `{name}` needs the package {packages[0]}, which is not installed"
            add(report, plan, "P606", f"loggers.{number}", text, f"pip install {packages[0]}", f"or leave `{name}` out of `engine.loggers`")
    return report


def add(report: Report, plan: Plan, code: str, field: str, text: str, *help: str) -> None:
    """Add an error at a field of the engine, or at what is around it."""
    dotted = f"engine.{field}"
    while dotted and dotted not in plan.places:
        dotted = dotted.rpartition(".")[0]
    place = plan.places.get(dotted)
    if place is not None and Path(place.file).is_file():
        report.sources[place.file] = Path(place.file).read_text(encoding="utf-8")
    report.add(code, text, place, path=("engine", *field.split(".")), help=help)
