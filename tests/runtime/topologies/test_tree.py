"""Trees of answers: what a grown tree is, whatever the policy."""

import json
import re
from collections import defaultdict

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aligncompiler.spec.topology import Chain, Cooling, Tree
from runtime.checkpoints import computed
from runtime.decoding.clauses import Clauses
from runtime.decoding.decoder import Decoder
from runtime.decoding.drawing import Drawing
from runtime.decoding.noise import gumbel, mix
from runtime.decoding.stopping import Stops
from runtime.fault import Fault, Skip
from runtime.forest import grafted, trunk_and_leaves
from runtime.generate import Decoding, jobs_of
from runtime.growing import Grower, Shape, likeness, shared
from runtime.networks import Policy
from runtime.registry import bind
from runtime.tokens import Encoder
from runtime.writing import Request

PROMPTS = ["all cats", "some birds are not red so", "no", "so it follows that all", "the answer is 4"]


@pytest.fixture
def ask(policy_artifact):
    """The leaves of each prompt, by topology."""
    artifact = policy_artifact()

    def grow(topology, prompts=PROMPTS, count=None, new=24, temperature=1.0, at_once=256, seed=0, stop=(), keep=computed, tell=lambda done, total: None):
        decoding = Decoding(new, temperature, 1.0, at_once, None, stop, "transformers")
        rows = [{"prompt": p} for p in prompts]
        return bind(topology, {})(Request(artifact, rows, count or topology.leaves, decoding, seed, "cpu", tell, keep))

    return grow


@pytest.fixture
def grower(tokenizer, make_model):
    """A grower of trees and its roots, for what the leaves do not tell."""

    def make(topology, temperature=1.0, new=24, seed=0, **shape):
        encoder = Encoder(tokenizer, "plain", 64)
        decoder = Decoder(Policy(make_model(**shape)), encoder)
        asked = Shape(topology.depth, topology.branching, topology.separator, topology.min_clauses, topology.cooling.per_depth, topology.cooling.similarity)
        one = Grower(decoder, asked, Decoding(new, temperature, 1.0, 256), seed, lambda more: None)
        roots = one.roots([encoder.prompt({"prompt": p}) for p in PROMPTS], [(i, 0) for i in range(len(PROMPTS))])
        getattr(one, topology.method)(roots)
        return one, roots

    return make


def nodes(branch):
    yield branch
    for child in branch.children:
        yield from nodes(child)


def check_tree(leaves, topology):
    """What the card says of a generated tree; `leaves` stand on one prompt."""
    texts = {}
    children = defaultdict(set)
    for answer, more in leaves:
        segments, path = more["segments"], tuple(more["path"])
        assert "".join(segments) == answer.text
        assert 1 <= len(segments) <= topology.depth and len(path) == len(segments) + 1
        for depth in range(1, len(path) + 1):
            text = "".join(segments[: depth - 1])
            assert texts.setdefault(path[:depth], text) == text, "a node has one text"
            assert answer.text.startswith(text)
            if depth < len(path):
                children[path[:depth]].add(path[depth])
    assert len({tuple(more["path"]) for _, more in leaves}) == len(leaves)
    assert all(found == set(range(topology.branching)) for found in children.values()), "what branches does so fully"
    trees = {more["path"][0] for _, more in leaves}
    assert trees == set(range(len(trees)))
    assert len(leaves) <= len(trees) * topology.branching**topology.depth


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    depth=st.integers(1, 3),
    branching=st.integers(2, 3),
    method=st.sampled_from(["dfs", "generic"]),
    least=st.sampled_from(["auto", 1, 2]),
    new=st.sampled_from([1, 7, 24, 90]),
    trees=st.integers(1, 2),
    seed=st.integers(0, 3),
)
def test_a_grown_tree_is_a_tree(ask, depth, branching, method, least, new, trees, seed):
    topology = Tree(depth=depth, branching=branching, method=method, separator="[a-m]", min_clauses=least, cooling=Cooling(per_depth=0.2, similarity=0.05))
    for leaves in ask(topology, PROMPTS[:3], topology.leaves * trees, new, seed=seed):
        check_tree(leaves, topology)
        assert all(answer.tokens <= new for answer, _ in leaves)


@pytest.mark.parametrize("method", ["dfs", "generic"])
def test_segments_end_with_the_separator_and_have_enough_clauses(ask, method):
    topology = Tree(depth=3, separator="[a-m]", min_clauses=2) if method == "dfs" else Tree(depth=3, separator="[a-m]", method="generic")
    found = [more["segments"] for leaves in ask(topology, new=60) for _, more in leaves]
    inner = [segment for segments in found for segment in segments[:-1]]
    assert len(inner) > 20
    for segment in inner:
        assert segment[-1] in "abcdefghijklm"
        assert method == "generic" or len([part for part in re.split("[a-m]", segment) if part.strip()]) >= 2


def test_the_least_clauses_are_those_of_the_most_likely_answer_over_the_depth(grower):
    one, roots = grower(Tree(depth=2, separator="[a-m]"), new=40)
    least = one.least(roots)
    for root in roots:
        ((greedy,),) = one.decoder.extend([root.node], max_new_tokens=40, drawing=Drawing(0.0))
        assert least[root.node] == max(1, len([part for part in re.split("[a-m]", greedy.text) if part.strip()]) // 2)
    assert len(set(least.values())) > 1


@pytest.mark.parametrize("method", ["dfs", "generic"])
def test_a_tree_of_depth_one_is_a_chain(ask, method):
    chain = ask(Chain(), count=6)
    tree = ask(Tree(depth=1, branching=3, method=method), count=6)
    assert [[answer for answer, _ in found] for found in tree] == [[answer for answer, _ in found] for found in chain]
    assert [more["path"] for _, more in tree[0]] == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]


@pytest.mark.parametrize("method", ["dfs", "generic"])
@pytest.mark.parametrize("stop", [(), ("e", " c")])
def test_trees_do_not_depend_on_what_is_grown_beside_them(ask, method, stop):
    topology = Tree(depth=3, separator="[a-m ]", method=method, cooling=Cooling(per_depth=0.2, similarity=0.1))
    whole = list(ask(topology, stop=stop))
    assert list(ask(topology, at_once=8, stop=stop)) == whole, "one or two trees at a time"
    assert list(ask(topology, at_once=3, stop=stop)) == whole, "less than a tree at a time"
    assert list(ask(topology, PROMPTS[:2], stop=stop)) == whole[:2]
    assert list(ask(topology, seed=1, stop=stop)) != whole


@pytest.mark.parametrize("method", ["dfs", "generic"])
def test_segments_are_what_the_policy_writes_when_it_reads_all_before_them(grower, method):
    """Nothing that is kept, cut or shared changes an answer: each child is drawn anew from a root that holds all of its context."""
    one, roots = grower(Tree(depth=3, separator="[a-m ]", min_clauses=1, method=method, cooling=Cooling(per_depth=0.2)))
    checked = 0
    for branch in (b for root in roots for b in nodes(root) if b.parent is not None):
        if method == "generic" and branch.path[-1] == 0 and branch.depth > 1:
            continue  # the end of an answer that began further above
        before, own, stream = branch.parent.node.context, list(branch.node.tokens), one.stream(branch.parent, branch.path[-1])
        with torch.no_grad():
            logits = one.decoder.model(input_ids=torch.tensor([before + own])).logits[0, len(before) - 1 :]
        noise = torch.stack([gumbel(mix(torch.tensor([stream])), branch.parent.node.depth + step, logits.shape[1])[0] for step in range(len(logits))])
        drawn = (logits / branch.temperature + noise).argmax(-1).tolist()
        assert drawn[: len(own)] == own
        assert branch.node.why != "end" or drawn[-1] == one.decoder.encoder.end
        checked += branch.depth > 1
    assert checked >= 10


def test_the_temperature_never_rises_with_depth_and_likeness_slows_its_fall(grower):
    for cooling in (Cooling(per_depth=0.3), Cooling(per_depth=0.3, similarity=0.2)):
        _, roots = grower(Tree(depth=3, separator="[a-m ]", min_clauses=1, cooling=cooling), temperature=1.2)
        found = [b for root in roots for b in nodes(root) if b.parent is not None and b.depth > 1]
        for branch in found:
            plain = 1.2 - 0.3 * (branch.depth - 1)
            elders = branch.parent.elders
            alike = max((likeness(branch.parent.node.tokens, e.node.tokens) for e in elders), default=0.0)
            assert branch.temperature == pytest.approx(min(branch.parent.temperature, plain + cooling.similarity * alike))
            assert branch.temperature <= branch.parent.temperature
        assert {round(b.temperature, 6) for b in found} != {0.9, 0.6} or not cooling.similarity


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 3), max_size=9), st.lists(st.integers(0, 3), max_size=9))
def test_the_longest_common_subsequence_is_that_of_the_table(a, b):
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    assert shared(a, b) == table[-1][-1]
    assert likeness(a, b) == (table[-1][-1] / min(len(a), len(b)) if a and b else 0.0)


def test_what_an_earlier_attempt_grew_is_not_grown_again(ask):
    topology, kept, grown = Tree(depth=2, separator="[a-m ]"), {}, []

    def keep(group, write):
        name = json.dumps(group)
        if name not in kept:
            grown.append(group)
            kept[name] = json.loads(json.dumps(write()))
        return kept[name]

    whole = list(ask(topology, at_once=4))
    first = list(ask(topology, at_once=4, keep=keep))
    calls = len(grown)
    kept.pop(next(iter(kept)))
    assert first == whole == list(ask(topology, at_once=4, keep=keep))
    assert (calls, len(grown)) == (3, 4)


def test_a_prompt_that_leaves_no_room_is_a_skip_and_progress_ends_at_all_leaves(ask):
    told = []
    found = list(ask(Tree(depth=2, separator="[a-m ]"), ["all cats", "x" * 200], tell=lambda done, total: told.append((done, total))))
    assert found[1] == Skip("prompt longer than 63 tokens") and len(found[0]) <= 4
    assert told[-1] == (4, 4)


def test_an_answer_is_cut_evenly_and_never_within_a_token_or_a_stop_text(tokenizer):
    clauses = Clauses(Stops(tokenizer, ("..",)), r"\.")
    text = "all cats are. some birds. no fish is. a bird. the end"
    tokens = tokenizer.encode(text, add_special_tokens=False)
    assert clauses.count(text) == 5 and clauses.count(" . . a") == 1
    assert [tokenizer.decode(tokens[:cut]) for cut in clauses.cuts(tokens, text, 2)] == []
    clauses = Clauses(Stops(tokenizer, ()), r"\.")
    assert [tokenizer.decode(tokens[:cut]) for cut in clauses.cuts(tokens, text, 2)] == ["all cats are. some birds."]
    assert [tokenizer.decode(tokens[:cut]) for cut in clauses.cuts(tokens, text, 9)] == [
        "all cats are.",
        "all cats are. some birds.",
        "all cats are. some birds. no fish is.",
        "all cats are. some birds. no fish is. a bird.",
    ]


def test_jobs_count_trees_in_place_of_answers(tokenizer):
    jobs = jobs_of(Encoder(tokenizer, "plain", 64), [{"prompt": "a"}, {"prompt": "b"}], 2, 0)
    assert jobs.group(0, 9) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_tokens_of_a_shared_prefix_are_read_once_in_training(tokenizer):
    """Answers are tokenised whole, so what a forest shares is at most what segments share, and here all of it: a sentence ends with a token of its own."""
    encoder = Encoder(tokenizer, "plain", 64)
    first, second = "so it follows that all cats breathe.", " no fish is a bird."
    ends = [" all cats are animals.", " the answer is 42.", "\nsome birds are not red."]
    for shared_prefix in ("", first, first + second):
        row = {"prompt": "all cats", "chosen": shared_prefix + ends[0], "rejected": shared_prefix + ends[1]}
        trunk, (chosen, rejected) = encoder.parts(row, ("chosen", "rejected"))
        tree = grafted([trunk_and_leaves(trunk, [chosen, rejected])])
        gained = len(trunk) + len(chosen) + len(rejected) - tree.size
        assert len(encoder.ids(shared_prefix)) <= gained <= len(encoder.ids(shared_prefix)) + 1, "a space may be a token that both go on with"
        assert [tuple(tokens) for tokens, _ in tree.sequences()] == [(*trunk, *chosen), (*trunk, *rejected)]
    for cut in (first, first + second):
        for end in ends:
            assert encoder.ids(cut + end)[: len(encoder.ids(cut))] == encoder.ids(cut)


def test_a_separator_that_runs_on_costs_some_sharing_and_nothing_else(tokenizer):
    """`a.` and `a..` may begin with other tokens; then the forest shares less, and each answer is still what it would be alone."""
    encoder = Encoder(tokenizer, "plain", 64)
    row = {"prompt": "no", "chosen": "a fish.. no", "rejected": "a fish. no"}
    trunk, leaves = encoder.parts(row, ("chosen", "rejected"))
    tree = grafted([trunk_and_leaves(trunk, leaves)])
    assert [list(tokens) for tokens, _ in tree.sequences()] == [trunk + leaf for leaf in leaves]


def test_a_separator_that_takes_too_long_is_one_fault_at_its_field(tokenizer, monkeypatch):
    monkeypatch.setattr("runtime.patterns.SECONDS", 0.2)
    with pytest.raises(Fault, match="took more than") as caught:
        Clauses(Stops(tokenizer, ()), r"(a|aa)+$").count("a" * 60 + "b")
    assert (caught.value.code, caught.value.field) == ("P632", "topology.separator")
