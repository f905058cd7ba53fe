"""Answers scored by a network, without gradients: log-probabilities by a policy, rewards by a scorer."""

from __future__ import annotations

import itertools
import json
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from aligncompiler.spec.codec import dump
from aligncompiler.spec.reward import Reward, columns_read, inside

from .checkpoints import Keep, computed
from .clusters import numbered_bytes
from .encoded import Encoded, Floats, Ints, encode_rows
from .fault import Fault, Skip
from .forest import Forest, batches, grafted, pack
from .model_files import load_encoder, load_scorer, read_about
from .networks import Network
from .on_demand import OnDemand
from .registry import Bound
from .rows import Row
from .scorer import Scorer, Shape
from .scores import SCORE, Scores, by_rule, finite
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

    def of(self, figure: str) -> Floats:
        """One figure, [N, L]; NaN in rows that were left out."""
        return np.where(self.fits_N[:, None], self.values_NLF[:, :, self.figures.index(figure)], np.nan)


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


def paths(examples: Encoded) -> tuple[Ints, Ints, Ints]:
    """Each prompt with each answer once, however many rows ask for it, for models that share no prefixes: an example [P] and the place of an answer
    in it [P] that stand for all like it, and for every answer of every example the number of its path, [N, L]."""
    answers = examples.bounds_NB.shape[1] - 2
    rows = zip(examples.prompts(), examples.bounds_NB, strict=True)
    each = (prompt.tobytes() + examples.ids[start:end].tobytes() for prompt, bounds in rows for start, end in itertools.pairwise(bounds[1:]))
    which = numbered_bytes(each)
    example_P, place_P = np.divmod(np.unique(which, return_index=True)[1], answers)
    return example_P, place_P, which.reshape(-1, answers)


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
    members: bool = False,
) -> Values:
    """The values of each row's answers, in the order of the rows, without gradients: the sum of the log-probabilities of each under a policy, or the
    figures of a scorer, with `members` also the rewards of its members. Rows that are too long are skips."""
    figures, cut = (network.shape.figures, network.shape.cut(encoder)) if isinstance(network, Scorer) else (("logp",), None)
    figures += network.shape.rewards if members and isinstance(network, Scorer) else ()
    examples = encode_rows(encoder, rows, leaves, max_tokens, lambda reason: None, quiet, cut=cut)
    fits_N = np.zeros(len(rows), np.bool_)
    fits_N[examples.rows_N] = True
    values_NLF = np.zeros((len(rows), len(leaves), len(figures)))
    network.eval()
    compute = in_families if network.shares_prefixes else in_paths
    values_NLF[examples.rows_N] = compute(network, encoder.pad, examples, figures, tokens_at_once, keep, tell)
    torch.clear_autocast_cache()  # copies of the weights in the number format of the passes, which would outlive the network
    return Values(values_NLF, figures, fits_N, Skip(f"longer than {max_tokens} tokens"))


def in_families(network: Network, pad: int, examples: Encoded, figures: Sequence[str], tokens_at_once: int, keep: Keep, tell: Tell) -> Floats:
    """[N, L, F]; examples with one prompt are one tree."""
    found, done = np.zeros((len(examples), examples.bounds_NB.shape[1] - 2, len(figures))), 0
    order_N, bounds, sizes = families(examples, tokens_at_once)
    for members in batches(sizes, tokens_at_once, network.flat):
        parts = [order_N[bounds[i] : bounds[i + 1]].tolist() for i in members]
        group = [i for part in parts for i in part]
        trees = [grafted([examples.tree(i) for i in part]) for part in parts]
        values = keep(group, partial(node_values, network, pack(trees, pad).to(network.device)))
        found[group] = np.reshape([values[name] for name in figures], (len(figures), len(group), -1)).transpose(1, 2, 0)
        done += len(group)
        tell(done, len(examples))
    return found


def in_paths(network: Network, pad: int, examples: Encoded, figures: Sequence[str], tokens_at_once: int, keep: Keep, tell: Tell) -> Floats:
    """[N, L, F]; each prompt with each answer, or with each step of one and all before it, is a row of its own."""
    example_P, place_P, which_NL = paths(examples)
    lengths = np.diff(examples.bounds_NB)
    sizes_P = examples.steps()[example_P, place_P] * (lengths[example_P, 0] + lengths[example_P, 1 + place_P] + len(examples.tail))
    found, done = np.zeros((len(example_P), len(figures))), 0
    for group in batches(sizes_P, tokens_at_once, network.flat):
        trees = [one for path in group for one in examples.tree(int(example_P[path]), int(place_P[path])).unrolled()]
        values = keep(group, partial(node_values, network, pack(trees, pad).to(network.device)))
        found[group] = np.transpose([values[name] for name in figures])
        done += len(group)
        tell(done * len(examples) // len(example_P), len(examples))
    return found[which_NL]


def reward_rows(
    reward: Bound | Artifact, rows: Sequence[Row], device: str = "cpu", tell: Tell = quiet, keep: Keeps = nothing_kept, name: str = "scores"
) -> Scores:
    """The scores of each row's completion by any reward: a rule, the artifact of a trained scorer, or what is made of others. A scorer that stands
    in a reward several times is asked once; what it found, and a slow rule, is kept under `name` and what tells it from others."""
    found: dict[str, Scores] = {}
    if len(rows):
        refuse_missing(reward, rows[0])

    def ask(one: Bound | Artifact) -> Scores:
        if isinstance(one, Bound):
            return rule_or_combination(one, rows, ask, keep, name)
        if one.id not in found:
            found[one.id] = by_scorer(one, rows, device, tell, keep(f"{name} {one.id}"))
        return found[one.id]

    return ask(reward)


def refuse_missing(reward: Bound | Artifact, row: Row) -> None:
    """Raise Fault if a reward, or one that it is made of, reads a column that rows such as this do not carry."""
    for _, one in inside(reward.spec) if isinstance(reward, Bound) and isinstance(reward.spec, Reward) else ():
        for column in columns_read(one):
            if isinstance(one, Reward) and column not in row:
                raise Fault("P603", f"reward `{one.tag}` reads the column `{column}`, which the rows do not carry", "reward")


def rule_or_combination(reward: Bound, rows: Sequence[Row], ask: Callable[[Bound | Artifact], Scores], keep: Keeps, name: str) -> Scores:
    spec = reward.spec
    assert isinstance(spec, Reward)
    if not spec.combines:
        return by_rule(reward, rows, spec.figures, keep(f"{name} {json.dumps(dump(spec), sort_keys=True)}") if spec.slow else computed)
    inside = scored_inside(reward.fields, ask)
    with np.errstate(over="ignore", invalid="ignore"):
        made: Scores = reward.function(rows, **inside)
    return finite(reward.called, made)


def figures_of(reward: Bound | Artifact) -> tuple[str, ...]:
    """The figures that a reward gives beside `score`."""
    if isinstance(reward, Artifact):
        return tuple(name for name in Shape.from_json(read_about(reward).get("scorer")).figures if name != SCORE)
    assert isinstance(reward.spec, Reward)
    return reward.spec.figures


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
