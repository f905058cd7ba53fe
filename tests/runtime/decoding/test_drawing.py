"""What may be drawn is what a sort of the whole vocabulary would leave."""

import pytest
import torch
import transformers

from runtime.decoding import drawing
from runtime.decoding.drawing import Drawing, draw, truncated
from runtime.decoding.noise import LIFT, Bounds, gumbel, keys, mix


def scores(spread, rows=20, size=600):
    return torch.randn(rows, size, generator=torch.Generator().manual_seed(3)) * spread


@pytest.mark.parametrize("spread", [0.3, 2.0, 6.0])
@pytest.mark.parametrize("top_p", [0.05, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("candidates", [4, 256])
def test_top_p_leaves_what_transformers_leaves(spread, top_p, candidates, monkeypatch):
    monkeypatch.setattr(drawing, "CANDIDATES", candidates)
    found = truncated(scores(spread), Drawing(1.0, None, top_p))
    expected = transformers.TopPLogitsWarper(top_p)(None, scores(spread))
    assert int((torch.isinf(found) != torch.isinf(expected)).sum()) <= 1  # a sum in another order may tip a token at the very edge


@pytest.mark.parametrize("top_k", [1, 7, 599, 600, 10_000])
def test_top_k_leaves_what_transformers_leaves(top_k):
    assert torch.equal(truncated(scores(1.0), Drawing(1.0, top_k)), transformers.TopKLogitsWarper(top_k)(None, scores(1.0)))


def test_top_p_looks_at_what_top_k_leaves():
    found = truncated(scores(1.0), Drawing(1.0, 10, 0.7))
    expected = transformers.TopPLogitsWarper(0.7)(None, transformers.TopKLogitsWarper(10)(None, scores(1.0)))
    assert torch.equal(found, expected) and 1 < int((~torch.isinf(found)).sum(1).max()) < 10


def test_rows_in_chunks_draw_what_they_draw_together(monkeypatch):
    streams, steps = mix(torch.arange(20)), torch.arange(20)
    together = draw(scores(1.0), Drawing(0.9, None, 0.95), streams, steps)
    monkeypatch.setattr(drawing, "CHUNK_CPU", 1300)
    assert torch.equal(draw(scores(1.0), Drawing(0.9, None, 0.95), streams, steps), together)
    alone = [int((truncated(scores(1.0)[i : i + 1] / 0.9, Drawing(0.9, None, 0.95)) + gumbel(streams[i : i + 1], i, 600)).argmax()) for i in range(20)]
    assert together.tolist() == alone


def test_noise_of_neighbouring_streams_steps_and_columns_is_unrelated():
    noise = torch.stack([gumbel(mix(torch.arange(30)), step, 3000) for step in range(4)]).flatten(0, 1)
    assert float((torch.corrcoef(noise) - torch.eye(120)).abs().max()) < 0.09
    assert abs(float(torch.corrcoef(torch.stack([noise[:, :-1].flatten(), noise[:, 1:].flatten()]))[0, 1])) < 0.01
    assert len(noise.unique()) > 0.99 * noise.numel()


def test_the_largest_noise_of_a_vocabulary_is_distributed_as_it_should():
    # The largest of n standard Gumbel numbers, less log n, is again a standard Gumbel number.
    most = gumbel(mix(torch.arange(3000)), 0, 32_000).amax(1) - torch.tensor(32_000.0).log()
    assert abs(float(most.mean()) - 0.5772) < 0.08 and abs(float(most.var()) - 1.645) < 0.2


def test_temperature_zero_takes_the_most_likely():
    assert torch.equal(draw(scores(1.0), Drawing(0.0), torch.zeros(20), torch.zeros(20)), scores(1.0).argmax(-1))


@pytest.mark.parametrize("size", [5, 128, 3000])
@pytest.mark.parametrize("spread", [0.0, 0.1, 3.0, 30.0, 3000.0])
def test_bounds_hide_no_token_that_the_whole_noise_would_draw(size, spread):
    rows = 300
    logits = torch.randn(rows, size, generator=torch.Generator().manual_seed(size)) * spread
    logits[::3, 1::2] = -torch.inf
    streams, steps = mix(torch.arange(rows)), torch.arange(rows) % 7
    for temperature in (1.0, 0.5):
        sums = logits / temperature + gumbel(streams, steps, size)
        assert torch.equal(draw(logits, Drawing(temperature), streams, steps), sums.argmax(-1))


def test_a_bound_is_never_below_the_sum_and_at_most_three_above():
    logits, key = scores(5.0, 200, 4096), keys(mix(torch.arange(200)), 3)
    over = Bounds(200, 4096, torch.device("cpu")).of(key, logits) + LIFT - logits - gumbel(mix(torch.arange(200)), 3, 4096)
    assert float(over.min()) > -1e-3 and float(over.max()) < 2.9
