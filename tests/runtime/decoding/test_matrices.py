"""Linear layers in another layout give what they give by themselves, and are put back."""

import pytest
import torch
import transformers
from torch import nn

from runtime.decoding.matrices import Matrices
from runtime.machine import multiplies_bfloat16

HALF = torch.ops.mkldnn._is_mkldnn_bf16_supported() and multiplies_bfloat16()


def llama(tied=False):
    torch.manual_seed(0)
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(vocab_size=203, hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4, tie_word_embeddings=tied)
    )


def served(model):
    """Names of the layers that multiply with copies."""
    return {name for name, module in model.named_modules() if "forward" in vars(module)}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 16, 200])
@torch.no_grad()
def test_logits_are_those_of_the_plain_head(rows, tied):
    model = llama(tied)
    model.lm_head.bias = None if tied else nn.Parameter(torch.randn(203))
    hidden = torch.randn(rows, 1, 32)
    plain = model.lm_head(hidden)
    with Matrices(model).at_work():
        assert served(model) == {"lm_head"}
        packed = model.lm_head(hidden)
    torch.testing.assert_close(packed, plain, atol=1e-5, rtol=1e-5)
    assert not served(model)


@pytest.mark.skipif(not HALF, reason="this processor has no products in bfloat16")
@pytest.mark.parametrize("how", ["weights", "autocast"])
@pytest.mark.parametrize("rows", [1, 16, 200])
@torch.no_grad()
def test_in_bfloat16_every_layer_gives_what_it_gives_by_itself(rows, how):
    model = llama()
    model.model.layers[0].self_attn.q_proj.bias = nn.Parameter(torch.randn(32))
    if how == "weights":
        model.to(torch.bfloat16)
    ids = torch.randint(0, 203, (rows, 1))
    with torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"):
        plain = model(input_ids=ids).logits
        with Matrices(model).at_work():
            assert served(model) == {name for name, module in model.named_modules() if isinstance(module, nn.Linear)}
            packed = model(input_ids=ids).logits
    assert packed.dtype == plain.dtype == torch.bfloat16
    torch.testing.assert_close(packed, plain, atol=2e-2, rtol=2e-2)
    assert not served(model)


@torch.no_grad()
def test_weights_that_changed_are_laid_out_anew():
    model, hidden = llama(), torch.randn(2, 1, 32)
    matrices = Matrices(model)
    with matrices.at_work():
        before = model.lm_head(hidden)
    model.lm_head.weight.mul_(2)
    with matrices.at_work():
        torch.testing.assert_close(model.lm_head(hidden), 2 * before)
    model.lm_head.weight = nn.Parameter(model.lm_head.weight / 2)
    with matrices.at_work():
        torch.testing.assert_close(model.lm_head(hidden), before)


@torch.no_grad()
def test_who_comes_first_puts_the_layers_back():
    model = llama()
    matrices = Matrices(model)
    with matrices.at_work():
        with matrices.at_work():
            assert served(model)
        assert served(model)
    assert not served(model)


def test_layers_that_are_more_than_a_matrix_are_left_alone():
    wrapped = llama()
    wrapped.lm_head = nn.Sequential(wrapped.lm_head)
    with Matrices(wrapped).at_work():
        assert not served(wrapped)
    hooked = llama()
    hooked.lm_head.forward = own = lambda hidden: hidden
    with Matrices(hooked).at_work():
        assert hooked.lm_head.forward is own
    assert hooked.lm_head.forward is own
