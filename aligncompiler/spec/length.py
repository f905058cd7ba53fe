"""The longest row in tokens that goes into a model: a number, or the word `context` for what the model reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .base import Problem, Ref

if TYPE_CHECKING:
    from .cost import Estimate, Figure


def read_at_most(max_tokens: int | str, model: Estimate) -> Figure:
    """The longest row in tokens that goes into a model: a number, or what it reads."""
    from .cost import UNKNOWN, exact

    context = UNKNOWN if model.network is None else model.network.context
    return exact(max_tokens) if isinstance(max_tokens, int) else context


def in_words(max_tokens: int | str, model: Ref) -> int | str:
    """`max_tokens`, as the word `context` also where the number that it stands for was written."""
    return "context" if max_tokens == model.output.context else max_tokens


def scored_rows(data: Ref, max_tokens: int | str, model: Ref) -> str:
    """Which rows a `logprobs` stage speaks of: what a train stage that uses it must agree with."""
    return f"{data!r} up to {in_words(max_tokens, model)}"


def check_max_tokens(max_tokens: int | str, model: Ref, tokens_at_once: int, field_name: str) -> Iterator[Problem]:
    """The longest row must be one that the model can read, and one forward pass must be able to hold it."""
    context = model.output.context
    longest = max_tokens if isinstance(max_tokens, int) else context
    if isinstance(max_tokens, int) and max_tokens < 2:
        yield Problem("S405", "max_tokens", f"`max_tokens` is {max_tokens}; a row has at least 2 tokens", ("raise it, or write `context`",))
    if isinstance(max_tokens, int) and context is not None and max_tokens > context:
        text = f"`max_tokens` is {max_tokens:,}, but `{model}` reads at most {context:,} tokens"
        yield Problem("P611", "max_tokens", text, ("lower it, or write `context`",))
    elif longest is not None and tokens_at_once < longest:
        name = f"`max_tokens` {max_tokens}" if isinstance(max_tokens, int) else f"{longest} tokens, the context of `{model}`"
        text = f"`tokens_at_once` {tokens_at_once} cannot hold one row of {name}"
        yield Problem("M503", field_name, text, (f"raise it to at least {longest}, or lower `max_tokens`",))


def check_room(max_new_tokens: int, *policies: Ref) -> Iterator[Problem]:
    """An answer must leave room for its prompt, in the policy that reads least."""
    known = [(policy.output.context, policy) for policy in policies if policy.output.context is not None]
    context, policy = min(known, key=lambda pair: pair[0], default=(None, None))
    if context is not None and max_new_tokens >= context:
        text = f"an answer of `max_new_tokens` {max_new_tokens} leaves no room for a prompt: `{policy}` reads at most {context} tokens"
        yield Problem("M503", "max_new_tokens", text, ("lower it, or give the model a longer `context`",))


def check_stop(stop: tuple[str, ...]) -> Iterator[Problem]:
    """A text that ends an answer has letters: the empty text stands everywhere."""
    for index, text in enumerate(stop):
        if not text:
            yield Problem("S405", f"stop.{index}", "a text of `stop` is empty; it would end every answer at once", ("remove it",))
