"""Families of kinds, found by name."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Literal

import pytest

from aligncompiler.spec import registry
from aligncompiler.spec.pairing import Pairing


class Elsewhere(Pairing):
    """A rule in a second file of its family."""

    kind: Literal["elsewhere"] = "elsewhere"


def test_a_family_may_be_spread_over_files(monkeypatch: pytest.MonkeyPatch) -> None:
    here = registry.built_in("pairings")
    second = ModuleType("aligncompiler.spec.second")
    vars(second).update(Pairing=Pairing, Elsewhere=Elsewhere)
    monkeypatch.setitem(sys.modules, second.__name__, second)
    monkeypatch.setitem(registry.FAMILIES, "pairings", (("pairing", "second"), "Pairing"))
    assert registry.built_in.__wrapped__("pairings") == here | {"elsewhere": Elsewhere}
    assert registry.built_in("pairings") == here == registry.kinds("pairings"), "nothing of it stays"
