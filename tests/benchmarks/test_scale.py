"""The programs of `benchmarks/scale.py` run, at their smallest: nobody else calls what they call as they do."""

import importlib.util
from pathlib import Path

import pytest

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
