"""Every name of a spec, wherever it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from aligncompiler.diagnostic import Report
from aligncompiler.load import parse
from aligncompiler.server.mentions import Index, Symbol, loop_of, scope
from aligncompiler.server.positions import Text

HERE = Path("/spec.yaml")
SPEC = """\
vars: {pull: {type: float, default: 1, doc: x}}
datasets: {rows: {kind: text, file: a.jsonl}}
stages:
  sft: {model: "${models.base}", data: ${datasets.rows}, again: [&one "${stages.sft.checkpoints.1}", *one]}
rounds:
  outer:
    over: [{beta: 1, rows: "${datasets.rows}"}, {beta: 2, rows: "${datasets.rows}"}]
    start: {policy: "${stages.sft}"}
    stages:
      dpo: {beta: "${round.beta}", all: "${round.history.policy}", nth: "${round.number}", deep: "${round.inner.2.more}"}
    rounds:
      inner:
        count: 2
        start: {writer: "${round.dpo}"}
        stages: {more: {model: "${round.writer}"}}
        next: {writer: "${round.more}"}
    next: {policy: "${rounds.outer.1.inner.2.more}"}
profiles:
  smoke: {vars.pull: 2, stages.sft.budget: 1, rounds.outer.stages.dpo.beta: 3, rounds.outer.rounds.inner.start.writer: 4}
sweep:
  axes: {stages.sft.budget: [1], vars.pull: [1]}
  zip: [{datasets.rows.file: [a]}]
  skip: [{vars.pull: 1}]
last: ["${rounds.outer.all.dpo}", "${stages.outer.2.dpo}", "${rounds.outer.policy}", "sft", "see ${stages.sft} here"]
"""


@pytest.fixture(scope="module")
def index() -> Index:
    root = parse(SPEC, "spec.yaml", Report())
    assert root is not None
    return Index([(HERE, Text(SPEC, "utf-32"), root)])


@pytest.mark.parametrize(
    ("symbol", "declared", "used"),
    [
        (("vars", "pull"), 1, 3),
        (("datasets", "rows"), 1, 4),
        (("stages", "sft"), 1, 4),
        (("models", "base"), 0, 1),
        (("rounds", "outer"), 1, 6),
        (("rounds", "outer", "policy"), 1, 3),
        (("rounds", "outer", "beta"), 2, 1),
        (("rounds", "outer", "rows"), 2, 0),
        (("rounds", "outer", "dpo"), 1, 4),
        (("profiles", "smoke"), 1, 0),
        (("rounds", "outer", "inner"), 1, 3),
        (("rounds", "outer", "inner", "writer"), 1, 3),
        (("rounds", "outer", "inner", "more"), 1, 3),
    ],
)
def test_a_name_is_found_at_each_of_its_places_and_written_there(index: Index, symbol: Symbol, declared: int, used: int) -> None:
    found = index.all_of(symbol)
    assert (sum(one.declares for one in found), sum(not one.declares for one in found)) == (declared, used)
    assert {SPEC[one.start : one.end] for one in found} == {symbol[-1]}


def test_nothing_else_is_a_name(index: Index) -> None:
    assert {one.symbol for one in index.mentions} == {
        *(("vars", "pull"), ("datasets", "rows"), ("stages", "sft"), ("models", "base"), ("rounds", "outer"), ("profiles", "smoke")),
        *(("rounds", "outer", name) for name in ("policy", "beta", "rows", "dpo", "inner")),
        *(("rounds", "outer", "inner", name) for name in ("writer", "more")),
    }


def test_a_reference_is_near_its_name_everywhere_and_at_it_only_there(index: Index) -> None:
    start = SPEC.index("${models.base}")
    assert index.at(HERE, start) is None
    near = index.near(HERE, start)
    assert near is not None and near.symbol == ("models", "base")
    assert index.at(HERE, start + len("${models.ba")) == near
    assert index.near(HERE, SPEC.index("a.jsonl")) is None


def test_what_is_read_outside_of_a_loop_belongs_to_the_one_around_it() -> None:
    assert loop_of(("rounds", "a", "rounds", "b", "stages", "x")) == ("a", "b")
    assert scope(("rounds", "a", "rounds", "b", "stages", "x")) == ("a", "b")
    assert scope(("rounds", "a", "rounds", "b", "start", "x")) == ("a",)
    assert scope(("rounds", "a", "over", "0", "x")) == scope(("stages", "x")) == ()
