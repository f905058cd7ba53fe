"""Ensembles of whole scorers, whose members are computed one after the other, or some of them side by side.

A small member cannot fill a GPU, which waits for its launches; side by side, k members take as many launches as one. Their weights are stacked, one copy more
of them and one of their gradients, and `torch.func.vmap` makes every operation of a member one over all of them: a family must be written in operations that
it knows, so this is tried.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from .fault import Fault
from .forest import Forest, Tree, pack, trunk_and_leaves
from .networks import Network
from .scorer import Reading, Scorer, Shape
from .trial import agree


class Ensemble(Scorer):
    """Whole scorers, one a member, of which `at_once` are computed in one pass."""

    def __init__(self, scorers: Sequence[Scorer], shape: Shape) -> None:
        nn.Module.__init__(self)
        self.scorers = nn.ModuleList(scorers)
        self.shape = shape
        self.causal, self.shares_prefixes, self.flat = scorers[0].causal, scorers[0].shares_prefixes, all(one.flat for one in scorers)
        self.at_once = 1

    @property
    def members(self) -> list[Scorer]:
        return list(self.scorers)  # type: ignore[arg-type]  # a ModuleList does not know of what

    @property
    def parts(self) -> list[Network]:
        return [*self.members]

    @property
    def device(self) -> torch.device:
        return self.members[0].device

    def read(self, forest: Forest) -> Reading:
        members, known = self.members, forest.states_LMD
        if known is not None:  # the states of each under its head, which is all that is left to compute
            return Reading.together([one.read(replace(forest, states_LMD=known[:, number : number + 1])) for number, one in enumerate(members)])
        groups = [members[start : start + self.at_once] for start in range(0, len(members), self.at_once)]
        return Reading.together([side_by_side(group, forest) if len(group) > 1 else group[0].read(forest) for group in groups])


class Reader(nn.Module):
    """A scorer as a module whose forward pass is `read`, and gives tensors."""

    def __init__(self, scorer: Scorer) -> None:
        super().__init__()
        self.scorer = scorer

    def forward(self, forest: Forest) -> tuple[Tensor, ...]:
        found = self.scorer.read(forest)
        return (found.reward_RM, found.mean_RMA, found.node_LM, *(() if found.log_std_RMA is None else (found.log_std_RMA,)))


def side_by_side(scorers: Sequence[Scorer], forest: Forest) -> Reading:
    """What several scorers of one shape say of a forest, in one pass; the gradient goes to the weights of each."""
    readers = [Reader(scorer) for scorer in scorers]
    weights = [dict(reader.named_parameters()) for reader in readers]
    stacked = {name: torch.stack([each[name] for each in weights]) for name in weights[0]}

    def one(weights: dict[str, Tensor]) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = functional_call(readers[0], weights, (forest,))
        return found

    reward_MR1, mean_MR1A, node_ML1, *log_std_MR1A = vmap(one, randomness="different")(stacked)
    spread_RMA = log_std_MR1A[0][:, :, 0].transpose(0, 1) if log_std_MR1A else None
    return Reading(reward_MR1[..., 0].T, mean_MR1A[:, :, 0].transpose(0, 1), spread_RMA, node_ML1[..., 0].T)


def compute_at_once(network: Network, at_once: int, device: str) -> None:
    """Make an ensemble of whole members, all of whose weights change, read `at_once` of them in a pass. It is tried on two, forwards and backwards, where they
    will be computed. Raises Fault where members of the family do not say the same as one by one."""
    assert isinstance(network, Ensemble), "the compiler has seen that members are whole"
    network.to(device).eval()
    scorers = network.members[:2]
    forest = trial(scorers[0])

    def told(reading: Reading) -> Tensor:
        reading.node_LM.sum().backward()
        return reading.node_LM.detach()

    with torch.enable_grad(), warnings.catch_warnings():  # on a CPU torch warns that attention is still computed member by member
        warnings.simplefilter("ignore")
        same = agree(lambda: told(side_by_side(scorers, forest)), lambda: told(Reading.together([one.read(forest) for one in scorers])))
    network.train().zero_grad()
    if not same:
        text = f"members of the family `{scorers[0].model.config.model_type}` cannot be computed side by side"
        raise Fault("P607", text, "batch.members_at_once", ("remove it: members are then computed one by one",))
    network.at_once = at_once


def trial(scorer: Scorer) -> Forest:
    """A few tokens for such a scorer to read."""
    if scorer.shares_prefixes:
        trees = [trunk_and_leaves((1, 2, 3), [(4, 2), (1,)]), trunk_and_leaves((3, 1), [(2, 2, 4)])]
    else:
        trees = [Tree(((1, 2, 3), (4, 2)), (-1, 0), (1,)), Tree(((3,), (1, 2, 4)), (-1, 0), (1,)), Tree(((2, 2), (4,)), (-1, 0), (1,))]
    return pack(trees, 0).to(scorer.device)
