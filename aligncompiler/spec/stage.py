"""Stages: the steps of an experiment. Each makes one artifact, and edges come from references alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from .base import Kind, Needs, Output, Problem, Ref, Spec, field
from .length import check_max_tokens, check_room, in_words, read_at_most, scored_rows
from .metric import Metric
from .objective import Objective
from .optimizer import Optimizer, Schedule
from .pairing import BestAgainstWorst, Pairing
from .reward import Reward, figures_of

if TYPE_CHECKING:
    from .cost import Estimate, Survey
    from .effort import Effort


class Stage(Kind):
    """One step of the experiment.

    Class variables name fields: `learns` those whose rows change the weights of what is made, `measures` those whose rows are measured
    on, `judges` those that name what is measured or what measures, `compares` those of whose answers to one prompt several are needed,
    `hands_on` those whose answers are in what is made, `writes` the one that says how many answers to each prompt are written. `parallel`
    says that every process of a run over several devices takes part.
    """

    family: ClassVar[str] = "stages"
    learns: ClassVar[tuple[str, ...]] = ()
    measures: ClassVar[tuple[str, ...]] = ()
    judges: ClassVar[tuple[str, ...]] = ()
    compares: ClassVar[tuple[str, ...]] = ()
    hands_on: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[str] = ""


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
    tokens_at_once: int = field(16384, role="runtime", unit="tokens", ge=1)
    """Most tokens, padding included, in one forward pass; the gradient does not depend on it."""


class Train(Stage):
    """Fit a policy or a scorer to data by minimising an objective."""

    kind: Literal["train"] = "train"
    learns: ClassVar[tuple[str, ...]] = ("data",)
    parallel: ClassVar[bool] = True
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
    clip_norm: float = field(1.0, unit="gradient norm", gt=0)
    """Gradients are scaled down to this norm."""
    max_tokens: int | Literal["context"] = field("context", unit="tokens")
    """Longest row, prompt and answer together; longer rows are skipped and counted. `context` is what the model reads."""
    checkpoints: tuple[float, ...] = field((), unit="share of the budget")
    """Points at which the weights are kept, each a model of its own: `${stages.sft.checkpoints}` is their list, `.checkpoints.1` the first."""
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
        if isinstance(self.reference, Ref) and not self.objective.wants_reference():
            yield Problem("M501", "reference", f"objective `{self.objective.tag}` reads no reference", ("remove `reference`",))
        stored = self.reference.output if isinstance(self.reference, Ref) and self.reference.output.artifact == "logprobs" else None
        if stored is not None and stored.columns != (scored_rows(self.data, self.max_tokens, self.model),):
            text = f"{self.reference!r} holds log-probabilities of other rows than `data` and `max_tokens` give"
            yield Problem("M511", "reference", text, ("compute them on the same data, or name the policy itself",))

    def output(self) -> Output:
        trained = replace(self.model.output, holds=())
        kept = tuple((str(number), trained) for number, _ in enumerate(self.checkpoints, 1))
        return replace(trained, holds=(("checkpoints", Output("list", holds=kept)),)) if kept else trained

    def estimate(self, ask: Survey) -> Estimate:
        """Every step takes `batch.rows` rows; each checkpoint is a model of its own on disk."""
        from .cost import exact
        from .effort import Load, estimated, training

        model, data = ask(self.model), ask(self.data)
        per_step = self.batch.rows
        steps = exact(self.budget.steps) if self.budget.steps is not None else (data.rows_known * ((self.budget.epochs or 0) / per_step)).rounded_up()
        limit = read_at_most(self.max_tokens, model)
        load = Load(data, steps * per_step, self.objective.answers, limit, self.batch.tokens_at_once, exact(-(-per_step // ask.engine.devices)))
        effort = training(model.network, load, self.optimizer.moments, ask.engine)
        network = None if model.network is None else replace(model.network, elsewhere=False)
        made = estimated(network, copies=1 + len(self.checkpoints), otherwise=model)
        return replace(made, rows=data.rows_known.bounded(), flops=effort.flops, memory=effort.memory)


class Sample(Stage):
    """Let a policy answer prompts, several times each."""

    kind: Literal["sample"] = "sample"
    writes: ClassVar[str] = "count"
    random: ClassVar[bool] = True
    numeric: ClassVar[bool] = True

    policy: Annotated[Ref, Needs(("policy",))]
    """Policy that answers."""
    prompts: Annotated[Ref, Needs(("dataset",), ("prompts",))]
    """Prompts to answer."""
    count: int = field(unit="answers per prompt", ge=1)
    """Number of answers to each prompt."""
    max_new_tokens: int = field(unit="tokens", ge=1)
    """Longest answer; one that does not end before, or before the model's context is full, is kept and marked. Prompts that leave no room are skipped."""
    temperature: float = field(1.0, unit="1", ge=0)
    """Divides the logits; 0 takes the most likely token."""
    top_p: float = field(1.0, unit="probability", gt=0, le=1)
    """Draw from the smallest set of tokens with this much probability."""
    limit: int | None = field(None, unit="prompts", ge=1)
    """Answer only this many prompts, the first ones."""
    answers_at_once: int = field(256, role="runtime", unit="answers", ge=1)
    """Most answers written in parallel."""

    def check(self) -> Iterator[Problem]:
        if self.temperature == 0 and self.count > 1:
            yield Problem("M510", "count", f"{self.count} answers at `temperature: 0` are all the same", ("use `count: 1`, or a temperature above 0",))
        if self.temperature == 0 and self.top_p < 1:
            yield Problem(
                "M507", "top_p", "`temperature: 0` takes the most likely token, so `top_p` has no effect", ("remove `top_p`, or raise `temperature`",)
            )
        yield from check_room(self.max_new_tokens, self.policy)

    def output(self) -> Output:
        prompts = self.prompts.output
        kept = tuple(row for row in prompts.rows if row == "problems")
        return Output("dataset", ("completions", *kept), prompts.columns)

    def estimate(self, ask: Survey) -> Estimate:
        """`count` answers to each prompt that leaves room for one. On disk a new token takes 4 bytes at most, as a rule."""
        from .cost import Estimate, exact
        from .effort import Writing, writing

        found = ask(self.prompts)
        prompts = found.rows_known if self.limit is None else found.rows_known.least(self.limit)
        rows = (prompts * self.count).bounded()
        effort = writing(ask(self.policy).network, Writing(found, rows, self.max_new_tokens, self.answers_at_once, self.temperature > 0), ask.engine)
        disk = (found.disk * prompts.over(found.rows_known) + rows * (4 * self.max_new_tokens + 24)).rough()
        return Estimate(rows, flops=effort.flops, memory=effort.memory, disk=disk, answers=exact(self.count))


class Label(Stage):
    """Score answers with a reward and keep them all."""

    kind: Literal["label"] = "label"
    hands_on: ClassVar[tuple[str, ...]] = ("completions",)

    completions: Annotated[Ref, Needs(("dataset",), ("completions",))]
    """Answers to score."""
    reward: Reward | Annotated[Ref, Needs(("scorer",))]
    """Reward that scores them: a rule or a trained scorer."""

    @property
    def computes(self) -> bool:
        """A trained scorer does; a rule reads texts."""
        return computes(self.reward)

    def check(self) -> Iterator[Problem]:
        yield from check_reward_columns(self.reward, self.completions, "reward")

    def output(self) -> Output:
        completions = self.completions.output
        kept = tuple(row for row in completions.rows if row not in ("completions", "ratings"))
        return Output("dataset", ("ratings", *kept), (*completions.columns, *figures_of(self.reward)))

    def estimate(self, ask: Survey) -> Estimate:
        """The same rows, with 8 bytes a figure."""
        found = ask(self.completions)
        effort = asked(self.reward, found, ask)
        disk = found.disk + (found.rows_known * (8 * (1 + len(figures_of(self.reward))))).rough()
        return replace(found, rows=found.rows_known.bounded(), flops=effort.flops, memory=effort.memory, disk=disk)


class Pair(Stage):
    """Turn scored answers into preference pairs."""

    kind: Literal["pair"] = "pair"
    compares: ClassVar[tuple[str, ...]] = ("completions",)

    completions: Annotated[Ref, Needs(("dataset",), ("completions",))]
    """Answers to pair, several to a prompt."""
    reward: Reward | Annotated[Ref, Needs(("scorer",))] | Literal["labels"] = field("labels")
    """Reward that scores them; `labels` takes the scores that a `label` stage wrote."""
    rule: Pairing = field(BestAgainstWorst())
    """Which pairs to take."""

    @property
    def computes(self) -> bool:
        """A trained scorer does; a rule reads texts."""
        return computes(self.reward)

    def check(self) -> Iterator[Problem]:
        yield from check_reward_columns(self.reward, self.completions, "reward")
        if self.reward == "labels" and "ratings" not in self.completions.output.all_rows:
            yield Problem("M508", "completions", f"`{self.completions}` carries no scores", ("name a `reward`, or put a `label` stage between",))

    def output(self) -> Output:
        return Output("dataset", ("preferences",), self.completions.output.columns)

    def estimate(self, ask: Survey) -> Estimate:
        """As many pairs as the rule takes of the answers to a prompt, if no two of them score the same."""
        from .cost import Estimate
        from .effort import NOTHING

        found = ask(self.completions)
        prompts = found.rows_known.over(found.answers).least(found.rows_known * 0.5)
        rows = (prompts * self.rule.pairs(found.answers)).bounded()
        effort = asked(self.reward, found, ask) if self.reward != "labels" else NOTHING
        disk = (found.disk * (rows * 2).over(found.rows_known).most(1)).rough()
        return Estimate(rows, flops=effort.flops, memory=effort.memory, disk=disk, row_bytes=found.row_bytes, longest_bytes=found.longest_bytes)


class Logprobs(Stage):
    """Log-probability of every answer of a dataset under a policy, computed once and shared by all who need it."""

    kind: Literal["logprobs"] = "logprobs"
    numeric: ClassVar[bool] = True

    policy: Annotated[Ref, Needs(("policy",))]
    """Policy that is asked."""
    data: Annotated[Ref, Needs(("dataset",), ("demonstrations", "preferences"))]
    """Rows whose answers are scored."""
    max_tokens: int | Literal["context"] = field("context", unit="tokens")
    """Longest row; longer rows are left out, as in training."""
    tokens_at_once: int = field(16384, role="runtime", unit="tokens", ge=1)
    """Most tokens, padding included, in one forward pass."""

    def canonical(self) -> Mapping[str, Any]:
        return {"max_tokens": in_words(self.max_tokens, self.policy)}

    def check(self) -> Iterator[Problem]:
        yield from check_max_tokens(self.max_tokens, self.policy, self.tokens_at_once, "tokens_at_once")

    def output(self) -> Output:
        return Output("logprobs", columns=(scored_rows(self.data, self.max_tokens, self.policy),))

    def estimate(self, ask: Survey) -> Estimate:
        """One pass over the data; on disk 8 bytes a number."""
        from .cost import FILE_BYTES, Estimate
        from .effort import Load, scoring

        policy, data = ask(self.policy), ask(self.data)
        rows, answers = data.rows_known.bounded(), 2 if "preferences" in self.data.output.all_rows else 1
        load = Load(data, rows, answers, read_at_most(self.max_tokens, policy), self.tokens_at_once, rows)
        effort = scoring(policy.network, load, ask.engine)
        return Estimate(rows, flops=effort.flops, memory=effort.memory, disk=(rows * (8 + 8 * answers) + FILE_BYTES).rough())


class Evaluate(Stage):
    """Measure models on the same rows, with intervals and paired differences to the first model."""

    kind: Literal["evaluate"] = "evaluate"
    measures: ClassVar[tuple[str, ...]] = ("data",)
    judges: ClassVar[tuple[str, ...]] = ("models", "metrics")
    random: ClassVar[bool] = True
    numeric: ClassVar[bool] = True

    models: tuple[Annotated[Ref, Needs(("policy", "scorer"))], ...]
    """Models to measure; differences are taken to the first."""
    data: Annotated[Ref, Needs(("dataset",))]
    """Rows to measure on; the metrics say which kind."""
    metrics: tuple[Metric, ...]
    """What to measure."""
    max_new_tokens: int = field(256, unit="tokens", ge=1)
    """Longest answer of a policy."""
    temperature: float = field(0.0, unit="1", ge=0)
    """Divides the logits; 0 takes the most likely token."""
    confidence: float = field(0.95, unit="probability", gt=0, lt=1)
    """Level of the intervals."""
    limit: int | None = field(None, unit="rows", ge=1)
    """Measure on only this many rows, the first ones."""
    answers_at_once: int = field(256, role="runtime", unit="answers", ge=1)
    """Most answers written in parallel."""
    tokens_at_once: int = field(16384, role="runtime", unit="tokens", ge=1)
    """Most tokens, padding included, in one forward pass."""

    def check(self) -> Iterator[Problem]:
        for name in ("models", "metrics"):
            if not getattr(self, name):
                yield Problem("S405", name, f"`{name}` is empty; name at least one")
        for index, metric in enumerate(self.metrics):
            fits = Needs(("dataset",), metric.rows).met_by(self.data.output)
            if not fits:
                yield Problem("R304", "data", f"metric `{metric.tag}` needs {' or '.join(metric.rows)}, but `{self.data}` is a {self.data.output}")
            yield from check_reward_columns(getattr(metric, "reward", None), self.data, f"metrics.{index}.reward") if fits else ()
            by = getattr(metric, "by", None)
            if by is not None and not self.data.output.has_column(by):
                known = ", ".join(self.data.output.columns)
                yield Problem("M509", f"metrics.{index}.by", f"`{self.data}` has no column `{by}`", (f"columns: {known}",))
            for judged in self.models:
                if judged.output.artifact not in metric.judges:
                    yield Problem(
                        "R303", f"metrics.{index}", f"metric `{metric.tag}` judges a {' or '.join(metric.judges)}, but `{judged}` is a {judged.output}"
                    )
        if "max_new_tokens" in self.model_fields_set and any(metric.measures == "answers" for metric in self.metrics):
            yield from check_room(self.max_new_tokens, *self.models)  # the default is a bound for models that read more

    def output(self) -> Output:
        return Output("table")

    def estimate(self, ask: Survey) -> Estimate:
        """Each model answers once and scores the pairs once; trained rewards and references are asked anew by every metric."""
        from .cost import Estimate, about
        from .effort import NOTHING, Load, Writing, scoring, writing

        data = ask(self.data)
        rows = data.rows_known if self.limit is None else data.rows_known.least(self.limit)
        asked_for = Writing(data, rows, self.max_new_tokens, self.answers_at_once, self.temperature > 0)
        effort = NOTHING
        for judged in map(ask, self.models):
            if any(metric.measures == "answers" for metric in self.metrics):
                effort = effort.then(writing(judged.network, asked_for, ask.engine))
            if any(metric.measures == "pairs" for metric in self.metrics):
                pairs = Load(data, rows, 2, read_at_most("context", judged), self.tokens_at_once, rows)
                effort = effort.then(scoring(judged.network, pairs, ask.engine))
            for metric in self.metrics:
                for other in map(ask, metric.asks):
                    answers, seen = (1, Estimate()) if metric.measures == "answers" else (2, data)
                    load = Load(seen, rows, answers, read_at_most("context", other), self.tokens_at_once, rows)
                    effort = effort.then(scoring(other.network, load, ask.engine))
        disk = about(10_000 + 5_000 * len(self.models) + 2_000 * len(self.metrics))
        return Estimate(rows.bounded(), flops=effort.flops, memory=effort.memory, disk=disk)


def check_reward_columns(reward: object, data: Ref, field_name: str) -> Iterator[Problem]:
    """A rule reads columns; the rows it is given must carry them."""
    for column in reward.columns if isinstance(reward, Reward) else ():
        if not data.output.has_column(column):
            assert isinstance(reward, Reward)
            yield Problem("R304", field_name, f"reward `{reward.tag}` reads the column `{column}`, which `{data}` does not carry")


def computes(reward: object) -> bool:
    """Whether scores depend on device and precision: those of a trained scorer, or of a rule that says so."""
    return isinstance(reward, Ref) or (isinstance(reward, Reward) and reward.computes)


def asked(reward: object, answers: Estimate, ask: Survey) -> Effort:
    """What it takes to score answers: a rule computes with no network."""
    from .effort import NOTHING, TOKENS_AT_ONCE, Load, scoring

    if not isinstance(reward, Ref):
        return NOTHING
    scorer, rows = ask(reward), answers.rows_known
    return scoring(scorer.network, Load(answers, rows, 1, read_at_most("context", scorer), TOKENS_AT_ONCE, rows), ask.engine)
