"""Stages that make rows: answers, their scores, pairs of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from .base import Needs, Output, Problem, Ref, field
from .length import check_room, check_stop
from .pairing import BestAgainstWorst, Pairing
from .reward import UNCERTAINTY, Reward, figures_of, told_by
from .spread import check_spread
from .stage import Stage, asked, check_labels, check_lost_columns, check_reward_columns, computes, prompts_in
from .topology import Chain, Topology

if TYPE_CHECKING:
    from .cost import Estimate, Survey

WRITTEN = ("sample", "tokens", "ended")  # what an answer carries that was written here, beside the number of its prompt
SCORES = ("chosen_score", "rejected_score")  # what a pair carries
SHARED = ("shared_prefix", "rest_chosen", "rest_rejected", "lca_depth")  # what a pair of leaves carries
UNSURE = ("chosen_uncertainty", "rejected_uncertainty")  # what a pair carries if its reward tells how unsure it is


class Sample(Stage):
    """Let a policy answer prompts, several times each."""

    kind: Literal["sample"] = "sample"
    version: ClassVar[int] = 3  # 2: noise of 32 bits; 3: a prompt with several answers is asked once
    writes: ClassVar[str] = "count"
    grows: ClassVar[str] = "topology"
    counts: ClassVar[str] = "answers"
    random: ClassVar[bool] = True
    numeric: ClassVar[bool] = True

    policy: Annotated[Ref, Needs(("policy",))]
    """Policy that answers."""
    prompts: Annotated[Ref, Needs(("dataset",), ("prompts",))]
    """Prompts to answer. Rows that hold answers give each prompt once, with the other columns of its first row; rows of prompts alone are taken as they
    stand, one that is repeated too."""
    count: int = field(unit="answers per prompt", ge=1, le=1_000_000)
    """Number of answers to each prompt."""
    topology: Topology = field(Chain())
    """How the answers to one prompt hang together."""
    max_new_tokens: int = field(unit="tokens", ge=1)
    """Longest answer; one that does not end before, or before the model's context is full, is kept and marked. Prompts that leave no room are skipped."""
    stop: tuple[str, ...] = field(())
    """Texts that end an answer, each wherever it appears first; the answer does not hold it."""
    temperature: float = field(1.0, unit="1", ge=0)
    """Divides the logits; 0 takes the most likely token. A tree may cool down from here."""
    top_k: int | None = field(None, unit="tokens", ge=1)
    """Draw from this many most likely tokens; all of them, where it is left out."""
    top_p: float = field(1.0, unit="probability", gt=0, le=1)
    """Draw from the smallest set of tokens with this much probability, of those that `top_k` leaves."""
    limit: int | None = field(None, unit="prompts", ge=1)
    """Answer only this many prompts, the first ones."""
    sampler: Literal["transformers", "vllm"] = field("transformers")
    """What writes: our own loop over a model of transformers, or vLLM on a GPU (extra `gpu`), whose random numbers are its own."""
    answers_at_once: int = field(256, role="runtime", unit="answers", ge=1)
    """Most answers written in parallel."""

    def check(self) -> Iterator[Problem]:
        yield from check_stop(self.stop)
        if self.temperature == 0 and self.count > 1:
            yield Problem("M510", "count", f"{self.count} answers at `temperature: 0` are all the same", ("use `count: 1`, or a temperature above 0",))
        for name, narrows in (("top_p", self.top_p < 1), ("top_k", self.top_k is not None)):
            if self.temperature == 0 and narrows:
                text = f"`temperature: 0` takes the most likely token, so `{name}` has no effect"
                yield Problem("M507", name, text, (f"remove `{name}`, or raise `temperature`",))
        yield from check_room(self.max_new_tokens, self.policy)
        yield from self.topology.fits(self.count, self.temperature)
        if self.sampler not in self.topology.samplers:
            text = f"`sampler: {self.sampler}` goes on from prompts alone, so it grows no `{self.topology.tag}`"
            yield Problem("M508", "sampler", text, (f"write `sampler: {self.topology.samplers[0]}`, or leave it out",))

    def output(self) -> Output:
        prompts = self.prompts.output
        kept = tuple(row for row in prompts.rows if row == "problems")
        own = ("completion", *WRITTEN, *self.topology.columns)
        columns = dict.fromkeys((*prompts.prompt_columns, "group", *WRITTEN))
        return Output("dataset", (*self.topology.rows, *kept), tuple(columns), answer_columns=own)

    def estimate(self, ask: Survey) -> Estimate:
        """`count` answers to each prompt that leaves room for one, as if none shared a token with another. On disk a new token takes 4 bytes at most,
        as a rule; what a tree says of its segments, their texts once more and 16 bytes each."""
        from .cost import Estimate, exact
        from .effort import Writing, writing

        found, shape, prompts = ask(self.prompts), self.topology, prompts_in(self.prompts, ask)
        prompts = prompts if self.limit is None else prompts.least(self.limit)
        rows = (prompts * self.count).bounded()
        written, each = rows + prompts * shape.drafts, self.count + shape.drafts
        asked = Writing(found, written, each, self.max_new_tokens, self.answers_at_once, self.temperature > 0, bool(shape.columns))
        effort = writing(ask(self.policy).network, asked, ask.engine)
        row_bytes = (4 * self.max_new_tokens + 24) * (2 if shape.columns else 1)
        disk = (found.disk * prompts.over(found.rows_known) + rows * row_bytes).rough()
        trees = exact(self.count // shape.leaves)
        return Estimate(rows, flops=effort.flops, memory=effort.memory, disk=disk, answers=exact(self.count), trees=trees)


class Label(Stage):
    """Score answers with a reward and keep them all. What an earlier reward said of them goes, its score and its figures."""

    kind: Literal["label"] = "label"
    version: ClassVar[int] = 2  # 2: the figures of an earlier reward go
    hands_on: ClassVar[tuple[str, ...]] = ("completions",)

    completions: Annotated[Ref, Needs(("dataset",), ("completions",))]
    """Answers to score."""
    reward: Reward | Annotated[Ref, Needs(("scorer",))]
    """Reward that scores them: a rule or a trained scorer."""

    @property
    def computes(self) -> bool:
        """A trained scorer does, also inside of a combination; a rule reads texts."""
        return computes(self.reward)

    def check(self) -> Iterator[Problem]:
        yield from check_reward_columns(self.reward, self.completions, "reward")
        yield from check_lost_columns(self.reward, self.completions)

    def output(self) -> Output:
        return self.completions.output.scored_by(told_by(self.reward))

    def estimate(self, ask: Survey) -> Estimate:
        """The same rows, with 8 bytes a figure."""
        found = ask(self.completions)
        effort = asked(self.reward, found, ask)
        disk = found.disk + (found.rows_known * (8 * (1 + len(figures_of(self.reward))))).rough()
        return replace(found, rows=found.rows_known.bounded(), flops=effort.flops, memory=effort.memory, disk=disk)


class Pair(Stage):
    """Turn scored answers into preference pairs, with the scores of both answers beside them and, where the reward tells it, how unsure it was of each.

    Where the answers are leaves of trees, a pair also tells of the deepest node that both of its answers come from: its text is `shared_prefix`, `lca_depth`
    its number of segments, and `rest_chosen` and `rest_rejected` are what follows it.
    """

    kind: Literal["pair"] = "pair"
    version: ClassVar[int] = 2  # 2: a column `group` of a file mixes no prompts
    compares: ClassVar[tuple[str, ...]] = ("completions",)

    completions: Annotated[Ref, Needs(("dataset",), ("completions",))]
    """Answers to pair, several to a prompt."""
    reward: Reward | Annotated[Ref, Needs(("scorer",))] | Literal["labels"] = field("labels")
    """Reward that scores them; `labels` takes the scores that a `label` stage wrote."""
    rule: Pairing = field(BestAgainstWorst())
    """Which pairs to take."""

    @property
    def draws(self) -> bool:
        """A rule may draw its pairs."""
        return self.rule.random

    @property
    def computes(self) -> bool:
        """A trained scorer does, also inside of a combination; a rule reads texts."""
        return computes(self.reward)

    def check(self) -> Iterator[Problem]:
        yield from check_reward_columns(self.reward, self.completions, "reward", "answers that are not finished too" if self.rule.inner else "")
        yield from check_labels(self.reward, self.completions)
        if not self.completions.output.all_rows.issuperset(self.rule.rows):
            text = f"`{self.rule.tag}` pairs the leaves of trees, and `{self.completions}` holds none"
            help = ("let `sample` grow them with `topology: {kind: tree, depth: 3}`, or read a dataset of kind `trees`",)
            yield Problem("M513", "rule", text, help)
        if self.reward == "labels" and self.rule.inner:
            text = "`labels` are scores of whole answers, and the rule also pairs answers that are not"
            yield Problem("M508", "rule", text, ("name a `reward`, which scores both, or pair whole answers only",))
        yield from self.check_part()

    def check_part(self) -> Iterator[Problem]:
        """What a rule reads beside the score must be there."""
        for part in self.rule.reads:
            if isinstance(self.reward, str):
                known, figures = self.completions.output.has_column(part), ("score", *self.completions.output.columns)
            else:
                figures = ("score", *figures_of(self.reward))
                known = part in figures
            if not known:
                whose = self.completions if isinstance(self.reward, str) else self.reward if isinstance(self.reward, Ref) else self.reward.tag
                yield Problem("M509", "rule.part", f"`{whose}` gives no figure `{part}`", (f"what it gives: {', '.join(figures)}",))
            source = self.completions if isinstance(self.reward, str) else self.reward
            yield from check_spread(str(source), source.output, part, "rule.part") if isinstance(source, Ref) else ()

    def output(self) -> Output:
        answers = self.completions.output
        told = answers if isinstance(self.reward, str) else told_by(self.reward)
        unsure = UNSURE if UNCERTAINTY in told.columns else ()
        own = (*SCORES, *unsure, *(SHARED if "trees" in answers.all_rows else ()))
        return Output("dataset", ("preferences",), (*answers.prompt_columns, *own), answer_columns=own, hollow=unsure if UNCERTAINTY in told.hollow else ())

    def estimate(self, ask: Survey) -> Estimate:
        """As many pairs as the rule takes of the answers to a prompt, if no two of them score the same."""
        from .cost import Estimate
        from .effort import NOTHING

        found = ask(self.completions)
        prompts = found.rows_known.over(found.answers).least(found.rows_known * 0.5)
        rows = (prompts * self.rule.pairs(found.answers, found.trees)).bounded()
        scored = replace(found, rows=(found.rows_known * 2).bounded()) if self.rule.inner else found  # a tree has more leaves than other nodes
        effort = asked(self.reward, scored, ask) if self.reward != "labels" else NOTHING
        disk = (found.disk * (rows * 2).over(found.rows_known).most(1)).rough()
        return Estimate(rows, flops=effort.flops, memory=effort.memory, disk=disk, row_bytes=found.row_bytes, longest_bytes=found.longest_bytes)
