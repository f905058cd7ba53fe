"""Syllogistic puzzles with a known label, a full proof, and nothing to gain from counting forms.

A tree grown backward from the goal gives the premises; more statements hide them. Two defaults close the leak that
the path structure opens (the forms of its leaves give the goal away): the two trees for a claim and for its
contradictory are drawn together and both are covered by one set of forms, whatever the label; and the leaf that an
Unknown puzzle withholds is replaced by a statement of its form elsewhere. Counts of forms, and of premises, then have
the same distribution under every label.

Left out: statements that link two terms of the path besides its leaves (a second proof would make the step score
ambiguous), and instructions in the prompt about the response mode, which is one for the whole dataset.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from aligncompiler.spec.dataset import Deduction
from runtime.fault import Fault
from runtime.registry import implements
from runtime.rows import hash_share
from runtime.syllogism.answer import write_answer
from runtime.syllogism.derivation import Derivation, Step, contract, grow, path_from, proof_of
from runtime.syllogism.logic import consistent, entails
from runtime.syllogism.names import NAMES
from runtime.syllogism.problem import Problem
from runtime.syllogism.proposition import FORMS, Proposition, contradictory, verbalise

_INSTRUCTION = {"judgment": "Judge", "proof": "Prove"}


@dataclass(frozen=True)
class _Knobs:
    leaves: Any
    tree: str
    existential: bool
    questions: tuple[str, ...]
    labels: tuple[str, ...]
    distractors: Any
    attach: str
    names: tuple[str, ...]
    response: str
    gap_rate: float
    between: tuple[float, float]


class _Puzzle(NamedTuple):
    """One draw: the tree, the statements shown (in path order, then distractors) and the leaf withheld."""

    derivation: Derivation
    question: str
    claim: Proposition
    label: str
    premises: list[Proposition]
    path: list[Proposition]
    missing: int | None


@implements(Deduction)
def deduction(
    *,
    leaves: Any,
    tree: str,
    moods: int,
    question: str,
    labels: Sequence[str],
    distractors: Any,
    attach: str,
    names: str,
    response: str,
    gap_rate: float,
    count: int,
    between: tuple[float, float],
    seed: int,
) -> Iterator[dict[str, Any]]:
    """Yield deduction puzzles of controllable difficulty, each with its gold proof and what a scorer needs.

    leaves, distractors: objects with counts `.min` and `.max`; a puzzle of n leaves needs n - 1 steps, and shows n
    statements and its distractors. tree: "random", "balanced" or "chain" (`grow`). moods: 15, or 24 with existential
    import. question: "proof" (derive the claim), "judgment" (decide it) or "both". labels: of a judgment; "true"
    claims the goal, "false" its contradictory, "unknown" either of them with one leaf withheld (an A leaf if there is
    one; a statement of the same form stands in for it). attach: "fresh" puts distractors on terms of their own,
    "path" ties one of their terms to the path. between: share of the range of tree hashes kept, so that two datasets
    with disjoint ranges never share a tree. count: number of rows. gap_rate: probability that the demonstrated proof
    leaves one of its steps out, as people do; problem, answer and scores do not change.

    Where both "true" and "false" may be asked for, a judgment has at least one distractor, whatever `distractors.min`
    is: without any, the forms of the leaves tell them apart. Every label is checked by entailment, and all terms can
    have members together. An Unknown's gold answer contracts both remaining parts of the path, then says so.

    Columns: prompt, completion, answer, question, guessable (whether the answer alone can be right), label, leaves, form_count, tree, problem.
    Raises Fault where the knobs leave no room, at once or when no new puzzle is found.

    Source: arXiv 2410.09528; labels, distractors, templates and the defaults against counting are ours.
    """
    knobs = _Knobs(
        leaves=leaves,
        tree=tree,
        existential=moods == 24,
        questions=("judgment", "proof") if question == "both" else (question,),
        labels=tuple(labels),
        distractors=distractors,
        attach=attach,
        names=NAMES[names],
        response=response,
        gap_rate=gap_rate,
        between=between,
    )
    _check_room(knobs)
    return _rows(knobs, count, Random(seed))


def _check_room(knobs: _Knobs) -> None:
    lower, upper = knobs.between
    if not 0 <= lower < upper <= 1:
        raise Fault("P604", f"`between` must be a range inside [0, 1], not {lower} to {upper}", "between")
    if not 2 <= knobs.leaves.min <= knobs.leaves.max:
        raise Fault("P604", "`leaves` must be a range from 2 upward: a syllogism has two premises", "leaves")
    if not 0 <= knobs.distractors.min <= knobs.distractors.max:
        raise Fault("P604", "`distractors` must be a range from 0 upward", "distractors")
    if "judgment" in knobs.questions:
        if not knobs.labels:
            raise Fault("P604", "a judgment needs at least one label", "labels")
        if {"true", "false"} <= set(knobs.labels) and knobs.distractors.max == 0:
            raise Fault("P604", "`distractors.max` must be at least 1: without any, counting forms tells true from false", "distractors")
    # Each distractor, and the stand-in for a withheld leaf, may need two terms of its own.
    needed = knobs.leaves.max + 1 + 2 * (knobs.distractors.max + 1)
    if needed > len(knobs.names):
        raise Fault("P604", f"up to {needed} terms are needed and there are {len(knobs.names)} names: fewer leaves, please", "leaves")


def _rows(knobs: _Knobs, count: int, random: Random) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    lower, upper = knobs.between
    patience = 2000 + math.ceil(50 / (upper - lower))
    misses = 0
    while len(seen) < count:
        if misses > patience:
            raise Fault("P604", f"no new puzzle in {misses} draws after {len(seen)} of {count}: widen `leaves` or `between`", "count")
        misses += 1
        puzzle = _draw(knobs, random)
        if puzzle is None:
            continue
        row = _row(puzzle, knobs, random)
        if row["prompt"] not in seen:
            seen.add(row["prompt"])
            misses = 0
            yield row


def _draw(knobs: _Knobs, random: Random) -> _Puzzle | None:
    """Draw a puzzle, or None where its tree lies outside the range or a distractor spoils its label."""
    question = random.choice(knobs.questions)
    label = random.choice(knobs.labels) if question == "judgment" else "true"
    names = random.sample(knobs.names, len(knobs.names))
    claim = Proposition(random.choice(FORMS), names[0], names[1])
    trees, counts = _covered_trees(knobs, claim, knobs.labels if question == "judgment" else ("true",), names, random)
    derivation = random.choice(list(trees.values())) if label == "unknown" else trees[label]
    lower, upper = knobs.between
    if not lower <= hash_share(derivation.signature()) < upper:
        return None
    path, terms = path_from(derivation.leaves(), claim.subject)
    spare = iter(names[len(terms) :])
    extra = list((counts - Counter(leaf.form for leaf in path)).elements())
    missing = None
    premises = list(path)
    if label == "unknown":
        missing = random.choice([i for i, leaf in enumerate(path) if leaf.form == "A"] or range(len(path)))
        withheld = premises.pop(missing)
        # The term that only the withheld leaf mentioned must not vanish where distractors touch the path.
        ends = [term for term in (terms[0], terms[-1]) if term in withheld.terms]
        premises.append(_distractor(withheld.form, ends or sorted(withheld.terms), knobs, spare, random))
    premises += [_distractor(form, terms, knobs, spare, random) for form in extra]
    puzzle = _Puzzle(derivation, question, claim, label, premises, path, missing)
    return puzzle if _label_holds(puzzle, existential=knobs.existential) else None


def _covered_trees(knobs: _Knobs, claim: Proposition, labels: Sequence[str], names: list[str], random: Random) -> tuple[dict[str, Derivation], Counter[str]]:
    """Draw a tree for each verdict, and counts of forms that cover the leaves of them all.

    The counts depend on the claim but not on the label drawn, which is why a count says nothing about the label.
    """
    goals = {"true": claim, "false": contradictory(claim)}
    wanted = [verdict for verdict in goals if verdict in labels] or list(goals)
    num_leaves = random.randint(knobs.leaves.min, knobs.leaves.max)
    fewest = max(knobs.distractors.min, len(wanted) - 1)
    total = num_leaves + random.randint(fewest, max(fewest, knobs.distractors.max))
    while True:
        trees = {
            verdict: grow(
                goal=goals[verdict],
                leaves=num_leaves,
                tree=knobs.tree,
                existential=knobs.existential,
                middles=iter(names[2:]),
                random=random,
            )
            for verdict in wanted
        }
        counts: Counter[str] = Counter()
        for derivation in trees.values():
            counts |= Counter(leaf.form for leaf in derivation.leaves())
        if counts.total() <= total:
            return trees, counts + Counter(random.choices(FORMS, k=total - counts.total()))


def _distractor(form: str, terms: Sequence[str], knobs: _Knobs, spare: Iterator[str], random: Random) -> Proposition:
    """A statement that leads nowhere, because at least one of its terms is its own."""
    pair = [next(spare), random.choice(terms) if knobs.attach == "path" else next(spare)]
    random.shuffle(pair)
    return Proposition(form, *pair)


def _label_holds(puzzle: _Puzzle, *, existential: bool) -> bool:
    proved = entails(puzzle.premises, puzzle.claim, existential=existential)
    refuted = entails(puzzle.premises, contradictory(puzzle.claim), existential=existential)
    expected = {"true": (True, False), "false": (False, True), "unknown": (False, False)}[puzzle.label]
    return (proved, refuted) == expected and consistent(puzzle.premises, existential=True)


def _gold_steps(puzzle: _Puzzle, *, existential: bool) -> list[Step]:
    if puzzle.missing is None:
        return proof_of(puzzle.derivation)
    parts = (puzzle.path[: puzzle.missing], puzzle.path[puzzle.missing + 1 :])
    return [step for part in parts for step in contract(part, existential=existential)]


def _with_gap(steps: list[Step], gap_rate: float, prompt: str) -> list[Step]:
    """Leave one step out of a share `gap_rate` of the proofs. The prompt's hash decides, so that nothing else of the draw moves."""
    if not steps or hash_share(f"gap {prompt}") >= gap_rate:
        return steps
    gap = int(hash_share(f"place {prompt}") * len(steps))
    return steps[:gap] + steps[gap + 1 :]


def form_count(claim: Proposition, premises: Sequence[Proposition]) -> str:
    """Write what a reader who only counts sees: the form of the claim and how many premises have each form."""
    counts = Counter(premise.form for premise in premises)
    return " ".join([claim.form, *(f"{form}{counts[form]}" for form in FORMS)])


def _row(puzzle: _Puzzle, knobs: _Knobs, random: Random) -> dict[str, Any]:
    shown = random.sample(puzzle.premises, len(puzzle.premises))
    facts = " ".join(f"{verbalise(premise)}." for premise in shown)
    claim = verbalise(puzzle.claim)
    problem = Problem(
        premises=tuple(verbalise(premise) for premise in shown),
        question=puzzle.question,
        claim=claim,
        label=puzzle.label,
        path=tuple(verbalise(leaf) for leaf in puzzle.path),
        goal=verbalise(puzzle.derivation.statement),
        missing=puzzle.missing,
        moods=24 if knobs.existential else 15,
        response=knobs.response,
    )
    prompt = f"Facts: {facts} {_INSTRUCTION[puzzle.question]}: {claim}.\n"
    steps = _with_gap(_gold_steps(puzzle, existential=knobs.existential), knobs.gap_rate, prompt)
    return {
        "prompt": prompt,
        "completion": write_answer(steps, puzzle.label, response=knobs.response),
        "answer": puzzle.label,
        "question": puzzle.question,
        "guessable": puzzle.question == "judgment",
        "label": puzzle.label,
        "leaves": len(puzzle.path),
        "form_count": form_count(puzzle.claim, puzzle.premises),
        "tree": puzzle.derivation.signature(),
        "problem": problem.to_text(),
    }
