"""Chat templates in the shapes that are in use, and those that cannot be trained with."""

import json

import pytest
import transformers

from runtime.chat import Chat
from runtime.fault import Fault
from runtime.tokens import Encoder

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
DEFAULT_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are helpful.<|im_end|>\n' }}{% endif %}" + CHATML
)  # as Qwen2 does: it depends on the first message alone
LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
DATED = "{{ '<|im_start|>system\nToday is ' + strftime_now('%d %b %Y') + '<|im_end|>\n' }}" + CHATML
LLAMA2 = (
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + ' ' + eos_token }}{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}"
    "{% endif %}{% endfor %}"
)
THOUGHTS_OF_OLD_TURNS_DROPPED = (  # as Qwen3 and DeepSeek-R1 do; what stands before the last question is written the same way, with the answer or without
    "{% for message in messages %}{% set content = message['content'] %}"
    "{% if message['role'] == 'assistant' and not loop.last %}{% set content = content.split('</think>')[-1] | trim %}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
EMPTY_THOUGHT = CHATML.replace(
    "'\n' + message['content']", "'\n' + ('<think>\n\n</think>\n\n' if loop.last and message['role'] == 'assistant' else '') + message['content']"
)

# ---- what cannot be trained with
LAST_THOUGHT_KEPT = (  # keeps the thought of the last answer that there is, so an earlier one changes when the next is added
    "{% set ns = namespace(last=-1) %}{% for message in messages %}{% if message['role'] == 'assistant' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"
    "{% for message in messages %}{% set content = message['content'] %}"
    "{% if message['role'] == 'assistant' and loop.index0 != ns.last %}{% set content = content.split('</think>')[-1] | trim %}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
THOUGHT_OPENED = CHATML.replace("assistant\n' }}", "assistant\n<think>\n' }}")  # the prompt opens a thought that is not written of an answer
STRIPPED = (
    "{% set text %}"
    + CHATML.replace("<|im_start|>assistant\n", "<|im_start|>assistant: ").replace("message['role'] + '\n'", "message['role'] + ': '")
    + ("{% endset %}{{ text | trim if add_generation_prompt else text | replace(': ', ':\n') }}")
)
COUNTS_TURNS = "{{ 'turns: ' + (messages | length) | string + '\n' }}" + CHATML
DROPS_THE_ANSWER = CHATML.replace("message['content']", "(message['content'] if message['role'] != 'assistant' else '...')")
NO_END = "{% for m in messages %}{{ '### ' + m['role'] + '\n' + m['content'] + '\n### end\n' }}{% endfor %}{% if add_generation_prompt %}{{ '### assistant\n' }}{% endif %}"
OPEN_SPACE = (
    "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)

TALK = [
    {"role": "user", "content": "all cats?"},
    {"role": "assistant", "content": "<think>\nhm\n</think>\n\nno"},
    {"role": "user", "content": " are birds?"},
]


@pytest.fixture
def with_template(tokenizer):
    def make(template):
        made = transformers.PreTrainedTokenizerFast(
            tokenizer_object=tokenizer.backend_tokenizer.from_str(tokenizer.backend_tokenizer.to_str()),
            pad_token="<|pad|>",
            bos_token="<|begin|>",
            eos_token="<|end|>",
            extra_special_tokens=["<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
            chat_template=template,
        )
        return Encoder(made, "chat", 512)

    return make


def row(answer, messages=TALK):
    return {"prompt": "Human: all cats?", "messages": json.dumps(messages), "completion": answer}


@pytest.mark.parametrize(
    ("template", "opening", "answer", "written"),
    [
        (CHATML, "<|im_start|>user\nall cats?<|im_end|>\n", "fish", "fish<|im_end|>"),
        (CHATML, "<|im_start|>user\n", " fish \n", " fish \n<|im_end|>"),
        (DEFAULT_SYSTEM, "<|im_start|>system\nYou are helpful.<|im_end|>\n<|im_start|>user\n", "fish", "fish<|im_end|>"),
        (LLAMA3, "<|begin|><|start_header_id|>user<|end_header_id|>\n\nall", " fish ", "fish<|eot_id|>"),
        (DATED, "<|im_start|>system\nToday is 26 Jul 2024<|im_end|>\n", "fish", "fish<|im_end|>"),
        (LLAMA2, "<|begin|>[INST] all cats? [/INST] <think>", "fish", " fish <|end|>"),
        (THOUGHTS_OF_OLD_TURNS_DROPPED, "<|im_start|>user\nall cats?<|im_end|>\n<|im_start|>assistant\nno<|im_end|>\n", "fish", "fish<|im_end|>"),
        (EMPTY_THOUGHT, "<|im_start|>user\nall", "fish", "<think>\n\n</think>\n\nfish<|im_end|>"),
    ],
    ids=["ChatML", "ChatML keeps blanks", "default system prompt", "Llama 3 trims", "a date", "Llama 2", "old thoughts are dropped", "an empty thought"],
)
def test_a_stable_template_writes_prompt_answer_and_end(with_template, template, opening, answer, written):
    encoder = with_template(template)
    trunk, leaf = encoder.tree(row(answer), ("completion",), 512).tokens
    decode = encoder.tokenizer.decode
    assert decode(trunk).startswith(opening)
    assert decode(leaf) == written
    assert leaf[-1] == encoder.end and encoder.end not in leaf[:-1]
    plain = template.replace("strftime_now('%d %b %Y')", "'26 Jul 2024'")
    whole = encoder.tokenizer.apply_chat_template([*TALK, {"role": "assistant", "content": answer}], chat_template=plain, tokenize=False)
    assert whole.removesuffix("\n") == decode(trunk) + decode(leaf), "what the template writes, to the end of the turn"
    assert encoder.prompt({k: v for k, v in row(answer).items() if k != "completion"}) == list(trunk), "what is written from is what was learned from"


@pytest.mark.parametrize(
    ("template", "answer", "told"),
    [
        (LAST_THOUGHT_KEPT, "fish", r'with the answer, message 2 \(assistant\) reads "assistant\\nno<\|im_end.*without it, "assistant\\n<think>\\nhm'),
        (THOUGHT_OPENED, "fish", r'with the answer, what opens the answer reads "assistant\\nalignc.*without it, "assistant\\n<think>\\n"'),
        (STRIPPED, "fish", "changes when the answer is added"),
        (COUNTS_TURNS, "fish", r'message 1 \(user\) reads "turns: 2\\n.*without it, "turns: 1'),
        (DROPS_THE_ANSWER, "fish", r'of the answer `alignc` it writes "...<\|im_end\|>'),
        (NO_END, "fish", r'behind an answer it writes "\\n### end\\n", which holds no special token'),
        (OPEN_SPACE, "fish", "become one token when they are read together"),
        (CHATML.replace("message['content']", "(message['content'] | replace('fish', 'bird'))"), "fish", r'of the answer "fish" it writes "bird<\|im_end\|>'),
    ],
    ids=["last thought kept", "a thought opened", "stripped", "turns counted", "answer dropped", "no end token", "space at the end of the prompt", "rewritten"],
)
def test_a_template_that_cannot_be_trained_with_is_one_fault_with_the_place(with_template, template, answer, told):
    with pytest.raises(Fault, match=told) as caught:
        with_template(template).tree(row(answer), ("completion",), 512)
    assert caught.value.code == "P630" and caught.value.help


def test_a_conversation_that_the_template_refuses_is_one_fault_with_its_words(with_template):
    talk = [{"role": "system", "content": "be"}, *TALK]
    with pytest.raises(Fault, match=r"it refuses a conversation of system, user, assistant, user: Only user and assistant roles are supported!"):
        with_template(LLAMA2).prompt(row("fish", talk))


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ messages[0].content }}{{ 1 / 0 }}", "refuses a conversation of user, assistant, user: division by zero"),
        ("a\n{% for m in messages %}", "line 2 of it does not parse"),
    ],
)
def test_a_template_that_fails_as_a_program_is_one_fault(with_template, template, told):
    with pytest.raises(Fault, match=told) as caught:
        with_template(template).tree(row("fish"), ("completion",), 512)
    assert caught.value.code == "P630"


def test_the_end_of_an_answer_is_what_the_template_writes_and_otherwise_the_end_token(with_template, tokenizer):
    assert with_template(CHATML).end == with_template(CHATML).tokenizer.convert_tokens_to_ids("<|im_end|>")
    bare = with_template("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}")
    assert bare.end == bare.tokenizer.eos_token_id
    assert Encoder(tokenizer, "plain", 64).end == tokenizer.eos_token_id


def test_a_document_is_no_conversation(with_template):
    encoder = with_template(CHATML)
    trunk, leaf = encoder.tree({"text": "all cats"}, ("text",), 512).tokens
    assert trunk == (encoder.tokenizer.bos_token_id,) and leaf[-1] == encoder.tokenizer.eos_token_id


def test_pairs_share_one_prompt_and_end_alike(with_template):
    encoder = with_template(LLAMA3)
    trunk, chosen, rejected = encoder.tree({"prompt": "all cats", "chosen": " a", "rejected": "b"}, ("chosen", "rejected"), 512).tokens
    assert list(trunk) == encoder.prompt({"prompt": "all cats"})
    assert [encoder.tokenizer.decode(leaf) for leaf in (chosen, rejected)] == ["a<|eot_id|>", "b<|eot_id|>"]


def test_rows_tokenised_together_have_the_tokens_of_each_alone(with_template):
    encoder = with_template(CHATML)
    rows = [row(f"fish {n}", TALK[: 1 + 2 * (n % 2)]) for n in range(5)]
    assert list(encoder.parts_of(rows, ("completion",))) == [encoder.parts(one, ("completion",)) for one in rows]


def test_the_check_of_a_template_is_made_once(with_template):
    encoder = with_template(CHATML)
    assert encoder.chat is encoder.chat and isinstance(encoder.chat, Chat)
    assert encoder.chat.ending is encoder.chat.ending
