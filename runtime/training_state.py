"""The state of a training as tensors and JSON, saved between two optimiser steps and put back before the next.

It is the same whatever the strategy: every tensor is whole, so weights and moments that lie in shards are gathered, and spread again. Frozen
weights are not in it, the model that training starts from has them. Random states are those of every rank.

Left out: the state of a strategy that keeps it in an engine of its own; such a training starts from the beginning.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

from .checkpoints import Checkpoints, Saved
from .interrupts import Interrupts
from .networks import Network

WEIGHT, MOMENT, RANDOM = "weight/", "optimizer/", "random"
PYTHON = struct.Struct("<625I?d")  # words and position of the Mersenne twister; whether a normal draw is left over, and which
NUMPY = struct.Struct("<625q?d")
STEP, SAVE, STOP = range(3)  # what is to be done after a step


class Saving(lightning.Callback):
    """Saves the state of a training when it is due and when it is interrupted, and starts from what was saved.

    `told` gives what the stage itself keeps beside it, as JSON. Raises KeyboardInterrupt after the step that an interrupt fell into.
    """

    def __init__(self, checkpoints: Checkpoints | None, network: Network, steps: int, told: Callable[[], dict[str, Any]]) -> None:
        self.checkpoints = checkpoints
        self.network = network
        self.steps = steps
        self.told = told
        self.interrupts = Interrupts(at_once=False)
        self.saved: Saved | None = checkpoints.newest if checkpoints is not None else None
        self.done = self.begin = self.saved.done if self.saved is not None else 0
        self.tensors = self.saved.tensors() if self.saved is not None else {}

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if self.saved is not None:
            self.put_weights_back()
            restore_optimizer(trainer.optimizers[0], self.saved.state["optimizer"], self.tensors)
            trainer.lr_scheduler_configs[0].scheduler.load_state_dict(dict(self.saved.state["schedule"]))

    def put_weights_back(self) -> None:
        """Weights and buffers as they were saved."""
        with torch.no_grad():
            for name, target in trained(self.network).items():
                target.copy_(spread(self.tensors[WEIGHT + name], target))

    def on_train_batch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int) -> None:
        if batch_idx == 0 and self.saved is not None:  # at last, since making the loader draws a number
            states = self.tensors[RANDOM]
            restore_random(states[trainer.global_rank if trainer.global_rank < len(states) else 0])
            self.tensors = {}

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.done = self.begin + batch_idx + 1
        wanted = self.wanted(trainer)
        if wanted != STEP and self.checkpoints is not None:
            self.save(trainer, self.checkpoints)
        if wanted == STOP:
            raise KeyboardInterrupt

    def wanted(self, trainer: lightning.Trainer) -> int:
        """What all ranks do now: the most that one of them wants, so that they save together and none waits for one that has gone. The clock of the
        first one counts. The number goes over the CPUs, and no device has to be waited for."""
        due = self.checkpoints is not None and trainer.is_global_zero and self.done < self.steps and self.checkpoints.pace.due()
        own = STOP if self.interrupts.asked else SAVE if due else STEP
        if trainer.world_size == 1:
            return own
        most = torch.tensor(own)
        torch.distributed.all_reduce(most, torch.distributed.ReduceOp.MAX)
        return int(most)

    def save(self, trainer: lightning.Trainer, checkpoints: Checkpoints) -> None:
        first, optimizer = trainer.is_global_zero, trainer.optimizers[0]
        tensors = {WEIGHT + name: gathered for name, value in trained(self.network).items() if (gathered := whole(value, first)) is not None}
        plain = optimizer.state_dict()
        rest: dict[str, dict[str, Any]] = {}
        for index, moments in plain["state"].items():
            for name, value in moments.items():
                if not isinstance(value, Tensor):
                    rest.setdefault(str(index), {})[name] = value
                elif (gathered := whole(value, first)) is not None:
                    tensors[f"{MOMENT}{index}/{name}"] = gathered
        states = trainer.strategy.all_gather(random_states().to(trainer.strategy.root_device)).cpu().reshape(trainer.world_size, -1)
        if first:
            schedule = trainer.lr_scheduler_configs[0].scheduler.state_dict()
            state = {"optimizer": {"groups": plain["param_groups"], "rest": rest}, "schedule": schedule, **self.told()}
            checkpoints.save(self.done, self.steps, state, tensors | {RANDOM: states})


def trained(network: Network) -> dict[str, Tensor]:
    """What training changes: trainable weights, each once, and the buffers that a model is saved with."""
    saved = network.state_dict().keys()
    buffers = {name: buffer for name, buffer in network.named_buffers() if name in saved}
    return {name: weight for name, weight in network.named_parameters() if weight.requires_grad} | buffers


def whole(value: Tensor, wanted: bool) -> Tensor | None:
    """A copy of a tensor on the CPU, gathered if it lies in shards, which every rank must ask for; None where it is not wanted."""
    value = value.detach()
    gathered = value.full_tensor() if isinstance(value, DTensor) else value
    return gathered.cpu().contiguous() if wanted else None


def spread(value: Tensor, target: Tensor) -> Tensor:
    """A whole tensor laid out like another."""
    value = value.to(target.device)
    return distribute_tensor(value, target.device_mesh, target.placements) if isinstance(target, DTensor) else value


def restore_optimizer(optimizer: torch.optim.Optimizer, saved: Any, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Any]] = {int(index): dict(rest) for index, rest in saved["rest"].items()}
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for path, value in tensors.items():
        if path.startswith(MOMENT):
            index, name = path.removeprefix(MOMENT).split("/")
            weight = weights[int(index)]
            state.setdefault(int(index), {})[name] = spread(value.clone(), weight) if value.shape == weight.shape else value.clone()
    optimizer.load_state_dict({"state": state, "param_groups": saved["groups"]})


def random_states() -> Tensor:
    """The states of all generators that this process draws from, as bytes."""
    _, words, left = random.getstate()
    _, keys, position, has_left, normal = np.random.get_state(legacy=True)
    packed = PYTHON.pack(*words, left is not None, left or 0.0) + NUMPY.pack(*map(int, keys), position, bool(has_left), normal)
    parts = [torch.get_rng_state(), torch.frombuffer(bytearray(packed), dtype=torch.uint8)]
    return torch.cat([*parts, torch.cuda.get_rng_state()] if torch.cuda.is_available() else parts)


def restore_random(states: Tensor) -> None:
    """Put the generators back; that of a GPU where there is one, and was one."""
    size = len(torch.get_rng_state())
    torch.set_rng_state(states[:size].clone())
    packed = bytes(states[size : size + PYTHON.size + NUMPY.size].tolist())
    *words, has_left, left = PYTHON.unpack(packed[: PYTHON.size])
    random.setstate((3, tuple(words), left if has_left else None))
    *keys, position, has_normal, normal = NUMPY.unpack(packed[PYTHON.size :])
    np.random.set_state(("MT19937", np.array(keys, dtype=np.uint32), position, int(has_normal), normal))
    rest = states[size + PYTHON.size + NUMPY.size :]
    if len(rest) and torch.cuda.is_available():
        torch.cuda.set_rng_state(rest.clone())
