"""Loggers of Lightning by the names that a spec gives them. Beside them the curve of the artifact, `metrics.jsonl`, is always written.

Files lie under `logs/<stage>/` of the run folder. A stage that goes on after an interruption goes on in its logs as well: what it had told
of steps that it takes again is replaced (csv, TensorBoard), or told again under the same run (wandb, mlflow).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .fault import Fault
from .work import Work

if TYPE_CHECKING:  # Lightning takes seconds to import, and who only asks for a name does not need it
    from lightning.pytorch.loggers import Logger

Point = Mapping[str, float]


class Destination(NamedTuple):
    """How a logger is made, packages of which one must be there, the error by which its service refuses and what helps then, and how it ends."""

    make: Callable[[Work, Path, Sequence[Point]], Logger]
    packages: tuple[str, ...] = ()
    refusal: str = ""
    help: str = ""
    end: Callable[[Any], None] = lambda logger: None


def csv(work: Work, folder: Path, past: Sequence[Point]) -> Logger:
    from lightning.pytorch.loggers import CSVLogger

    logger = CSVLogger(folder, name="csv", version="")  # it starts its file anew: what stands in the curve is told again
    for point in past:
        logger.log_metrics(*told(point))
    return logger


def tensorboard(work: Work, folder: Path, past: Sequence[Point]) -> Logger:
    from lightning.pytorch.loggers import TensorBoardLogger

    first = int(past[-1]["step"]) + 1 if past else 1
    return TensorBoardLogger(folder, name="tensorboard", version="", default_hp_metric=False, purge_step=first, filename_suffix=f".from{first}")


def wandb(work: Work, folder: Path, past: Sequence[Point]) -> Logger:
    from lightning.pytorch.loggers import WandbLogger

    (folder / "wandb").mkdir(parents=True, exist_ok=True)
    project = os.environ.get("WANDB_PROJECT", work.experiment)
    return WandbLogger(name=work.stage.id, save_dir=folder, id=f"{work.stage.key[:12]}-{work.run.name}"[:60], project=project, group=work.run.name)


def mlflow(work: Work, folder: Path, past: Sequence[Point]) -> Logger:
    from lightning.pytorch.loggers import MLFlowLogger

    folder.mkdir(parents=True, exist_ok=True)
    known = folder / "mlflow_run_id"
    beside = (folder.parent / "mlflow").resolve()  # one for the run: `mlflow ui --backend-store-uri sqlite:///.../logs/mlflow.db`
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    logger = MLFlowLogger(
        experiment_name=work.experiment,
        run_name=f"{work.run.name} {work.stage.id}",
        tracking_uri=uri or f"sqlite:///{beside}.db",
        artifact_location=None if uri else beside.as_uri(),
        run_id=known.read_text(encoding="utf-8") if known.is_file() else None,
    )
    known.write_text(str(logger.run_id), encoding="utf-8")
    return logger


MLFLOW_HELP = "set MLFLOW_TRACKING_URI to a server; the database that is kept without it needs the full package: pip install mlflow"
DESTINATIONS: dict[str, Destination] = {
    "csv": Destination(csv),
    "tensorboard": Destination(tensorboard, ("tensorboardX", "tensorboard")),
    "wandb": Destination(wandb, ("wandb",), "wandb.errors.Error", "run `wandb login`, or set WANDB_MODE=offline", lambda logger: logger.experiment.finish()),
    "mlflow": Destination(
        mlflow,
        ("mlflow",),
        "mlflow.exceptions.MlflowException",
        MLFLOW_HELP,
    ),
}


@contextmanager
def logging_to(work: Work, past: Sequence[Point]) -> Iterator[list[Logger]]:
    """The loggers that the engine names, started, and ended at the end; the first of several processes has them. `past` is the curve that the
    stage goes on from.

    Raises Fault if a service refuses.
    """
    started: list[tuple[Logger, Destination]] = []
    try:
        for name in work.engine.loggers if work.first else ():
            destination = DESTINATIONS[name]
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # that what an earlier attempt left is replaced is meant
                    logger = destination.make(work, work.run / "logs" / work.stage.id, past)
                    assert logger.experiment is not None  # made when it is first asked for: a service that is not there should say so now
            except refusals(destination) as error:
                text = str(error).strip().partition("\n")[0]
                help = (destination.help, f"or leave `{name}` out of `engine.loggers`")
                raise Fault("P608", f"the logger `{name}` cannot be started: {text}", "", help, passes=True) from None
            started.append((logger, destination))
        yield [logger for logger, _ in started]
    finally:
        for logger, destination in started:
            destination.end(logger)


def refusals(destination: Destination) -> tuple[type[BaseException], ...]:
    """Errors by which the service of a logger says that it cannot be had."""
    module, _, name = destination.refusal.rpartition(".")
    return (getattr(import_module(module), name),) if module else ()


def log(loggers: Sequence[Any], point: Point) -> None:
    """Tell a point of the curve to all loggers."""
    for logger in loggers:
        logger.log_metrics(*told(point))


def told(point: Point) -> tuple[dict[str, float], int]:
    """The figures of a point, and its step."""
    return {name: value for name, value in point.items() if name != "step"}, int(point["step"])
