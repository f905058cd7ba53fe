"""Numbers of what hangs together are those of a dict, and cost the same however long it is."""

import random
import tracemalloc

import numpy as np

from runtime.clusters import Members, by_appearance, numbered


def by_dict(values):
    seen = {}
    return [seen.setdefault(value, len(seen)) for value in values]


def test_equal_values_have_one_number_counted_as_they_first_appear():
    draw = random.Random(0)
    for values in ([], [None, "b", "a", "b", None, "a\0", "a"], [draw.randint(0, 300) for _ in range(1000)], [(n % 3, f"p{n % 5}") for n in range(40)]):
        assert numbered(values).tolist() == by_dict(values)
    some = np.array([draw.randint(0, 50) for _ in range(1000)])
    assert by_appearance(some).tolist() == by_dict(some.tolist())


def test_members_stand_in_their_order_by_the_number_of_their_cluster():
    found = Members.of(numbered("banana"))
    assert [members.tolist() for members in found] == [[0], [1, 3, 5], [2, 4]] and len(found) == 3


def test_long_prompts_cost_no_more_than_numbers():
    rows = 20_000
    tracemalloc.start()
    try:
        found = numbered(f"{number} " * 200 for number in range(rows))
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found[-1] == rows - 1
    assert kept < 9 * rows and peak < 120 * rows
