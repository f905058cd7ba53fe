"""What a scorer must know about a prompt, and the step, result and format scores of an answer to it.

The paper's exact step rule is not known. Counting every middle term that some sound step leaves out would pay for
shallow work: on the path S - M1 - M2 - P the steps (S,M2) and (M1,P), both from given premises, leave out both middle
terms and yet never join. Here the conclusions that are counted must not overlap, so that they can be joined. Left
out: punishment for unsound or useless steps where something can be eliminated (arXiv 2410.09528 names none).
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from runtime.syllogism.answer import Answer
from runtime.syllogism.derivation import Step, path_from
from runtime.syllogism.logic import entails
from runtime.syllogism.proposition import Proposition, normal, parse


@dataclass(frozen=True)
class Problem:
    """All a scorer needs; statements are English clauses, so that the text form can be read.

    premises: what the prompt states; question: "judgment" or "proof"; claim: the statement to judge or prove;
    label: the right verdict; path: the leaves of the derivation in path order; goal: what they derive;
    missing: place in the path of the leaf that the prompt withholds, None if it withholds none;
    moods: 15, or 24 with existential import; response: "json" or "text".
    """

    premises: tuple[str, ...]
    question: str
    claim: str
    label: str
    path: tuple[str, ...]
    goal: str
    missing: int | None
    moods: int
    response: str

    def to_text(self) -> str:
        """Write the problem as one line of JSON, the column `problem` of a row."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @staticmethod
    def from_text(text: str) -> "Problem":
        """Read what `to_text` wrote."""
        fields = json.loads(text)
        return Problem(**{**fields, "premises": tuple(fields["premises"]), "path": tuple(fields["path"])})

    @property
    def num_eliminable(self) -> int:
        """How many middle terms sound steps can eliminate: n - 1, less those beside a missing leaf."""
        num_links = len(self.path)
        if self.missing is None:
            return num_links - 1
        return max(self.missing - 1, 0) + max(num_links - self.missing - 2, 0)


@dataclass(frozen=True)
class Scores:
    """step: share of the middle terms soundly eliminated, in [0, 1]; result and format: 0 or 1."""

    step: float
    result: float
    format: float


def score_answer(problem: Problem, answer: Answer) -> Scores:
    """Score an answer by entailment, so that every sound order of steps counts, not only the stored proof.

    ``step = eliminated / eliminable`` where ``eliminated`` is the largest number of middle terms inside soundly derived
    links of the path that do not overlap; a link counts if it can stand in for the leaves it spans (those leaves
    replaced by it, the path still derives the goal). Where nothing is eliminable, step is 1 for a well-formed answer
    without an unsound step, else 0.
    ``result = 1`` if the verdict equals the label and, in a proof, the claim has been soundly derived.
    ``format = 1`` if the answer keeps to the response mode.

    Source: arXiv 2410.09528; the exact rules are ours.
    """
    existential = problem.moods == 24
    given = {normal(_read(text)) for text in problem.premises}
    derived, num_unsound = sound_conclusions(given, answer.steps, existential=existential)
    if problem.num_eliminable:
        step = _most_eliminated(problem, derived, existential=existential) / problem.num_eliminable
    else:
        step = float(answer.well_formed and num_unsound == 0)
    result = answer.verdict == problem.label
    if problem.question == "proof":
        claim = _read(problem.claim)
        result = result and any(found.terms == claim.terms and entails((found,), claim, existential=existential) for found in derived)
    return Scores(step, float(result), float(answer.well_formed))


def sound_conclusions(given: Iterable[Proposition], steps: Iterable[Step], *, existential: bool) -> tuple[list[Proposition], int]:
    """Return the conclusions of sound steps, first to last, and the number of unsound steps.

    A step is sound if both its premises are known (given, or concluded by an earlier sound step; E and I may be
    converted) and entail its conclusion, which must be about two terms: "all X are X" follows from anything, and a
    step that concluded it would leave out a middle term for nothing.
    """
    known = set(given)
    derived: dict[Proposition, None] = {}
    num_unsound = 0
    for step in steps:
        premises, conclusion = [normal(premise) for premise in step.premises], normal(step.conclusion)
        says_something = len(conclusion.terms) == 2
        if says_something and known.issuperset(premises) and entails(premises, conclusion, existential=existential):
            derived.setdefault(conclusion)
            known.add(conclusion)
        else:
            num_unsound += 1
    return list(derived), num_unsound


def _most_eliminated(problem: Problem, derived: Iterable[Proposition], *, existential: bool) -> int:
    goal = _read(problem.goal)
    links, terms = path_from([_read(text) for text in problem.path], goal.subject)
    place = {term: index for index, term in enumerate(terms)}
    starts: dict[int, set[int]] = {}
    for statement in derived:
        if not statement.terms <= place.keys():
            continue
        start, end = sorted(place[term] for term in statement.terms)
        stands_in = entails([*links[:start], statement, *links[end:]], goal, existential=existential)
        if stands_in:
            starts.setdefault(end, set()).add(start)
    # Weighted interval scheduling: most[j] is the best total among links that end at or before term j.
    most = [0] * len(terms)
    for end in range(1, len(terms)):
        joined = [most[start] + end - start - 1 for start in starts.get(end, ())]
        most[end] = max([most[end - 1], *joined])
    return most[-1]


def _read(text: str) -> Proposition:
    statement = parse(text)
    assert statement is not None, f"a problem holds the unreadable statement {text!r}"
    return statement
