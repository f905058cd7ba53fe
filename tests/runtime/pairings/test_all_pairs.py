"""All pairs whose scores differ."""

from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.candidates import Candidates
from runtime.pairings.all_pairs import all_pairs

scores = st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), max_size=6)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(scores, st.sampled_from([0.0, 0.5, 1.5]))
def test_every_pair_that_is_far_enough_apart_comes_once_and_better_first(values, gap):
    found = all_pairs(Candidates({"score": values}), min_gap=gap, per_prompt=None)
    wanted = {(i, j) for i, a in enumerate(values) for j, b in enumerate(values) if a > b and a - b >= gap}
    assert set(found) == wanted
    assert len(found) == len(wanted)
    gaps = [values[i] - values[j] for i, j in found]
    assert gaps == sorted(gaps, reverse=True)
    assert all_pairs(Candidates({"score": values}), min_gap=gap, per_prompt=2) == found[:2]
