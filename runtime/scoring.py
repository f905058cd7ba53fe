"""Answers scored by a network, without gradients: log-probabilities by a policy, rewards by a scorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from .checkpoints import Keep, computed
from .fault import Fault, Skip
from .forest import Tree, batches, pack
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


@torch.no_grad()
def score_trees(network: Network, trees: Sequence[Tree], pad: int, tokens_at_once: int, tell: Tell = quiet, keep: Keep = computed) -> list[list[float]]:
    """For each tree the value of each scored node: the sum of its log-probabilities under a policy, or its reward."""
    network.eval()
    found: list[list[float]] = [[] for _ in trees]
    done = 0
    shared = network.shares_prefixes
    for group in batches([tree.size if shared else tree.unrolled_size for tree in trees], tokens_at_once):
        picked = [trees[i] for i in group]
        forest = pack(picked if shared else [path for tree in picked for path in tree.unrolled()], pad).to(network.model.device)
        values = keep(list(group), partial(node_values, network, forest))
        for index, tree in zip(group, picked, strict=True):
            found[index] = values[: len(tree.scored)]
            values = values[len(tree.scored) :]
        done += len(group)
        tell(done, len(trees))
    return found


def node_values(network: Network, forest: Any) -> list[float]:
    if isinstance(network, Policy):
        logp_N = network(forest)
        sums: list[float] = logp_N.new_zeros(forest.num_leaves).double().index_add(0, forest.leaf_N, logp_N.double()).tolist()
        return sums
    rewards: list[float] = network(forest).tolist()
    return rewards


def score_rows(
    network: Network,
    encoder: Encoder,
    rows: Sequence[Row],
    leaves: Sequence[str],
    max_tokens: int,
    tokens_at_once: int,
    tell: Tell = quiet,
    keep: Keep = computed,
) -> list[list[float] | Skip]:
    """The values of each row's answers, in the order of the rows; rows that are too long are skips."""
    trees = [encoder.tree(row, leaves, max_tokens) for row in rows]
    usable = [i for i, tree in enumerate(trees) if isinstance(tree, Tree)]
    values = iter(score_trees(network, [t for t in trees if isinstance(t, Tree)], encoder.pad, tokens_at_once, tell, keep))
    found: list[list[float] | Skip] = [tree if isinstance(tree, Skip) else [] for tree in trees]
    for index in usable:
        found[index] = next(values)
    return found


def reward_rows(reward: Bound | Artifact, rows: Sequence[Row], device: str = "cpu", tell: Tell = quiet, keep: Keep = computed) -> list[Score | Skip]:
    """The score of each row's completion by any reward: a rule, or the artifact of a trained scorer."""
    if isinstance(reward, Bound):
        for column in reward.spec.columns:
            if rows and column not in rows[0]:
                raise Fault("P603", f"reward `{reward.spec.tag}` reads the column `{column}`, which the rows do not carry", "reward")
        scores: list[Score | Skip] = reward(rows)
        return scores
    encoder = load_encoder(reward)
    values = score_rows(load_scorer(reward).to(device), encoder, rows, ("completion",), encoder.context, TOKENS_AT_ONCE, tell, keep)
    return [v if isinstance(v, Skip) else {"score": v[0]} for v in values]
