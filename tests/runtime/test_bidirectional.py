"""Encoders over a forest say what they say of one sequence at a time, values and gradients, whichever way their tokens are laid out."""

import copy

import pytest
import torch
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime import forest_attention
from runtime.bidirectional import first_tokens
from runtime.forest import Tree, pack
from runtime.scorer import Scorer, Shape

VOCABULARY, PAD = 60, 1
FLAT = [
    ("bert", {}),
    ("roberta", {"type_vocab_size": 1}),
    ("electra", {"embedding_size": 16}),
    ("xlm-roberta", {}),
    ("distilbert", {"dim": 32, "hidden_dim": 48, "n_layers": 2, "n_heads": 4}),
    ("modernbert", {"local_attention": 4, "num_hidden_layers": 4, "classifier_pooling": "cls"}),
]
PADDED = [("modernbert", {"classifier_pooling": "mean"}), ("albert", {"embedding_size": 16}), ("deberta-v2", {"pad_token_id": 0})]


def scorer(name, more):
    """A tiny classifier of a family whose blocks matter: their weights are ten times as large as usual."""
    torch.manual_seed(0)
    sizes = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48, "num_labels": 3}
    ends = {"pad_token_id": PAD, "bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
    config = transformers.AutoConfig.for_model(name, **(sizes | ends | {"initializer_range": 0.2} | more))
    return Scorer(transformers.AutoModelForSequenceClassification.from_config(config).eval(), Shape())


segments = st.lists(st.integers(4, VOCABULARY - 1), max_size=6).map(tuple)
paths = st.lists(st.tuples(segments.filter(bool), segments), min_size=1, max_size=6)


def told_alone(model, prompt, answer):
    """Logits and last state of the first token by plain transformers."""
    ids, kinds = torch.tensor([[*prompt, *answer]]), {}
    if getattr(model.config, "type_vocab_size", 0) > 1:
        kinds["token_type_ids"] = torch.tensor([[0] * len(prompt) + [1] * len(answer)])
    found = model(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True, **kinds)
    return found.logits[0], found.hidden_states[-1][0, 0]


def gradients(model, values):
    model.zero_grad()
    (values * torch.linspace(-1, 1, values.numel()).view_as(values)).sum().backward()
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize(("name", "more", "flat"), [*((*one, True) for one in FLAT), *((*one, False) for one in PADDED)])
@pytest.mark.parametrize("way", ["rows", "flex"])
def test_paths_of_any_length_are_read_as_by_themselves(name, more, flat, way, monkeypatch):
    network = scorer(name, more)
    assert network.flat is flat
    plain = copy.deepcopy(network.model)
    plain.set_attn_implementation("eager")
    monkeypatch.setattr(forest_attention, "rows", getattr(forest_attention, way))

    @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(paths)
    def agrees(found):
        forest = pack([Tree(path, (-1, 0), (1,)) for path in found], PAD)
        alone = [torch.stack(told) for told in zip(*(told_alone(plain, *path) for path in found), strict=True)]
        with torch.set_grad_enabled(way != "flex"):  # which has no backward pass on a CPU
            ours = first_tokens(network.model, forest, network.flat, states=True)
        for a, b in zip(ours, alone, strict=True):
            assert torch.allclose(a, b, atol=1e-5, rtol=1e-5)
        if way == "rows":
            for a, b in zip(gradients(network.model, ours[0]), gradients(plain, alone[0]), strict=True):
                assert float((a - b).abs().max()) <= 1e-5 * max(1.0, float(b.abs().max()))

    agrees()


def test_linear_layers_of_an_encoder_see_no_padding():
    network, seen = scorer(*FLAT[0]), []
    network.model.bert.encoder.layer[0].intermediate.dense.register_forward_hook(lambda layer, given, found: seen.append(found.shape[:2]))
    network(pack([Tree(((4, 5), tuple(range(4, 4 + size))), (-1, 0), (1,)) for size in (1, 9, 3)], PAD))
    assert seen == [(1, 19)]


def test_a_window_both_ways_reaches_as_far_back_as_ahead():
    forest = pack([Tree(((4, 5), (6, 7, 8)), (-1, 0), (1,)), Tree(((4,), (5, 6)), (-1, 0), (1,))], PAD)
    first, second = forest.whole.mask(2, both_ways=True)[:, 0]
    assert first.int().tolist() == [[1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 0, 1, 1]]
    assert second[:3].int().tolist() == [[1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [0, 1, 1, 0, 0]]
    assert forest.whole.mask(both_ways=True)[:, 0, 0].int().tolist() == [[1] * 5, [1, 1, 1, 0, 0]]


@pytest.mark.parametrize(("name", "more"), [FLAT[0], FLAT[5]])
def test_training_in_bfloat16_has_the_gradients_of_float32_but_for_rounding(name, more):
    network = scorer(name, more | {"initializer_range": 0.05, "max_position_embeddings": 512})
    plain = copy.deepcopy(network.model)
    plain.set_attn_implementation("eager")
    lengths = [(20, 60), (30, 45), *((3, 4 + number % 5) for number in range(20))]
    found = [(tuple(4 + i % 50 for i in range(a)), tuple(5 + i % 40 for i in range(b))) for a, b in lengths]
    forest = pack([Tree(path, (-1, 0), (1,)) for path in found], PAD)
    assert network.flat and len(forest.shelves.rows) > 1
    with torch.autocast("cpu", torch.bfloat16):
        ours = gradients(network.model, first_tokens(network.model, forest, network.flat, states=False)[0])
    theirs = gradients(plain, torch.stack([told_alone(plain, *path)[0] for path in found]))
    norm = torch.cat([b.flatten() for b in theirs]).norm()
    assert torch.cat([(a - b).flatten() for a, b in zip(ours, theirs, strict=True)]).norm() <= 0.03 * norm
