"""Scorers: heads on a backbone, read at the end of each scored node (at the first token for an encoder), that tell a reward, attributes, and how sure
they are of them. An answer is one scored node or, where its steps are judged, several; then the reward is made of theirs.

Shapes: L scored nodes, R answers, M members, A attributes (one where there is only a reward), D width of the backbone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aligncompiler.spec.codec import restore

from .bidirectional import first_tokens, is_bidirectional
from .encoded import Floats
from .forest import Forest
from .networks import Measured, Network
from .registry import bind
from .reply import Reply, log_odds
from .steps import OVER_STEPS, Cut, first_wrong, num_steps
from .tokens import Encoder
from .uncertainty import COMBINE, aleatoric, frobenius, gap


@dataclass(frozen=True)
class Shape:
    """What a scorer tells: one reward, or `attributes` (means, or Gaussians) that a `gate` makes a reward of; by several members, if there are, which
    share a backbone or are `whole` models. `bagging`: each learns from a bootstrap sample of its own. Of a `judge` the reward is the log-odds that
    an answer is right; where there is a `separator`, `over_steps` makes it of those of the steps, and a `reply` says that a policy is asked for it.
    `scale`: the mean and the standard deviation that are 0 and 1 to the head, for each attribute; none until labels are seen."""

    attributes: tuple[str, ...] = ()
    gaussian: bool = False
    gate: Mapping[str, Any] | None = None
    scale: tuple[tuple[float, float], ...] = ()
    members: int = 1
    whole: bool = False
    bagging: bool = False
    combine: str = "mean"
    uncertainty: str = ""
    judge: bool = False
    separator: str = ""
    over_steps: str = "last"
    reply: Reply | None = None

    @property
    def outputs(self) -> int:
        """Numbers that the head of one model gives: of each attribute the mean and behind it, if it is Gaussian, the logarithm of its standard deviation."""
        return max(1, len(self.attributes)) * (2 if self.gaussian else 1) * (1 if self.whole else self.members)

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of what is told of an answer."""
        spread = tuple(f"{name}_std" for name in self.attributes) if self.gaussian else ()
        judged = (*(("probability",) if self.judge else ()), *(("num_steps", "first_wrong") if self.separator else ()))
        unsure = ("gap", *(("frobenius", "aleatoric") if self.gaussian else ())) if self.members > 1 else ()
        return ("score", *judged, *self.attributes, *spread, *unsure, *(("uncertainty",) if self.uncertainty else ()))

    @property
    def rewards(self) -> tuple[str, ...]:
        """Names of the rewards of members, where there are several; they are told only to who asks for them."""
        return tuple(f"member_{number}" for number in range(1, self.members + 1)) if self.members > 1 else ()

    def scaled(self, labels_RA: Floats | None) -> Shape:
        """The same on the scale of these labels, with which its head begins as the constant that is most likely; on the plain one where there are none.
        A scale that is there stays, and so does what was learned on it."""
        if self.scale or not self.attributes:
            return self
        if labels_RA is None:
            return replace(self, scale=PLAIN * len(self.attributes))
        return replace(self, scale=tuple(scale_of(labels_R[~np.isnan(labels_R)]) for labels_R in labels_RA.T))

    def cut(self, encoder: Encoder) -> Cut | None:
        """How answers are read in the tokens of the backbone; None if each is read at its end token."""
        return Cut.of(self.separator, self.reply.question if self.reply is not None else "", encoder) if self.judge else None

    def json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any] | None) -> Shape:
        if not data:
            return Shape()
        names, reply = tuple(data["attributes"]), data.get("reply")
        scale = tuple((float(mean), float(std)) for mean, std in data.get("scale", PLAIN * len(names)))  # scorers of old have the plain one
        return Shape(**{**data, "attributes": names, "scale": scale, "reply": reply and Reply(**reply)})


PLAIN = ((0.0, 1.0),)


def scale_of(known_R: Floats) -> tuple[float, float]:
    """Mean and standard deviation (of the population) of labels; 0 and 1 where there are none, and 1 where all are alike."""
    if not len(known_R):
        return PLAIN[0]
    return (float(known_R.mean()), float(known_R.std()) if known_R.min() < known_R.max() else 1.0)


@dataclass(frozen=True)
class Reading:
    """What the members of a scorer say: of each answer their rewards, and the means and logarithms of the standard deviations of attributes; and of each
    scored node what they give there."""

    reward_RM: Tensor
    mean_RMA: Tensor
    log_std_RMA: Tensor | None
    node_LM: Tensor

    @staticmethod
    def together(readings: Sequence[Reading]) -> Reading:
        """The members of several readings side by side."""
        spreads = [one.log_std_RMA for one in readings if one.log_std_RMA is not None]
        rewards, means, nodes = (torch.cat([getattr(one, name) for one in readings], 1) for name in ("reward_RM", "mean_RMA", "node_LM"))
        return Reading(rewards, means, torch.cat(spreads, 1) if spreads else None, nodes)


class Scorer(Network):
    """A classification model of transformers whose outputs are those of `shape`, and a gate for each member where attributes become a reward; or a
    policy that is asked for a reply."""

    def __init__(self, model: Any, shape: Shape = Shape()) -> None:
        super().__init__(model, causal=not is_bidirectional(model.config))
        self.shape = shape
        self.gates = nn.ModuleList(new_gate(shape, model.config.hidden_size) for _ in range(shape.members if shape.gate is not None else 0))

    def outputs(self, forest: Forest) -> tuple[Tensor, Tensor]:
        """The numbers of the head, or the log-odds of the reply, [L, outputs], and the hidden state that they are read from, [L, D]."""
        if self.causal:
            known, reply = forest.states_LMD, self.shape.reply
            states_LD = self.states(forest)[forest.end_L] if known is None else known[:, 0]
            found_LO = self.model.score(states_LD).float() if reply is None else log_odds(self.model.get_output_embeddings(), states_LD, reply)[:, None]
            return found_LO, states_LD
        return first_tokens(self.model, forest, self.flat, len(self.gates) > 0)

    def read(self, forest: Forest) -> Reading:
        """What every member says of every answer, in float32."""
        outputs, states_LD = self.outputs(forest)
        each = outputs.unflatten(1, (self.shape.members, max(1, len(self.shape.attributes)), -1))
        mean_LMA = each[..., 0]
        log_std_LMA = each[..., 1] if self.shape.gaussian else None
        if self.shape.scale:
            mean_A, std_A = each.new_tensor(self.shape.scale).T
            mean_LMA = mean_A + std_A * mean_LMA
            log_std_LMA = None if log_std_LMA is None else std_A.log() + log_std_LMA
        node_LM = mean_LMA[..., 0]
        if self.shape.judge:
            reward_RM = OVER_STEPS[self.shape.over_steps](node_LM, forest.answer_L, forest.num_answers)
            return Reading(reward_RM, reward_RM[..., None], None, node_LM)
        if len(self.gates):
            weight_LMA = torch.stack([gate(states_LD) for gate in self.gates], 1).float()
            node_LM = (weight_LMA * mean_LMA).sum(-1)
        return Reading(node_LM, mean_LMA, log_std_LMA, node_LM)  # an answer is one node

    def forward(self, forest: Forest) -> Tensor:
        """Reward of every answer, [R], in float32."""
        return self.figures(forest)["score"]

    def figures(self, forest: Forest) -> dict[str, Tensor]:
        """Everything that is told of every answer, [R] each, `score` first, and the rewards of several members; other figures are the means over these,
        unless they say otherwise."""
        reading, shape = self.read(forest), self.shape
        found = {"score": COMBINE[shape.combine](reading.reward_RM)}
        if shape.judge:
            found["probability"] = found["score"].sigmoid()
        if shape.separator:
            found["num_steps"] = num_steps(forest.answer_L, forest.num_answers)
            found["first_wrong"] = first_wrong(COMBINE[shape.combine](reading.node_LM), forest.answer_L, forest.num_answers)
        for number, name in enumerate(shape.attributes):
            found[name] = reading.mean_RMA[..., number].mean(1)
        spread_RMA = reading.log_std_RMA
        if spread_RMA is not None:
            deviation_RA = (2 * spread_RMA).exp().mean(1).sqrt()
            found |= {f"{name}_std": deviation_RA[:, number] for number, name in enumerate(shape.attributes)}
        if shape.members > 1:
            found["gap"] = gap(reading.reward_RM)
            found |= {} if spread_RMA is None else {"frobenius": frobenius(spread_RMA)}
            found |= {name: reading.reward_RM[:, number] for number, name in enumerate(shape.rewards)}
        if spread_RMA is not None:
            found["aleatoric"] = aleatoric(spread_RMA)
        if shape.uncertainty:
            found["uncertainty"] = found[shape.uncertainty]
        return {name: found[name] for name in (*shape.figures, *shape.rewards)}

    def measure(self, forest: Forest, leaf_names: tuple[str, ...]) -> list[Measured]:
        """For each member, per leaf name: `_reward` [its rows], `_attributes` [its rows, A], of a Gaussian head `_log_std` [its rows, A], and of a row with
        one answer `_steps` [L]."""
        reading, leaves = self.read(forest), len(leaf_names)
        members = []
        for member in range(self.shape.members):
            measured: Measured = {}
            for number, name in enumerate(leaf_names):
                measured[f"{name}_reward"] = reading.reward_RM[number::leaves, member]
                measured[f"{name}_attributes"] = reading.mean_RMA[number::leaves, member]
                if leaves == 1:
                    measured[f"{name}_steps"] = reading.node_LM[:, member]
                if reading.log_std_RMA is not None:
                    measured[f"{name}_log_std"] = reading.log_std_RMA[number::leaves, member]
            members.append(measured)
        return members


def new_gate(shape: Shape, width: int) -> nn.Module:
    """A gate as the shape wants it, over hidden states of this width."""
    assert shape.gate is not None, "a scorer of attributes has a gate"
    made: nn.Module = bind(restore("gates", shape.gate, {}), {})(width, shape.attributes)
    return made
