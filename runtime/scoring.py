"""Answers scored by a network, without gradients: log-probabilities by a policy, rewards by a scorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, overload

import numpy as np
import torch

from .checkpoints import Keep, computed
from .encoded import Floats, encode_rows
from .fault import Fault, Skip
from .forest import batches, pack
from .mapped import Mapped
from .networks import Network, Policy, load_encoder, load_scorer
from .registry import Bound
from .rows import Row
from .store import Artifact
from .tokens import Encoder

TOKENS_AT_ONCE = 16384
Tell = Callable[[int, int], None]
Score = dict[str, float]


def quiet(done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Values(Sequence[list[float] | Skip]):
    """What was found for the answers of N rows, each a list of numbers; `skip` stands for the rows that were left out."""

    values_NL: Floats
    fits_N: np.ndarray[Any, np.dtype[np.bool_]]
    skip: Skip

    def __len__(self) -> int:
        return len(self.fits_N)

    @overload
    def __getitem__(self, index: int) -> list[float] | Skip: ...
    @overload
    def __getitem__(self, index: slice) -> list[list[float] | Skip]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self.values_NL[index].tolist() if self.fits_N[index] else self.skip


def node_values(network: Network, forest: Any) -> list[float]:
    if isinstance(network, Policy):
        logp_N = network(forest)
        sums: list[float] = logp_N.new_zeros(forest.num_leaves).double().index_add(0, forest.leaf_N, logp_N.double()).tolist()
        return sums
    rewards: list[float] = network(forest).tolist()
    return rewards


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
    examples = encode_rows(encoder, rows, leaves, max_tokens, lambda reason: None, quiet)
    values_NL, fits_N = np.zeros((len(rows), len(leaves))), np.zeros(len(rows), np.bool_)
    fits_N[examples.rows_N] = True
    network.eval()
    shared, done = network.shares_prefixes, 0
    for group in batches(examples.sizes() if shared else examples.unrolled_sizes(), tokens_at_once):
        picked = [examples.tree(i) for i in group]
        forest = pack(picked if shared else [path for tree in picked for path in tree.unrolled()], encoder.pad).to(network.model.device)
        values = keep(group, partial(node_values, network, forest))
        values_NL[examples.rows_N[group]] = np.reshape(values, (len(group), len(leaves)))
        done += len(group)
        tell(done, len(examples))
    return Values(values_NL, fits_N, Skip(f"longer than {max_tokens} tokens"))


def reward_rows(reward: Bound | Artifact, rows: Sequence[Row], device: str = "cpu", tell: Tell = quiet, keep: Keep = computed) -> Sequence[Score | Skip]:
    """The score of each row's completion by any reward: a rule, or the artifact of a trained scorer."""
    if isinstance(reward, Bound):
        for column in reward.spec.columns:
            if rows and column not in rows[0]:
                raise Fault("P603", f"reward `{reward.spec.tag}` reads the column `{column}`, which the rows do not carry", "reward")
        scores: list[Score | Skip] = reward(rows)
        return scores
    encoder = load_encoder(reward)
    values = score_rows(load_scorer(reward).to(device), encoder, rows, ("completion",), encoder.context, TOKENS_AT_ONCE, tell, keep)
    return Mapped(values, lambda v: v if isinstance(v, Skip) else {"score": v[0]})
