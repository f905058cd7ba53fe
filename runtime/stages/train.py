"""Fit a policy or a scorer to rows by minimising an objective, with Lightning.

Left out: checkpoints of sharded training, whose weights would have to be gathered in the midst of it.
"""

from __future__ import annotations

import copy
import logging
import warnings
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.strategies import ModelParallelStrategy
from torch.utils.data import DataLoader

from aligncompiler.spec.codec import restore
from aligncompiler.spec.experiment import Engine
from aligncompiler.spec.objective import Objective
from aligncompiler.spec.optimizer import Schedule
from aligncompiler.spec.training import Batch, Budget, Train

from ..batching import Steps, num_steps
from ..encoded import Encoded, Floats, encode_rows
from ..fault import Fault
from ..logprob_table import logprob_columns
from ..modules.offline import Offline
from ..networks import Network, gathered, load_encoder, load_network, read_about, save_network
from ..registry import Bound, bind, implements
from ..store import Artifact
from ..tokens import TEXTS, Encoder, leaves_of
from ..work import Work, load_rows


@implements(Train)
def train(
    work: Work,
    *,
    model: Artifact,
    data: Artifact,
    objective: Bound,
    budget: Budget,
    optimizer: Bound,
    reference: Artifact | str,
    schedule: Schedule,
    batch: Batch,
    reduction: Bound,
    clip_norm: float,
    max_tokens: int | str,
    checkpoints: tuple[float, ...],
    log_every: int,
) -> None:
    """Write the trained model and its curves.

    Rows that do not fit are skipped and counted. Raises Fault if none is left, or if the loss stops being a number.
    """
    check_sharding(work.engine, checkpoints)
    encoder = load_encoder(model)
    examples, leaves = encode(work, encoder, data, objective, reference, max_tokens)
    about = read_about(model)
    torch.manual_seed(work.seed)
    network = load_network(model)
    adapted = adapt(network, about)
    steps = num_steps(len(examples), batch.rows, budget.steps, budget.epochs)
    trainer = make_trainer(work.engine)
    unroll, place = not network.shares_prefixes, (trainer.global_rank, trainer.world_size)
    items = Steps(examples, leaves, objective.spec.per, reduction, steps, batch.rows, batch.tokens_at_once, work.seed, encoder.pad, unroll, *place)
    points: list[dict[str, float]] = []

    def tell(point: dict[str, float]) -> None:
        points.append(point)
        step = int(point["step"])
        work.progress.update(step, steps, f"loss {point['loss']:.3f}", tokens=module.tokens)
        if step % log_every == 0 or step in (1, steps):
            work.log(point)
        for number in (n for n, share in enumerate(checkpoints, 1) if max(1, round(share * steps)) == step):
            keep(work, network, adapted, encoder, about, number, step)

    module = Offline(network, objective, optimizer, schedule, steps, clip_norm, tell)
    network.train()
    fit(trainer, module, items)
    if module.device_mesh is not None:
        weights = gathered(network)
        network = load_network(model)
        adapted = adapt(network, about)
        network.load_state_dict(weights, strict=trainer.is_global_zero)
    if adapted is not None:
        network.model = adapted.merge_and_unload()
    network.eval()
    save_network(network, encoder, work.folder, {"prompt_format": about["prompt_format"], "adapter": about["adapter"]})
    last = points[-max(1, len(points) // 10) :]
    means = {name: sum(p[name] for p in last) / len(last) for name in last[0] if name in ("loss", "accuracy")}
    work.summary |= {"steps": steps, "rows": len(examples), **means}
    work.facts |= {"steps": steps, "rows": len(examples), "parameters": sum(p.numel() for p in network.parameters())}


def check_sharding(engine: Engine, checkpoints: tuple[float, ...]) -> None:
    """Raise Fault, before any work is done, where the weights of a checkpoint would lie in pieces on several devices."""
    if checkpoints and engine.strategy == "fsdp":
        raise Fault("P610", "checkpoints of sharded training are not written yet", "checkpoints", ("train with `strategy: ddp`, or leave `checkpoints` out",))


def keep(work: Work, network: Network, adapted: Any, encoder: Encoder, about: dict[str, Any], number: int, step: int) -> None:
    """Write the weights as they stand as checkpoint `number`: a model like any other, an adapter merged into it."""
    whole = network if adapted is None else type(network)(copy.deepcopy(adapted).merge_and_unload())
    save_network(whole, encoder, work.folder / "checkpoints" / str(number), {"prompt_format": about["prompt_format"], "adapter": about["adapter"]})
    work.facts[f"checkpoints.{number}"] = {"steps": step}


def encode(work: Work, encoder: Encoder, data: Artifact, objective: Bound, reference: Artifact | str, max_tokens: int | str) -> tuple[Encoded, tuple[str, ...]]:
    """Every usable row as an example with the numbers that the objective reads beside the model's own, and the names of its answers."""
    spec = objective.spec
    assert isinstance(spec, Objective)
    rows = load_rows(data)
    names, columns = zip(*leaves_of(rows[0], spec.reads), strict=True)
    read = [name for name in (*TEXTS, *columns) if name in rows.columns]
    known_R, logp_RL = logprob_columns(reference, len(rows)) if spec.wants_reference() and isinstance(reference, Artifact) else (None, None)

    def skip(reason: str) -> None:
        work.skipped[reason] += 1

    def usable(number: int) -> str:
        return "longer than the reference reads" if known_R is not None and not known_R[number] else ""

    encoded = encode_rows(
        encoder,
        load_rows(data, columns=read),
        columns,
        encoder.limit(max_tokens),
        skip,
        lambda done, total: work.progress.update(done, total, "reading", unit="rows"),
        usable,
        work.folder,
    )
    if not len(encoded):
        reasons = ", ".join(f"{count} x {reason}" for reason, count in work.skipped.items())
        raise Fault("P604", f"no row is left to train on ({reasons})", "max_tokens", ("raise `max_tokens`, or use a model with a longer context",))
    numbers = {"margin": margins(data)[encoded.rows_N]} if "margin" in spec.reads else {}
    if logp_RL is not None:
        numbers |= {f"reference_{name}_logp": logp_RL[encoded.rows_N, place] for place, name in enumerate(names)}
    return encoded.with_numbers(numbers), names


def margins(data: Artifact) -> Floats:
    """The margin of every row, 0 where it has none."""
    rows = load_rows(data, columns=("margin",))
    return np.fromiter((float(row["margin"] or 0.0) for row in rows), np.float64) if rows.columns else np.zeros(len(rows))


def adapt(network: Network, about: dict[str, Any]) -> Any:
    """Put the model's adapter in, if it has one; the peft model, to be merged when training ends."""
    if about["adapter"] is None:
        return None
    adapted = bind(restore("adapters", about["adapter"], {}), {})(network.model)
    network.model = adapted.get_base_model()
    return adapted


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
