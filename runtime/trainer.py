"""Lightning's trainer, as a spec asks for it: device, precision, strategy, loggers."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Callable

import lightning
from lightning.fabric.plugins.environments import ClusterEnvironment, LightningEnvironment, TorchElasticEnvironment
from lightning.pytorch.strategies import DDPStrategy, DeepSpeedStrategy, ModelParallelStrategy, Strategy
from torch.utils.data import DataLoader

from aligncompiler.spec.experiment import Engine

from .batching import Steps
from .modules.offline import Offline
from .training_state import Saving


class OurSignals(lightning.Callback):
    """A stop by SIGTERM interrupts training as it does all other work.

    Lightning's own handler makes the processes exchange a message, which in the midst of a step waits for ever.
    """

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        self.handler = signal.getsignal(signal.SIGTERM)  # Lightning puts its own in place after this

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        signal.signal(signal.SIGTERM, self.handler)


def single(engine: Engine, clip_norm: float) -> str:
    return "auto"


def ddp(engine: Engine, clip_norm: float) -> Strategy:
    return DDPStrategy()


def fsdp(engine: Engine, clip_norm: float) -> Strategy:
    return ModelParallelStrategy(data_parallel_size=engine.world, tensor_parallel_size=1)


def deepspeed(engine: Engine, clip_norm: float) -> Strategy:
    """ZeRO 2: weights whole on every device, so that they are saved as they are; it clips gradients by itself."""
    strategy = DeepSpeedStrategy(stage=2, logging_batch_size_per_gpu=1)
    assert isinstance(strategy.config, dict)
    strategy.config["gradient_clipping"] = clip_norm
    return strategy


STRATEGIES: dict[str, Callable[[Engine, float], Strategy | str]] = {"single": single, "ddp": ddp, "fsdp": fsdp, "deepspeed": deepspeed}


def make_trainer(engine: Engine, clip_norm: float, saving: Saving) -> lightning.Trainer:
    """Lightning's trainer, silent: progress and curves go through the work at hand, what is saved through `saving`."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    # Named, not detected: in a job of SLURM Lightning would count the tasks of the job, and requeue it by itself.
    environment: ClusterEnvironment = TorchElasticEnvironment() if TorchElasticEnvironment.detect() else LightningEnvironment()
    return lightning.Trainer(
        accelerator="gpu" if engine.accelerator == "cuda" else "cpu",
        devices=engine.devices,
        num_nodes=engine.nodes,
        strategy=STRATEGIES[engine.strategy](engine, clip_norm),
        plugins=[environment],
        precision="bf16-mixed" if engine.precision == "bfloat16" else "32-true",
        max_epochs=1,
        logger=False,  # they are given to `trainer.loggers` when training begins
        callbacks=[OurSignals(), saving],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def fit(trainer: lightning.Trainer, module: Offline, items: Steps, saving: Saving) -> None:
    """Run the trainer from where it was saved. Raises KeyboardInterrupt at Ctrl-C, which Lightning would turn into a failure."""
    if saving.begin == len(items):  # it was stopped when nothing was left but to write the model
        saving.put_weights_back()
        return
    with warnings.catch_warnings(), saving.interrupts:
        warnings.simplefilter("ignore")  # Lightning's advice about loaders and loggers does not apply to this use of it
        try:
            trainer.fit(module, DataLoader(items, batch_size=None, sampler=range(saving.begin, len(items))))
        except SystemExit:
            raise KeyboardInterrupt from None
        except RuntimeError:
            if saving.interrupts.asked and trainer.world_size > 1:  # by torchrun, since a sibling failed, whose part of an exchange does not come
                raise KeyboardInterrupt from None
            raise
