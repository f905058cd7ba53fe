"""Models of transformers as torch modules that are asked through forests; here what all have in common, and policies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor

from .bidirectional import reads_flat
from .forest import Forest
from .forest_attention import flat_states, serves
from .output_head import token_logp

Measured = dict[str, Tensor]


class Network(nn.Module, ABC):
    """A model of transformers asked through forests. `causal` ones share prefixes if they attend as we do; others, with states that run along a row or
    attention of their own, read each answer with a prompt of its own, as bidirectional encoders do, where a prompt depends on the answer behind it.
    What objectives read, each kind tells by its `measure`, once for each of its members; one that has none is its only one."""

    def __init__(self, model: Any, causal: bool) -> None:
        super().__init__()
        self.model = model
        self.causal = causal
        self.flat = serves(model) if causal else reads_flat(model)
        self.shares_prefixes = causal and self.flat

    @property
    def parts(self) -> list[Network]:
        """The networks that this one is made of; most are of one piece."""
        return [self]

    @property
    def device(self) -> torch.device:
        found: torch.device = self.model.device
        return found

    @abstractmethod
    def measure(self, forest: Forest, leaf_names: tuple[str, ...]) -> list[Measured]:
        """What objectives read, by name, for each member."""

    def states(self, forest: Forest) -> Tensor:
        """Hidden states of a causal model, [S, D]."""
        return (flat_states if self.flat else padded_states)(self.model.base_model, forest)


class Policy(Network):
    """A causal language model that tells the log-probability of the scored tokens of a forest."""

    def __init__(self, model: Any) -> None:
        super().__init__(model, causal=True)

    def forward(self, forest: Forest) -> Tensor:
        """log p of every scored token given its path, [N], natural log, in float32."""
        hidden_UD = self.states(forest)[forest.source_U]
        return token_logp(self.model.get_output_embeddings(), hidden_UD, forest.token_U)[forest.which_N]

    def measure(self, forest: Forest, leaf_names: tuple[str, ...]) -> list[Measured]:
        """Per leaf name: `_token_logp` [its tokens], `_logp` [its rows] the sum over tokens, `_tokens` [its rows] their number."""
        logp_N = self(forest)
        sums_L = logp_N.new_zeros(forest.num_leaves).index_add(0, forest.leaf_N, logp_N)
        counts_L = logp_N.new_zeros(forest.num_leaves).index_add(0, forest.leaf_N, torch.ones_like(logp_N))
        measured: Measured = {}
        for number, name in enumerate(leaf_names):
            measured[f"{name}_token_logp"] = logp_N[forest.leaf_N % len(leaf_names) == number]
            measured[f"{name}_logp"] = sums_L[number :: len(leaf_names)]
            measured[f"{name}_tokens"] = counts_L[number :: len(leaf_names)]
        return [measured]


def padded_states(backbone: Any, forest: Forest) -> Tensor:
    """Hidden states of a causal backbone that attends, or remembers, in its own way, [S, D]. Every row is one path, padded behind its end, where nothing that
    is read comes after."""
    assert forest.plain, "paths are unrolled for models that share no prefixes"
    found = backbone(input_ids=forest.in_rows(forest.ids_S, forest.pad), use_cache=False)
    states_SD: Tensor = found.last_hidden_state.flatten(0, 1)[forest.place_S]
    return states_SD


def shard(network: Network, mesh: Any) -> None:
    """Spread the weights over the processes of a mesh, block by block; each is whole only while it is computed with (FSDP2)."""
    blocks = {name for part in network.parts for name in part.model._no_split_modules or ()}  # what transformers itself keeps on one device
    for module in network.modules():
        if type(module).__name__ in blocks:
            fully_shard(module, mesh=mesh)
    fully_shard(network, mesh=mesh)
    register_fsdp_forward_method(network, "measure")


def is_sharded(network: Network) -> bool:
    """Whether each process holds a part of the weights."""
    return any(isinstance(p, DTensor) for p in network.parameters())


def gathered(network: Network) -> dict[str, Tensor]:
    """All weights of a sharded network on the first process, nothing on the others; every process must ask."""
    return get_model_state_dict(network, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
