"""The drawing of the stage graph."""

from runtime.graph import BOX_HEIGHT, BOX_WIDTH, layered


def drawn(reads):
    return layered({id: (id, "kind", "stages") for id in reads}, reads)


def test_what_is_read_stands_to_the_left():
    boxes, arrows, _, _ = drawn({"a": (), "b": ("a",), "c": ("a", "b"), "d": ()})
    at = {box.title: box for box in boxes}
    assert at["a"].x == at["d"].x < at["b"].x < at["c"].x
    assert len(arrows) == 3


def test_no_two_boxes_overlap_and_all_lie_inside():
    reads = {f"d{i}": () for i in range(4)} | {f"s{i}": tuple(f"d{j}" for j in range(i % 4 + 1)) for i in range(6)}
    boxes, _, width, height = drawn(reads)
    for i, a in enumerate(boxes):
        assert 0 <= a.x <= width - BOX_WIDTH
        assert 0 <= a.y <= height - BOX_HEIGHT
        assert all(abs(a.x - b.x) >= BOX_WIDTH or abs(a.y - b.y) >= BOX_HEIGHT for b in boxes[i + 1 :])


def test_an_empty_graph_has_no_boxes():
    assert drawn({})[0] == []
