"""A policy that is asked whether an answer is right."""

from __future__ import annotations

from aligncompiler.spec.scorer import Generative

from ..model_files import load_encoder, make_scorer
from ..registry import implements
from ..reply import Reply
from ..scorer import Shape
from ..store import Artifact
from ..work import Work


@implements(Generative)
def generative(work: Work, *, backbone: Artifact, question: str, yes: str, no: str, per: str, separator: str, combine: str) -> None:
    """Make a scorer artifact of the weights of `backbone`, its output matrix included. Raises Fault where `yes` and `no` start with one token."""
    reply = Reply.of(question, yes, no, load_encoder(backbone))
    make_scorer(work, backbone, Shape(judge=True, separator=separator if per == "step" else "", over_steps=combine, reply=reply))
