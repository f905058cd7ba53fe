"""Curves are thinned without losing their extremes, at a cost that does not grow with their length."""

import itertools
import json
import math
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from runtime.report.charts import chart, compact, nice_ticks
from runtime.report.curves import BUCKETS, EXACT_BYTES, noisy, read_curves, smoothed


def write(path, points):
    path.write_text("".join(json.dumps(p) + "\n" for p in points), encoding="utf-8")
    return path


def curve(path, name="loss"):
    return next(c for c in read_curves(path).curves if c.name == name)


def test_a_short_curve_keeps_every_point(tmp_path):
    found = curve(write(tmp_path / "m", [{"step": i, "loss": i * 0.5} for i in range(1, 51)]))
    assert found.step.tolist() == list(range(1, 51))
    assert found.mean.tolist() == found.low.tolist() == found.high.tolist() == [i * 0.5 for i in range(1, 51)]


def test_the_one_spike_in_a_long_curve_is_still_seen(tmp_path):
    points = [{"step": i, "loss": 9.0 if i == 12_345 else 1.0} for i in range(30_000)]
    found = curve(write(tmp_path / "m", points))
    assert len(found.mean) == BUCKETS
    assert found.high.max() == 9.0 and found.low.min() == 1.0
    assert found.mean.mean() == pytest.approx(sum(p["loss"] for p in points) / len(points), rel=1e-3)


def test_values_that_are_no_numbers_are_counted_and_left_out(tmp_path):
    points = [{"step": 1, "loss": 1.0}, {"step": 2, "loss": math.inf}, {"step": 3, "loss": math.nan}, {"step": 4, "loss": 2.0}]
    found = curve(write(tmp_path / "m", points))
    assert found.mean.tolist() == [1.0, 2.0] and found.broken == 1


def test_a_quantity_need_not_be_in_every_line_and_a_spoilt_line_is_left_out(tmp_path):
    path = write(tmp_path / "m", [{"step": i, "loss": 1.0, **({"eval": 2.0} if i % 10 == 0 else {})} for i in range(100)])
    path.write_text(path.read_text() + "{not json}\n" + '{"step": 100, "loss": 3.0}\n' + '{"step": 101, "lo')
    assert curve(path, "eval").mean.tolist() == [2.0] * 10
    assert curve(path).last == 3.0


def test_pandas_is_not_imported_for_a_curve(tmp_path):
    path = write(tmp_path / "m", [{"step": i, "loss": 1.0, **({"eval": 2.0} if i % 10 == 0 else {})} for i in range(100)])
    code = (
        "import sys; from pathlib import Path; from runtime.report.curves import read_curves; read_curves(Path(sys.argv[1])); sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], cwd=Path(__file__).parents[3]).returncode == 0


def test_an_empty_file_has_no_curves(tmp_path):
    assert read_curves(write(tmp_path / "m", [])).curves == ()


def test_a_million_points_take_no_longer_than_a_part_of_them_and_memory_stays_flat(tmp_path):
    line = '{"step": %d.0, "learning_rate": 0.0010000, "gradient_norm": 1.2345678, "loss": %.6f, "accuracy": 0.5123456, "margin": 0.1234567}\n'
    with (tmp_path / "m").open("w") as stream:
        for i in range(1_000_000):
            stream.write(line % (i + 1, 1 + math.sin(i / 1e5)))
    assert (tmp_path / "m").stat().st_size > 3 * EXACT_BYTES
    tracemalloc.start()
    start = time.process_time()
    found = read_curves(tmp_path / "m")
    seconds = time.process_time() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 2 and peak < 64 << 20
    assert found.read < 0.5
    [loss] = [c for c in found.curves if c.name == "loss"]
    assert loss.step[0] < 10_000 and loss.step[-1] > 990_000, "from the first to the last"
    assert "even sample" in chart("loss", [("", loss)], found.read).note


def test_only_noise_is_smoothed():
    steps = np.arange(200.0)
    assert not noisy(np.exp(-steps / 50))
    rough = np.exp(-steps / 50) + 0.1 * np.sin(steps * 2.5)
    assert noisy(rough)
    assert np.abs(smoothed(rough) - np.exp(-steps / 50)).max() < 0.1
    assert np.allclose(smoothed(steps), steps), "a straight line stays what it is, at its ends too"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.5, "0.5"),
        (2e-4, "2e-4"),
        (1.5e-9, "1.5e-9"),
        (12_000, "12k"),
        (1_000_000, "1M"),
        (2.5e9, "2.5G"),
        (-0.25, "-0.25"),
        (1234.5, "1234"),
        (20, "20"),
    ],
)
def test_figures_at_an_axis_are_short(value, text):
    assert compact(value) == text


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.2, 7.9), (1e-9, 2e-9), (0.08, 5.6), (1, 900), (-1e6, 1e6)])
def test_ticks_are_round_and_lie_inside(low, high):
    ticks = nice_ticks(low, high)
    assert 4 <= len(ticks) <= 10
    assert all(low - 1e-9 * abs(low) <= t <= high * (1 + 1e-9) for t in ticks)
    steps = {float(f"{b - a:.6g}") for a, b in itertools.pairwise(ticks)}
    assert len(steps) == 1 and f"{steps.pop():e}"[0] in "125"


def test_variants_share_a_chart_with_a_legend(tmp_path):
    one = curve(write(tmp_path / "a", [{"step": i, "loss": 1.0 + i} for i in range(5)]))
    two = curve(write(tmp_path / "b", [{"step": i, "loss": 2.0 + i} for i in range(5)]))
    drawn = chart("loss", [("beta=0.1", one), ("beta=0.2", two)], 1.0)
    assert [label for _, label in drawn.legend] == ["beta=0.1", "beta=0.2"]
    assert [line.look for line in drawn.lines] == ["line c1", "line c2"]


def test_a_constant_curve_can_be_drawn(tmp_path):
    drawn = chart("loss", [("", curve(write(tmp_path / "m", [{"step": 1, "loss": 0.0}])))], 1.0)
    assert "nan" not in "".join(line.path for line in drawn.lines)
