"""A share of a source is the same rows, whatever kind they are read as: the compiler counts on it where it compares shares."""

import pytest

from aligncompiler.spec.registry import kinds
from runtime.fault import Skip

TURN = {"role": "user", "content": "hi"}
PLAIN = {"completion": "c", "answer": "a", "chosen": "good", "rejected": "bad", "segments": ["one", "two"]}
AGREE = ("prompts", "demonstrations", "problems", "completions", "preferences", "trees")


def conversation(number):
    return [TURN | {"content": f"question {number}"}, {"role": "assistant", "content": "c"}]


SOURCES = {
    "texts": (AGREE[:-1], [PLAIN | {"prompt": f"question {number}"} for number in range(60)]),
    "message lists": (AGREE[:-1], [PLAIN | {"prompt": conversation(number)[:1]} for number in range(60)]),
    "conversations": (AGREE[:3], [{"messages": conversation(number), "answer": "a"} for number in range(60)]),
    "conversations beside prompts": (AGREE[:3], [{"prompt": f"topic {number}", "messages": conversation(number), "answer": "a"} for number in range(60)]),
    "pairs beside conversations": (
        ("prompts", "demonstrations", "preferences"),
        [{"messages": conversation(number), "chosen": f"Tell me {number}. good", "rejected": f"Tell me {number}. bad"} for number in range(60)],
    ),
    "trees": (("trees", "prompts"), [{"prompt": f"question {number // 2}", "segments": ["one", str(number)]} for number in range(60)]),
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_share_holds_the_same_rows_of_the_source_for_every_kind_of_rows(read, source):
    names, rows = SOURCES[source]
    kept = {}
    for name in names:
        found = read(name, [row | {"number": number} for number, row in enumerate(rows)], between=(0.0, 0.5))
        kept[name] = [row["number"] for row in found if not isinstance(row, Skip)]
        assert kinds("datasets")[name](file="a").split_by() == kinds("datasets")[names[0]](file="a").split_by()
    assert all(one == kept[names[0]] for one in kept.values()) and 10 < len(kept[names[0]]) < 50
