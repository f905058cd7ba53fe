"""What a field accepts of what a node makes: artifact, rows, columns, space, parts."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from aligncompiler.spec.base import Needs, Output, Ref
from aligncompiler.spec.model import CausalLM, Encoder
from aligncompiler.spec.reward import figures_of
from aligncompiler.spec.scorer import Scalar

POLICY = Output("policy", space="text/tokens")
TRAINED = Output("policy", space="text/tokens", holds=(("checkpoints", Output("list", holds=(("1", POLICY), ("2", POLICY)))),))


@pytest.mark.parametrize(
    ("needed", "given", "met"),
    [
        ("text", "text", True),
        ("text", "text/tokens", True),
        ("text/tokens", "text", False),
        ("text/tokens", "text/answers", False),
        ("text", "textile", False),
        ("text", "control/pendulum", False),
        ("control", "control/pendulum", True),
        ("", "control/pendulum", True),
    ],
)
def test_a_space_is_met_by_itself_and_by_those_below_it(needed: str, given: str, met: bool) -> None:
    assert Needs(("policy",), space=needed).met_by(Output("policy", space=given)) is met


def test_without_a_word_about_it_everything_speaks_of_text() -> None:
    assert Needs(("policy",)).met_by(Output("policy")) and not Needs(("policy",)).met_by(Output("policy", space="control/pendulum"))


def test_a_field_may_need_figures_of_a_scorer() -> None:
    unsure = Output("scorer", columns=("uncertainty",))
    assert Needs(("scorer",), columns=("uncertainty",)).met_by(unsure)
    assert not Needs(("scorer",), columns=("uncertainty",)).met_by(Output("scorer"))
    assert figures_of(Ref("rewards.judge", unsure)) == ("uncertainty",)


def test_messages_name_a_space_only_where_it_is_not_text() -> None:
    assert str(POLICY) == "policy" and str(Needs(("policy",), space="text/tokens")) == "policy"
    assert str(Output("policy", space="control/pendulum")) == "policy over control/pendulum"
    assert str(Needs(("policy",), space="control")) == "policy over control"
    assert str(Needs(("scorer",), columns=("uncertainty",))) == "scorer with `uncertainty`"


def test_a_scorer_reads_tokens_and_language_models_speak_of_them() -> None:
    backbone = Needs(("policy", "encoder", "scorer"), space="text/tokens")
    assert backbone in Scalar.model_fields["backbone"].metadata
    assert backbone.met_by(CausalLM(folder="m").output()) and backbone.met_by(Encoder(folder="m").output())
    assert not backbone.met_by(Output("policy", space="text/answers"))


def test_a_part_is_found_by_its_dotted_path_and_nothing_else_is() -> None:
    assert TRAINED.inside("") == TRAINED and TRAINED.inside("checkpoints.2") == POLICY
    assert TRAINED.inside("checkpoints.3") is None and TRAINED.inside("critic") is None and TRAINED.inside("checkpoints.1.1") is None


def test_an_output_with_parts_survives_json() -> None:
    assert Output.from_json(json.loads(json.dumps(asdict(TRAINED)))) == TRAINED


def test_what_an_artifact_of_an_earlier_version_made_is_still_read() -> None:
    made = Output("dataset", ("completions",), ("topic",))
    earlier = {name: value for name, value in json.loads(json.dumps(asdict(made))).items() if name not in ("hollow", "collapsed", "answer_columns")}
    assert Output.from_json(earlier) == made and made.answered


def test_the_same_part_of_the_same_node_is_the_same_reference() -> None:
    whole, part = Ref("stages.sft", TRAINED), Ref("stages.sft", POLICY, "checkpoints.1")
    assert whole != part and part == Ref("stages.sft", POLICY, "checkpoints.1") and len({whole, part}) == 2
    assert (repr(whole), repr(part)) == ("${stages.sft}", "${stages.sft.checkpoints.1}")
