"""Stages that measure: what policies and scorers say of rows that are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from .base import Needs, Output, Problem, Ref, field
from .length import check_max_tokens, check_room, check_stop, in_words, read_at_most, scored_rows
from .metric import Judged, Metric
from .reward import Reward, scorers_in
from .rule import Column
from .stage import Stage, check_reward_columns, prompts_in

if TYPE_CHECKING:
    from .cost import Estimate, Figure, Survey
    from .effort import Effort


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
    """Most tokens in one forward pass, padding included where a model cannot do without."""

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
    version: ClassVar[int] = 6  # 3: a prompt with several answers is asked once; 4: `limit` leaves no prompt cut; 5: names; 6: no prompts mixed, ties
    measures: ClassVar[tuple[str, ...]] = ("data",)
    judges: ClassVar[tuple[str, ...]] = ("models", "metrics")
    random: ClassVar[bool] = True
    numeric: ClassVar[bool] = True
    tells_names: ClassVar[bool] = True

    models: tuple[Reward | Annotated[Ref, Needs(("policy", "scorer"))], ...]
    """Models to measure; differences are taken to the first. A reward that is not learned, or is made of others, is measured as a scorer is."""
    data: Annotated[Ref, Needs(("dataset",))]
    """Rows to measure on; the metrics say which kind. Metrics of what a policy writes take a prompt with several answers once."""
    metrics: tuple[Metric, ...]
    """What to measure."""
    max_new_tokens: int = field(256, unit="tokens", ge=1)
    """Longest answer of a policy."""
    stop: tuple[str, ...] = field(())
    """Texts that end an answer, each wherever it appears first; the answer does not hold it."""
    temperature: float = field(0.0, unit="1", ge=0)
    """Divides the logits; 0 takes the most likely token."""
    confidence: float = field(0.95, unit="probability", gt=0, lt=1)
    """Level of the intervals."""
    limit: int | None = field(None, unit="rows", ge=1)
    """Measure on only this many rows, the first ones, and on no prompt of whose answers some would be left out; of what a policy writes, on only this many
    prompts."""
    sampler: Literal["transformers", "vllm"] = field("transformers")
    """What writes answers: our own loop over a model of transformers, or vLLM on a GPU (extra `gpu`), whose random numbers are its own."""
    answers_at_once: int = field(256, role="runtime", unit="answers", ge=1)
    """Most answers written in parallel."""
    tokens_at_once: int = field(16384, role="runtime", unit="tokens", ge=1)
    """Most tokens in one forward pass, padding included where a model cannot do without."""

    def check(self) -> Iterator[Problem]:
        for name in ("models", "metrics"):
            if not getattr(self, name):
                yield Problem("S405", name, f"`{name}` is empty; name at least one")
        yield from self.check_repeated()
        for index, metric in enumerate(self.metrics):
            fits = Needs(("dataset",), metric.rows).met_by(self.data.output)
            if not fits:
                yield Problem("R304", "data", f"metric `{metric.tag}` needs {' or '.join(metric.rows)}, but `{self.data}` is a {self.data.output}")
            for name in ("reward", "truth") if fits else ():
                others = "those that a policy writes" if metric.measures == "answers" else ""
                yield from check_reward_columns(getattr(metric, name, None), self.data, f"metrics.{index}.{name}", others)
            by = getattr(metric, "by", None)
            if by is not None and not self.data.output.has_column(by):
                known = ", ".join(self.data.output.columns)
                yield Problem("M509", f"metrics.{index}.by", f"`{self.data}` has no column `{by}`", (f"columns: {known}",))
            for judged in map(Judged.of, self.models):
                if judged.output.artifact not in metric.judges:
                    yield Problem(
                        "R303", f"metrics.{index}", f"metric `{metric.tag}` judges a {' or '.join(metric.judges)}, but `{judged}` is a {judged.output}"
                    )
                for problem in metric.check_judged(judged, self.data) if fits else ():
                    yield replace(problem, field=f"metrics.{index}.{problem.field}".rstrip("."))
        for index, one in enumerate(self.models):
            yield from self.check_rule(index, one) if isinstance(one, Reward) else ()
        yield from check_stop(self.stop)
        written = any(metric.measures == "answers" for metric in self.metrics)
        for name in ("max_new_tokens", "stop", "temperature", "sampler") if not written else ():
            if getattr(self, name) != type(self).model_fields[name].default:
                text = f"`{name}` says how answers are written, and no metric here has any written"
                yield Problem("M507", name, text, (f"remove `{name}`, or add a metric of answers, such as `mean_score`",))
        if "max_new_tokens" in self.model_fields_set and written:
            # The default is a bound for models that read more.
            yield from check_room(self.max_new_tokens, *(one for one in self.models if isinstance(one, Ref)))

    def check_repeated(self) -> Iterator[Problem]:
        """A model, or a metric with the same fields, that stands there twice."""
        for name in ("models", "metrics"):
            listed = getattr(self, name)
            for index, one in enumerate(listed):
                if one in listed[:index]:
                    what = f"`{one}`" if isinstance(one, Ref) else f"the same `{one.tag}`"
                    yield Problem("S405", f"{name}.{index}", f"`{name}` lists {what} twice", ("remove one of them",))

    def check_rule(self, index: int, reward: Reward) -> Iterator[Problem]:
        """A reward that reads the rows must find what it reads; and it scores each answer by itself."""
        yield from check_reward_columns(reward, self.data, f"models.{index}")
        if isinstance(reward, Column) and any(metric.measures == "pairs" for metric in self.metrics):
            text = f"`column` reads `{reward.name}` of a pair, the same number for both of its answers, so it prefers neither"
            yield Problem("M508", f"models.{index}", text, ("measure it on rows of one answer each, or take a reward that reads the answer",))
        if reward.relative:
            text = f"`{reward.tag}` scores an answer by how it compares with the others at hand, and here are none that it could"
            yield Problem("M523", f"models.{index}", text, ("state `mean` and `std` of `normalised`",))

    def output(self) -> Output:
        return Output("table")

    def estimate(self, ask: Survey) -> Estimate:
        """Every row is asked, or every prompt for answers. Each model answers once and scores the pairs once; trained rewards and references are asked anew
        by every metric."""
        from .cost import Estimate, about
        from .effort import NOTHING, Load, Writing, scoring, writing

        data = ask(self.data)
        rows, prompts = (found if self.limit is None else found.least(self.limit) for found in (data.rows_known, prompts_in(self.data, ask)))
        asked_for = Writing(data, prompts, 1, self.max_new_tokens, self.answers_at_once, self.temperature > 0)
        effort, measured = NOTHING, {metric.measures for metric in self.metrics}
        answers = {"answers": 1, "pairs": 2, "completions": 1}

        def scored(model: Ref, seen: Estimate, number: Figure, each: int) -> Effort:
            return scoring(ask(model).network, Load(seen, number, each, read_at_most("context", ask(model)), self.tokens_at_once, number), ask.engine)

        for model in self.models:
            judged = (model,) if isinstance(model, Ref) else scorers_in(model)
            for one in judged:
                if "answers" in measured:
                    effort = effort.then(writing(ask(one).network, asked_for, ask.engine))
                for read in sorted(measured - {"answers"}):
                    effort = effort.then(scored(one, data, rows, answers[read]))
            for metric in self.metrics:
                for other in metric.asks:
                    seen, number = (Estimate(), prompts) if metric.measures == "answers" else (data, rows)
                    effort = effort.then(scored(other, seen, number, answers[metric.measures]))
                for other, one in product(metric.compares_with, judged):
                    effort = effort.then(scored(one, ask(other), ask(other).rows_known, 1))
        disk = about(10_000 + 5_000 * len(self.models) + 2_000 * len(self.metrics))
        return Estimate(rows, flops=effort.flops, memory=effort.memory, disk=disk)
