"""The drawing of the stage graph."""

from runtime.report.graph import BOX_HEIGHT, BOX_WIDTH, TITLE, fitting, layered


def drawn(reads):
    return layered({id: (id, "kind", "stages") for id in reads}, reads)


def test_what_is_read_stands_to_the_left():
    drawing = drawn({"a": (), "b": ("a",), "c": ("a", "b"), "d": ()})
    at = {box.title: box for box in drawing.boxes}
    assert at["a"].x == at["d"].x < at["b"].x < at["c"].x
    assert len(drawing.arrows) == 3


def test_no_two_boxes_overlap_and_all_lie_inside():
    reads = {f"d{i}": () for i in range(4)} | {f"s{i}": tuple(f"d{j}" for j in range(i % 4 + 1)) for i in range(6)}
    drawing = drawn(reads)
    for i, a in enumerate(drawing.boxes):
        assert 0 <= a.x <= drawing.width - BOX_WIDTH
        assert 0 <= a.y <= drawing.height - BOX_HEIGHT
        assert all(abs(a.x - b.x) >= BOX_WIDTH or abs(a.y - b.y) >= BOX_HEIGHT for b in drawing.boxes[i + 1 :])


def test_an_empty_graph_has_no_boxes():
    assert drawn({}).boxes == ()


def test_a_long_name_is_cut_in_its_middle():
    assert fitting("stages.sft") == "stages.sft"
    assert len(fitting("stages.a_very_long_name_of_a_stage.reference")) <= TITLE
    assert fitting("stages.a_very_long_name_of_a_stage.reference").endswith(".reference")
