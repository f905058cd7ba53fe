"""The whole spec: what stands at the top of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from .base import Problem, Spec, field
from .dataset import Dataset
from .model import Model
from .objective import Objective
from .reward import Reward
from .stage import Stage

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$"  # of an experiment: run folders carry it


class Engine(Spec):
    """Where and in which precision the work is done."""

    @property
    def world(self) -> int:
        """Processes that train together, one for each device."""
        return self.devices * self.nodes

    def check(self) -> Iterator[Problem]:
        if self.strategy == "single" and self.devices > 1:
            yield Problem("M507", "devices", f"`strategy: single` uses one device, not {self.devices}", ("choose `strategy: ddp` or `strategy: fsdp`",))
        if self.strategy == "single" and self.nodes > 1:
            yield Problem("M507", "nodes", f"`strategy: single` uses one machine, not {self.nodes}", ("choose `strategy: ddp` or `strategy: fsdp`",))
        if self.strategy == "deepspeed" and self.accelerator == "cpu":
            yield Problem("M507", "strategy", "`strategy: deepspeed` works on CUDA devices only", ("choose `strategy: ddp` or `strategy: fsdp`",))
        if len(set(self.loggers)) < len(self.loggers):
            yield Problem("S405", "loggers", "`loggers` names one of them twice")
        if isinstance(self.threads, int) and not 1 <= self.threads <= 256:
            yield Problem("S405", "threads", f"`threads` is {self.threads}; a run takes 1 to 256")

    accelerator: Literal["detect", "cpu", "cuda"] = field("detect")
    """Device; `detect` takes the GPU if the machine has one, and the plan says which."""
    precision: Literal["float32", "bfloat16"] = field("float32")
    """Number format of the forward and backward passes; weights are kept in float32."""
    strategy: Literal["single", "ddp", "fsdp", "deepspeed"] = field("single", role="runtime")
    """How training is spread over devices: one device; replicas; shards of weights, gradients and moments; replicas of the weights alone (ZeRO 2).
    Curves are the same but for rounding, and for what dropout drops, in a model that has it."""
    devices: int = field(1, role="runtime", unit="devices", ge=1)
    """Number of devices of each machine that training uses."""
    nodes: int = field(1, role="runtime", unit="machines", ge=1)
    """Number of machines that training uses; they share the folders of the run and of the store, and `alignc launch` starts them."""
    loggers: tuple[Literal["csv", "tensorboard", "wandb", "mlflow"], ...] = field((), role="cosmetic")
    """Where the curves of training go beside the report of the run: files under `logs/` of its folder, or the service that is set up here."""
    save_every: float = field(2.0, role="runtime", unit="minutes", ge=0)
    """Least time between two checkpoints of a stage that is being made, to go on from if it is killed; they never take more than 2 % of its
    time. 0 saves after every step."""
    threads: int | Literal["all"] = field("all", role="runtime", unit="threads")
    """Threads of a CPU run."""


class Experiment(Spec):
    """One experiment, stated completely."""

    alignc: Literal["v1"]
    """Version of the language."""
    name: str = field(
        role="cosmetic",
        pattern=NAME,
        says="should be at most 80 letters, digits, `_`, `.` and `-`, the first of them a letter or digit",
    )
    """Name of the experiment; run folders carry it."""
    description: str = field("", role="cosmetic")
    """What is asked, in a sentence."""
    cites: tuple[str, ...] = field((), role="cosmetic")
    """Sources, for example `arXiv:2305.18290`."""
    seed: int = field(0, ge=0)
    """Seed of the experiment; every stage derives its own from it."""
    engine: Engine = field(Engine())
    """Device, precision and parallelism."""
    models: Mapping[str, Model] = field({})
    """Networks before training."""
    datasets: Mapping[str, Dataset] = field({})
    """Rows to learn from and to measure on."""
    rewards: Mapping[str, Reward] = field({})
    """Rules and learned scorers."""
    objectives: Mapping[str, Objective] = field({})
    """Losses that several stages share."""
    stages: Mapping[str, Stage] = field({})
    """Steps; edges come from references."""
