"""A model's own chat template, used for training only where it is prefix-stable: what it writes of a conversation must start with what it
writes of the conversation before the answer, or the model would learn to go on from a text that it is never shown.

    prompt = template(messages, generation prompt)
    whole  = template(messages + answer) = prompt + written answer + end of turn

So the answer that is learned is what the template writes of it (some trim it, some open it with an empty thought), and it ends with the
token that the template writes behind it, such as `<|im_end|>`; what stands behind that token is no target. A template that writes nothing
behind an answer leaves the end to the tokenizer's end token. Earlier answers are context: what a template drops from them (thoughts) it drops at inference too.

A template that asks for today's date is given a fixed one, the day that Llama's falls back to: a result must not depend on the day it is made.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from os.path import commonprefix
from typing import Any

import jinja2

from .fault import Fault
from .rows import Row

DAY = datetime(2024, 7, 26)
PROBE = "alignc"  # stands for a question and its answer where only the template is looked at
SHOWN = 40  # characters of a text that a message shows
Message = dict[str, str]


def messages_of(row: Row) -> list[Message]:
    """The conversation before the answer; a prompt that came as text is the turn of a user."""
    found: list[Message] = json.loads(row["messages"]) if row.get("messages") else [{"role": "user", "content": row["prompt"]}]
    return found


def dated(template: str) -> str:
    """A template that asks for today's date with a macro in the place of the clock; others as they are."""
    if "strftime_now" not in template:
        return template
    filters = "".join(f" | replace('%{letter}', '{DAY.strftime(f'%{letter}')}')" for letter in "aAbBdHIjmMpSyY")
    return f"{{%- macro strftime_now(form) -%}}{{{{ form | replace('%-', '%'){filters} }}}}{{%- endmacro %}}{{{{ '' }}}}{template}"


@dataclass(frozen=True)
class Chat:
    """The chat template of a tokenizer. Raises Fault for what it cannot be trusted with."""

    tokenizer: Any

    def ids(self, text: str) -> list[int]:
        found: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return found

    @cached_property
    def template(self) -> str:
        """The template, without a clock."""
        if not self.tokenizer.chat_template:
            raise Fault("P607", "the model has no chat template", "", ("use `prompt_format: plain`",))
        try:
            return dated(self.tokenizer.get_chat_template())
        except ValueError:  # several, by name
            raise Fault("P607", "none of the chat templates of the model is named `default`", "", ("use `prompt_format: plain`",)) from None

    def render(self, messages: Sequence[Message], reply: bool) -> str:
        """What the template writes of a conversation; `reply` opens the turn of the assistant."""
        template = self.template
        try:
            text: str = self.tokenizer.apply_chat_template(list(messages), chat_template=template, tokenize=False, add_generation_prompt=reply)
        except jinja2.TemplateSyntaxError as error:
            raise refused(f"line {error.lineno} of it does not parse: {(error.message or '').rstrip('.')}") from None
        except Exception as error:  # noqa: BLE001  a template is a program, and may fail as any
            said = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
            roles = ", ".join(m["role"] for m in messages)
            raise refused(f"it refuses a conversation of {roles}: {said}", "leave such rows out") from None
        return text

    @cached_property
    def ending(self) -> tuple[str, str, int]:
        """(all that the template writes behind an answer, the part of it before the end token, the end token)."""
        question, answer = {"role": "user", "content": PROBE}, {"role": "assistant", "content": PROBE}
        prompt, whole = self.render([question], True), self.render([question, answer], False)
        self.check(prompt, whole, [question])
        rest = whole[len(prompt) :]
        if PROBE not in rest:
            raise refused(f"of the answer `{PROBE}` it writes {shown(rest)}")
        tail = rest[rest.rindex(PROBE) + len(PROBE) :]
        marks = {token: tail.find(token) for token in {*self.tokenizer.all_special_tokens, *self.tokenizer.get_added_vocab()} if token and token in tail}
        if marks:
            mark = min(marks, key=lambda token: (marks[token], -len(token)))
            found = tail, tail[: marks[mark]], int(self.tokenizer.convert_tokens_to_ids(mark))
        elif tail.strip():
            raise refused(f"behind an answer it writes {shown(tail)}, which holds no special token that could end it")
        elif self.tokenizer.eos_token_id is None:
            raise refused("it writes nothing behind an answer, and the tokenizer has no end token")
        else:
            found = tail, "", int(self.tokenizer.eos_token_id)
        written = rest[: len(rest) - len(tail)] + found[1]
        if self.ids(prompt + written) != self.ids(prompt) + self.ids(written):
            raise refused(
                f"the end of its generation prompt, {shown(prompt[-SHOWN:])}, and the start of an answer become one token when they are read together"
            )
        return found

    def asked(self, question: str) -> str:
        """What the template writes between an answer and the reply to a question that the user asks next."""
        turns = [{"role": "user", "content": PROBE}, {"role": "assistant", "content": PROBE}, {"role": "user", "content": question}]
        whole = self.render(turns, True)
        opened = len(commonprefix([whole, self.render(turns[:1], True)]))  # noqa: RUF071  characters are what is compared
        at = whole.find(PROBE, opened)
        found = whole[at + len(PROBE) :]
        if at < 0 or question.strip() not in found:
            raise refused(f"of a question behind an answer it writes {shown(whole[opened:])}")
        return found

    def check(self, prompt: str, whole: str, messages: Sequence[Message]) -> None:
        """Raise Fault unless `whole` starts with `prompt`, with the message and the texts that differ first."""
        if whole.startswith(prompt):
            return
        at = len(commonprefix([prompt, whole]))  # noqa: RUF071  characters are what is compared
        start = max(0, at - 10)
        place = f"with the answer, {holder(prompt, at, messages)} reads {shown(whole[start:])}; without it, {shown(prompt[start:])}"
        raise refused(f"what it writes of a conversation changes when the answer is added: {place}")

    def prompt(self, row: Row) -> str:
        """What the template writes of the conversation up to the answer."""
        return self.render(messages_of(row), True)

    def answer(self, row: Row, prompt: str, text: str) -> str:
        """What the template writes of an answer, its end token left out."""
        tail, before, _ = self.ending
        messages = messages_of(row)
        whole = self.render([*messages, {"role": "assistant", "content": text}], False)
        self.check(prompt, whole, messages)
        rest = whole[len(prompt) :]
        written = rest.removesuffix(tail)
        if (tail and written == rest) or "".join(text.split()) not in "".join(written.split()):
            raise refused(f"of the answer {shown(text)} it writes {shown(rest)}")
        return written + before


def refused(reason: str, *help: str) -> Fault:
    return Fault("P630", f"the chat template of the model cannot be trained with: {reason}", "", (*help, "use `prompt_format: plain`, or mend the template"))


def shown(text: str) -> str:
    """A text in a message, cut short."""
    return json.dumps(text if len(text) <= SHOWN else text[: SHOWN - 3] + "...", ensure_ascii=False)


def holder(prompt: str, at: int, messages: Sequence[Message]) -> str:
    """The message at character `at` of a rendering, or what stands behind the last."""
    end = 0
    for number, message in enumerate(messages, 1):
        content = str(message["content"]).strip()
        found = prompt.find(content, end)
        end = found + len(content) if found >= 0 else end
        if at < end or found < 0:  # a content that is not there was rewritten
            return f"message {number} ({message['role']})"
    return "what opens the answer"
