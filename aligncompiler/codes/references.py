"""R3: references and the graph they make."""

from __future__ import annotations

from .code import ROUNDS, TRAIN, Code

CODES = (
    Code(
        "R301",
        "dangling-reference",
        "A reference names a declaration of this spec, for example `${models.base}`; nothing of this name is declared.",
        TRAIN.replace("models.base", "models.bse"),
        TRAIN,
    ),
    Code(
        "R302",
        "cycle",
        "Stages run in the order of their references, so no stage can need its own result.",
        TRAIN.replace("${models.base}", "${stages.sft}"),
        TRAIN,
    ),
    Code(
        "R303",
        "wrong-artifact",
        "Every field says what it takes (a policy, a scorer, a dataset, ...), and every declaration what it makes; these two differ.",
        TRAIN.replace("${models.base}", "${datasets.puzzles}"),
        TRAIN,
    ),
    Code(
        "R304",
        "wrong-rows",
        "Every dataset has a row kind (text, demonstrations, preferences, ...) and every consumer says which it needs; these two differ.",
        TRAIN.replace("{kind: sft}", "{kind: dpo}"),
        TRAIN,
    ),
    Code(
        "R305",
        "bad-reference",
        "`${...}` stands for a whole value and names a declaration by section and name. There are no text templates.",
        'description: "beta is ${vars.beta} here"\n',
        "description: beta is 0.1 here\n",
    ),
    Code(
        "R306",
        "unused",
        "Nothing refers to this declaration, so it changes nothing. Often a reference elsewhere names the wrong thing.",
        "objectives:\n  flex: {kind: dpo}\n",
        severity="warning",
    ),
    Code(
        "R307",
        "too-early",
        "A round can read what it makes itself and what was handed to it; the loop as a whole exists only when all of its rounds are done.",
        ROUNDS.replace("${round.policy}", "${rounds.loop.tuned}"),
        ROUNDS,
    ),
)
