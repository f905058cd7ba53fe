"""M5: what a method cannot mean."""

from __future__ import annotations

from .code import ATTRIBUTES, BASE, EVALUATE, LABEL, MEMBERS, MIX, OTHER_ROWS, OWN_JUDGE, PAIR, RATED, RELATIVE, SAMPLE, TRAIN, TREE_PAIR, Code, puzzles

CODES = (
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
        "A model that is measured on rows it learned from looks better than it is. `check` compares what the datasets are read from, `plan` and `run` "
        "the bytes of files too, `check --data` the prompts of the rows. Where memory is what you measure, allow it on that line.",
        TRAIN + EVALUATE.replace("datasets.exam", "datasets.puzzles"),
        "datasets:\n"
        "  puzzles: {kind: deduction, count: 100, leaves: {min: 2, max: 4}, between: [0, 0.9]}\n"
        "  exam: {kind: deduction, count: 100, leaves: {min: 2, max: 4}, between: [0.9, 1]}\n" + TRAIN + EVALUATE,
        judgement=True,
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
        judgement=True,
    ),
    Code(
        "M511",
        "other-rows",
        "Stored log-probabilities belong to the rows they were computed on, cut at the same length; joined to others they would be nonsense.",
        OTHER_ROWS.replace("data: ${datasets.more}", "data: ${datasets.pairs}", 1),
        OTHER_ROWS,
    ),
    Code(
        "M512",
        "single-answer",
        "A pair is made of two answers to the same prompt; where a policy writes only one to each, or a `rank` keeps only one, there is nothing to compare "
        "it with.",
        TRAIN + SAMPLE.replace("count: 4", "count: 1") + PAIR,
        TRAIN + SAMPLE + PAIR,
        judgement=True,
    ),
    Code(
        "M513",
        "no-trees",
        "The rule pairs the leaves of a tree, which share a beginning; answers that were written independently of each other, or read from data that does not "
        "say how they hang together, are leaves of no tree.",
        TRAIN + SAMPLE + TREE_PAIR,
        TRAIN + SAMPLE + "    topology: {kind: tree, depth: 2}\n" + TREE_PAIR,
    ),
    Code(
        "M520",
        "few-parts",
        "A combination of one reward is that reward under another name; of none it says nothing.",
        MIX.replace(", brief: {kind: length}", "").replace(", brief: -0.01", ""),
        MIX,
    ),
    Code(
        "M521",
        "no-uncertainty",
        "Only a reward that tells how unsure it is of its scores, by the figure `uncertainty`, can be lowered where it is unsure.",
        "rewards:\n  steps: {kind: penalised, of: {kind: deduction_steps}, strength: 0.5}\n" + TRAIN + SAMPLE + LABEL,
        "rewards:\n  steps: {kind: length_penalty, of: {kind: deduction_steps}, free: 200, per_unit: 0.001}\n" + TRAIN + SAMPLE + LABEL,
    ),
    Code(
        "M522",
        "own-judge",
        "A model that was made with the help of a trained scorer, or that is this scorer, looks better in its eyes than it is: training and choosing "
        "seek out its mistakes. Measure with a rule or a scorer that had no part in it. Where the gap between the two is what you measure, allow it on "
        "that line.",
        OWN_JUDGE,
        OWN_JUDGE.replace('reward: "${stages.rm}"}]}', "reward: {kind: deduction_steps}}]}"),
        judgement=True,
    ),
    Code(
        "M523",
        "relative-score",
        "A score that is normalised by the rows at hand has the same mean for every model, so it compares none of them, and no answer is right by it.",
        RELATIVE,
        RELATIVE.replace("{kind: deduction_steps}}", "{kind: deduction_steps}, mean: 0.4, std: 0.2}"),
    ),
    Code(
        "M524",
        "lost-column",
        "A figure of a reward becomes a column of the labelled rows. One that has the name of a column which is there would take its place, and later "
        "stages would read a score where they expect the data.",
        MIX.replace("brief", "problem"),
        MIX,
    ),
    Code(
        "M525",
        "no-ensemble",
        "The uncertainty of an ensemble is the disagreement of its members; one member, or an ensemble in the place of a member, has none of its own. "
        "Members start from new heads, so what they are like is a reward before training.",
        ATTRIBUTES + MEMBERS.replace("3", "1") + RATED.replace("rewards.urm", "rewards.urme"),
        ATTRIBUTES + MEMBERS + RATED.replace("rewards.urm", "rewards.urme"),
    ),
    Code(
        "M526",
        "empty-spread",
        "A standard deviation says how far labels scatter only once training fits it. An objective of means or of pairs, such as `squared_error` or "
        "`bradley_terry`, leaves it as it stood at random. And the expected loss "
        "of reparameterised regression is (mean - label)^2 + variance: whatever the labels are, its gradient shrinks every variance "
        "towards zero. It regularises, and what it leaves of a variance says nothing of how far labels scatter (arXiv:2410.00847 itself uses the "
        "likelihood wherever uncertainty is asked for).",
        ATTRIBUTES + RATED.replace("gaussian_likelihood", "gaussian_regression"),
        ATTRIBUTES + RATED,
    ),
)
