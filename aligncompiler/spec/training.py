"""Stages that change weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from .base import Needs, Output, Problem, Ref, Spec, field
from .length import check_max_tokens, in_words, read_at_most, scored_rows
from .objective import Objective
from .optimizer import Optimizer, Schedule
from .reduction import Mean, Reduction
from .scorer import tells_steps
from .spread import SPREADS, spreads_in
from .stage import Stage

if TYPE_CHECKING:
    from .cost import Estimate, Survey


class Budget(Spec):
    """How long to train."""

    steps: int | None = field(None, unit="optimiser steps", ge=1)
    """Number of optimiser steps."""
    epochs: float | None = field(None, unit="passes over the data", gt=0)
    """Number of passes over the data."""

    def check(self) -> Iterator[Problem]:
        if (self.steps is None) == (self.epochs is None):
            rivals = () if self.steps is None else ("steps", "epochs")
            yield Problem("M505", "", f"a budget takes exactly one of `steps`, `epochs`; {'both are' if rivals else 'neither is'} given", rivals=rivals)


class Batch(Spec):
    """How much enters one optimiser step, and how much of it is held in memory at a time."""

    rows: int = field(32, unit="rows of the dataset (demonstrations, pairs, ...)", ge=1)
    """Rows of one optimiser step, over all devices."""
    shuffle: Literal["rows", "prompts"] = field("rows")
    """What each pass over the data puts in a new order: every row by itself, or prompts. Then the rows of a prompt enter a step together, and what
    they have in common is computed once."""
    tokens_at_once: int = field(16384, role="runtime", unit="tokens", ge=1)
    """Most tokens in one forward pass, padding included where a model cannot do without; the gradient does not depend on it, but for what
    dropout drops, in a model that has it."""
    members_at_once: int = field(1, role="runtime", unit="members", ge=1)
    """Most members of an ensemble of whole models that one forward pass computes side by side, their weights stacked: fewer and larger products, for one
    copy more of the weights of all and one of the gradients of these. The gradient does not depend on it, but for what dropout drops."""


class Train(Stage):
    """Fit a policy or a scorer to data by minimising an objective."""

    kind: Literal["train"] = "train"
    learns: ClassVar[tuple[str, ...]] = ("data",)
    parallel: ClassVar[bool] = True
    counts: ClassVar[str] = "steps"
    random: ClassVar[bool] = True
    numeric: ClassVar[bool] = True

    model: Annotated[Ref, Needs(("policy", "scorer"))]
    """Model to start from."""
    data: Annotated[Ref, Needs(("dataset",))]
    """Rows to learn from; the objective says which kind."""
    objective: Objective
    """Loss to minimise."""
    budget: Budget
    """How long to train."""
    optimizer: Optimizer
    """How gradients become steps."""
    reference: Annotated[Ref, Needs(("policy", "logprobs"))] | Literal["initial"] = field("initial")
    """Policy that the objective compares with; `initial` is `model` as it stands before training."""
    schedule: Schedule = field(Schedule())
    """Learning rate over the budget."""
    batch: Batch = field(Batch())
    """Size of a step."""
    weights: Literal["all", "head", "gate"] = field("all")
    """Weights that change, the others are frozen: all (with an adapter, those that it has); the head of a scorer with its gate; or the gate alone."""
    reduction: Reduction = field(Mean())
    """How the entries of the loss become the loss of a step."""
    clip_norm: float = field(1.0, unit="gradient norm", gt=0)
    """Gradients are scaled down to this norm."""
    max_tokens: int | Literal["context"] = field("context", unit="tokens")
    """Longest row, prompt and answer together; longer rows are skipped and counted. `context` is what the model reads."""
    checkpoints: tuple[float, ...] = field((), unit="share of the budget")
    """Points at which the weights are kept, each a model of its own: `${stages.sft.checkpoints}` is their list, `.checkpoints.1` the first."""
    gradient_checkpointing: bool = field(False, role="runtime")
    """Keep of each block only what goes in, and compute the rest again in the backward pass: less memory, a third more operations."""
    log_every: int = field(10, role="runtime", unit="optimiser steps", ge=1)
    """Steps between two points of the curves."""

    def canonical(self) -> Mapping[str, Any]:
        return {"max_tokens": in_words(self.max_tokens, self.model)}

    def check(self) -> Iterator[Problem]:
        yield from check_max_tokens(self.max_tokens, self.model, self.batch.tokens_at_once, "batch.tokens_at_once")
        if list(self.checkpoints) != sorted(set(self.checkpoints)) or not all(0 < share <= 1 for share in self.checkpoints):
            yield Problem("S405", "checkpoints", "`checkpoints` are rising shares of the budget, each above 0 and at most 1")
        if not Needs(("dataset",), self.objective.rows).met_by(self.data.output):
            wanted = " or ".join(self.objective.rows)
            yield Problem("R304", "data", f"objective `{self.objective.tag}` learns from {wanted}, but `{self.data}` is a {self.data.output}")
        if self.model.output.artifact != self.objective.trains:
            yield Problem("R303", "model", f"objective `{self.objective.tag}` trains a {self.objective.trains}, but `{self.model}` is a {self.model.output}")
        yield from self.check_members()
        yield from self.check_columns()
        yield from self.check_attributes()
        if self.weights not in ("all", *self.model.output.weights):
            known = ", ".join(f"`{name}`" for name in ("all", *self.model.output.weights))
            yield Problem("M509", "weights", f"`{self.model}` has no {self.weights} to train by itself", (f"weights that it has: {known}",))
        if self.weights == "gate" and not any(name.endswith("_reward") for name in self.objective.reads):
            text = f"objective `{self.objective.tag}` does not ask the gate, which would learn nothing"
            yield Problem("M507", "weights", text, ("train the gate by `bradley_terry`", "or leave `weights` out"))
        if self.reduction.sequences and self.objective.per == "rows":
            text = f"objective `{self.objective.tag}` gives one number a row, so `reduction: {self.reduction.tag}` has no tokens to weigh"
            yield Problem("M507", "reduction", text, ("remove `reduction`",))
        if isinstance(self.reference, Ref) and not self.objective.wants_reference():
            yield Problem("M501", "reference", f"objective `{self.objective.tag}` reads no reference", ("remove `reference`",))
        stored = self.reference.output if isinstance(self.reference, Ref) and self.reference.output.artifact == "logprobs" else None
        if stored is not None and stored.columns != (scored_rows(self.data, self.max_tokens, self.model),):
            text = f"{self.reference!r} holds log-probabilities of other rows than `data` and `max_tokens` give"
            yield Problem("M511", "reference", text, ("compute them on the same data, or name the policy itself",))

    def check_members(self) -> Iterator[Problem]:
        """What members side by side must be."""
        if self.batch.members_at_once > 1 and not self.model.output.whole:
            text = f"`{self.model}` has no members that are whole models, so there are none to compute side by side"
            yield Problem("M507", "batch.members_at_once", text, ("remove it", "or take an ensemble with `shares: nothing`"))
        elif self.batch.members_at_once > 1 and self.gradient_checkpointing:
            text = "members side by side keep their states: `gradient_checkpointing` can compute the blocks of one member again, not those of several"
            yield Problem("M507", "batch.members_at_once", text, ("remove one of the two",))

    def check_columns(self) -> Iterator[Problem]:
        """What an objective learns from must be columns of the rows; and steps must be told by the scorer."""
        data, scorer, tag = self.data.output, self.model.output, self.objective.tag
        for name in self.objective.columns if Needs(("dataset",), self.objective.rows).met_by(data) else ():
            if not data.has_column(name):
                text = f"`{self.data}` has no column `{name}`, from which objective `{tag}` learns"
                yield Problem("M509", "data", text, (f"columns: {', '.join(data.columns)}",))
        if "completion_steps" in self.objective.reads and scorer.artifact == "scorer" and not tells_steps(scorer):
            text = f"objective `{tag}` fits the steps of an answer, and `{self.model}` tells none"
            help = ("declare the reward as `kind: process`, or as `kind: generative` with `per: step`", "or use the objective `cross_entropy`")
            yield Problem("M508", "model", text, help)

    def check_attributes(self) -> Iterator[Problem]:
        """What objectives of attributes need of the scorer and of the rows."""
        scorer, tag = self.model.output, self.objective.tag
        if "labels" in self.objective.reads and scorer.artifact == "scorer":
            if not scorer.attributes:
                text = f"objective `{tag}` fits attributes, and `{self.model}` tells none"
                yield Problem("M508", "model", text, ("declare the reward as `kind: attributes`", "or train a scalar reward by `bradley_terry`"))
            fits = Needs(("dataset",), self.objective.rows).met_by(self.data.output)
            for name in scorer.attributes if fits else ():
                if not self.data.output.has_column(name):
                    known = ", ".join(self.data.output.columns)
                    yield Problem("M509", "data", f"`{self.data}` has no column `{name}`, an attribute of `{self.model}`", (f"columns: {known}",))
        if "completion_log_std" in self.objective.reads and scorer.attributes and not any(name.endswith("_std") for name in scorer.columns):
            text = f"objective `{tag}` fits a standard deviation, and `{self.model}` tells only means"
            yield Problem("M508", "model", text, ("write `head: gaussian`", "or use the objective `squared_error`"))
        if self.objective.collapses and scorer.uncertainty in SPREADS:
            text = f"objective `{tag}` drives every standard deviation to zero, so `uncertainty: {scorer.uncertainty}` of `{self.model}` would say nothing"
            yield Problem("M526", "objective", text, ("use `gaussian_likelihood`", "or take `uncertainty` away, or make it `gap` in an ensemble"))

    def output(self) -> Output:
        trained = replace(self.model.output, holds=())
        if self.objective.collapses:
            spreads = spreads_in(trained.columns, "")  # where `uncertainty` is one of them, this training is refused
            trained = replace(trained, hollow=spreads, collapsed=self.objective.tag)
        elif "completion_log_std" in self.objective.reads:
            trained = replace(trained, hollow=(), collapsed="")
        kept = tuple((str(number), trained) for number, _ in enumerate(self.checkpoints, 1))
        return replace(trained, holds=(("checkpoints", Output("list", holds=kept)),)) if kept else trained

    def estimate(self, ask: Survey) -> Estimate:
        """Every step takes `batch.rows` rows; each checkpoint is a model of its own on disk. A frozen backbone is read forwards, and its states are kept
        where they can be; what heads and gates take is next to nothing."""
        from .cost import exact
        from .effort import Load, estimated, scoring, training

        model, data = ask(self.model), ask(self.data)
        per_step = self.batch.rows
        steps = exact(self.budget.steps) if self.budget.steps is not None else (data.rows_known * ((self.budget.epochs or 0) / per_step)).rounded_up()
        limit = read_at_most(self.max_tokens, model)
        frozen, rows = self.weights != "all", steps * per_step
        kept = frozen and ask.engine.world == 1 and model.network is not None and model.network.causal
        if kept:
            rows = rows.least(data.rows_known)
        load = Load(data, rows, self.objective.answers, limit, self.batch.tokens_at_once, exact(-(-per_step // ask.engine.world)))
        if frozen:
            effort = scoring(model.network, load, ask.engine)
        else:
            effort = training(model.network, load, self.optimizer.moments, ask.engine, self.gradient_checkpointing)
        network = None if model.network is None else replace(model.network, elsewhere=False)
        made = estimated(network, copies=1 + len(self.checkpoints), otherwise=model)
        memory = effort.memory if network is None or kept else effort.memory + network.parameters * self.stacked_bytes()
        return replace(made, rows=data.rows_known.bounded(), flops=effort.flops, memory=memory)

    def stacked_bytes(self) -> float:
        """Bytes that members side by side take for each parameter of all members: their weights once more, until the backward pass has been, and the
        gradient of those that are computed together."""
        members, together = self.model.output.members, min(self.batch.members_at_once, self.model.output.members)
        if together == 1:
            return 0.0
        alone = 1 if members % together == 1 else 0
        return 4 * (members - alone) / members + (4 * together / members if self.weights == "all" else 0)
