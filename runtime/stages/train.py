"""Fit a policy or a scorer to rows by minimising an objective, with Lightning."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch

from aligncompiler.spec.codec import restore
from aligncompiler.spec.objective import Objective
from aligncompiler.spec.optimizer import Schedule
from aligncompiler.spec.training import Batch, Budget, Train

from ..batching import Steps, num_steps
from ..encoded import Encoded, Ragged, encode_rows
from ..fault import Fault
from ..frozen import STATES, backbone_states, pays
from ..loggers import log, logging_to
from ..logprob_table import read_logprobs
from ..members import compute_at_once
from ..model_files import load_encoder, load_network, read_about, save_network
from ..modules.offline import Offline
from ..networks import Network, gathered, is_sharded
from ..registry import Bound, bind, implements
from ..scorer import Shape
from ..steps import STEPS
from ..store import Artifact
from ..targets import targets
from ..tokens import TEXTS, Encoder, leaves_of
from ..trainer import fit, make_trainer
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
    weights: str,
    reduction: Bound,
    clip_norm: float,
    max_tokens: int | str,
    checkpoints: tuple[float, ...],
    gradient_checkpointing: bool,
    log_every: int,
) -> None:
    """Write the trained model and its curves.

    Rows that do not fit are skipped and counted. Raises Fault if none is left, or if the loss stops being a number.
    """
    encoder, shape = load_encoder(model), Shape.from_json(read_about(model).get("scorer"))
    examples, leaves = encode(work, encoder, data, objective, reference, max_tokens, shape)
    shape = shape.scaled(examples.numbers.get("labels"))
    torch.manual_seed(work.seed)
    network = load_network(model, shape).train()
    adapted = adapt(network, read_about(model)["adapter"])
    compute_by(work, network, gradient_checkpointing, batch.members_at_once)
    freeze(network, weights, objective.spec.reads)
    steps = num_steps(len(examples), batch.rows, budget.steps, budget.epochs)
    points: deque[dict[str, float]] = deque(maxlen=max(1, steps // 10))
    saving = resumed(work, network, steps, points)
    trainer = make_trainer(work.engine, clip_norm, saving)
    unroll, place = not network.shares_prefixes, (trainer.global_rank, trainer.world_size)
    examples = with_states(work, network, examples, weights, steps * batch.rows, batch.tokens_at_once, encoder.pad, trainer)
    groups = examples.prompts() if batch.shuffle == "prompts" else None
    sizes, noise = (steps, batch.rows, batch.tokens_at_once), len(shape.attributes) if "noise" in objective.spec.reads else 0
    items = Steps(examples, leaves, objective.spec.per, reduction, *sizes, work.seed, encoder.pad, unroll, network.flat, *place, groups, noise)

    def tell(point: dict[str, float]) -> None:
        points.append(point)
        step = int(point["step"])
        work.progress.update(step, steps, f"loss {point['loss']:.3f}", tokens=module.tokens)
        if step % log_every == 0 or step in (1, steps):
            work.log(point)
            log(trainer.loggers, point)
        for number in (n for n, share in enumerate(checkpoints, 1) if max(1, round(share * steps)) == step):
            write(work, network, adapted, model, shape, encoder, work.folder / "checkpoints" / str(number))
            work.facts[f"checkpoints.{number}"] = {"steps": step}

    module = Offline(network, objective, optimizer, schedule, steps, clip_norm, tell, saving.begin)
    with logging_to(work, work.curve()) as trainer.loggers:
        fit(trainer, module, items, saving)
    parameters = write(work, network, adapted, model, shape, encoder, work.folder)
    means = {name: sum(p[name] for p in points) / len(points) for name in points[0] if name in ("loss", "accuracy")}
    work.summary |= {"steps": steps, "rows": len(examples), **means}
    work.facts |= {"steps": steps, "rows": len(examples), "parameters": parameters}


def compute_by(work: Work, network: Network, gradient_checkpointing: bool, members_at_once: int) -> None:
    """How passes are computed, which moves no number but by rounding and what is dropped out. Raises Fault where the family cannot."""
    if gradient_checkpointing:
        recompute(network)
    if members_at_once > 1:
        compute_at_once(network, members_at_once, work.device)


def recompute(network: Network) -> None:
    """Keep no states of blocks for the backward pass, but compute them again. Raises Fault where the family cannot."""
    for part in network.parts:
        if not part.model.supports_gradient_checkpointing:
            text = f"models of the family `{part.model.config.model_type}` keep all their states: transformers knows no gradient checkpointing for them"
            raise Fault("P607", text, "gradient_checkpointing", ("remove it, and lower `batch.tokens_at_once` to save memory",))
        part.model.activation_checkpointing_enable({"use_reentrant": False})


def with_states(work: Work, network: Network, examples: Encoded, weights: str, rows: int, tokens_at_once: int, pad: int, trainer: lightning.Trainer) -> Encoded:
    """The examples with the states of the backbone, where it is frozen and would compute them again."""
    if not pays(network, weights, examples, rows, trainer.world_size):
        return examples
    reading = partial(work.progress.update, text="states of the frozen backbone", unit="rows")
    states = backbone_states(network, examples, tokens_at_once, pad, work.device, trainer.precision_plugin.forward_context, work.folder, reading)
    return examples.with_numbers({**examples.numbers, STATES: states})


def resumed(work: Work, network: Network, steps: int, points: deque[dict[str, float]]) -> Saving:
    """What saves the training as it goes on; the last points of the curve and the facts of an earlier attempt are put back."""
    kept = None if work.engine.strategy == "deepspeed" else work.checkpoints  # its engine has the state, in a form of its own
    saving = Saving(kept, network, steps, lambda: {"points": list(points), "facts": work.facts})
    if saving.saved is not None:
        points.extend(saving.saved.state["points"])
        work.facts |= saving.saved.state["facts"]
    return saving


def write(work: Work, network: Network, adapted: list[Any], model: Artifact, shape: Shape, encoder: Encoder, folder: Path) -> int:
    """Write the weights as they stand: a model like any other, with its adapter merged into it. The number of parameters.

    Of sharded weights every process holds a part and all must be here; the first one gets them whole, and writes.
    """
    about = read_about(model)
    if is_sharded(network):
        weights = gathered(network)
        if not work.first:
            return 0
        with torch.random.fork_rng():  # an adapter is drawn, and training goes on after a checkpoint
            network = load_network(model, shape)
            adapted = adapt(network, about["adapter"])
        network.load_state_dict(weights)
    elif adapted:
        network, adapted = copy.deepcopy((network, adapted))  # training goes on with the adapter apart
    for part, one in zip(network.parts, adapted, strict=False):
        part.model = one.merge_and_unload()
    save_network(network, encoder, folder, {"prompt_format": about["prompt_format"], "adapter": about["adapter"]})
    return sum(p.numel() for p in network.parameters())


def encode(
    work: Work, encoder: Encoder, data: Artifact, objective: Bound, reference: Artifact | str, max_tokens: int | str, shape: Shape
) -> tuple[Encoded, tuple[str, ...]]:
    """Every usable row as an example with the numbers that the objective reads beside the model's own, and the names of its answers."""
    spec = objective.spec
    assert isinstance(spec, Objective)
    rows = load_rows(data)
    names, columns = zip(*leaves_of(rows[0], spec.reads), strict=True)
    told = "step_labels" in spec.reads
    read = [name for name in (*TEXTS, *columns, *((STEPS,) if told else ())) if name in rows.columns]
    held, lacks = targets(data, spec.reads, shape.attributes)
    known_R, logp_RL = read_logprobs(reference, len(rows)) if spec.wants_reference() and isinstance(reference, Artifact) else (None, None)

    def skip(reason: str) -> None:
        work.skipped[reason] += 1

    def usable(number: int) -> str:
        return lacks.get(number) or ("longer than the reference reads" if known_R is not None and not known_R[number] else "")

    encoded = encode_rows(
        encoder,
        load_rows(data, columns=read),
        columns,
        encoder.limit(max_tokens),
        skip,
        lambda done, total: work.progress.update(done, total, "reading", unit="rows"),
        usable,
        work.folder,
        shape.cut(encoder),
        told,
    )
    if not len(encoded):
        reasons = ", ".join(f"{count} x {reason}" for reason, count in work.skipped.items())
        raise Fault("P604", f"no row is left to train on ({reasons})", "max_tokens", ("raise `max_tokens`, or use a model with a longer context",))
    kept_N = encoded.rows_N
    numbers = {name: values.of_rows(kept_N) if isinstance(values, Ragged) else values[kept_N] for name, values in held.items()}
    if shape.bagging:
        numbers["draws"] = np.random.default_rng(work.seed).poisson(1.0, (len(encoded), shape.members)).astype(np.float64)
    if logp_RL is not None:
        numbers |= {f"reference_{name}_logp": logp_RL[kept_N, place] for place, name in enumerate(names)}
    return encoded.with_numbers(numbers), names


def freeze(network: Network, weights: str, reads: Sequence[str]) -> None:
    """Let only these weights change: `all`, the `head` of a scorer with its gate, or the `gate`; of them a gate only if the objective `reads` rewards, for
    otherwise it has no gradient, which replicas would wait for. What is frozen drops nothing out."""
    for part in network.parts:
        gates = list(getattr(part, "gates", ()))
        if weights != "all":
            part.requires_grad_(False).eval()
            heads = [child for child in part.model.children() if child is not part.model.base_model] if weights == "head" else []
            for module in (*heads, *gates):
                module.requires_grad_(True).train()
        for gate in gates if not any(name.endswith("_reward") for name in reads) else ():
            gate.requires_grad_(False)


def adapt(network: Network, adapter: dict[str, Any] | None) -> list[Any]:
    """Put the model's adapter in, if it has one; the peft model of each part, to be merged when training ends."""
    if adapter is None:
        return []
    made = []
    for part in network.parts:
        made.append(bind(restore("adapters", adapter, {}), {})(part.model))
        part.model = made[-1].get_base_model()
    return made
