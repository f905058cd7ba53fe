"""A plan that was edited or cut is refused at the value that is wrong; one that was saved is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from aligncompiler.compile import Compiled
from aligncompiler.ir import NotAPlan
from aligncompiler.planning.verify import verified
from aligncompiler.spec.codec import UnknownKind

SWEEP = "sweep: {axes: {seed: [3, 4], objectives.gentle.beta: [0.1, 0.2]}}\n"
ROUNDS = """\
rounds:
  loop:
    count: 2
    start: {policy: "${stages.sft}"}
    stages:
      tuned:
        kind: train
        model: ${round.policy}
        data: ${datasets.puzzles}
        objective: {kind: sft}
        budget: {steps: 10}
        optimizer: {kind: adamw, learning_rate: 1e-4}
    next: {policy: "${round.tuned}"}
"""


@pytest.fixture
def plan(compiled: Callable[..., Compiled], full: str) -> dict[str, Any]:
    """A plan with a sweep and a file, as JSON."""
    return data_of(compiled, full + SWEEP)


def data_of(compiled: Callable[..., Compiled], text: str) -> dict[str, Any]:
    Path("pairs.jsonl").write_text("one")
    use = "  stored: {kind: logprobs, policy: '${models.base}', data: '${datasets.pairs_file}'}\n"
    text = text.replace("rewards:\n", "  pairs_file: {kind: preferences, file: pairs.jsonl}\nrewards:\n").replace("  exam:\n", use + "  exam:\n")
    made = compiled(text)
    assert made.plan is not None, [d.message for d in made.report.diagnostics]
    found: dict[str, Any] = json.loads(json.dumps(made.plan.to_json()))
    return found


@pytest.mark.parametrize("more", ["", SWEEP, ROUNDS])
def test_a_plan_that_was_written_is_the_plan(compiled: Callable[..., Compiled], full: str, more: str) -> None:
    data = data_of(compiled, full + more)
    assert json.loads(json.dumps(verified(data).to_json())) == data


def stage(plan: Mapping[str, Any], id: str) -> dict[str, Any]:
    found: dict[str, Any] = next(s for s in plan["stages"] if s["id"] == id)
    return found


SFT = "stages.sft[seed=3]"
EDITS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a key": (lambda p: stage(p, SFT).update(key="0" * 40), f"`{SFT}`: `key` is {'0' * 40}; the hash of its `preimage` is "),
    "a key that is none": (lambda p: stage(p, SFT).update(key="../x"), f'`{SFT}`: `key` is "../x"; it should be 40 hexadecimal digits'),
    "a pre-image": (lambda p: stage(p, SFT)["preimage"].update({"budget.steps": 9}), "`budget.steps` is 9 in `preimage`; by the rest of the plan it is 100"),
    "a field": (lambda p: stage(p, SFT)["spec"]["budget"].update(steps=9), "`budget.steps` is 100 in `preimage`; by the rest of the plan it is 9"),
    "a type": (lambda p: stage(p, SFT)["spec"]["budget"].update(steps="many"), f'`{SFT}`: `budget.steps` is "many": Input should be a valid integer'),
    "an unknown field": (lambda p: stage(p, SFT)["spec"].update(foo=1), f"`{SFT}`: `foo` is 1: "),
    "an unknown part": (lambda p: stage(p, SFT).update(kee=""), f"`{SFT}`: `kee` is no part of it (did you mean `key`?)"),
    "an unknown part of the head": (lambda p: p.update(sed=3), "`sed` is no part of it (did you mean `seed`?)"),
    "a reference": (lambda p: stage(p, SFT)["spec"].update(model={"ref": "models.x"}), "`model` it refers to `models.x`, which is no stage of the plan"),
    "what it reads": (lambda p: stage(p, SFT).update(reads=[]), f"`{SFT}`: `reads` is []; by the rest of the plan it is "),
    "the order": (lambda p: p["stages"].reverse(), "which does not come before it"),
    "a stage twice": (lambda p: p["stages"].append(p["stages"][0]), "two stages have the `id` `datasets.puzzles"),
    "a stage that is gone": (lambda p: p["stages"].pop(0), "which is no stage of the plan"),
    "a seed": (lambda p: stage(p, SFT).update(seed=9), f"`{SFT}`: `seed` is 9; from the seed of the experiment, 3, follows "),
    "the seed of a cell": (lambda p: p["cells"][0].update(seed=9), "from the seed of the experiment, 9, follows "),
    "an output": (
        lambda p: stage(p, SFT)["output"].update(artifact="scorer"),
        f'`{SFT}`: `output.artifact` is "scorer"; by the rest of the plan it is "policy"',
    ),
    "the context of an output": (lambda p: stage(p, SFT)["output"].update(context=99), f"`{SFT}`: `output.context` is 99; by the rest of the plan it is 512"),
    "what an output holds": (lambda p: stage(p, SFT)["output"].update(holds=[["a"]]), f'`{SFT}`: `output`: `holds` is [["a"]]; it should be a list of parts'),
    "a part that is none": (lambda p: stage(p, SFT)["output"].update(holds=[["a", {}]]), f"`{SFT}`: `output.holds.a`: `artifact` is missing"),
    "a part of an output": (lambda p: stage(p, SFT)["output"].pop("holds"), f"`{SFT}`: `output`: `holds` is missing"),
    "the hash of a file": (lambda p: stage(p, "datasets.pairs_file").update(files={}), "`datasets.pairs_file`: `files.file` is missing"),
    "a file": (lambda p: stage(p, SFT).update(files={"x": "0" * 64}), f"`{SFT}`: `files.x` names no file of its `spec`"),
    "a link": (lambda p: stage(p, SFT)["links"].update({"stages.x": SFT}), f"`{SFT}`: `links.stages.x` is `{SFT}`, which is no variant of `stages.x`"),
    "a family": (lambda p: stage(p, SFT).update(family="x"), f'`{SFT}`: `family` is "x"; it should be the name of a section'),
    "a place": (lambda p: p["places"]["seed"].update(file=3), "`places` is "),
    "the engine": (lambda p: p["engine"].update(precision="b16"), '`engine`: `precision` is "b16": '),
    "a name that is a path": (lambda p: p.update(name="../../x"), '`name` is "../../x"; it should be the name of an experiment'),
    "a stage of a cell": (
        lambda p: p["cells"][0]["stages"].update({"stages.sft": "stages.x"}),
        "`stages.sft` is `stages.x`, which is no variant of it in the plan",
    ),
    "a cell that is gone": (lambda p: p["cells"].pop(0), "is in no cell of the sweep"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_refused_at_the_value_that_is_wrong(plan: dict[str, Any], edit: str) -> None:
    change, message = EDITS[edit]
    change(plan)
    with pytest.raises(NotAPlan) as stopped:
        verified(plan)
    assert message in str(stopped.value)


def test_a_kind_that_is_not_there_is_told_with_its_path(plan: dict[str, Any]) -> None:
    stage(plan, SFT)["spec"]["objective"]["kind"] = "nope"
    with pytest.raises(UnknownKind) as stopped:
        verified(plan)
    assert stopped.value.__notes__ == ["objective", SFT]
