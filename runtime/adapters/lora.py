"""Low-rank adaptation, through peft."""

from __future__ import annotations

from typing import Any

import peft
from torch import nn

from aligncompiler.spec.model import LoRA

from ..fault import Fault
from ..registry import implements


@implements(LoRA)
def lora(model: Any, *, rank: int, alpha: float, dropout: float, targets: tuple[str, ...] | str) -> Any:
    """The model with trainable low-rank updates, W + (alpha / rank) B A; every other weight is frozen. `merge_and_unload` undoes it.

    Raises Fault for a target that the model does not have. Source: arXiv:2106.09685, equation 3. Left out: rank-stabilised scale, quantised base weights.
    """
    modules = "all-linear" if isinstance(targets, str) else list(targets)
    task = "SEQ_CLS" if type(model).__name__.endswith("ForSequenceClassification") else "CAUSAL_LM"  # the head of a scorer is trained whole
    names = sorted({name.rpartition(".")[2] for name, module in model.base_model.named_modules() if isinstance(module, nn.Linear)})
    for name in modules if isinstance(modules, list) else ():
        if not any(path == name or path.endswith(f".{name}") for path, _ in model.named_modules()):
            raise Fault("P607", f"the model has no layer `{name}` for the adapter", "adapter.targets", (f"linear layers: {', '.join(names)}",))
    return peft.get_peft_model(model, peft.LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=modules, task_type=task))
