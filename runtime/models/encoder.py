"""A bidirectional encoder, taken from a folder, a package or the hub."""

from __future__ import annotations

from aligncompiler.spec.model import Encoder

from ..registry import implements
from ..weights import take
from ..work import Work


@implements(Encoder)
def encoder(work: Work, *, pretrained: str | None, revision: str | None, folder: str | None, package: str | None, path: str | None) -> None:
    """Make an encoder artifact: weights and tokenizer, or a pointer to a commit on the hub. Raises Fault if it cannot be loaded."""
    about = {"prompt_format": "plain", "adapter": None}
    take(work, True, about, pretrained, revision, folder, package, path)
