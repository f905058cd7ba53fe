"""Answers scored by a network, without gradients: log-probabilities by a policy, rewards by a scorer."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from aligncompiler.spec.reward import Reward, columns_read

from .checkpoints import Keep, computed
from .encoded import Encoded, Floats, Ints, encode_rows
from .fault import Fault, Skip
from .forest import Forest, batches, grafted, pack
from .model_files import load_encoder, load_scorer
from .networks import Network
from .on_demand import OnDemand
from .registry import Bound
from .rows import Row
from .scorer import Scorer
from .scores import Scores, by_rule
from .store import Artifact
from .tokens import Encoder

TOKENS_AT_ONCE = 16384
Tell = Callable[[int, int], None]
Keeps = Callable[[str], Keep]  # by a name


def quiet(done: int, total: int) -> None:
    """Tell nobody."""


def nothing_kept(name: str) -> Keep:
    """Keep nothing."""
    return computed


@dataclass(frozen=True)
class Values(OnDemand[list[float] | Skip]):
    """What was found for the L answers of each of N rows, F `figures` each; `skip` stands for the rows that were left out."""

    values_NLF: Floats
    figures: tuple[str, ...]
    fits_N: np.ndarray[Any, np.dtype[np.bool_]]
    skip: Skip

    def __len__(self) -> int:
        return len(self.fits_N)

    def item(self, index: int) -> list[float] | Skip:
        return self.values_NLF[index, :, 0].tolist() if self.fits_N[index] else self.skip


def node_values(network: Network, forest: Forest) -> dict[str, list[float]]:
    """The figures of every answer: `logp` by a policy, `score` and what else it tells by a scorer."""
    if isinstance(network, Scorer):
        return {name: values_A.tolist() for name, values_A in network.figures(forest).items()}
    logp_N = network(forest)
    return {"logp": logp_N.new_zeros(forest.num_leaves).double().index_add(0, forest.leaf_N, logp_N.double()).tolist()}


def families(examples: Encoded, most: int) -> tuple[Ints, Ints, Ints]:
    """Examples with one prompt side by side, [N]; where each family of them begins, and where the last one ends, [F + 1]; its tokens, the prompt
    once, [F]. A family of more than `most` tokens is cut."""
    prompt_N = examples.prompts()
    order_N = prompt_N.argsort(kind="stable")
    answers_N, trunks_N = examples.answer_sizes(), examples.bounds_NB[:, 1] - examples.bounds_NB[:, 0]
    bounds, sizes, last = array("q"), array("q"), -1
    for place, index in enumerate(order_N):
        if prompt_N[index] != last or sizes[-1] + answers_N[index] > most:
            last = prompt_N[index]
            bounds.append(place)
            sizes.append(trunks_N[index])
        sizes[-1] += answers_N[index]
    return order_N, np.array([*bounds, len(order_N)]), np.array(sizes)


def apart(examples: Encoded) -> tuple[Ints, Ints, Ints]:
    """The same where each example is a family of its own and nothing is shared."""
    return np.arange(len(examples)), np.arange(len(examples) + 1), examples.unrolled_sizes()


@torch.no_grad()
def score_rows(
    network: Network,
    encoder: Encoder,
    rows: Sequence[Row],
    leaves: Sequence[str],
    max_tokens: int,
    tokens_at_once: int,
    tell: Tell = quiet,
    keep: Keep = computed,
) -> Values:
    """The values of each row's answers, in the order of the rows, without gradients: the sum of the log-probabilities of each under a policy, or its
    reward. Rows that are too long are skips."""
    figures, cut = (network.shape.figures, network.shape.cut(encoder)) if isinstance(network, Scorer) else (("logp",), None)
    examples = encode_rows(encoder, rows, leaves, max_tokens, lambda reason: None, quiet, cut=cut)
    values_NLF, fits_N = np.zeros((len(rows), len(leaves), len(figures))), np.zeros(len(rows), np.bool_)
    fits_N[examples.rows_N] = True
    network.eval()
    shared, done = network.shares_prefixes, 0
    order_N, bounds, sizes = families(examples, tokens_at_once) if shared else apart(examples)
    for members in batches(sizes, tokens_at_once, network.flat):
        parts = [order_N[bounds[i] : bounds[i + 1]].tolist() for i in members]
        group = [i for part in parts for i in part]
        found = ([examples.tree(i) for i in part] for part in parts)
        trees = [path for part in found for path in ([grafted(part)] if shared else part[0].unrolled())]
        values = keep(group, partial(node_values, network, pack(trees, encoder.pad).to(network.device)))
        values_NLF[examples.rows_N[group]] = np.reshape([values[name] for name in figures], (len(figures), len(group), len(leaves))).transpose(1, 2, 0)
        done += len(group)
        tell(done, len(examples))
    return Values(values_NLF, figures, fits_N, Skip(f"longer than {max_tokens} tokens"))


def reward_rows(
    reward: Bound | Artifact, rows: Sequence[Row], device: str = "cpu", tell: Tell = quiet, keep: Keeps = nothing_kept, name: str = "scores"
) -> Scores:
    """The scores of each row's completion by any reward: a rule, the artifact of a trained scorer, or what is made of others. A scorer that stands
    in a reward several times is asked once; what it found is kept under `name` and its id."""
    found: dict[str, Scores] = {}

    def ask(one: Bound | Artifact) -> Scores:
        if isinstance(one, Bound):
            return rule_or_combination(one, rows, ask)
        if one.id not in found:
            found[one.id] = by_scorer(one, rows, device, tell, keep(f"{name} {one.id}"))
        return found[one.id]

    return ask(reward)


def rule_or_combination(reward: Bound, rows: Sequence[Row], ask: Callable[[Bound | Artifact], Scores]) -> Scores:
    spec = reward.spec
    assert isinstance(spec, Reward)
    for column in columns_read(spec):
        if len(rows) and column not in rows[0]:
            raise Fault("P603", f"reward `{spec.tag}` reads the column `{column}`, which the rows do not carry", "reward")
    if not spec.combines:
        return by_rule(reward, rows, spec.figures)
    made: Scores = reward.function(rows, **scored_inside(reward.fields, ask))
    return made


def by_scorer(scorer: Artifact, rows: Sequence[Row], device: str, tell: Tell, keep: Keep) -> Scores:
    encoder = load_encoder(scorer)
    values = score_rows(load_scorer(scorer).to(device), encoder, rows, ("completion",), encoder.context, TOKENS_AT_ONCE, tell, keep)
    return Scores({name: values.values_NLF[:, 0, n] for n, name in enumerate(values.figures)}, {int(i): values.skip for i in np.flatnonzero(~values.fits_N)})


def scored_inside(value: Any, ask: Callable[[Bound | Artifact], Scores]) -> Any:
    """The fields of a reward with scores in the place of the rewards in them."""
    if isinstance(value, Artifact) or (isinstance(value, Bound) and isinstance(value.spec, Reward)):
        return ask(value)
    if isinstance(value, Mapping):
        return {name: scored_inside(inner, ask) for name, inner in value.items()}
    return tuple(scored_inside(inner, ask) for inner in value) if isinstance(value, tuple) else value
