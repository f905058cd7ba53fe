"""Categorical syllogisms: statements, exact entailment, derivations, answers and their scores.

    proposition.py   a statement such as "no X are Y", its contradictory, to and from English
    logic.py         consistency and entailment, the 15 or 24 valid moods, the conclusion of two premises
    derivation.py    a tree that derives a goal from leaves, grown backward; its path, proof and signature
    answer.py        a proof and a verdict as JSON or as sentences, written and read
    problem.py       what a scorer must know about a prompt, and the three scores of an answer to it

The dataset ``deduction`` and the reward ``deduction_steps`` both stand on this package, because leaves never import
each other. Source: "Boosting Deductive Reasoning with Step Signals in RLHF", arXiv 2410.09528.
"""
