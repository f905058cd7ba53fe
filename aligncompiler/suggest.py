"""The word a person probably meant: one of ours that is near, or the one that other frameworks call differently."""

from __future__ import annotations

from collections.abc import Iterable

# What other frameworks call it -> the path of ours.
FOREIGN = {
    "num_train_epochs": "budget.epochs",
    "epochs": "budget.epochs",
    "num_epochs": "budget.epochs",
    "max_steps": "budget.steps",
    "steps": "budget.steps",
    "learning_rate": "optimizer.learning_rate",
    "lr": "optimizer.learning_rate",
    "weight_decay": "optimizer.weight_decay",
    "adam_beta1": "optimizer.betas",
    "adam_beta2": "optimizer.betas",
    "adam_epsilon": "optimizer.eps",
    "optim": "optimizer",
    "lr_scheduler_type": "schedule.shape",
    "scheduler": "schedule",
    "warmup_ratio": "schedule.warmup",
    "warmup_steps": "schedule.warmup",
    "per_device_train_batch_size": "batch.rows",
    "train_batch_size": "batch.rows",
    "batch_size": "batch.rows",
    "gradient_accumulation_steps": "batch.tokens_at_once",
    "max_grad_norm": "clip_norm",
    "gradient_clip_val": "clip_norm",
    "max_length": "max_tokens",
    "max_seq_length": "max_tokens",
    "max_seq_len": "max_tokens",
    "cutoff_len": "max_tokens",
    "cutoff_length": "max_tokens",
    "loss_type": "objective.kind",
    "loss": "objective",
    "pref_beta": "objective.beta",
    "ref_model": "reference",
    "model_name_or_path": "pretrained",
    "from_pretrained": "pretrained",
    "dataset": "data",
    "train_dataset": "data",
    "logging_steps": "log_every",
    "num_return_sequences": "count",
    "num_samples": "count",
    "max_tokens_to_generate": "max_new_tokens",
    "max_completion_length": "max_new_tokens",
    "lora_r": "adapter.rank",
    "r": "rank",
    "lora_alpha": "adapter.alpha",
    "lora_dropout": "adapter.dropout",
    "lora_target_modules": "adapter.targets",
    "target_modules": "targets",
    "bf16": "engine.precision",
    "type": "kind",
    "use": "kind",
    "num_hidden_layers": "num_layers",
    "n_layer": "num_layers",
    "num_attention_heads": "num_heads",
    "n_head": "num_heads",
    "num_key_value_heads": "num_kv_heads",
    "intermediate_size": "ffn_size",
    "max_position_embeddings": "context",
    "n_ctx": "context",
    "tie_word_embeddings": "tie_embeddings",
}


def distance(a: str, b: str) -> int:
    """Optimal string alignment distance: insertions, deletions, replacements, exchanges of neighbours."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """The known words within a third of the word's length, the nearest first."""
    if len(word) > 64:
        return []
    near = [(distance(word.lower(), k.lower()), k) for k in known if abs(len(k) - len(word)) <= max(1, len(word) // 3)]
    best = min((d for d, _ in near), default=99)
    return [k for d, k in near if d == best and d <= max(1, len(word) // 3)]


def did_you_mean(word: str, known: Iterable[str], noun: str) -> tuple[str, ...]:
    """A help line: the near words, else all of them."""
    known = list(known)
    near = nearest(word, known)
    if near:
        return ("did you mean " + " or ".join(f"`{n}`" for n in near) + "?",)
    return (f"{noun}: {', '.join(known)}",) if known else ()
