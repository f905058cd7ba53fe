"""The one path from rows to tokens: every objective, metric and reward sees the same ids and the same boundary between prompt and answer.

Prompt and answer are tokenised apart, so that the boundary never depends on what follows it; the answer ends with the end-of-text
token. A prompt starts with the tokenizer's begin token if it has one, and an empty prompt is that token, or the end-of-text token.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .fault import Fault, Skip
from .forest import Tree, trunk_and_leaves
from .rows import Row


def leaves_of(row: Row, reads: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """(name of the leaf, column of the row) of each answer that the quantities in `reads` speak of."""
    pairwise = any(name.startswith("chosen_") for name in reads)
    if pairwise:
        return (("chosen", "chosen"), ("rejected", "rejected"))
    return (("completion", next(column for column in ("completion", "chosen", "text") if column in row)),)


def longest(trunk: Sequence[int], answers: Sequence[Sequence[int]]) -> int:
    """Tokens of a prompt with the longest of its answers: what limits on tokens speak of."""
    return len(trunk) + max(map(len, answers), default=0)


@dataclass(frozen=True)
class Encoder:
    """A tokenizer with the prompt format and the context of the model it belongs to.

    `pair` marks a bidirectional encoder, which reads prompt and answer as the two segments of one sequence.
    """

    tokenizer: Any
    prompt_format: str
    context: int
    pair: bool = False

    @property
    def end(self) -> int:
        """The token that ends an answer."""
        end = self.tokenizer.eos_token_id if not self.pair else self.tokenizer.sep_token_id
        assert isinstance(end, int), "the tokenizer has no end token"
        return end

    @property
    def pad(self) -> int:
        return int(self.tokenizer.pad_token_id) if self.tokenizer.pad_token_id is not None else self.end

    def ids(self, text: str) -> list[int]:
        found: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return found

    def prompt(self, row: Row) -> list[int]:
        """Tokens of the prompt."""
        if self.pair:
            return [self.tokenizer.cls_token_id, *self.ids(row["prompt"]), self.tokenizer.sep_token_id]
        if self.prompt_format == "chat":
            messages = json.loads(row["messages"]) if row.get("messages") else [{"role": "user", "content": row["prompt"]}]
            if not self.tokenizer.chat_template:
                raise Fault("P607", "the model has no chat template", "", ("use `prompt_format: plain`",))
            return self.ids(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        begin = [self.tokenizer.bos_token_id] if self.tokenizer.bos_token_id is not None else []
        return begin + self.ids(row.get("prompt", "")) or [self.end]

    def answer(self, text: str) -> list[int]:
        """Tokens of an answer, end token included."""
        return [*self.ids(text), self.end]

    def parts(self, row: Row, leaves: Sequence[str]) -> tuple[list[int], list[list[int]]]:
        """Tokens of the prompt, and of each answer."""
        return self.prompt(row), [self.answer(row[leaf]) for leaf in leaves]

    def tree(self, row: Row, leaves: Sequence[str], max_tokens: int) -> Tree | Skip:
        """A row as a tree: the prompt with its answers, or why it cannot be used."""
        trunk, answers = self.parts(row, leaves)
        if longest(trunk, answers) > max_tokens:
            return Skip(f"longer than {max_tokens} tokens")
        return trunk_and_leaves(trunk, answers)

    def limit(self, max_tokens: int | str) -> int:
        """`context` as a number; a number as it is. Raises Fault if it is more than the model reads."""
        if isinstance(max_tokens, int) and max_tokens > self.context:
            raise Fault(
                "P611", f"`max_tokens` is {max_tokens:,}, but the model reads at most {self.context:,} tokens", "max_tokens", ("lower it, or write `context`",)
            )
        return self.context if isinstance(max_tokens, str) else max_tokens
