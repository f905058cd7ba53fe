"""Loggers of Lightning by the names that a spec gives them. Beside them the curve of the artifact, `metrics.jsonl`, is always written.

Files lie under `logs/<stage>/` of the run folder. A stage that goes on after an interruption goes on in its logs as well: what it had told
of steps that it takes again is replaced (csv, TensorBoard), or told again under the same run (wandb, mlflow).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .fault import Fault
from .work import Work

if TYPE_CHECKING:  # Lightning takes seconds to import, and who only asks for a name does not need it
    from lightning.pytorch.loggers import Logger

Point = Mapping[str, float]


class Destination(NamedTuple):
    """How a logger is made, packages of which one must be there, and the error by which its service refuses."""

    make: Callable[[Work, Path, Sequence[Point]], Logger]
    packages: tuple[str, ...] = ()
    refusal: str = ""


def csv(work: Work, folder: Path, past: Sequence[Point]) -> Logger:
    from lightning.pytorch.loggers import CSVLogger

    logger = CSVLogger(folder, name="csv", version="")  # it starts its file anew: what stands in the curve is told again
    for point in past:
        logger.log_metrics(*told(point))
    return logger


def tensorboard(work: Work, folder: Path, past: Sequence[Point]) -> Logger:
    from lightning.pytorch.loggers import TensorBoardLogger

    last = int(past[-1]["step"]) if past else 0
    return TensorBoardLogger(folder, name="tensorboard", version="", default_hp_metric=False, purge_step=last + 1)


def wandb(work: Work, folder: Path, past: Sequence[Point]) -> Logger:
    from lightning.pytorch.loggers import WandbLogger

    (folder / "wandb").mkdir(parents=True, exist_ok=True)
    project = os.environ.get("WANDB_PROJECT", work.experiment)
    return WandbLogger(name=work.stage.id, save_dir=folder, id=f"{work.stage.key[:12]}-{work.run.name}"[:60], project=project, group=work.run.name)


def mlflow(work: Work, folder: Path, past: Sequence[Point]) -> Logger:
    from lightning.pytorch.loggers import MLFlowLogger

    folder.mkdir(parents=True, exist_ok=True)
    known = folder / "mlflow_run_id"
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder.resolve() / 'mlflow.db'}"
    logger = MLFlowLogger(
        experiment_name=work.experiment,
        run_name=f"{work.run.name} {work.stage.id}",
        tracking_uri=uri,
        artifact_location=None if "MLFLOW_TRACKING_URI" in os.environ else (folder / "mlflow").resolve().as_uri(),
        run_id=known.read_text(encoding="utf-8") if known.is_file() else None,
    )
    known.write_text(str(logger.run_id), encoding="utf-8")
    return logger


DESTINATIONS: dict[str, Destination] = {
    "csv": Destination(csv),
    "tensorboard": Destination(tensorboard, ("tensorboardX", "tensorboard")),
    "wandb": Destination(wandb, ("wandb",), "wandb.errors.Error"),
    "mlflow": Destination(mlflow, ("mlflow",), "mlflow.exceptions.MlflowException"),
}


def make_loggers(work: Work, past: Sequence[Point], first: bool) -> list[Logger]:
    """The loggers that the engine names, started; the first of several processes has them. `past` is the curve that the stage goes on from.

    Raises Fault if a service refuses.
    """
    made = []
    for name in work.engine.loggers if first else ():
        destination = DESTINATIONS[name]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that what an earlier attempt left is replaced is meant
                logger = destination.make(work, work.run / "logs" / work.stage.id, past)
                assert logger.experiment is not None  # made when it is first asked for: a service that is not there should say so now
        except refusals(destination) as error:
            text = str(error).strip().partition("\n")[0]
            help = ("set up its service here, or its offline mode (`WANDB_MODE=offline`)", f"or leave `{name}` out of `engine.loggers`")
            raise Fault("P608", f"the logger `{name}` cannot be started: {text}", "", help) from None
        made.append(logger)
    return made


def refusals(destination: Destination) -> tuple[type[BaseException], ...]:
    module, _, name = destination.refusal.rpartition(".")
    return (getattr(import_module(module), name),) if module else ()


def log(loggers: Sequence[Any], point: Point) -> None:
    """Tell a point of the curve to all loggers."""
    for logger in loggers:
        logger.log_metrics(*told(point))


def told(point: Point) -> tuple[dict[str, float], int]:
    """The figures of a point, and its step."""
    return {name: value for name, value in point.items() if name != "step"}, int(point["step"])
