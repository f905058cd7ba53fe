"""What vLLM would be asked and would answer. vLLM itself needs a GPU: these tests hold the translation, not the engine."""

import importlib.util
from types import SimpleNamespace

import pytest

from runtime.checkpoints import computed
from runtime.decoding.stopping import Stops
from runtime.decoding.vllm_engine import answer_of, library, settings
from runtime.fault import Fault
from runtime.generate import Answer, Decoding
from runtime.tokens import Encoder
from runtime.writing import write_answers


@pytest.fixture
def encoder(tokenizer):
    return Encoder(tokenizer, "plain", 64)


def test_a_request_says_all_that_a_spec_says(encoder):
    asked = settings(encoder, Decoding(20, 0.7, 0.9, 8, 50, ("\n\n", "Q:"), "vllm"), [5] * 10, 4, -7)
    assert {k: asked[k] for k in ("n", "temperature", "top_p", "top_k", "stop", "max_tokens")} == {
        "n": 4,
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 50,
        "stop": ["\n\n", "Q:"],
        "max_tokens": 20,
    }
    assert asked["seed"] >= 0 and asked["stop_token_ids"] == [encoder.end] and asked["repetition_penalty"] == 1


def test_what_a_spec_leaves_out_leaves_out_no_token_and_a_context_bounds_answers(encoder):
    asked = settings(encoder, Decoding(200, 1.0, 1.0, 8), [5] * 60, 1, 3)
    assert (asked["top_k"], asked["stop"], asked["max_tokens"]) == (-1, None, 4)


@pytest.mark.parametrize(
    ("text", "end", "reason", "stop_reason", "expected"),
    [
        ("all cats", True, "stop", None, ("all cats", True)),
        ("all cats", False, "length", None, ("all cats", False)),
        ("all cats", False, "stop", "cat", ("all ", True)),
    ],
)
def test_outputs_become_answers(encoder, text, end, reason, stop_reason, expected):
    tokens = encoder.ids(text)
    output = SimpleNamespace(token_ids=[*tokens, encoder.end] if end else tokens, text=text, finish_reason=reason, stop_reason=stop_reason)
    answer = answer_of(output, Stops(encoder.tokenizer, ["cat"]), encoder.end)
    assert (answer.text, answer.ended) == expected
    assert answer == Answer(answer.text, len(encoder.ids(answer.text)) if stop_reason else len(tokens), answer.ended)


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_one_line_says_what_to_install(policy_artifact):
    with pytest.raises(Fault) as caught:
        write_answers(policy_artifact(), [{"prompt": "no"}], 1, Decoding(4, 0.0, 1.0, 8, sampler="vllm"), 0, "cpu", lambda *_: None, computed)
    assert (caught.value.code, caught.value.field) == ("P606", "sampler")
    assert caught.value.message == "`sampler: vllm` needs vLLM, which is not installed" and "aligncompiler[gpu]" in caught.value.help[0]
    with pytest.raises(Fault):
        library()
