"""One forward pass over packed trees says what one padded-free forward a path says, values and gradients."""

import pytest
import torch
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime import forest_attention
from runtime.forest import WORTH, Tree, batches, grafted, pack, rows_of, trunk_and_leaves
from runtime.networks import Policy
from runtime.scorer import Scorer

VOCABULARY = 290


def one_by_one(model, trees):
    """Log-probability of every scored token, each path by itself through plain transformers, in the order of scored nodes."""
    found = []
    for tree in trees:
        for node in tree.scored:
            ids = [token for n in tree.path(node) for token in tree.tokens[n]]
            length = len(tree.tokens[node])
            if length:
                logits = model(input_ids=torch.tensor([ids])).logits[0].float().log_softmax(-1)
                start = len(ids) - length
                found += [logits[i - 1, ids[i]] for i in range(start, len(ids)) if i > 0]
    return torch.stack(found)


def weighted_gradients(model, values, weights):
    model.zero_grad()
    (values * weights).sum().backward()
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


def in_leaf_order(forest, values):
    """Scored tokens sorted by the node they belong to; inside a node they stand in order already."""
    return values[torch.argsort(forest.leaf_N, stable=True)]


segments = st.lists(st.integers(3, VOCABULARY - 1), max_size=4).map(tuple)


@st.composite
def trees(draw):
    """A ragged tree of up to four levels; segments may be empty, the root is not."""
    root = tuple(draw(st.lists(st.integers(3, VOCABULARY - 1), min_size=1, max_size=5)))
    size = draw(st.integers(1, 6))
    parents = [-1]
    for node in range(1, size + 1):
        parents.append(draw(st.integers(0, node - 1)))
    tokens = (root, *(draw(segments) for _ in range(size)))
    scored = draw(st.sets(st.integers(1, size), min_size=1))
    return Tree(tokens, tuple(parents), tuple(sorted(scored)))


@st.composite
def alike(draw):
    """Trees whose paths often begin alike."""
    root = tuple(draw(st.lists(st.integers(3, 4), min_size=1, max_size=2)))
    few = st.lists(st.integers(3, 4), max_size=5).map(tuple)
    return [trunk_and_leaves(root, [draw(few), draw(few)]) for _ in range(draw(st.integers(2, 5)))]


def use(monkeypatch, policy, way):
    """Make a policy attend in one of the ways there are."""
    if way == "padded":
        policy.flat = policy.shares_prefixes = False
        policy.model.set_attn_implementation("sdpa")
    else:
        assert policy.flat
        monkeypatch.setattr(forest_attention, "rows", getattr(forest_attention, way))


@pytest.mark.parametrize("way", ["rows", "flex", "padded"])
@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_any_forest_agrees_with_one_sequence_at_a_time(family, way, make_model, monkeypatch):
    model, plain = make_model(family), make_model(family)
    plain.load_state_dict(model.state_dict())
    policy = Policy(model)
    use(monkeypatch, policy, way)

    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(trees(), min_size=1, max_size=4), alike())
    def agrees(forest_trees, like):
        shared, forest_trees = [*forest_trees, grafted(like)], [*forest_trees, *like]
        forest = pack(shared if policy.shares_prefixes else [path for tree in forest_trees for path in tree.unrolled()], pad=0)
        with torch.set_grad_enabled(way != "flex"):  # which has no backward pass on a CPU
            values = in_leaf_order(forest, policy(forest))
        if not len(values):
            return
        wanted = one_by_one(plain, forest_trees)
        weights = torch.linspace(-1, 1, len(values)) + 0.3
        assert torch.allclose(values, wanted, atol=1e-5, rtol=1e-5)
        if way == "flex":
            return
        ours = weighted_gradients(model, values, weights)
        theirs = weighted_gradients(plain, wanted, weights)
        for a, b in zip(ours, theirs, strict=True):
            scale = max(1.0, float(b.abs().max()))
            assert float((a - b).abs().max()) <= 1e-5 * scale

    agrees()


def other(name, **more):
    """A tiny model of a family that has no spec of its own."""
    torch.manual_seed(0)
    sizes = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48, "pad_token_id": 0}
    config = transformers.AutoConfig.for_model(name, **(sizes | {"bos_token_id": 1, "eos_token_id": 2} | more))
    return transformers.AutoModelForCausalLM.from_config(config).eval()


QWEN3_NEXT = {
    "num_key_value_heads": 2,
    "head_dim": 8,
    "layer_types": ["linear_attention", "full_attention"],
    "linear_num_value_heads": 2,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "num_experts": 2,
    "num_experts_per_tok": 1,
    "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 16,
}


QWEN2_MOE = {"num_key_value_heads": 2, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16}


@pytest.mark.parametrize(
    ("name", "more", "flat"),
    [
        ("mistral", {"num_key_value_heads": 2, "sliding_window": 3}, True),
        ("gemma3_text", {"num_key_value_heads": 2, "head_dim": 8, "sliding_window": 3, "layer_types": ["sliding_attention", "full_attention"]}, True),
        ("phi3", {"num_key_value_heads": 2}, True),
        ("gpt_neox", {"rotary_pct": 0.5}, True),
        ("gpt2", {}, True),
        ("gemma2", {"num_key_value_heads": 2, "head_dim": 8, "attn_logit_softcapping": 5.0}, False),
        ("gpt_oss", {"num_key_value_heads": 2, "head_dim": 8, "num_local_experts": 2, "num_experts_per_tok": 1, "sliding_window": 3}, False),
        ("bloom", {"n_layer": 2, "n_head": 4}, False),
        ("mpt", {"d_model": 32, "n_layers": 2, "n_heads": 4}, False),
        ("lfm2", {"num_key_value_heads": 2, "layer_types": ["conv", "full_attention"]}, False),
        ("qwen3_next", QWEN3_NEXT, False),
        ("phimoe", {"num_key_value_heads": 2, "num_local_experts": 2, "sliding_window": 3}, False),
        ("qwen2_moe", QWEN2_MOE | {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 2}, False),
        ("qwen2_moe", QWEN2_MOE, True),
    ],
)
def test_other_families_are_served_or_keep_their_own_attention(name, more, flat):
    policy = Policy(model := other(name, **more))
    assert policy.flat is flat
    like = [trunk_and_leaves([3, 4], [[5, 6, 7, 8, 9], [5, 6, 9]]), trunk_and_leaves([3, 4], [[5, 6, 7], [5]])]
    apart = [trunk_and_leaves([8, 9], [[10, 11], [12]])]
    trees = [grafted(like), *apart] if policy.shares_prefixes else [path for tree in (*like, *apart) for path in tree.unrolled()]
    values, wanted = in_leaf_order(forest := pack(trees), policy(forest)), one_by_one(model, [*like, *apart])
    assert torch.allclose(values, wanted, atol=1e-5)
    weights = torch.linspace(-1, 1, len(values)) + 0.3
    for ours, theirs in zip(weighted_gradients(model, values, weights), weighted_gradients(model, wanted, weights), strict=True):
        bound = 1e-5 if flat else 5e-5  # of their own attention in rows and by itself, which rounds more than ours
        assert float((ours - theirs).abs().max()) <= bound * max(1.0, float(theirs.abs().max()))


SHELVES = [
    trunk_and_leaves(range(3, 80), [range(100, 140), range(120, 130)]),
    trunk_and_leaves(range(3, 75), [range(90, 120), range(100, 160)]),
    *(trunk_and_leaves([5, number], [[6, 7, 8], [9]]) for number in range(10, 40)),
]


@pytest.mark.parametrize("name", ["llama", "qwen2"])
def test_training_in_bfloat16_has_the_gradients_of_float32_but_for_rounding(name):
    policy = Policy(model := other(name, num_key_value_heads=2))
    forest = pack(SHELVES)
    assert policy.flat and len(forest.shelves.rows) > 1
    weights = torch.linspace(-1, 1, len(forest.which_N)) + 0.3
    with torch.autocast("cpu", torch.bfloat16):
        ours = weighted_gradients(model, in_leaf_order(forest, policy(forest)), weights)
    theirs = weighted_gradients(model, one_by_one(model, SHELVES), weights)
    for a, b in zip(ours, theirs, strict=True):
        assert float((a - b).norm()) <= 0.03 * float(b.norm())


@given(alike())
def test_grafting_keeps_every_path_and_shares_every_prefix(like):
    tree = grafted(like)
    assert [(list(ids), answer) for ids, answer in tree.sequences()] == [found for one in like for found in one.sequences()]
    prefixes = {tuple(ids[:n]) for one in like for ids, _ in one.sequences() for n in range(1, len(ids) + 1)}
    assert tree.size == len(prefixes)
    assert all(parent < node for node, parent in enumerate(tree.parents))


def test_what_several_answers_have_in_common_is_predicted_once():
    forest = pack([grafted([trunk_and_leaves([3, 4], [[5, 6], [5, 7]]), trunk_and_leaves([3, 4], [[5, 6], [8]])])])
    assert forest.num_tokens == 6
    assert len(forest.token_U) == 4
    assert forest.token_U[forest.which_N].tolist() == [5, 6, 5, 7, 5, 6, 8]


def test_agreement_holds_to_rounding_in_double_precision(make_model):
    model = make_model("qwen2", dtype=torch.float64)
    tree = Tree(((5, 6), (7,), (), (8, 9), (10,)), (-1, 0, 0, 1, 3), (1, 2, 3, 4))
    f = pack([tree, trunk_and_leaves([4], [[5]])])
    logits = model.lm_head(Policy(model).states(f))[f.source_U].log_softmax(-1)
    values = in_leaf_order(f, logits[torch.arange(len(f.token_U)), f.token_U])
    wanted = [
        model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)[at - 1, ids[at]]
        for ids, at in [([5, 6, 7], 2), ([5, 6, 7, 8, 9], 3), ([5, 6, 7, 8, 9], 4), ([5, 6, 7, 8, 9, 10], 5), ([4, 5], 1)]
    ]
    assert torch.allclose(values, torch.stack(wanted), atol=1e-10)


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_causal_scorer_reads_the_end_of_every_path(family, make_model):
    model = make_model(family, head=1)
    packed = [
        Tree(((5, 6), (7,), (8, 9), (10, 11, 12), ()), (-1, 0, 1, 1, 0), (1, 2, 3, 4)),
        trunk_and_leaves([4, 9], [[5], [6, 7, 8]]),
        trunk_and_leaves([3], [[20]]),
    ]
    rewards = Scorer(model)(pack(packed))
    alone = [model(input_ids=torch.tensor([[t for n in tree.path(node) for t in tree.tokens[n]]])).logits[0, 0] for tree in packed for node in tree.scored]
    assert torch.allclose(rewards, torch.stack(alone), atol=1e-5)


@pytest.mark.parametrize("kept", [0, 1000])
def test_head_in_chunks_gives_the_same_values_and_gradients(kept, make_model, monkeypatch):
    model = make_model()
    policy = Policy(model)
    forest = pack([trunk_and_leaves(range(3, 12), [range(20, 33), range(40, 45)]), trunk_and_leaves([3], [[4, 5, 6]])])
    whole = policy(forest)
    weights = torch.arange(len(whole)) - 4.0
    wanted = weighted_gradients(model, whole, weights)
    monkeypatch.setattr("runtime.output_head.LOGITS_AT_ONCE", 4 * VOCABULARY)
    monkeypatch.setattr("runtime.output_head.LOGITS_KEPT", kept * VOCABULARY)
    chunked = policy(forest)
    assert torch.allclose(chunked, whole, atol=1e-6)
    for a, b in zip(weighted_gradients(model, chunked, weights), wanted, strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_policy_measures_sums_counts_and_tokens_by_leaf(make_model):
    policy = Policy(make_model())
    forest = pack([trunk_and_leaves([3, 4], [[5, 6], [7]]), trunk_and_leaves([3], [[8], [9, 10, 11]])])
    (measured,) = policy.measure(forest, ("chosen", "rejected"))
    assert measured["chosen_tokens"].tolist() == [2, 1]
    assert measured["rejected_tokens"].tolist() == [1, 3]
    assert len(measured["chosen_token_logp"]) == 3
    assert torch.allclose(measured["chosen_logp"].sum(), measured["chosen_token_logp"].sum())
    assert torch.allclose(measured["rejected_logp"][0], measured["rejected_token_logp"][0])


def test_prompt_tokens_are_never_scored():
    forest = pack([trunk_and_leaves([3, 4, 5], [[6, 7]])])
    assert forest.token_U.tolist() == [6, 7]
    assert forest.source_U.tolist() == [2, 3]


def test_a_scored_root_leaves_out_its_first_token():
    forest = pack([Tree(((3, 4, 5),), (-1,), (0,))])
    assert forest.token_U.tolist() == [4, 5]


def test_paths_stand_alone_and_need_no_mask():
    paths = [trunk_and_leaves([3] * n, [[4]]) for n in (2, 5, 3)]
    forest = pack(paths)
    assert forest.plain
    assert forest.seat_BT.shape == (3, 6)
    assert forest.num_tokens == 13


def test_padding_of_paths_does_not_cost_the_causal_kernel(make_model, monkeypatch):
    seen = []
    attention = torch.nn.functional.scaled_dot_product_attention
    monkeypatch.setattr(
        torch.nn.functional, "scaled_dot_product_attention", lambda *a, **k: (seen.append((k["attn_mask"], k["is_causal"])), attention(*a, **k))[1]
    )
    policy = Policy(make_model())
    seen.clear()
    policy(pack([trunk_and_leaves([3] * n, [[4]]) for n in (2, 5, 3)]))
    assert seen
    assert all(mask is None and causal for mask, causal in seen)


def test_trees_share_rows_no_longer_than_the_longest():
    packed = [trunk_and_leaves([3] * n, [[4], [5]]) for n in (8, 1, 2, 3)]
    rows = rows_of(packed)
    assert sorted(i for row in rows for i in row) == [0, 1, 2, 3]
    assert len(rows) == 3
    assert all(sum(packed[i].size for i in row) <= 10 for row in rows)


def test_unrolled_paths_hold_the_same_contexts():
    tree = Tree(((5, 6), (7,), (8,), (9,)), (-1, 0, 1, 0), (2, 3))
    assert [t.tokens for t in tree.unrolled()] == [((5, 6), (7,), (8,)), ((5, 6), (9,))]
    assert all(t.scored == (len(t.tokens) - 1,) for t in tree.unrolled())


@pytest.mark.parametrize(("flat", "expected"), [(False, [[0, 5, 2], [3], [1], [4]]), (True, [[0, 5, 2, 3], [1], [4]])])
def test_batches_stay_within_their_tokens_and_lose_no_tree(flat, expected):
    sizes = [2, 10, 4, 4, 31, 3]
    groups = list(batches(sizes, 15, flat))
    assert groups == expected
    for group in groups:
        assert len(group) == 1 or sum(sizes[i] for i in group) <= 15
        assert len(group) == 1 or len(group) * max(sizes[i] for i in group) <= (30 if flat else 15)


def test_a_flat_batch_of_unlike_sizes_stays_within_twice_its_places():
    assert list(batches([1] * 8 + [6], 16, True)) == [[0, 1, 2, 3, 4, 5, 6, 7], [8]]


def test_answers_of_one_row_share_their_beginning_where_it_is_long():
    for common, size in ((2, 9), (WORTH - 1, 2 + 2 * WORTH + 1), (WORTH, 2 + WORTH + 3), (30, 2 + 30 + 3)):
        answers = [[*range(10, 10 + common), 5], [*range(10, 10 + common), 6, 7]]
        tree = grafted([trunk_and_leaves([3, 4], answers)])
        assert tree.size == size
        assert list(tree.sequences()) == [([3, 4, *answer], len(answer)) for answer in answers]
