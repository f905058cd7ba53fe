"""Fit a policy or a scorer to rows by minimising an objective, with Lightning."""

from __future__ import annotations

import copy
import logging
import warnings
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import lightning
import torch
from lightning.pytorch.strategies import ModelParallelStrategy
from torch.utils.data import DataLoader

from aligncompiler.spec.codec import restore
from aligncompiler.spec.experiment import Engine
from aligncompiler.spec.objective import Objective
from aligncompiler.spec.optimizer import Schedule
from aligncompiler.spec.training import Batch, Budget, Train

from ..batching import Example, Steps, num_steps
from ..fault import Fault, Skip
from ..logprob_table import read_logprobs
from ..modules.offline import Offline
from ..networks import Network, Scorer, gathered, load_encoder, load_network, read_about, save_network
from ..registry import Bound, bind, implements
from ..store import Artifact
from ..tokens import Encoder, leaves_of
from ..training_state import Saving
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
    clip_norm: float,
    max_tokens: int | str,
    checkpoints: tuple[float, ...],
    log_every: int,
) -> None:
    """Write the trained model and its curves.

    Rows that do not fit are skipped and counted. Raises Fault if none is left, or if the loss stops being a number.
    """
    encoder = load_encoder(model)
    examples, leaves = encode(work, encoder, data, objective, reference, max_tokens)
    about = read_about(model)
    torch.manual_seed(work.seed)
    network = load_network(model)
    adapted = adapt(network, about)
    steps = num_steps(len(examples), batch.rows, budget.steps, budget.epochs)
    spec = objective.spec
    assert isinstance(spec, Objective)
    unroll = isinstance(network, Scorer) and not network.causal
    points: deque[dict[str, float]] = deque(maxlen=max(1, steps // 10))
    saving = resumed(work, network, steps, points)
    trainer = make_trainer(work.engine, saving)
    items = Steps(examples, leaves, spec.per, steps, batch.rows, batch.tokens_at_once, work.seed, encoder.pad, unroll, trainer.global_rank, trainer.world_size)

    def tell(point: dict[str, float]) -> None:
        points.append(point)
        step = int(point["step"])
        work.progress.update(step, steps, f"loss {point['loss']:.3f}")
        if step % log_every == 0 or step in (1, steps):
            work.log(point)
        for number in (n for n, share in enumerate(checkpoints, 1) if max(1, round(share * steps)) == step):
            whole = unsharded(network, model, about, trainer.is_global_zero) if module.device_mesh is not None else (network, adapted)
            keep(work, *whole, encoder, about, number, step)

    module = Offline(network, objective, optimizer, schedule, steps, clip_norm, tell, saving.begin)
    network.train()
    fit(trainer, module, items, saving)
    if module.device_mesh is not None:
        network, adapted = unsharded(network, model, about, trainer.is_global_zero)
    if adapted is not None:
        network.model = adapted.merge_and_unload()
    network.eval()
    save_network(network, encoder, work.folder, {"prompt_format": about["prompt_format"], "adapter": about["adapter"]})
    describe(work, points, steps, len(examples), network)


def resumed(work: Work, network: Network, steps: int, points: deque[dict[str, float]]) -> Saving:
    """What saves the training as it goes on; the last points of the curve and the facts of an earlier attempt are put back."""
    saving = Saving(work.checkpoints, network, steps, lambda: {"points": list(points), "facts": work.facts})
    if saving.saved is not None:
        points.extend(saving.saved.state["points"])
        work.facts |= saving.saved.state["facts"]
    return saving


def describe(work: Work, points: Sequence[Mapping[str, float]], steps: int, rows: int, network: Network) -> None:
    """What is said of the training: how long it was, and the means of its last points."""
    means = {name: sum(p[name] for p in points) / len(points) for name in points[0] if name in ("loss", "accuracy")}
    work.summary |= {"steps": steps, "rows": rows, **means}
    work.facts |= {"steps": steps, "rows": rows, "parameters": sum(p.numel() for p in network.parameters())}


def unsharded(network: Network, model: Artifact, about: dict[str, Any], first: bool) -> tuple[Network, Any]:
    """A network of its own with the weights of a sharded one, whole on the first rank, and its peft model; every rank must ask."""
    weights = gathered(network)
    with torch.random.fork_rng():
        whole = load_network(model)
        adapted = adapt(whole, about)
    whole.load_state_dict(weights, strict=first)
    return whole, adapted


def keep(work: Work, network: Network, adapted: Any, encoder: Encoder, about: dict[str, Any], number: int, step: int) -> None:
    """Write the weights as they stand as checkpoint `number`: a model like any other, an adapter merged into it."""
    whole = network if adapted is None else type(network)(copy.deepcopy(adapted).merge_and_unload())
    save_network(whole, encoder, work.folder / "checkpoints" / str(number), {"prompt_format": about["prompt_format"], "adapter": about["adapter"]})
    work.facts[f"checkpoints.{number}"] = {"steps": step}


def encode(
    work: Work, encoder: Encoder, data: Artifact, objective: Bound, reference: Artifact | str, max_tokens: int | str
) -> tuple[list[Example], tuple[str, ...]]:
    """Every usable row as a tree with the numbers that the objective reads beside the model's own."""
    rows = load_rows(data)
    stored = read_logprobs(reference) if isinstance(reference, Artifact) else {}
    spec = objective.spec
    assert isinstance(spec, Objective)
    names, columns = zip(*leaves_of(rows[0], spec.reads), strict=True)
    limit = encoder.limit(max_tokens)
    examples = []
    for number, row in enumerate(rows):
        tree = encoder.tree(row, columns, limit)
        if isinstance(tree, Skip):
            work.skipped[tree.reason] += 1
            continue
        numbers = {"margin": float(row.get("margin") or 0.0)} if "margin" in spec.reads else {}
        if spec.wants_reference() and number not in stored:
            work.skipped["longer than the reference reads"] += 1
            continue
        if spec.wants_reference():
            numbers |= {f"reference_{name}_logp": value for name, value in zip(names, stored[number], strict=True)}
        examples.append(Example(tree, numbers))
        if number % 500 == 0:
            work.progress.update(number, len(rows), "reading rows")
    if not examples:
        reasons = ", ".join(f"{count} x {reason}" for reason, count in work.skipped.items())
        raise Fault("P604", f"no row is left to train on ({reasons})", "max_tokens", ("raise `max_tokens`, or use a model with a longer context",))
    return examples, names


def adapt(network: Network, about: dict[str, Any]) -> Any:
    """Put the model's adapter in, if it has one; the peft model, to be merged when training ends."""
    if about["adapter"] is None:
        return None
    adapted = bind(restore("adapters", about["adapter"], {}), {})(network.model)
    network.model = adapted.get_base_model()
    return adapted


def fit(trainer: lightning.Trainer, module: Offline, items: Steps, saving: Saving) -> None:
    """Run the trainer from where it was saved. Raises KeyboardInterrupt at Ctrl-C, which Lightning would turn into a failure."""
    if saving.begin == len(items):  # it was stopped when nothing was left but to write the model
        saving.put_weights_back()
        return
    with warnings.catch_warnings(), saving.stopping:
        warnings.simplefilter("ignore")  # Lightning's advice about loaders and loggers does not apply to this use of it
        try:
            trainer.fit(module, DataLoader(items, batch_size=None, sampler=range(saving.begin, len(items))))
        except SystemExit:
            raise KeyboardInterrupt from None


def make_trainer(engine: Engine, *callbacks: lightning.Callback) -> lightning.Trainer:
    """Lightning's trainer, silent: progress and curves go through the work at hand."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    strategies: dict[str, Any] = {"single": "auto", "ddp": "ddp", "fsdp": ModelParallelStrategy(engine.devices, 1)}
    return lightning.Trainer(
        accelerator="gpu" if engine.accelerator == "cuda" else "cpu",
        devices=engine.devices,
        strategy=strategies[engine.strategy],
        precision="bf16-mixed" if engine.precision == "bfloat16" else "32-true",
        max_epochs=1,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
