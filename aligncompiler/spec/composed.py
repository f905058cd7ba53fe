"""The keys of a file that composition reads and takes out before anything is typed, with what they mean. Every such key stands here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Key:
    """What a key takes, what it means, the keys inside it, and an example that is a part of a spec."""

    takes: str
    text: str
    inside: Mapping[str, Key] = field(default_factory=dict)
    example: str = ""


SECTION = Key("a mapping of names to declarations", "Declarations of one round; each is copied once a round.")

COMPOSED: dict[str, Key] = {
    "extends": Key(
        "a path",
        "The parent, a spec file relative to this one. What stands here goes before what the parent says: mappings merge, lists replace, and a changed "
        "`kind` drops the fields of the old kind. `null` in the place of a section or of one declaration drops it: `sweep: null`, `stages: {exam: null}`; "
        "profiles and `--set` can do the same.",
        example="extends: ./base.yaml\nseed: 1\nstages: {sft: {budget: {steps: 20}}}\n",
    ),
    "vars": Key(
        "a mapping of names to variables",
        "Values that have a name: `${vars.NAME}` stands for one of them, as a whole value. Profiles and `--set vars.NAME=VALUE` change it in one place.",
        {
            "type": Key("one of `float`, `int`, `str`, `bool`, `path`", "Type of the value."),
            "default": Key("a value of this type", "The value, unless a profile or `--set` gives another."),
            "doc": Key("a text", "What the variable is, with its unit."),
        },
        """\
vars:
  pull: {type: float, default: 0.1, doc: 'strength of the pull to the reference, 1/nat'}
objectives:
  flex: {kind: dpo, beta: ${vars.pull}}
""",
    ),
    "profiles": Key(
        "a mapping of names to overrides",
        "Named sets of overrides, each a mapping of dotted paths to values; `--profile NAME` applies one. All are checked, also those not asked for.",
        example="profiles:\n  smoke: {stages.sft.budget.steps: 2}\n",
    ),
    "rounds": Key(
        "a mapping of names to loops",
        "A part of the experiment that is repeated. The compiler copies it into plain stages, so that every round is cached by itself. Inside, "
        "`${round.NAME}` is a name of `start`, of `over`, or a declaration of the same round; outside, `${rounds.LOOP.NAME}` is that of the last round, "
        "`${rounds.LOOP.2.NAME}` that of round 2, and `${rounds.LOOP.all.NAME}` the list over all rounds.",
        {
            "count": Key("a whole number", "Number of rounds."),
            "over": Key("a list of mappings", "In place of `count`: the values of each round, one mapping a round."),
            "start": Key("a mapping of names to values", "What the first round begins with."),
            "next": Key("a mapping of names to values", "What the names of `start` stand for one round later."),
            "models": SECTION,
            "datasets": SECTION,
            "rewards": SECTION,
            "objectives": SECTION,
            "stages": SECTION,
            "rounds": Key("a mapping of names to loops", "Loops inside of one round."),
        },
        """\
rounds:
  loop:
    count: 2
    start: {policy: ${models.base}}
    stages:
      sft:
        kind: train
        model: ${round.policy}
        data: ${datasets.puzzles}
        objective: {kind: sft}
        budget: {steps: 10}
        optimizer: {kind: adamw, learning_rate: 1e-3}
    next: {policy: ${round.sft}}
""",
    ),
    "sweep": Key(
        "a mapping",
        "The same spec under several values, as one plan: stages that several cells have in common are made once. Values of a cell come after profiles "
        "and before `--set`; an axis that `--set` names is left out.",
        {
            "axes": Key("a mapping of dotted paths to lists", "Values to try; every combination is a cell."),
            "zip": Key("a list of mappings of dotted paths to lists", "Lists that advance together; each group counts as one axis."),
            "skip": Key("a list of mappings of dotted paths to values", "Combinations to leave out: those that have all of these values."),
            "add": Key("a list of mappings of dotted paths to values", "Cells beside the combinations."),
        },
        """\
sweep:
  axes: {stages.sft.optimizer.learning_rate: [1e-3, 1e-4], seed: [0, 1, 2]}
  skip: [{stages.sft.optimizer.learning_rate: 1e-4, seed: 2}]
""",
    ),
}
