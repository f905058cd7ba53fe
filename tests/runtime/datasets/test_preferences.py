"""Every convention of pairs that is in use."""

import pytest

from runtime.fault import Fault, Skip

USER = {"role": "user", "content": "capital of France?"}
GOOD = {"role": "assistant", "content": "Paris"}
BAD = {"role": "assistant", "content": "Rome"}
PAIR = {"prompt": "p", "chosen": "good", "rejected": "bad"}


def only(rows):
    assert len(rows) == 1
    return rows[0]


def core(row):
    return (row["prompt"], row["chosen"], row["rejected"])


def test_texts_are_taken_as_they_are_and_other_columns_carried(read):
    assert only(read("preferences", [PAIR | {"id": 7}])) == PAIR | {"id": 7}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]},
        {"prompt": [USER], "chosen": [USER, GOOD], "rejected": [USER, BAD]},
        {"chosen": [USER, GOOD], "rejected": [USER, BAD]},
    ],
    ids=["prompt and replies", "whole dialogues repeat the prompt", "implicit prompt"],
)
def test_message_lists_become_prompt_and_two_replies(read, row):
    made = only(read("preferences", [row]))
    assert core(made) == ("Human: capital of France?\n\nAssistant:", "Paris", "Rome")
    assert "capital of France?" in made["messages"]


def test_hh_dialogues_split_at_the_last_turn_that_both_share(read):
    head = "\n\nHuman: hi\n\nAssistant: yes?\n\nHuman: capital?\n\nAssistant:"
    made = only(read("preferences", [{"chosen": f"{head} Paris", "rejected": f"{head} Pa, no, Rome"}]))
    assert core(made) == (head, " Paris", " Pa, no, Rome")


def test_texts_that_share_a_beginning_split_at_a_word(read):
    assert core(only(read("preferences", [{"chosen": "it is red", "rejected": "it is reddish"}]))) == ("it is ", "red", "reddish")


def test_a_prompt_that_is_null_counts_as_implicit(read):
    rows = read("preferences", [{"prompt": None, "chosen": "it is red", "rejected": "it is blue"}, PAIR])
    assert core(rows[0]) == ("it is ", "red", "blue")


def test_ranked_lists_give_every_pair_that_differs(read):
    answers = [{"rank": 1, "completion": "b"}, {"rank": 0, "completion": "a"}, {"rank": 1, "completion": "c"}]
    rows = read("preferences", [{"prompt": "p", "completions": answers}])
    assert sorted(core(r) for r in rows) == [("p", "a", "b"), ("p", "a", "c")]
    assert all("completions" not in r for r in rows)


@pytest.mark.parametrize("answers", [["a", "b"], [{"rank": 0}], [{"rank": None, "completion": "a"}, {"rank": 1, "completion": "b"}]])
def test_a_list_without_ranks_is_a_skip(read, answers):
    assert only(read("preferences", [{"prompt": "p", "completions": answers}])) == Skip("completions is no list of {rank, completion}")


def test_a_margin_is_kept_and_must_be_a_number(read):
    rows = read("preferences", [PAIR | {"margin": 0.5}, PAIR | {"margin": None}])
    assert [r["margin"] for r in rows] == [0.5, None]
    assert read("preferences", [PAIR | {"margin": "wide"}]) == [Skip("margin is no number")]


def test_a_margin_that_is_not_finite_is_a_skip(read, tmp_path):
    assert read("preferences", [PAIR | {"margin": float("nan")}, PAIR])[0] == Skip("margin is no number")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"chosen": ""}, "empty chosen"),
        ({"rejected": " \n"}, "empty rejected"),
        ({"prompt": " "}, "empty prompt"),
        ({"chosen": "bad"}, "chosen equals rejected"),
        ({"rejected": None}, "no rejected"),
        ({"chosen": 3}, "chosen is not a text"),
    ],
)
def test_rows_that_cannot_be_compared_are_skips(read, change, reason):
    rows = read("preferences", [PAIR, PAIR | change])
    assert rows == [PAIR, Skip(reason)]


def test_whole_dialogues_without_a_shared_start_are_skips(read):
    assert read("preferences", [{"chosen": "yes", "rejected": "no"}]) == [Skip("chosen and rejected share no prompt")]


def test_columns_map_other_names(read):
    rows = read(
        "preferences", [{"q": "p", "win": "good", "lose": "bad", "gap": 2}], columns={"prompt": "q", "chosen": "win", "rejected": "lose", "margin": "gap"}
    )
    assert only(rows) == PAIR | {"margin": 2}


def test_missing_columns_are_one_fault(read):
    with pytest.raises(Fault, match="has no columns") as caught:
        read("preferences", [{"text": "x"}])
    assert caught.value.code == "P603"
    with pytest.raises(Fault, match="no column `win`"):
        read("preferences", [PAIR], columns={"chosen": "win"})


def test_all_pairs_of_one_prompt_fall_on_one_side_of_a_split(read):
    rows = [{"prompt": f"p{i % 40}", "chosen": f"c{i}", "rejected": "r"} for i in range(200)]
    low = {r["prompt"] for r in read("preferences", rows, between=(0.0, 0.5))}
    high = {r["prompt"] for r in read("preferences", rows, between=(0.5, 1.0))}
    assert low | high == {f"p{i}" for i in range(40)}
    assert not low & high
    assert 8 < len(low) < 32


def test_limit_keeps_the_first_rows(read):
    rows = [{"prompt": f"p{i}", "chosen": "c", "rejected": "r"} for i in range(9)]
    assert [r["prompt"] for r in read("preferences", rows, limit=3)] == ["p0", "p1", "p2"]


def test_lists_of_answers_give_every_pair_and_its_places(read):
    rows = read("preferences", [{"prompt": "p", "chosen": ["a", "b"], "rejected": ["c", "d"], "subset": "chat"}])
    assert [(*core(r)[1:], r["chosen_version"], r["rejected_version"]) for r in rows] == [
        ("a", "c", 0, 0),
        ("a", "d", 0, 1),
        ("b", "c", 1, 0),
        ("b", "d", 1, 1),
    ]
    assert {r["subset"] for r in rows} == {"chat"}


def test_an_instruction_and_its_input_are_a_prompt(read):
    rows = read("preferences", [{"instruction": "do", "input": text, "chosen": "a", "rejected": "b"} for text in ("this", "")])
    assert [r["prompt"] for r in rows] == ["do\n\nthis", "do"]


def test_the_answer_with_more_votes_is_the_chosen_one(read):
    votes = [(1, 1, 1), (2, 0, 2), (1, 2, 0), (2, 1, 2), (0, 0, 1), (1, 3, 1)]
    rows = [PAIR | {"x": a, "y": b, "z": c} for a, b, c in votes]
    made = read("preferences", rows, votes=("x", "y", "z"))
    assert [(r["chosen"], round(r["agreement"], 3)) for r in made if not isinstance(r, Skip)] == [("good", 1), ("bad", 0.667), ("bad", 0.667), ("good", 0.333)]
    assert [r.reason for r in made if isinstance(r, Skip)] == ["no majority of the votes", "y is none of 0, 1, 2"]
    (told,) = read("preferences", [rows[1] | {"margin": 1.5, "chosen_score": 3, "rejected_score": 1}], votes=("x", "y", "z"))
    assert (told["margin"], told["chosen_score"], told["rejected_score"]) == (-1.5, 1, 3)
    with pytest.raises(Fault, match="no column `w`"):
        read("preferences", rows, votes=("x", "w"))


LISTS = [{"prompt": f"p{i}", "chosen": ["a", "b"], "rejected": ["c", "d"]} for i in range(3)]
RANKED = [{"prompt": f"p{i}", "completions": [{"completion": text, "rank": rank} for rank, text in enumerate("abc")]} for i in range(3)]


@pytest.mark.parametrize(("rows", "each"), [(LISTS, 4), (RANKED, 3)])
def test_a_limit_cuts_no_question(read, rows, each):
    for room in (0, 1, each - 1):
        assert [r["prompt"] for r in read("preferences", rows, limit=2 * each + room)] == ["p0"] * each + ["p1"] * each
    assert len(read("preferences", rows, limit=9 * each)) == 3 * each


def test_a_limit_counts_what_is_left_of_a_question(read):
    rows = [LISTS[0] | {"rejected": ["c", "a"]}, LISTS[1]]
    assert [skip.reason if isinstance(skip, Skip) else skip["prompt"] for skip in read("preferences", rows, limit=3)] == [
        "p0",
        "chosen equals rejected",
        "p0",
        "p0",
    ]


def test_a_limit_that_has_no_room_for_the_first_question_is_a_fault(read):
    with pytest.raises(Fault, match="the first record makes 4 rows, which stay together, and `limit` is 3"):
        read("preferences", LISTS, limit=3)
