"""Every diagnostic code: its name, why it is reported, and for what can be shown in a spec a bad and a good example.

Examples are fragments; the tests complete them with the sections of `BASE` and run them: the bad one must give the code, the good one
must check clean. `alignc explain CODE` prints from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Code:
    """One diagnostic code. Codes are never used again for something else."""

    code: str
    name: str
    why: str
    bad: str = ""
    good: str = ""
    severity: Literal["error", "warning"] = "error"


# Sections that complete an example. An example that has a section of its own replaces this one.
BASE = {
    "alignc": "alignc: v1\n",
    "name": "name: example\n",
    "models": """models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 64, num_layers: 2, num_heads: 4, context: 256}
    tokenizer: {kind: bpe, data: ${datasets.puzzles}, vocab_size: 400}
""",
    "datasets": """datasets:
  puzzles: {kind: deduction, count: 100, leaves: {min: 2, max: 4}}
""",
    "stages": """stages:
  sft:
    kind: train
    model: ${models.base}
    data: ${datasets.puzzles}
    objective: {kind: sft}
    budget: {steps: 10}
    optimizer: {kind: adamw, learning_rate: 1e-3}
""",
}

TRAIN = """stages:
  sft:
    kind: train
    model: ${models.base}
    data: ${datasets.puzzles}
    objective: {kind: sft}
    budget: {steps: 10}
    optimizer: {kind: adamw, learning_rate: 1e-3}
"""

EVALUATE = """  exam:
    kind: evaluate
    models: [${stages.sft}]
    data: ${datasets.exam}
    metrics: [{kind: mean_score, reward: {kind: deduction_steps}}]
"""

SAMPLE = """  drafts:
    kind: sample
    policy: ${stages.sft}
    prompts: ${datasets.puzzles}
    count: 4
    max_new_tokens: 64
"""

LABEL = "  scores: {kind: label, completions: ${stages.drafts}, reward: ${rewards.steps}}\n"


def puzzles(fields: str) -> str:
    return f"datasets:\n  puzzles: {{kind: deduction, {fields}}}\n"


OTHER_ROWS = (
    "datasets:\n"
    "  puzzles: {kind: deduction, count: 100, leaves: {min: 2, max: 4}}\n"
    "  pairs: {kind: preferences, file: pairs.jsonl, between: [0, 0.5]}\n"
    "  more: {kind: preferences, file: pairs.jsonl, between: [0.5, 1]}\n"
    "stages:\n"
    "  stored: {kind: logprobs, policy: ${models.base}, data: ${datasets.more}}\n"
    "  others: {kind: logprobs, policy: ${models.base}, data: ${datasets.pairs}}\n"
    "  dpo:\n"
    "    kind: train\n"
    "    model: ${models.base}\n"
    "    data: ${datasets.more}\n"
    "    objective: {kind: dpo}\n"
    "    reference: ${stages.stored}\n"
    "    budget: {steps: 10}\n"
    "    optimizer: {kind: adamw, learning_rate: 1e-3}\n"
)

GOOD_PUZZLES = puzzles("count: 100, leaves: {min: 2, max: 4}")

ALL = (
    Code(
        "Y101",
        "duplicate-key",
        "Most YAML readers keep the last of two equal keys and say nothing; one of your two values would be ignored.",
        "name: one\nname: two\n",
        "name: one\n",
    ),
    Code("Y102", "not-yaml", "The text cannot be read as YAML, so nothing else in the file can be checked.", 'name: "open\n', 'name: "closed"\n'),
    Code(
        "Y103",
        "forbidden-yaml",
        "Tags can make a YAML reader run code, and merge keys hide where a value comes from. A spec is plain data, safe to open from a stranger.",
        "name: !!str example\n",
        "name: example\n",
    ),
    Code(
        "Y104",
        "bad-alias",
        "An alias repeats an anchor that stands above it; it cannot name a later one or contain itself.",
        "description: *text\n",
        "description: text\n",
    ),
    Code(
        "Y105",
        "several-documents",
        "A spec is one YAML document, so that there is one answer to what the file says.",
        "name: one\n---\nname: two\n",
        "name: one\n",
    ),
    Code(
        "Y106",
        "too-large",
        "Budgets on size, depth and alias expansion keep a hostile file from using up memory or time.",
        f"description: {'[' * 70}{']' * 70}\n",
        "description: text\n",
    ),
    Code(
        "Y107",
        "tab-indentation",
        "YAML forbids tabs in indentation.",
        "datasets:\n\tpuzzles: {kind: deduction, count: 1, leaves: {min: 2, max: 2}}\n",
        GOOD_PUZZLES,
    ),
    Code("Y108", "not-text", "A spec is UTF-8 text without control characters.", "name: a\x00b\n", "name: ab\n"),
    Code("Y109", "not-a-spec", "A spec is a mapping that starts with `alignc: v1`."),
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
        "S401",
        "unknown-key",
        "A key that nothing reads would be ignored silently; a typo would then change your experiment without a word.",
        "seeed: 1\n",
        "seed: 1\n",
    ),
    Code("S402", "missing-key", "This key has no sensible default, so you have to choose.", puzzles("leaves: {min: 2, max: 4}"), GOOD_PUZZLES),
    Code("S403", "wrong-type", "The value is of another type than the field.", "seed: one\n", "seed: 1\n"),
    Code(
        "S404",
        "not-a-choice",
        "The field takes one of a few words.",
        puzzles("count: 100, leaves: {min: 2, max: 4}, tree: bushy"),
        puzzles("count: 100, leaves: {min: 2, max: 4}, tree: balanced"),
    ),
    Code("S405", "out-of-range", "The value lies outside what the field allows.", puzzles("count: 0, leaves: {min: 2, max: 4}"), GOOD_PUZZLES),
    Code("S406", "unknown-kind", "`kind` chooses among the kinds of a family; there is none of this name.", TRAIN.replace("kind: sft}", "kind: stf}"), TRAIN),
    Code(
        "S407",
        "language-version",
        "The first key of a spec names the version of the language, so that an old spec keeps its meaning.",
        "alignc: v9\n",
        "alignc: v1\n",
    ),
    Code(
        "M501",
        "useless-reference",
        "The objective reads no reference policy, so naming one would have no effect.",
        TRAIN.rstrip() + "\n    reference: ${models.base}\n",
        TRAIN,
    ),
    Code(
        "M502",
        "shared-split",
        "A model that is measured on rows it learned from looks better than it is.",
        TRAIN + EVALUATE.replace("datasets.exam", "datasets.puzzles"),
        "datasets:\n"
        "  puzzles: {kind: deduction, count: 100, leaves: {min: 2, max: 4}, between: [0, 0.9]}\n"
        "  exam: {kind: deduction, count: 100, leaves: {min: 2, max: 4}, between: [0.9, 1]}\n" + TRAIN + EVALUATE,
    ),
    Code(
        "M503",
        "batch-too-small",
        "A forward pass that cannot hold one row could never train on it.",
        TRAIN.rstrip() + "\n    max_tokens: 128\n    batch: {tokens_at_once: 64}\n",
        TRAIN,
    ),
    Code(
        "M504",
        "impossible-shape",
        "The parts of a network must fit together: every attention head takes an equal share of the hidden size.",
        BASE["models"].replace("hidden_size: 64", "hidden_size: 66"),
        BASE["models"],
    ),
    Code(
        "M505",
        "exactly-one",
        "These keys say the same thing in different ways; the spec must use exactly one of them.",
        TRAIN.replace("{steps: 10}", "{steps: 10, epochs: 1}"),
        TRAIN,
    ),
    Code(
        "M506",
        "unpinned",
        "What a name on a hub stands for can change; a commit makes the experiment repeatable.",
        "models:\n  base: {kind: causal_lm, pretrained: Qwen/Qwen2.5-0.5B}\n",
        "models:\n  base: {kind: causal_lm, pretrained: Qwen/Qwen2.5-0.5B, revision: 060db6499f32faf8b98477b0a26969ef7d8b9987}\n",
    ),
    Code(
        "M507",
        "no-effect",
        "Beside the other choices made here, this field would change nothing.",
        puzzles("count: 100, leaves: {min: 2, max: 4}, question: proof, labels: [true]").replace("[true]", '["true"]'),
        puzzles("count: 100, leaves: {min: 2, max: 4}, question: proof"),
    ),
    Code(
        "M508",
        "missing-companion",
        "One choice made here needs another value beside it.",
        "rewards:\n  steps: {kind: deduction_steps, combine: weighted}\n" + TRAIN + SAMPLE + LABEL,
        "rewards:\n  steps: {kind: deduction_steps, combine: weighted, weights: {step: 1.0}}\n" + TRAIN + SAMPLE + LABEL,
    ),
    Code(
        "M509",
        "no-such-part",
        "The name is not one of those that exist at this place: a column of the rows, or a part of the reward.",
        "rewards:\n  steps: {kind: deduction_steps, combine: weighted, weights: {speed: 1.0}}\n" + TRAIN + SAMPLE + LABEL,
        "rewards:\n  steps: {kind: deduction_steps, combine: weighted, weights: {step: 1.0}}\n" + TRAIN + SAMPLE + LABEL,
    ),
    Code(
        "M510",
        "redundant",
        "The result would be the same work done several times over.",
        TRAIN + SAMPLE + "    temperature: 0\n",
        TRAIN + SAMPLE,
    ),
    Code(
        "M511",
        "other-rows",
        "Stored log-probabilities belong to the rows they were computed on, cut at the same length; joined to others they would be nonsense.",
        OTHER_ROWS.replace("data: ${datasets.more}", "data: ${datasets.pairs}", 1),
        OTHER_ROWS,
    ),
    Code("P601", "no-such-file", "A file that the spec or the command names is missing, is a folder where a file is needed, or cannot be read."),
    Code("P602", "unreadable-data", "The data file is not in the format that its name promises, or is not UTF-8."),
    Code("P603", "missing-column", "The rows lack a column that their kind needs; `columns` maps our names to the names in the source."),
    Code("P604", "no-rows-left", "Every row was skipped, so there is nothing to work with. The message counts the reasons."),
    Code("P605", "store", "The store could not be read or written."),
    Code("P606", "not-installed", "Running needs the runtime extra (torch, lightning, transformers, ...), or one more package that the spec names."),
    Code("P607", "model-unloadable", "The folder, package or hub name holds no model that can be loaded, or needs code that is not trusted."),
    Code("P608", "stage-failed", "A stage stopped before its artifact was complete. What was finished before it is kept; run again to go on from there."),
    Code("P611", "beyond-context", "Rows longer than the context of the model cannot be read, so a larger limit would be silently lowered."),
    Code("P610", "device", "The spec asks for a device or for several processes that this machine does not have, or for what they cannot do yet."),
)

CODES = {code.code: code for code in ALL}
