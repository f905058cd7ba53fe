"""Binding: references become artifacts wherever they stand."""

from dataclasses import asdict
from typing import Annotated

import pytest

from aligncompiler.spec.base import Needs, Output, Ref, Spec
from aligncompiler.spec.metric import MeanScore
from runtime.registry import Bound, bind, bound_value
from runtime.store import Artifact

SCORER = Output("scorer")
ANY = Annotated[Ref, Needs(("scorer",))]


class Inner(Spec):
    """A plain statement with a reference and a number."""

    model: ANY
    horizon: int = 3


class Outer(Spec):
    """A statement around it."""

    inner: Inner
    weights: dict[str, ANY]
    several: tuple[ANY, ...]


@pytest.fixture
def artifacts(tmp_path):
    return {id: Artifact(id, tmp_path / id, {"output": {"artifact": "scorer"}, "facts": {}}) for id in ("stages.a", "stages.b")}


def test_references_in_mappings_lists_and_nested_statements_become_artifacts(artifacts):
    a, b = (Ref(id, SCORER) for id in artifacts)
    made = bound_value(Outer(inner=Inner(model=a, horizon=7), weights={"x": a, "y": b}, several=(b, a)), artifacts)
    assert made.inner.model is artifacts["stages.a"] and made.inner.horizon == 7
    assert made.weights == {"x": artifacts["stages.a"], "y": artifacts["stages.b"]}
    assert made.several == (artifacts["stages.b"], artifacts["stages.a"])


def test_a_kind_inside_a_mapping_is_bound(artifacts):
    metric = MeanScore(reward=Ref("stages.b", SCORER))
    made = bound_value({"one": metric}, artifacts)["one"]
    assert isinstance(made, Bound) and made.fields["reward"] is artifacts["stages.b"]


def test_a_statement_without_references_stays_equal():
    plain = Outer.model_construct(inner=4, weights={"x": 1.0}, several=())
    assert bound_value(plain, {}) == plain


def test_a_reference_to_a_part_becomes_the_folder_of_that_part(tmp_path):
    whole = Output("scorer", holds=(("checkpoints", Output("list", holds=(("2", SCORER),))),))
    facts = {"steps": 10, "checkpoints.2": {"steps": 5}}
    node = Artifact("stages.a", tmp_path, {"output": asdict(whole), "facts": facts})
    part = bind(MeanScore(reward=Ref("stages.a", SCORER, "checkpoints.2")), {"stages.a": node}).fields["reward"]
    assert (part.id, part.kind, part.folder) == ("stages.a.checkpoints.2", "scorer", tmp_path / "checkpoints" / "2")
    assert part.facts == {"steps": 5} and node.facts == facts
