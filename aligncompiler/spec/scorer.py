"""Rewards that are learned: heads on a backbone, which a `train` stage fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from .base import Needs, Output, Ref
from .reward import Reward

if TYPE_CHECKING:
    from .cost import Estimate, Survey


class Scalar(Reward):
    """A learned scorer: a backbone with one output, r(x, y), read at the end of the answer."""

    kind: Literal["scalar"] = "scalar"
    random: ClassVar[bool] = True

    backbone: Annotated[Ref, Needs(("policy", "encoder"), space="text/tokens")]
    """Model whose weights the scorer starts from; the head starts at random."""

    def output(self) -> Output:
        return Output("scorer", context=self.backbone.output.context)

    def estimate(self, ask: Survey) -> Estimate:
        """The numbers of the backbone with one output in place of its own."""
        from .effort import estimated

        network = ask(self.backbone).network
        return estimated(None if network is None else network.as_scorer())
