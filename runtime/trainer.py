"""Lightning's trainer, as a spec asks for it: device, precision, strategy."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import lightning
from lightning.pytorch.strategies import ModelParallelStrategy
from torch.utils.data import DataLoader

from aligncompiler.spec.experiment import Engine

from .batching import Steps
from .modules.offline import Offline


def fit(trainer: lightning.Trainer, module: Offline, items: Steps) -> None:
    """Run the trainer. Raises KeyboardInterrupt at Ctrl-C, which Lightning would turn into a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice about loaders and loggers does not apply to this use of it
        try:
            trainer.fit(module, DataLoader(items, batch_size=None))
        except SystemExit:
            raise KeyboardInterrupt from None


def make_trainer(engine: Engine) -> lightning.Trainer:
    """Lightning's trainer, silent: progress and curves go through the work at hand."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    strategies: dict[str, Any] = {"single": "auto", "ddp": "ddp", "fsdp": ModelParallelStrategy(engine.devices, 1)}
    return lightning.Trainer(
        accelerator="gpu" if engine.accelerator == "cuda" else "cpu",
        devices=engine.devices,
        strategy=strategies[engine.strategy],
        precision="bf16-mixed" if engine.precision == "bfloat16" else "32-true",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
