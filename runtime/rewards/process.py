"""A learned scorer of every step of an answer, before training."""

from __future__ import annotations

from aligncompiler.spec.scorer import Process

from ..model_files import make_scorer
from ..registry import implements
from ..scorer import Shape
from ..store import Artifact
from ..work import Work


@implements(Process)
def process(work: Work, *, backbone: Artifact, separator: str, combine: str) -> None:
    """Make a scorer artifact from the weights of `backbone`: a random head that is read at the end of every step. Source: arXiv:2305.20050."""
    make_scorer(work, backbone, Shape(judge=True, separator=separator, over_steps=combine))
