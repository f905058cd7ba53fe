"""Both ways to attend to a shared prompt and to own tokens give what attention to the whole row gives."""

import pytest
import torch

from runtime.decoding.attention import Groups, OwnLayer, Step, joined, merged
from runtime.decoding.batch import bias

KV, Q, SIZE, ROOM, FILLED = 2, 3, 8, 12, 7


@pytest.mark.parametrize("kernel", [joined, merged])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 3e-2)], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("recorded", [False, True], ids=["as it is", "recorded"])
@pytest.mark.parametrize(
    ("lengths", "counts", "paddings"),
    [
        ([5], [4], [0, 0, 0, 0]),
        ([5, 5], [2, 2], [0, 3, 0, 6]),
        ([5, 1, 3], [1, 3, 2], [0, 2, 0, 1, 6, 0]),
        ([4, 0], [2, 1], [0, 0, 2]),  # a prompt of one token has no keys: it is read with the row
        ([0], [2], [0, 1]),
    ],
)
def test_rows_attend_to_their_prompt_and_to_their_own_tokens(kernel, dtype, tolerance, recorded, lengths, counts, paddings):
    torch.manual_seed(0)
    width, rows = max(lengths), sum(counts)
    trunk = [torch.randn(len(lengths), KV, width, SIZE).to(dtype) for _ in range(2)]
    own = [torch.randn(rows, KV, ROOM, SIZE).to(dtype) for _ in range(2)]
    query = torch.randn(rows, KV, Q, SIZE).to(dtype)
    step = Step(64, FILLED - 1)
    step.groups = Groups(counts, query.device)
    hidden = torch.arange(ROOM) < torch.tensor(paddings)[:, None]
    if recorded:
        step.column_1 = torch.tensor([FILLED - 1])
        hidden = hidden | (torch.arange(ROOM) >= FILLED)
    step.own_bias_R11S = bias(hidden, query.dtype)
    step.trunk_bias_G11P = bias(torch.arange(width) >= torch.tensor(lengths)[:, None], query.dtype)
    found = kernel(step, OwnLayer(step, tuple(trunk), tuple(own)), query, 0.3)
    prompts = [g for g, count in enumerate(counts) for _ in range(count)]
    for row, (prompt, padding) in enumerate(zip(prompts, paddings, strict=True)):
        keys, values = (torch.cat([t[prompt, :, : lengths[prompt]], o[row, :, padding:FILLED]], 1).float() for t, o in zip(trunk, own, strict=True))
        expected = (query[row].float() @ keys.mT * 0.3).softmax(-1) @ values
        torch.testing.assert_close(found[row].float(), expected, atol=tolerance, rtol=tolerance)
