"""Leaves of trees that someone else has grown."""

import pytest

from runtime.fault import Fault, Skip


def test_answers_whose_segments_begin_alike_come_from_the_same_nodes(read):
    rows = [["a. ", "b"], ["a. ", "c"], ["d. ", "b"], ["a. ", "c", "e"]]
    found = read("trees", [*({"prompt": "p", "segments": r} for r in rows), {"prompt": "q", "segments": ["d. "]}])
    assert [row["path"] for row in found] == [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1, 0], [0, 0]]
    assert [row["completion"] for row in found] == ["a. b", "a. c", "d. b", "a. ce", "d. "]


def test_a_path_tells_nodes_with_equal_texts_apart(read):
    rows = [{"prompt": "p", "segments": ["a", "b"], "path": [0, 0, i], "label": i} for i in range(2)]
    assert read("trees", rows) == [{"prompt": "p", "segments": ["a", "b"], "completion": "ab", "path": [0, 0, i], "score": float(i)} for i in range(2)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"segments": "ab"}, "segments is no list of texts"),
        ({"segments": []}, "segments is no list of texts"),
        ({"segments": ["a", 1]}, "segments is no list of texts"),
        ({"segments": ["a"], "path": [0]}, "path is no list of a number for the tree and one for each segment"),
        ({"segments": ["a"], "path": [0, "x"]}, "path is no list of a number for the tree and one for each segment"),
        ({"segments": ["a"], "path": [0, -1]}, "path is no list of a number for the tree and one for each segment"),
        ({"segments": [" "]}, "empty completion"),
        ({"segments": ["a"], "label": "good"}, "label is no number"),
    ],
)
def test_rows_that_say_nothing_are_skips(read, row, reason):
    assert read("trees", [{"prompt": "p", **row}]) == [Skip(reason)]


def test_data_without_trees_is_one_fault(read):
    with pytest.raises(Fault, match="has no columns `prompt, segments`"):
        read("trees", [{"prompt": "p", "completion": "a"}])


@pytest.mark.parametrize("segments", [[["a"], ["b"], ["c"]], [["a", "b"], ["c", "b"]]])
def test_answers_side_by_side_are_no_trees(read, segments):
    with pytest.raises(Fault, match="no two of these answers come from one node below their prompt") as caught:
        read("trees", [{"prompt": prompt, "segments": one} for prompt in "pq" for one in segments])
    assert caught.value.field == "file"
