"""A learned scorer of several attributes before training."""

from __future__ import annotations

from aligncompiler.spec.codec import dump
from aligncompiler.spec.scorer import Attributes

from ..model_files import make_scorer
from ..registry import Bound, implements
from ..scorer import PLAIN, Shape
from ..store import Artifact
from ..work import Work


@implements(Attributes)
def attributes(work: Work, *, backbone: Artifact, names: tuple[str, ...], head: str, start: str, gate: Bound, uncertainty: str | None) -> None:
    """Make a scorer artifact from the weights of `backbone`: a random head that tells `names`, and a gate. Source: arXiv:2410.00847."""
    scale = PLAIN * len(names) if start == "zero" else ()
    make_scorer(work, backbone, Shape(names, head == "gaussian", dump(gate.spec), scale=scale, uncertainty=uncertainty or ""))
