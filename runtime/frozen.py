"""The hidden states of a backbone that does not change: computed once, and not again in every epoch.

Shapes: N examples, A answers of each, L answers of a pass, M networks that a scorer is made of, D their width.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .encoded import Encoded
from .forest import batches, grafted, pack
from .networks import Network
from .scoring import families

STATES = "states"  # the name under which examples carry them


def pays(network: Network, weights: str, examples: Encoded, rows: int, world: int) -> bool:
    """Whether the states of the ends of answers can be kept, and some of the `rows` that training takes are read twice. Several processes share no states."""
    return weights != "all" and network.shares_prefixes and examples.ends_K is None and world == 1 and rows > len(examples)


@torch.no_grad()
def backbone_states(
    network: Network,
    examples: Encoded,
    tokens_at_once: int,
    pad: int,
    device: str,
    precision: Callable[[], AbstractContextManager[Any]],
    folder: Path,
    tell: Callable[[int, int], None],
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The state that a head reads at the end of each answer, [N, A, M, D], in a nameless file in `folder` that is mapped into memory."""
    network.to(device)
    order_N, bounds, sizes = families(examples, tokens_at_once)
    found: np.ndarray[Any, np.dtype[np.float32]] | None = None
    done = 0
    for members in batches(sizes, tokens_at_once, network.flat):
        parts = [order_N[bounds[i] : bounds[i + 1]].tolist() for i in members]
        forest = pack([grafted([examples.tree(i) for i in part]) for part in parts], pad).to(device)
        with precision():
            states_LMD = torch.stack([part.states(forest)[forest.end_L] for part in network.parts], 1).float().cpu()
        group = [i for part in parts for i in part]
        some = states_LMD.unflatten(0, (len(group), -1)).numpy()
        if found is None:
            with tempfile.TemporaryFile(dir=folder) as stream:
                if hasattr(os, "posix_fallocate"):  # a disk that is full says so here, and not by a signal later
                    os.posix_fallocate(stream.fileno(), 0, some[0].nbytes * len(examples))
                found = np.memmap(stream, np.float32, "w+", shape=(len(examples), *some.shape[1:]))
        found[group] = some
        done += len(group)
        tell(done, len(examples))
    assert found is not None, "there is a row to learn from"
    return found
