"""The head in another layout gives the logits of the model's own head, and is put back."""

import pytest
import torch
import transformers

from runtime.decoding.head import Head


def llama(tied=False):
    torch.manual_seed(0)
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(vocab_size=203, hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4, tie_word_embeddings=tied)
    )


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 16, 200])
@torch.no_grad()
def test_logits_are_those_of_the_plain_head(rows, tied):
    model = llama(tied)
    model.lm_head.bias = None if tied else torch.nn.Parameter(torch.randn(203))
    hidden = torch.randn(rows, 1, 32)
    plain, head = model.lm_head(hidden), Head(model)
    assert head.servable()
    with head.at_work():
        packed = model.lm_head(hidden)
    torch.testing.assert_close(packed, plain, atol=1e-5, rtol=1e-5)
    assert "forward" not in vars(model.lm_head)


@torch.no_grad()
def test_weights_that_changed_are_laid_out_anew():
    model, hidden = llama(), torch.randn(2, 1, 32)
    head = Head(model)
    with head.at_work():
        before = model.lm_head(hidden)
    model.lm_head.weight.mul_(2)
    with head.at_work():
        torch.testing.assert_close(model.lm_head(hidden), 2 * before)
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight / 2)
    with head.at_work():
        torch.testing.assert_close(model.lm_head(hidden), before)


def test_heads_that_are_more_than_a_matrix_in_float32_are_left_alone():
    half = llama().to(torch.bfloat16)
    wrapped = llama()
    wrapped.lm_head = torch.nn.Sequential(wrapped.lm_head)
    for model in (half, wrapped):
        with Head(model).at_work():
            assert "forward" not in vars(model.lm_head)
    model = llama()
    with torch.autocast("cpu", torch.bfloat16):
        assert not Head(model).servable()
