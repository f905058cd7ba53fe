"""A tree that derives a goal from its leaves, grown backward from the goal.

The leaves of such a tree form one path S - M1 - ... - P over n + 1 terms: each growth replaces a link of the path by
two links around a new middle term. Everything else (proof, segments, signature) is read off the tree and its path.

Left out: premises used twice and rules other than the moods; both would break the path, on which the step score rests.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from runtime.syllogism.logic import strongest_conclusion, valid_moods
from runtime.syllogism.proposition import Proposition, normal


class Step(NamedTuple):
    """One inference of a proof: the premises it cites and the statement it concludes."""

    premises: tuple[Proposition, ...]
    conclusion: Proposition


@dataclass(frozen=True)
class Derivation:
    """A statement with the derivations of its (minor, major) premises, or a leaf without any."""

    statement: Proposition
    premises: tuple["Derivation", ...] = ()

    def leaves(self) -> list[Proposition]:
        """The statements at the leaves, in the order of the tree."""
        if not self.premises:
            return [self.statement]
        return [leaf for premise in self.premises for leaf in premise.leaves()]

    def signature(self) -> str:
        """A text equal for equal trees: neither the order of premises nor of convertible terms changes it."""
        form, subject, predicate = normal(self.statement)
        below = ",".join(sorted(premise.signature() for premise in self.premises))
        return f"{form} {subject} {predicate}" + (f" [{below}]" if below else "")


def grow(*, goal: Proposition, leaves: int, tree: str, existential: bool, middles: Iterator[str], random: Random) -> Derivation:
    """Grow a derivation of the goal with a given number of leaves.

    While there are too few leaves, one leaf (q, X, Y) is replaced by the two premises of a random mood with conclusion
    q over a new middle term. `tree` says which leaf: "random" any, "balanced" the shallowest, "chain" the one that
    mentions the subject of the goal, so that the proof walks along the path from the subject.

    Source: arXiv 2410.09528 (backward generation); the choice of the leaf is ours.
    """
    moods = valid_moods(existential)
    statements, depths = [goal], [0]
    children: dict[int, tuple[int, int]] = {}
    frontier = [0]
    while len(frontier) < leaves:
        if tree == "chain":
            candidates = [node for node in frontier if goal.subject in statements[node].terms]
        elif tree == "balanced":
            shallowest = min(depths[node] for node in frontier)
            candidates = [node for node in frontier if depths[node] == shallowest]
        else:
            candidates = frontier
        node = random.choice(candidates)
        form, subject, predicate = statements[node]
        pair = random.choice(moods[form]).premises(subject, predicate, next(middles))
        children[node] = (len(statements), len(statements) + 1)
        statements.extend(pair)
        depths.extend([depths[node] + 1] * 2)
        frontier.remove(node)
        frontier.extend(children[node])

    def freeze(node: int) -> Derivation:
        return Derivation(statements[node], tuple(freeze(child) for child in children.get(node, ())))

    return freeze(0)


def path_from(leaves: Sequence[Proposition], start: str) -> tuple[list[Proposition], list[str]]:
    """Put leaves in the order in which they link term to term from `start`; return them and the n + 1 terms passed."""
    links, terms, rest = [], [start], list(leaves)
    while rest:
        link = next(leaf for leaf in rest if terms[-1] in leaf.terms)
        rest.remove(link)
        links.append(link)
        (after,) = link.terms - {terms[-1]}
        terms.append(after)
    return links, terms


def proof_of(derivation: Derivation) -> list[Step]:
    """List the steps that derive the goal, each after the steps it needs, premises in the order of the path.

    A conclusion that converts (E, I) names the term nearer the start first: one spelling, where the mood that was
    drawn would leave a reader to guess between two.
    """
    _, terms = path_from(derivation.leaves(), derivation.statement.subject)
    place = {term: index for index, term in enumerate(terms)}
    steps: list[Step] = []

    def visit(node: Derivation) -> Proposition:
        if not node.premises:
            return node.statement
        ordered = sorted(node.premises, key=lambda premise: min(place[term] for term in premise.statement.terms))
        form, subject, predicate = node.statement
        if form in "EI" and place[predicate] < place[subject]:
            subject, predicate = predicate, subject
        conclusion = Proposition(form, subject, predicate)
        cited = tuple(visit(premise) for premise in ordered)
        steps.append(Step(cited, conclusion))
        return conclusion

    visit(derivation)
    return steps


def contract(segment: Sequence[Proposition], *, existential: bool) -> list[Step]:
    """List the steps that contract linked statements into one, from left to right, each as strong as can be."""
    steps: list[Step] = []
    for link in segment[1:]:
        reached = steps[-1].conclusion if steps else segment[0]
        conclusion = strongest_conclusion(reached, link, existential=existential)
        assert conclusion is not None, "neighbouring links of a derivation always admit a conclusion"
        steps.append(Step((reached, link), conclusion))
    return steps
