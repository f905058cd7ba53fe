"""C2: how a spec is put together from several sources."""

from __future__ import annotations

from .code import Code

CODES = (
    Code("C201", "unknown-profile", "`--profile NAME` applies a block under `profiles:`; there is no block of that name."),
    Code("C202", "bad-set", "`--set` takes `path=value`, for example `--set stages.sft.budget.steps=100`."),
    Code(
        "C203",
        "bad-parent",
        "`extends` names one spec file that can be read and that does not extend this one.",
        "extends: ./missing.yaml\n",
        "name: example\n",
    ),
    Code(
        "C204",
        "override-misses",
        "An override that changes nothing you declared is almost always a typo: it would create a key instead of replacing one.",
        "profiles:\n  smoke: {stages.stf.budget.steps: 2}\n",
        "profiles:\n  smoke: {stages.sft.budget.steps: 2}\n",
    ),
    Code(
        "C205",
        "unknown-variable",
        "`${vars.NAME}` stands for the value of a variable declared under `vars:`.",
        "seed: ${vars.sed}\n",
        "vars: {sed: {type: int, default: 1}}\nseed: ${vars.sed}\n",
    ),
    Code(
        "C206",
        "kind-changed",
        "When an override changes a `kind`, the fields of the old kind mean nothing any more and are dropped.",
        "profiles:\n  real: {datasets.puzzles: {kind: demonstrations, file: answers.jsonl}}\n",
        severity="warning",
    ),
    Code(
        "C207",
        "bad-sweep",
        "A sweep runs over values of variables, of the seed or of fields of declarations; its lists must give at least one cell and not too many.",
        "sweep:\n  axes: {engine.precision: [float32, bfloat16]}\n",
        "sweep:\n  axes: {seed: [0, 1]}\n",
    ),
    Code(
        "C208",
        "idle-sweep",
        "A part of the sweep changes nothing: a cell that stands in it twice, a `skip` that no cell matches, an axis that `--set` replaces.",
        "sweep:\n  axes: {seed: [0, 1]}\n  skip: [{seed: 2}]\n",
        "sweep:\n  axes: {seed: [0, 1, 2]}\n  skip: [{seed: 2}]\n",
        severity="warning",
    ),
    Code(
        "C209",
        "drops-nothing",
        "`null` in the place of a section or a declaration drops what the parent (or the file, for a profile and `--set`) declares there; here "
        "nothing is declared.",
        "profiles:\n  single: {sweep: null}\n",
        "sweep:\n  axes: {seed: [0, 1]}\nprofiles:\n  single: {sweep: null}\n",
    ),
)
