"""The programs of `benchmarks/scale.py` run, at their smallest: nobody else calls what they call as they do."""

import importlib.util
import tracemalloc
from pathlib import Path

import pytest

from runtime.execute import carry_out

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "scale.py"

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def scale():
    spec = importlib.util.spec_from_file_location("scale", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rows_become_steps(scale):
    found = scale.measured(200, 8)
    assert found["rows"] == 200 and found["drawn_rows"] == 3 * scale.PER_STEP and found["tokens"] > 200 * 8
    assert scale.table([found])[-1].startswith("| 200 | 8 |")


def test_a_curve_becomes_a_report(scale):
    found = scale.reported(50)
    assert found["page_kb"] > 10
    assert scale.report_table([found])[-1].startswith("| 50 |")


def test_pairs_are_judged(scale):
    found = scale.evaluated(50)
    assert found["page_kb"] > 5
    assert scale.exam_table([found])[-1].startswith("| 50 |")


def test_a_judged_pair_costs_some_numbers_and_no_objects(scale, monkeypatch):
    """Of the most that Python and numpy hold in the stage: two models, a metric with two baselines. A prompt alone would be some 70 bytes and a row 600."""
    peaks = []

    def traced(stage, inputs, work):
        if stage.spec.family == "datasets":
            return carry_out(stage, inputs, work)
        tracemalloc.start()
        try:
            carry_out(stage, inputs, work)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()

    monkeypatch.setattr("runtime.execute.carry_out", traced)
    for rows in (50, 10_000, 30_000):
        scale.evaluated(rows)
    _, few, many = peaks
    assert many - few < 200 * 20_000, (many - few) / 20_000
