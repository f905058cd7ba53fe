"""The one path from rows to tokens: every objective, metric and reward sees the same ids and the same boundary between prompt and answer.

Prompt and answer are tokenised apart, so that the boundary never depends on what follows it, and the model learns to go on from the very
tokens that it is given when it writes. Where the two read together would share a token (a prompt that ends in a space, an answer that
starts with a line break after one), they do not here. Targets are the tokens of the answer and the token that ends it: the tokenizer's
end token or, with a chat template, the one that the template writes (`chat.py`). A plain prompt starts with the tokenizer's begin token
if it has one, and an empty prompt is that token, or the end token; a chat template writes its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .chat import Chat
from .fault import Fault, Skip
from .forest import Tree, trunk_and_leaves
from .rows import Row

Parts = tuple[list[int], list[list[int]]]  # tokens of a prompt, and of each answer
TEXTS = ("prompt", "messages")  # columns of a row that are read beside its answers


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

    @cached_property
    def chat(self) -> Chat | None:
        """The template that prompts are written with, if they are."""
        return Chat(self.tokenizer) if self.prompt_format == "chat" and not self.pair else None

    @cached_property
    def end(self) -> int:
        """The token that ends an answer: in training its last target, in writing the sign to stop."""
        if self.chat is not None:
            return self.chat.ending[2]
        end = self.tokenizer.eos_token_id if not self.pair else self.tokenizer.sep_token_id
        assert isinstance(end, int), "the tokenizer has no end token"
        return end

    @cached_property
    def begin(self) -> list[int]:
        """What stands before a plain prompt."""
        return [self.tokenizer.bos_token_id] if self.tokenizer.bos_token_id is not None else []

    @property
    def pad(self) -> int:
        return int(self.tokenizer.pad_token_id) if self.tokenizer.pad_token_id is not None else self.end

    def ids(self, text: str) -> list[int]:
        found: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return found

    def ids_of(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of some texts. A fast tokenizer is asked without transformers in between, which would take half as long again."""
        if not self.tokenizer.is_fast:
            slow: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
            return slow
        backend = self.tokenizer.backend_tokenizer
        backend.no_truncation()  # as a tokenizer's file may have it
        backend.no_padding()
        return [found.ids for found in backend.encode_batch_fast(texts, add_special_tokens=False)]

    def spans_of(self, texts: Sequence[str]) -> list[tuple[list[int], list[int], list[int]]]:
        """The same tokens of some texts, with the letters at which each starts and stops. Raises Fault where a tokenizer does not know them."""
        if not self.tokenizer.is_fast:
            text = "the tokenizer of the model does not say where in a text its tokens stand, so answers cannot be cut into steps"
            raise Fault("P607", text, "", ("use a model with a `tokenizer.json`",))
        backend = self.tokenizer.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()
        found = backend.encode_batch(texts, add_special_tokens=False)
        return [(one.ids, [start for start, _ in one.offsets], [stop for _, stop in one.offsets]) for one in found]

    def asked(self, question: str) -> tuple[int, ...]:
        """Tokens of a question behind an answer, up to where the reply to it starts: a line of its own, or with a chat template the next turn of the user."""
        return tuple(self.ids(f"\n\n{question}\n" if self.chat is None else self.chat.asked(question)))

    def texts(self, row: Row, leaves: Sequence[str]) -> list[str]:
        """What is tokenised of a row: the prompt as the model is shown it, and each answer as it is to be written, without its end."""
        if self.chat is None or "prompt" not in row:  # a document is no conversation
            return [row.get("prompt", ""), *(row[leaf] for leaf in leaves)]
        prompt = self.chat.prompt(row)
        return [prompt, *(self.chat.answer(row, prompt, row[leaf]) for leaf in leaves)]

    def opened(self, ids: list[int], conversation: bool) -> list[int]:
        """The tokens of a prompt with what stands before and behind it; a chat template has written both."""
        if self.pair:
            return [self.tokenizer.cls_token_id, *ids, self.tokenizer.sep_token_id]
        if conversation and self.chat is not None:
            return ids
        return self.begin + ids or [self.tokenizer.eos_token_id]

    def prompt(self, row: Row) -> list[int]:
        """Tokens of the prompt."""
        return self.parts(row, ())[0]

    def answer(self, text: str) -> list[int]:
        """Tokens of an answer as it is to be written, end token included; a chat template may write another text than the row holds."""
        return [*self.ids(text), self.end]

    def parts(self, row: Row, leaves: Sequence[str]) -> Parts:
        """Tokens of the prompt, and of each answer."""
        return next(self.parts_of([row], leaves))

    def parts_of(self, rows: Sequence[Row], leaves: Sequence[str]) -> Iterator[Parts]:
        """Tokens of the prompt and of each answer of some rows, tokenised at once: one call for a thousand rows is many times faster than a thousand."""
        texts = [text for row in rows for text in self.texts(row, leaves)]
        found = self.ids_of(texts)
        width = 1 + len(leaves)
        for number, row in enumerate(rows):
            trunk, *answers = found[number * width : (number + 1) * width]
            end = self.end if self.chat is None or "prompt" in row else self.tokenizer.eos_token_id
            yield self.opened(trunk, "prompt" in row), [[*answer, end] for answer in answers]

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
