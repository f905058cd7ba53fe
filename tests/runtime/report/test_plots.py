"""Plots of tables: measured lines have a band, stated ones are dashed, and what is of one thing has one colour."""

import math
import re

import pytest

from runtime.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from runtime.report.plots import MOST_PLOTS, plot, plots_of


def line(of, x, y, spread=None, label=None):
    band = {"low": [v / spread for v in y], "high": [v * spread for v in y]} if spread else {"low": None, "high": None}
    return {"of": of, "label": label or of, "x": x, "y": y, **band}


def points(path):
    return [tuple(map(float, p.split(","))) for p in re.findall(r"[\d.]+,[\d.]+", path)]


@pytest.fixture
def decades():
    lines = [line("chain", [1, 10, 100], [1000.0, 100.0, 10.0], 1.5), line("chain", [1, 10, 100], [900.0, 90.0, 9.0], label="chain bound")]
    return {"name": "distance", "over": "comparisons", "log": True, "subjects": ["chain"], "lines": lines}


def test_a_power_law_is_a_straight_line_on_logarithmic_scales(decades):
    drawn = plot(decades)
    measured = next(x for x in drawn.lines if x.look == "line c1")
    (x1, y1), (x2, y2), (x3, y3) = points(measured.path)
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2) and y2 - y1 == pytest.approx(y3 - y2, abs=0.2) and y1 < y3


def test_the_stated_line_is_dashed_in_the_colour_of_what_it_speaks_of_and_has_no_band(decades):
    drawn = plot(decades)
    assert [x.look for x in drawn.lines] == ["band c1", "line c1", "line c1 dash"]
    assert drawn.legend == (("c1", "chain"), ("c1 dash", "chain bound")) and drawn.over == "comparisons" and "log scales" in drawn.note


@pytest.mark.parametrize("log", [True, False])
def test_everything_lies_inside_the_frame(decades, log):
    drawn = plot(decades | {"log": log})
    for x, y in (p for one in drawn.lines for p in points(one.path)):
        assert LEFT - 0.1 <= x <= WIDTH - RIGHT + 0.1 and TOP - 0.1 <= y <= HEIGHT - BOTTOM + 0.1
    assert drawn.x_ticks and drawn.y_ticks and all(math.isfinite(t.at) for t in (*drawn.x_ticks, *drawn.y_ticks))


def test_one_point_can_be_drawn():
    assert plot({"name": "d", "over": "n", "log": True, "subjects": ["chain"], "lines": [line("chain", [100], [5.0])]}).lines


def test_beyond_what_a_page_can_show_plots_are_counted(decades):
    found, left_out = plots_of({"a": {"plots": [decades] * (MOST_PLOTS - 1)}, "b": {"plots": [decades] * 3}, "c": {}})
    assert [(id, len(charts)) for id, charts in found] == [("a", MOST_PLOTS - 1), ("b", 1)] and left_out == 2
