"""Every generated label against a model checker that shares no code with the product, and the form-count leak."""

import json
import math
from collections import Counter, defaultdict
from itertools import product
from random import Random
from types import SimpleNamespace

import pytest

from runtime.datasets.deduction import deduction, form_count
from runtime.fault import Fault
from runtime.rewards.deduction_steps import deduction_steps
from runtime.rows import hash_share
from runtime.syllogism.derivation import grow
from runtime.syllogism.proposition import Proposition, contradictory

COLUMNS = ["prompt", "completion", "answer", "question", "guessable", "label", "leaves", "form_count", "tree", "problem"]


def puzzles(**knobs):
    usual = {
        "leaves": (2, 4),
        "tree": "random",
        "moods": 15,
        "question": "both",
        "labels": ("true", "false", "unknown"),
        "distractors": (0, 2),
        "attach": "fresh",
        "names": "virtual",
        "response": "json",
        "gap_rate": 0.0,
        "count": 100,
        "between": (0.0, 1.0),
        "seed": 0,
    }
    knobs = usual | knobs
    for name in ("leaves", "distractors"):
        knobs[name] = SimpleNamespace(min=knobs[name][0], max=knobs[name][1])
    return deduction(**knobs)


def statements_of(prompt):
    """Read a prompt by its wording alone: the facts, the instruction and the claim."""
    facts, instruction, claim = prompt.strip().removeprefix("Facts: ").rpartition("Judge: ")
    if not instruction:
        facts, instruction, claim = prompt.strip().removeprefix("Facts: ").rpartition("Prove: ")
    return [read(fact) for fact in facts.strip().rstrip(".").split(". ")], instruction, read(claim.rstrip("."))


def read(text):
    words = text.split()
    form = {"all": "A", "no": "E", "some": "O" if "not" in words else "I"}[words[0]]
    return form, words[1], words[-1]


def satisfiable(statements, *, nonempty):
    """Brute force over the 2^t regions, each a number whose bits say which terms hold."""
    bit = {term: 1 << i for i, term in enumerate(sorted({t for s in statements for t in s[1:]}))}
    regions = range(1 << len(bit))
    for form, x, y in statements:
        if form in "AE":
            regions = [r for r in regions if not (r & bit[x] and bool(r & bit[y]) != (form == "A"))]
    seen = all(any(r & bit[x] and bool(r & bit[y]) == (form == "I") for r in regions) for form, x, y in statements if form in "IO")
    return seen and (not nonempty or all(any(r & b for r in regions) for b in bit.values()))


def follows(premises, claim, *, nonempty):
    against = {"A": "O", "O": "A", "E": "I", "I": "E"}[claim[0]]
    return not satisfiable([*premises, (against, *claim[1:])], nonempty=nonempty)


@pytest.mark.parametrize(("tree", "moods", "attach"), list(product(("random", "balanced", "chain"), (15, 24), ("fresh", "path"))))
def test_prompts_are_consistent_and_their_labels_right(tree, moods, attach):
    labels = set()
    rows = puzzles(tree=tree, moods=moods, attach=attach, distractors=(0, 1), leaves=(2, 5), count=40, names="greek")
    for row in rows:
        premises, instruction, claim = statements_of(row["prompt"])
        assert satisfiable(premises, nonempty=True)
        opposite = ({"A": "O", "O": "A", "E": "I", "I": "E"}[claim[0]], *claim[1:])
        proved, refuted = (follows(premises, c, nonempty=moods == 24) for c in (claim, opposite))
        assert (proved, refuted) == (row["label"] == "true", row["label"] == "false"), row
        assert (instruction == "Prove: ") == (row["question"] == "proof")
        labels.add(row["label"])
    assert labels == {"true", "false", "unknown"}


@pytest.mark.parametrize(("names", "response", "attach"), list(product(("virtual", "greek", "real"), ("json", "text"), ("fresh", "path"))))
@pytest.mark.parametrize("moods", [15, 24])
def test_gold_completions_get_full_scores(names, response, attach, moods):
    rows = list(puzzles(names=names, response=response, attach=attach, moods=moods, leaves=(2, 6), count=60))
    scored = deduction_steps(rows, combine="lexicographic", order=("result", "step", "format"), weights={})
    assert all(found == {"score": 1.0, "step": 1.0, "result": 1.0, "format": 1.0} for found in scored)


def test_gold_completions_prove_the_goal_or_stop_at_unknown():
    for row in puzzles(count=200):
        gold = json.loads(row["completion"])
        assert gold["answer"] == row["answer"] == row["label"]
        eliminated = len(gold["steps"])
        if row["label"] == "unknown":
            assert eliminated in (row["leaves"] - 2, row["leaves"] - 3)
        else:
            assert eliminated == row["leaves"] - 1
            assert read(gold["steps"][-1]["conclusion"]) == read(json.loads(row["problem"])["goal"])


def test_rows_are_plain_and_repeat_under_their_seed():
    rows = list(puzzles(seed=3))
    assert rows == list(puzzles(seed=3)) and rows != list(puzzles(seed=4))
    assert all(list(row) == COLUMNS for row in rows)
    types = {"leaves": int, "guessable": bool}
    assert all(isinstance(value, types.get(name, str)) for row in rows for name, value in row.items())
    assert len({row["prompt"] for row in rows}) == len(rows) == 100


@pytest.mark.parametrize("question", ["judgment", "proof"])
def test_knobs_limit_what_is_drawn(question):
    rows = list(puzzles(question=question, labels=("false",), leaves=(3, 5), distractors=(1, 2), count=150))
    assert {row["question"] for row in rows} == {question}
    assert {row["label"] for row in rows} == {"false" if question == "judgment" else "true"}
    assert {row["leaves"] for row in rows} == {3, 4, 5}
    extras = {len(statements_of(row["prompt"])[0]) - row["leaves"] for row in rows}
    assert extras == {1, 2}


def test_distractors_touch_the_path_only_when_attached_to_it():
    for attach in ("fresh", "path"):
        for row in puzzles(attach=attach, question="proof", distractors=(2, 2), count=40):
            problem = json.loads(row["problem"])
            on_path = {term for text in problem["path"] for term in read(text)[1:]}
            extra = [read(text) for text in problem["premises"] if text not in problem["path"]]
            assert [len(on_path & set(statement[1:])) for statement in extra] == [int(attach == "path")] * 2


def test_an_unknown_withholds_an_a_leaf_where_there_is_one():
    for row in puzzles(question="judgment", labels=("unknown",), count=150):
        problem = json.loads(row["problem"])
        withheld = problem["path"][problem["missing"]]
        assert withheld not in problem["premises"]
        assert withheld.startswith("all ") or not any(text.startswith("all ") for text in problem["path"])


def test_disjoint_ranges_share_no_tree():
    train = {row["tree"] for row in puzzles(between=(0.0, 0.8), leaves=(2, 2), names="greek", count=400)}
    exam = {row["tree"] for row in puzzles(between=(0.8, 1.0), leaves=(2, 2), names="greek", count=200, seed=1)}
    assert not train & exam
    assert all(hash_share(tree) < 0.8 for tree in train) and all(hash_share(tree) >= 0.8 for tree in exam)


def test_the_tree_names_neither_order_nor_distractors_nor_question():
    rows = puzzles(leaves=(2, 2), names="greek", count=3000, attach="path")
    seen = defaultdict(set)
    for row in rows:
        seen[row["tree"]].add((row["question"], row["label"]))
    assert max(len(kinds) for kinds in seen.values()) > 1
    assert all("[" in tree for tree in seen)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"leaves": (1, 3)}, "two premises"),
        ({"leaves": (4, 3)}, "range"),
        ({"between": (0.5, 0.5)}, "between"),
        ({"labels": (), "question": "judgment"}, "label"),
        ({"distractors": (0, 0)}, "counting forms"),
        ({"names": "greek", "leaves": (2, 30)}, "fewer leaves"),
    ],
)
def test_impossible_knobs_are_refused_before_the_first_row(knobs, message):
    with pytest.raises(Fault, match=message):
        puzzles(**knobs)


def test_an_exhausted_space_is_said_to_be(monkeypatch):
    monkeypatch.setattr("runtime.datasets.deduction.NAMES", {"virtual": tuple("abcdefghi")})
    rows = puzzles(leaves=(2, 2), question="proof", distractors=(0, 0), between=(0.5, 0.501), count=10_000)
    with pytest.raises(Fault, match=r"no new puzzle in .* of 10000"):
        list(rows)


def test_fifty_leaves_are_possible():
    row = next(puzzles(leaves=(50, 50), distractors=(2, 2)))
    assert row["leaves"] == 50


def majority_hits(pairs):
    """Cross-fitted lookup table: learn the commonest label of each feature on one half, count hits on the other."""
    hits = 0
    for fold in (0, 1):
        learn, check = pairs[fold::2], pairs[1 - fold :: 2]
        table = defaultdict(Counter)
        for feature, label in learn:
            table[feature][label] += 1
        guess = {feature: labels.most_common(1)[0][0] for feature, labels in table.items()}
        hits += sum(guess.get(feature) == label for feature, label in check)
    return hits


def beats_chance(pairs):
    """Whether the hits lie above the 99.9 % one-sided bound of a guesser among equally likely labels."""
    chance = 1 / len({label for _, label in pairs})
    bound = len(pairs) * chance + 3.1 * math.sqrt(len(pairs) * chance * (1 - chance))
    return majority_hits(pairs) > bound


@pytest.mark.parametrize(("moods", "attach"), list(product((15, 24), ("fresh", "path"))))
@pytest.mark.parametrize("labels", [("true", "false", "unknown"), ("true", "false"), ("true", "unknown")])
def test_counting_forms_is_no_better_than_chance(moods, attach, labels):
    rows = puzzles(question="judgment", moods=moods, attach=attach, labels=labels, leaves=(2, 5), count=1500)
    assert not beats_chance([(row["form_count"], row["label"]) for row in rows])


@pytest.mark.parametrize("labels", [("true", "false"), ("true", "unknown")])
def test_counting_forms_wins_where_distractors_do_not_cover(labels):
    """The control: the plain generator, with any leaf withheld and distractors of any form."""
    random, pairs = Random(0), []
    for _ in range(1500):
        goal, label = Proposition(random.choice("AEIO"), "s", "p"), random.choice(labels)
        leaves, middles = random.randint(2, 5), iter("abcdef")
        shown = grow(goal=goal, leaves=leaves, tree="random", existential=False, middles=middles, random=random).leaves()
        if label == "unknown":
            shown.pop(random.randrange(len(shown)))
        shown += [Proposition(random.choice("AEIO"), "x", "y") for _ in range(random.randint(0, 2))]
        pairs.append((form_count(contradictory(goal) if label == "false" else goal, shown), label))
    assert beats_chance(pairs)


def test_gaps_leave_one_step_out_of_their_share_of_the_proofs_and_change_nothing_else():
    whole, gapped = list(puzzles(count=400, question="proof")), list(puzzles(count=400, question="proof", gap_rate=0.5))
    kept = ("prompt", "answer", "problem", "tree", "form_count")
    assert [[row[k] for k in kept] for row in whole] == [[row[k] for k in kept] for row in gapped]
    missing = [len(json.loads(a["completion"])["steps"]) - len(json.loads(b["completion"])["steps"]) for a, b in zip(whole, gapped, strict=True)]
    assert set(missing) == {0, 1}
    assert 160 < sum(missing) < 240  # 400 draws at one half: four standard deviations
