"""Where the rows of a batch are written: their last tokens, on the model's device, and one token more for every row at once.

A step of a small batch is hundreds of small kernels, and launching them one by one takes a GPU's host many times as long as the GPU needs for
them. So on a GPU a step is recorded as a CUDA graph and launched whole, until shapes change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .batch import SharedBatch
from .drawing import Drawing, bounds_for, draw
from .expanded import ExpandedBatch
from .noise import Bounds

Take = Callable[[], Tensor | None]


@dataclass(slots=True)
class Front:
    """What the rows of `batch` go on from. `step_R` counts tokens below the root, `stream_R` are mixed stream numbers, `heat_R` temperatures
    of the rows where each has its own."""

    batch: SharedBatch | ExpandedBatch
    drawing: Drawing
    context: int  # tokens that the model reads at most
    token_R: Tensor
    position_R: Tensor
    step_R: Tensor
    stream_R: Tensor
    heat_R: Tensor | None
    scored: bool
    bounds: Bounds | None = None

    def take(self) -> Tensor | None:
        """One token more, in `token_R`; its log-probability [R] under the model at temperature 1, where rows are scored."""
        logits_RV = self.batch.logits(self.token_R, self.position_R)
        if self.bounds is None and logits_RV.device.type == "cpu":
            self.bounds = bounds_for(logits_RV)
        drawn_R = draw(logits_RV, self.drawing, self.stream_R, self.step_R, self.bounds, self.heat_R)
        self.token_R.copy_(drawn_R)
        self.position_R.add_(1).clamp_(max=self.context - 1)  # a row that is finished goes on until it leaves, and some models know no more positions
        self.step_R += 1
        return logits_RV.gather(1, drawn_R[:, None])[:, 0] - logits_RV.logsumexp(-1) if self.scored else None

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone, in their order."""
        self.batch.keep(rows)
        index = torch.tensor(rows, device=self.token_R.device)
        self.token_R, self.position_R, self.step_R, self.stream_R = (t[index] for t in (self.token_R, self.position_R, self.step_R, self.stream_R))
        self.heat_R = None if self.heat_R is None else self.heat_R[index]


class Recorder:
    """Records steps as CUDA graphs. They share memory, for one is at work at a time."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream, self.pool = torch.cuda.Stream(device), torch.cuda.graph_pool_handle()
        self.last: torch.cuda.CUDAGraph | None = None  # a pool that no graph holds cannot be used again

    def __call__(self, take: Take) -> Take:
        """`take` as its kernels, launched at once. Recording runs none of them. Raises RuntimeError if `take` does what cannot be recorded."""
        graph = torch.cuda.CUDAGraph()
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            try:
                graph.capture_begin(self.pool, capture_error_mode="thread_local")
                try:
                    found = take()
                finally:
                    graph.capture_end()
            except RuntimeError:
                self.free_generator()
                raise
        torch.cuda.current_stream().wait_stream(self.stream)
        self.last = graph

        def again() -> Tensor | None:
            graph.replay()
            return found

        return again

    def free_generator(self) -> None:
        """Give the generator of the device a state of its own: one that fails leaves it in a recording."""
        generator = torch.cuda.default_generators[torch.cuda.current_device() if self.device.index is None else self.device.index]
        fresh = torch.Generator(self.device)
        fresh.set_state(generator.get_state())
        generator.graphsafe_set_state(fresh.graphsafe_get_state())


class Replay:
    """Steps of a front whose batch is fixed. The first step of a shape is taken as it is, which chooses kernels; the second is recorded."""

    def __init__(self, front: Front, batch: SharedBatch, record: Callable[[Take], Take]) -> None:
        self.front, self.batch, self.record = front, batch, record
        self.again: Take | None = None
        self.warm = False
        self.refused: RuntimeError | None = None

    def take(self) -> Tensor | None:
        if self.batch.full:
            self.forget()
        if self.refused is not None or not self.warm:
            self.warm = True
            return self.front.take()
        before = self.batch.step.length
        if self.again is None:
            try:
                self.again = self.record(self.front.take)
            except RuntimeError as error:  # a family whose code waits for its own numbers
                self.refused = error
            self.batch.step.length = before
            if self.again is None:
                return self.front.take()
        found = self.again()
        self.batch.step.length = before + 1
        return found

    def forget(self) -> None:
        """Shapes or addresses change."""
        self.again, self.warm = None, False
