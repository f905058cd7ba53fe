"""A learned scorer before training: a backbone with a random head of one output."""

from __future__ import annotations

from aligncompiler.spec.scorer import Scalar

from ..networks import load_encoder, load_scorer, read_about, save_network, write_about
from ..registry import implements
from ..store import Artifact
from ..work import Work


@implements(Scalar)
def scalar(work: Work, *, backbone: Artifact) -> None:
    """Make a scorer artifact from the weights of `backbone`; a pointer to the hub stays one, with the seed of the head beside it."""
    about = read_about(backbone) | {"head_seed": work.seed}
    write_about(work.folder, about)
    if about["pointer"] is None:
        scorer = load_scorer(backbone, work.seed)
        save_network(scorer, load_encoder(backbone), work.folder, about)
        work.summary["parameters"] = sum(p.numel() for p in scorer.parameters())
