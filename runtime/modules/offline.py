"""Training on rows that do not change: measure, objective, one reduction."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from aligncompiler.spec.objective import Objective
from aligncompiler.spec.optimizer import Schedule

from ..batching import Batch
from ..fault import Fault
from ..frozen import STATES
from ..networks import Network, shard
from ..registry import Bound


def learning_rate_share(step: int, steps: int, schedule: Schedule) -> float:
    """Learning rate of a step as a share of its peak: linear warm-up, then the schedule's shape down to its floor."""
    warmup = round(schedule.warmup * steps)
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    shape = {"constant": 1.0, "linear": 1.0 - done, "cosine": 0.5 * (1.0 + math.cos(math.pi * done))}[schedule.shape]
    return schedule.floor + (1.0 - schedule.floor) * shape


class Offline(lightning.LightningModule):
    """Fits a network by an objective. One item of the loader is one optimiser step, cut into forward passes."""

    def __init__(
        self,
        network: Network,
        objective: Bound,
        optimizer: Bound,
        schedule: Schedule,
        steps: int,
        clip_norm: float,
        tell: Callable[[dict[str, float]], None],
        begin: int = 0,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.network = network
        self.objective = objective
        self.make_optimizer = optimizer
        self.schedule = schedule
        self.steps = steps
        self.clip_norm = clip_norm
        self.tell = tell
        self.tokens = 0  # that were worked on so far by this process, padding left out
        self.begin = begin  # steps that were done before

    def configure_model(self) -> None:
        """Spread the weights where the strategy has a mesh for them."""
        if self.device_mesh is not None:
            shard(self.network, self.device_mesh["data_parallel"])

    def losses(self, batch: Batch) -> Iterator[tuple[Tensor, dict[str, Tensor], Tensor]]:
        """For each member of the network the unreduced loss of a forward pass, its metrics, and the weights of both."""
        spec = self.objective.spec
        assert isinstance(spec, Objective)
        states = batch.numbers.get(STATES)
        forest = batch.forest if states is None else replace(batch.forest, states_LMD=states.flatten(0, 1))
        for member, measured in enumerate(self.network.measure(forest, batch.leaves)):
            known = measured | batch.numbers
            losses, metrics = self.objective(*(known[name] for name in spec.reads))
            drawn_BM = batch.numbers.get("draws")
            yield losses, metrics, batch.weight if drawn_BM is None else batch.weight * drawn_BM[batch.row, member]

    def training_step(self, batches: list[Batch], index: int) -> None:
        optimizer: Any = self.optimizers()
        totals: dict[str, Tensor] = {}
        for batch in batches:
            self.tokens += batch.forest.num_tokens if STATES not in batch.numbers else 0
            members = list(self.losses(batch))
            # The one place where losses are reduced. Members add up, so that each gets the gradient that it would have by itself. Replicas average
            # their gradients, so each counts `world_size` times.
            self.manual_backward(torch.stack([(losses * weight).sum() for losses, _, weight in members]).sum() * self.trainer.world_size)
            for losses, metrics, weight in members:
                for name, value in {"loss": losses, **metrics}.items():
                    totals[name] = totals.get(name, 0.0) + (value.detach() * weight).sum().double() / len(members)
        number = self.begin + index + 1
        clips_itself = self.trainer.strategy.handles_gradient_accumulation  # deepspeed, which knows the norm only after its step
        norm = None if clips_itself else self.clip()
        optimizer.step()
        norm = norm if norm is not None else self.trainer.model.get_global_grad_norm() or 0.0
        optimizer.zero_grad()
        schedule: Any = self.lr_schedulers()
        rate = schedule.get_last_lr()[0]
        schedule.step()
        point = {"step": float(number), "learning_rate": rate, "gradient_norm": float(norm), **self.over_ranks(totals)}
        for name in ("loss", "gradient_norm"):
            if not math.isfinite(point[name]):
                raise Fault("P608", f"the {name.replace('_', ' ')} is {point[name]} at step {number}", "optimizer", ("lower the learning rate",))
        self.tell(point)

    def over_ranks(self, totals: dict[str, Tensor]) -> dict[str, float]:
        """The sum of each total over the ranks; a GPU is waited for here, once a step."""
        values = torch.stack(list(totals.values()))
        if self.trainer.world_size > 1:
            values = self.trainer.strategy.reduce(values, reduce_op="sum")
        return dict(zip(totals, values.tolist(), strict=True))

    def clip(self) -> Tensor:
        """Scale the gradient of each part of the network down to `clip_norm`; the largest norm that one had."""
        norms = [torch.nn.utils.clip_grad_norm_([p for p in part.parameters() if p.requires_grad], self.clip_norm) for part in self.network.parts]
        return torch.stack([norm.full_tensor() if isinstance(norm, DTensor) else norm for norm in norms]).amax()

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer(self.parameters())
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_share(step, self.steps, self.schedule))
        return {"optimizer": optimizer, "lr_scheduler": schedule}
