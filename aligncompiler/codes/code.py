"""What a diagnostic code is, and the sections that complete the examples of codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ABOUT_ALLOWANCES = ("Y111", "Y112", "Y113", "Y115")  # an allowance cannot allow what is said about allowances


@dataclass(frozen=True, slots=True)
class Code:
    """One diagnostic code. Codes are never used again for something else.

    A warning may be allowed by `# alignc: allow CODE reason`. An error may be where `judgement` says that a person can mean it and the work
    can go on.
    """

    code: str
    name: str
    why: str
    bad: str = ""
    good: str = ""
    severity: Literal["error", "warning"] = "error"
    judgement: bool = False

    @property
    def allowable(self) -> bool:
        return self.judgement or (self.severity == "warning" and self.code not in ABOUT_ALLOWANCES)


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

PAIR = "  pairs: {kind: pair, completions: ${stages.drafts}, reward: {kind: deduction_steps}}\n"
TREE_PAIR = "  pairs: {kind: pair, completions: ${stages.drafts}, reward: {kind: deduction_steps}, rule: {kind: tree_pairs, per_tree: 2}}\n"
LABEL = "  scores: {kind: label, completions: ${stages.drafts}, reward: ${rewards.steps}}\n"

MIX = (
    "rewards:\n"
    "  steps:\n"
    "    kind: weighted_sum\n"
    "    parts: {proof: {kind: deduction_steps}, brief: {kind: length}}\n"
    "    weights: {proof: 1.0, brief: -0.01}\n" + TRAIN + SAMPLE + LABEL
)

TWO_DATASETS = (
    "datasets:\n"
    "  puzzles: {kind: deduction, count: 100, leaves: {min: 2, max: 4}, between: [0, 0.9]}\n"
    "  exam: {kind: deduction, count: 100, leaves: {min: 2, max: 4}, between: [0.9, 1]}\n"
)

RELATIVE = TWO_DATASETS + TRAIN + EVALUATE.replace("reward: {kind: deduction_steps}", "reward: {kind: normalised, of: {kind: deduction_steps}}")

OWN_JUDGE = (
    TWO_DATASETS
    + "rewards:\n  learned: {kind: scalar, backbone: ${models.base}}\n"
    + TRAIN
    + SAMPLE
    + PAIR
    + """  rm:
    kind: train
    model: ${rewards.learned}
    data: ${stages.pairs}
    objective: {kind: bradley_terry}
    budget: {steps: 10}
    optimizer: {kind: adamw, learning_rate: 1e-3}
  better: {kind: pair, completions: ${stages.drafts}, reward: ${stages.rm}}
  dpo:
    kind: train
    model: ${stages.sft}
    data: ${stages.better}
    objective: {kind: dpo}
    budget: {steps: 10}
    optimizer: {kind: adamw, learning_rate: 1e-4}
  exam: {kind: evaluate, models: ["${stages.dpo}"], data: ${datasets.exam}, metrics: [{kind: mean_score, reward: "${stages.rm}"}]}
"""
)


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

ROUNDS = """stages:
  sft:
    kind: train
    model: ${models.base}
    data: ${datasets.puzzles}
    objective: {kind: sft}
    budget: {steps: 10}
    optimizer: {kind: adamw, learning_rate: 1e-3}
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

# A scorer of attributes that learns from rated answers: ATTRIBUTES is what it is, MEMBERS an ensemble of it, RATED how it learns.
ATTRIBUTES = (
    "datasets:\n"
    "  puzzles: {kind: deduction, count: 100, leaves: {min: 2, max: 4}}\n"
    "  rated: {kind: completions, file: rated.jsonl}\n"
    "rewards:\n"
    "  urm: {kind: attributes, backbone: ${models.base}, names: [helpful, correct], head: gaussian, uncertainty: aleatoric}\n"
)
MEMBERS = "  urme: {kind: ensemble, of: ${rewards.urm}, members: 3}\n"
RATED = """stages:
  fit:
    kind: train
    model: ${rewards.urm}
    data: ${datasets.rated}
    objective: {kind: gaussian_likelihood}
    budget: {steps: 10}
    optimizer: {kind: adamw, learning_rate: 1e-3}
"""
