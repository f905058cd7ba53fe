"""The logic against a model checker that shares no code with it, and the facts about backward-grown trees."""

from itertools import combinations, product
from random import Random

import pytest

from runtime.syllogism.derivation import contract, grow, path_from, proof_of
from runtime.syllogism.logic import consistent, entails, strongest_conclusion, valid_moods
from runtime.syllogism.names import NAMES
from runtime.syllogism.proposition import Proposition, contradictory, normal, parse, verbalise

FIFTEEN = {
    "A": {"AA1"},
    "E": {"EA1", "EA2", "AE2", "AE4"},
    "I": {"AI1", "AI3", "IA3", "IA4"},
    "O": {"EI1", "EI2", "EI3", "EI4", "AO2", "OA3"},
}
NINE_MORE = {"I": {"AA1", "AA3", "AA4"}, "O": {"AE2", "AE4", "EA1", "EA2", "EA3", "EA4"}}
ALL_FORMS = [Proposition(form, x, y) for form in "AEIO" for x, y in (("x", "y"), ("y", "x"))]
KNOBS = [(tree, moods) for tree in ("random", "balanced", "chain") for moods in (15, 24)]


def satisfiable(statements, *, nonempty):
    """Brute force over the 2^t regions: those no universal forbids must witness every particular and every term."""
    terms = sorted({term for statement in statements for term in statement[1:]})
    regions = [dict(zip(terms, signs, strict=True)) for signs in product((False, True), repeat=len(terms))]
    for form, x, y in statements:
        if form in "AE":
            regions = [region for region in regions if not (region[x] and region[y] != (form == "A"))]
    witnessed = all(any(region[x] and region[y] == (form == "I") for region in regions) for form, x, y in statements if form in "IO")
    return witnessed and (not nonempty or all(any(region[term] for region in regions) for term in terms))


def follows(premises, conclusion, *, nonempty):
    against = {"A": "O", "O": "A", "E": "I", "I": "E"}[conclusion[0]]
    return not satisfiable([*premises, (against, *conclusion[1:])], nonempty=nonempty)


def grown(random, *, leaves, tree, moods, form=None):
    goal = Proposition(form or random.choice("AEIO"), "s", "p")
    middles = (f"m{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")
    return grow(goal=goal, leaves=leaves, tree=tree, existential=moods == 24, middles=middles, random=random)


def trees(number, *, most=6, **knobs):
    random = Random(7)
    return [grown(random, leaves=random.randint(2, most), **knobs) for _ in range(number)]


def test_exactly_fifteen_moods_are_valid_without_import():
    found = {form: {f"{m.major}{m.minor}{m.figure}" for m in moods} for form, moods in valid_moods(False).items()}
    assert found == FIFTEEN
    figures = [mood.figure for moods in valid_moods(False).values() for mood in moods]
    assert [figures.count(figure) for figure in (1, 2, 3, 4)] == [4, 4, 4, 3]


def test_exactly_nine_more_moods_are_valid_with_import():
    found = {form: {f"{m.major}{m.minor}{m.figure}" for m in moods} for form, moods in valid_moods(True).items()}
    assert found == {form: FIFTEEN[form] | NINE_MORE.get(form, set()) for form in "AEIO"}
    figures = [mood.figure for moods in valid_moods(True).values() for mood in moods]
    assert [figures.count(figure) for figure in (1, 2, 3, 4)] == [6, 6, 6, 6]


@pytest.mark.parametrize("existential", [False, True])
def test_consistency_agrees_with_brute_force_over_regions(existential):
    random = Random(1)
    verdicts = set()
    for _ in range(1500):
        terms = "abcd"[: random.randint(2, 4)]
        statements = [Proposition(random.choice("AEIO"), *random.sample(terms, 2)) for _ in range(random.randint(1, 7))]
        verdict = consistent(statements, existential=existential)
        assert verdict == satisfiable(statements, nonempty=existential), statements
        verdicts.add(verdict)
    assert verdicts == {True, False}


def test_i_and_e_convert_and_a_and_o_do_not():
    for form in "AEIO":
        there, back = Proposition(form, "x", "y"), Proposition(form, "y", "x")
        assert entails([there], back, existential=False) == (form in "EI")
        assert (normal(there) == normal(back)) == (form in "EI")


def test_contradictories_are_never_both_true_nor_both_false():
    for statement in ALL_FORMS:
        other = contradictory(statement)
        assert contradictory(other) == statement
        assert not consistent([statement, other], existential=False)
        assert sum(entails([statement], c, existential=False) for c in (statement, other)) == 1


@pytest.mark.parametrize("existential", [False, True])
def test_undistributed_middle_entails_nothing(existential):
    premises = [Proposition("A", "x", "m"), Proposition("A", "y", "m")]
    assert not any(entails(premises, conclusion, existential=existential) for conclusion in ALL_FORMS)
    assert strongest_conclusion(*premises, existential=existential) is None


def test_a_conclusion_is_the_strongest_one():
    premises = [Proposition("A", "x", "m"), Proposition("A", "m", "y")]
    assert strongest_conclusion(*premises, existential=True) == Proposition("A", "x", "y")


def test_statements_survive_english():
    for statement in ALL_FORMS:
        assert parse(verbalise(statement)) == statement
    assert parse(" No x is Y ") == Proposition("E", "x", "y")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "all x",
        "all x is y",
        "all x are not y",
        "no x are not y",
        "some x is y",
        "some x are not not",
        "some not are y",
        "all x  are y",
        "all x are y.",
        "all x are y z",
        "most x are y",
        "all x1 are y",
        "\udcff",
        "all é are y",
    ],
)
def test_other_english_is_no_statement(text):
    assert parse(text) is None


@pytest.mark.parametrize(("tree", "moods"), KNOBS)
def test_leaves_are_one_path_with_a_middle_term_for_every_step(tree, moods):
    for derivation in trees(60, tree=tree, moods=moods):
        leaves = derivation.leaves()
        links, terms = path_from(leaves, "s")
        assert sorted(links) == sorted(leaves)
        assert terms[-1] == "p" and len(set(terms)) == len(terms) == len(leaves) + 1
        assert len(proof_of(derivation)) == len(terms[1:-1]) == len(leaves) - 1


@pytest.mark.parametrize(("tree", "moods"), KNOBS)
def test_leaves_are_satisfiable_with_members_and_entail_the_goal(tree, moods):
    for derivation in trees(40, most=5, tree=tree, moods=moods):
        assert satisfiable(derivation.leaves(), nonempty=True)
        assert follows(derivation.leaves(), derivation.statement, nonempty=moods == 24)


@pytest.mark.parametrize(("tree", "moods"), KNOBS)
def test_without_any_one_leaf_the_goal_is_unknown(tree, moods):
    for derivation in trees(25, most=5, tree=tree, moods=moods):
        leaves, goal = derivation.leaves(), derivation.statement
        for left in combinations(leaves, len(leaves) - 1):
            assert not follows(left, goal, nonempty=moods == 24)
            assert not follows(left, contradictory(goal), nonempty=moods == 24)


@pytest.mark.parametrize("tree", ["random", "balanced", "chain"])
def test_the_goal_alone_fixes_how_many_leaves_are_negative_and_particular(tree):
    for derivation in trees(400, tree=tree, moods=15):
        forms = "".join(leaf.form for leaf in derivation.leaves())
        goal = derivation.statement.form
        assert forms.count("E") + forms.count("O") == (goal in "EO")
        assert forms.count("I") + forms.count("O") == (goal in "IO")
        others = forms.replace("A", "")
        assert "".join(sorted(others)) in {"A": [""], "E": ["E"], "I": ["I"], "O": ["O", "EI"]}[goal]


@pytest.mark.parametrize(("tree", "moods"), KNOBS)
def test_neighbours_contracted_in_any_order_reach_the_goal(tree, moods):
    random = Random(3)
    for derivation in trees(40, tree=tree, moods=moods):
        links, _ = path_from(derivation.leaves(), "s")
        while len(links) > 1:
            place = random.randrange(len(links) - 1)
            links[place : place + 2] = [contract(links[place : place + 2], existential=moods == 24)[0].conclusion]
        assert entails(links, derivation.statement, existential=moods == 24)


@pytest.mark.parametrize(("tree", "moods"), KNOBS)
def test_a_proof_cites_only_what_is_known_and_every_step_is_sound(tree, moods):
    for derivation in trees(40, tree=tree, moods=moods):
        known = set(derivation.leaves())
        for step in proof_of(derivation):
            assert known.issuperset(step.premises)
            assert follows(step.premises, step.conclusion, nonempty=moods == 24)
            known.add(step.conclusion)
        assert derivation.statement in known


def depth(derivation):
    return 1 + max((depth(premise) for premise in derivation.premises), default=-1)


def test_a_balanced_tree_is_shallow_and_a_chain_is_deep():
    assert {depth(grown(Random(n), leaves=8, tree="balanced", moods=15)) for n in range(20)} == {3}
    assert {depth(grown(Random(n), leaves=8, tree="chain", moods=15)) for n in range(20)} == {7}


def test_a_chain_walks_from_the_subject():
    for derivation in trees(20, tree="chain", moods=15):
        assert all("s" in step.conclusion.terms for step in proof_of(derivation))


def test_signature_ignores_the_order_of_premises_and_of_convertible_terms():
    one = grown(Random(5), leaves=5, tree="random", moods=15, form="E")

    def mirrored(node):
        flipped = Proposition(node.statement.form, node.statement.predicate, node.statement.subject)
        statement = flipped if node.statement.form in "EI" else node.statement
        return type(node)(statement, tuple(mirrored(premise) for premise in reversed(node.premises)))

    assert mirrored(one) != one and mirrored(one).signature() == one.signature()
    assert one.signature() != grown(Random(6), leaves=5, tree="random", moods=15, form="E").signature()


@pytest.mark.parametrize("kind", NAMES)
def test_names_are_distinct_plain_words_that_statements_can_hold(kind):
    words = NAMES[kind]
    assert len(set(words)) == len(words) >= 24
    assert all(parse(f"all {word} are x") == Proposition("A", word, "x") for word in words)
    assert not set(words) & {"all", "no", "some", "are", "is", "not", "so", "and"}
