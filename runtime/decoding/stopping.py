"""Where an answer stops: stop texts, which may begin and end inside of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

TAIL = 8  # tokens decoded beyond as many as the longest stop text has bytes: what stands left of them decides how they are read


class Stops:
    """Looks for the first of some texts in the text of tokens.

    Only a token whose own text holds the last letter of a stop text can end one, so other tokens cost a look into a table.
    """

    def __init__(self, tokenizer: Any, texts: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self.texts = tuple(texts)
        self.tail = TAIL + max((len(text.encode()) for text in self.texts), default=0)
        self.last = {text[-1] for text in self.texts}
        self.may_end: dict[int, bool] = {}

    def decode(self, tokens: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(list(tokens), skip_special_tokens=False)
        return text

    def could_end(self, token: int) -> bool:
        """Whether a token can be the last of a stop text. One that is part of a letter can, and so can all where a stop text ends in
        white space, which some tokenizers drop from a token that stands alone."""
        known = self.may_end.get(token)
        if known is None:
            text = self.decode([token])
            known = self.may_end[token] = "\ufffd" in text or any(letter in text or letter.isspace() for letter in self.last)
        return known

    def found(self, tokens: Sequence[int]) -> int | None:
        """Where the first stop text begins in the text of `tokens`, in letters, if their last token ends or overruns one."""
        if not self.texts or not self.could_end(tokens[-1]):
            return None
        tail = self.decode(tokens[-self.tail :])
        if not any(text in tail for text in self.texts):
            return None
        whole = self.decode(tokens)
        return min((place for text in self.texts if (place := whole.find(text)) >= 0), default=None)

    def before(self, tokens: Sequence[int], place: int) -> tuple[str, int]:
        """(text before `place`, number of tokens that are needed to write it)."""
        text = self.decode(tokens)[:place]
        count = len(tokens)
        while count and self.decode(tokens[: count - 1]).startswith(text):
            count -= 1
        return text, count if text else 0
