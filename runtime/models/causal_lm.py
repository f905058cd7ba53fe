"""A causal language model before training: built with random weights, or taken from a folder, a package or the hub."""

from __future__ import annotations

from typing import Any

import torch
import transformers

from aligncompiler.spec.codec import dump
from aligncompiler.spec.model import Architecture, CausalLM

from ..model_files import save_network
from ..networks import Policy
from ..registry import Bound, implements
from ..tokens import Encoder
from ..weights import take
from ..work import Work

FAMILIES: dict[str, tuple[Any, Any]] = {
    "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
    "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
}


@implements(CausalLM)
def causal_lm(
    work: Work,
    *,
    architecture: Architecture | None,
    tokenizer: Bound | None,
    pretrained: str | None,
    revision: str | None,
    folder: str | None,
    package: str | None,
    path: str | None,
    prompt_format: str,
    adapter: Bound | None,
) -> None:
    """Make a policy artifact: weights and tokenizer, or a pointer to a commit on the hub.

    Raises Fault if the model cannot be loaded. The adapter is only written down here; training applies it.
    """
    about = {"prompt_format": prompt_format, "adapter": dump(adapter.spec) if adapter is not None else None}
    if architecture is not None:
        assert tokenizer is not None
        policy, encoder = build(architecture, tokenizer(), work.seed)
        save_network(policy, encoder, work.folder, about)
        work.summary |= {"parameters": sum(p.numel() for p in policy.parameters()), "vocabulary": len(encoder.tokenizer)}
    else:
        take(work, False, about, pretrained, revision, folder, package, path)


def build(architecture: Architecture, tokenizer: Any, seed: int) -> tuple[Policy, Encoder]:
    """A model with random weights in the given shape."""
    config_class, model_class = FAMILIES[architecture.family]
    size = architecture.hidden_size
    torch.manual_seed(seed)
    model = model_class(
        config_class(
            vocab_size=len(tokenizer),
            hidden_size=size,
            intermediate_size=architecture.ffn_width,
            num_hidden_layers=architecture.num_layers,
            num_attention_heads=architecture.num_heads,
            num_key_value_heads=architecture.num_heads if architecture.num_kv_heads == "num_heads" else architecture.num_kv_heads,
            max_position_embeddings=architecture.context,
            tie_word_embeddings=architecture.tie_embeddings,
            rope_parameters={"rope_type": "default", "rope_theta": architecture.rope_theta},
            initializer_range=architecture.init_std,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    return Policy(model), Encoder(tokenizer, "plain", architecture.context)
