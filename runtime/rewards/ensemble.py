"""Several scorers that are asked together, before training."""

from __future__ import annotations

from dataclasses import replace

from aligncompiler.spec.scorer import Ensemble

from ..model_files import make_scorer, read_about
from ..registry import implements
from ..scorer import Shape
from ..store import Artifact
from ..work import Work


@implements(Ensemble)
def ensemble(work: Work, *, of: Artifact, members: int, shares: str, bagging: bool, combine: str, uncertainty: str) -> None:
    """Make a scorer artifact of `members` like `of`, each with random heads of its own, on its backbone or on a copy of it."""
    one = Shape.from_json(read_about(of).get("scorer"))
    make_scorer(work, of, replace(one, members=members, whole=shares == "nothing", bagging=bagging, combine=combine, uncertainty=uncertainty))
