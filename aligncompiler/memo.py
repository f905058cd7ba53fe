"""What was compiled before, kept from cell to cell of a sweep: the same text on the same references is the same statement and the same stage."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .diagnostic import Place
from .ir import Stage
from .spec.base import Spec
from .spec.codec import dump
from .tree import Node, references


@dataclass
class Memo:
    """Results by the identities of what they were made from; each keeps those alive, so that an identity is never used twice.

    `nodes` maps a spec to the text it was written in, `places` one that is declared to where its fields stand, `typed` a declaration and
    what it reads to (spec, node, what it reads), `named` a text to (node, what its references name), `stages` an id, a spec and a seed to a
    stage. Where there are several `cells`, `equal` maps a declaration by its content, and what it reads, to the first spec that said so.
    """

    cells: bool = False

    nodes: dict[int, Node] = field(default_factory=dict)
    places: dict[int, dict[str, Place]] = field(default_factory=dict)
    typed: dict[tuple[object, ...], tuple[Any, ...]] = field(default_factory=dict)
    named: dict[int, tuple[Node, tuple[str, ...]]] = field(default_factory=dict)
    stages: dict[tuple[str, int, int], Stage] = field(default_factory=dict)
    equal: dict[tuple[object, ...], Spec] = field(default_factory=dict)

    @property
    def used(self) -> bool:
        """Whether something was compiled with it."""
        return bool(self.stages)

    def first(self, spec: Spec, name: str, inputs: Sequence[Any]) -> Spec:
        """The spec, or the one of an earlier cell that says the same of the same things."""
        if not self.cells:
            return spec
        return self.equal.setdefault((name, json.dumps(dump(spec)), *map(id, inputs)), spec)

    def references(self, node: Node) -> tuple[str, ...]:
        """What every `${...}` of a declaration names."""
        if id(node) not in self.named:
            self.named[id(node)] = (node, tuple(references(node)))
        return self.named[id(node)][1]
