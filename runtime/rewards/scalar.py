"""A learned scorer before training: a backbone with a random head of one output."""

from __future__ import annotations

from aligncompiler.spec.scorer import Scalar

from ..model_files import make_scorer
from ..registry import implements
from ..scorer import Shape
from ..store import Artifact
from ..work import Work


@implements(Scalar)
def scalar(work: Work, *, backbone: Artifact) -> None:
    """Make a scorer artifact from the weights of `backbone`."""
    make_scorer(work, backbone, Shape())
