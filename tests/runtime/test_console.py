"""What a person sees, through a pipe and on a terminal."""

import os
import pty
import subprocess
import sys
from types import SimpleNamespace

import pyte
import pytest

from runtime.console import Console, clipped
from runtime.progress import Phase, bar, duration, line, number, shortened


@pytest.mark.parametrize(
    ("value", "text"), [(1234567, "1,234,567"), (0, "0"), (0.5, "0.500"), (12345.0, "12,345"), (1.0, "1.000"), ("x@y", "x@y"), (-0.25, "-0.250")]
)
def test_figures_are_written_for_a_person(value, text):
    assert number(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (754, "12 min 34 s"), (7384, "2 h 03 min")])
def test_durations_are_short(seconds, text):
    assert duration(seconds) == text


def test_facts_that_do_not_fit_are_left_to_the_report():
    assert clipped(["a 1", "b 2"]) == "a 1   b 2"
    assert clipped(["x" * 60, "y" * 60]) == "x" * 60 + "   ..."


@pytest.fixture
def plan():
    engine = SimpleNamespace(accelerator="cpu", precision="float32", devices=1)
    return SimpleNamespace(name="tiny", seed=0, engine=engine, stages=[SimpleNamespace(id="stages.sft", spec=SimpleNamespace(counts="steps"))])


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is moved."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_progress_off_a_terminal_is_a_throttled_plain_line(plan, capsys, clock):
    console = Console(plan, silent=False)
    with console.running(), console.stage(plan.stages[0]) as line:
        for second in range(1, 41):
            clock[0] = float(second)
            line.update(second, 80, "[loss] 1.0", tokens=second * 1000)
    shown = [text for text in capsys.readouterr().err.splitlines() if "stages.sft" in text]
    assert shown[0] == "    stages.sft: 16 of 80 steps, 1.0 steps/s, 1,000 tokens/s, 1 min 04 s left, [loss] 1.0 (stage 1 of 1)"
    assert len(shown) == 2


@pytest.mark.parametrize(("models", "across"), [(2, True), (9, False)])
def test_a_table_of_many_columns_is_told_as_lines(plan, capsys, models, across):
    lines = [
        {"role": "model", "model": f"stages.model_{n}", "group": g, "value": 0.5, "low": 0.4, "high": 0.6, "n": 7} for g in ("", "hard") for n in range(models)
    ]
    artifact = SimpleNamespace(manifest={"facts": {"tables": [{"name": "pair_accuracy", "lines": lines}]}, "summary": {}})
    plan.cells = ()
    Console(plan, silent=False).tables({"stages.exam": (artifact, False)})
    told = capsys.readouterr().out
    assert ("model_0" in next(text for text in told.splitlines() if "model_1" in text)) == across
    assert told.count("0.500 [0.40, 0.60]") == 2 * models and "hard  (n=7)" in told


@pytest.mark.parametrize("models", [2, 9])
def test_models_that_were_measured_on_other_rows_tell_their_own_number_of_them(plan, capsys, models):
    lines = [{"role": "model", "model": f"stages.model_{n}", "group": "", "value": 0.5, "low": 0.4, "high": 0.6, "n": 7 + n} for n in range(models)]
    artifact = SimpleNamespace(manifest={"facts": {"tables": [{"name": "pair_accuracy", "lines": lines}]}, "summary": {}})
    plan.cells = ()
    Console(plan, silent=False).tables({"stages.exam": (artifact, False)})
    told = capsys.readouterr().out
    assert "(n=" not in told and all(f"0.500 [0.40, 0.60]  n={7 + n}" in told for n in range(models))


def test_a_rate_follows_a_change_of_pace_and_a_new_count_has_one_of_its_own(clock):
    phase = Phase("steps", 1000)
    for second in range(200):
        clock[0] = float(second)
        phase.update(second if second < 100 else 100 + (second - 100) * 5, None, "")
    assert phase.rates()[0] == pytest.approx(5.0, rel=0.05)
    assert phase.left() == pytest.approx((1000 - 595) / 5, rel=0.05)


def test_a_stage_that_waits_for_another_run_says_so_at_once(plan, capsys):
    console = Console(plan, silent=False)
    with console.running(), console.stage(plan.stages[0]) as line:
        line.wait()
    assert "stages.sft: waits for another run that makes it" in capsys.readouterr().err


@pytest.mark.parametrize("width", [24, 40, 60, 80, 120])
def test_a_line_fits_its_width_and_drops_what_matters_least(clock, width):
    phase = Phase("steps", 900)
    for second in (1, 2, 3):
        clock[0] = float(second)
        phase.update(second * 12, second * 9000, "loss 1.234")
    name, drawn, rest = line("stages.a_rather_long_name_for_a_stage[beta=0.05]", phase, 3.0, width)
    assert len(name + drawn + rest) <= width
    assert ("tokens/s" in rest) == (width > 80)
    assert ("36 of 900 steps" in rest) == (width >= 40)
    assert ("left" in rest) == (width >= 60)


def test_a_name_is_cut_in_its_middle():
    assert shortened("stages.sft", 10) == "stages.sft"
    assert shortened("stages.dpo[beta=0.05]", 12) == "stages…0.05]"
    assert bar(0.5, 4) == "━━──" and bar(2.0, 3) == "━━━"


def test_a_silent_console_says_nothing(plan, capsys):
    console = Console(plan, silent=True)
    with console.running(), console.stage(plan.stages[0]) as line:
        line.update(1, 2)
        line.finish(SimpleNamespace(manifest={"summary": {}, "skipped": {}}), cached=False)
    assert capsys.readouterr() == ("", "")


def test_skipped_rows_are_told_by_reason_the_most_frequent_first(plan, capsys):
    console = Console(plan, silent=False)
    with console.stage(plan.stages[0]) as line:
        line.finish(SimpleNamespace(manifest={"summary": {"rows": 3}, "skipped": {"empty": 2, "too long": 1500}, "seconds": 1.0}), cached=False)
    shown = capsys.readouterr().err
    assert shown.index("skipped 1,500: too long") < shown.index("skipped 2: empty")
    assert "rows 3" in shown


RUN = """
import time
from types import SimpleNamespace as N
from runtime.console import Console
stages = [N(id=f"stages.number_{i}_of_a_long_name[rate=1e-{i}]", spec=N(counts="steps")) for i in range(3)]
console = Console(N(name="tiny", seed=0, engine=N(accelerator="cpu", precision="float32", devices=1), stages=stages), silent=False)
with console.running():
    for stage in stages:
        with console.stage(stage) as line:
            for step in range(1, 41):
                line.update(step, 40, "loss 1.234", tokens=step * 1234)
                time.sleep(0.02)
            made = N(manifest={"summary": {f"figure number {i}": 0.5 for i in range(9)}, "skipped": {"too long " * 20: 3}, "seconds": 1.5})
            line.finish(made, cached=False)
"""


def on_a_terminal(width, **environment):
    """(screens while it lasts, the last screen, the bytes) of a run on a terminal of this width."""
    screen = pyte.Screen(width, 30)
    stream = pyte.ByteStream(screen)
    master, slave = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS")} | {
        "TERM": "xterm-256color",
        "COLUMNS": str(width),
        "LINES": "30",
        **environment,
    }
    process = subprocess.Popen([sys.executable, "-c", RUN], stdout=slave, stderr=slave, stdin=slave, env=environment, cwd=os.getcwd())
    os.close(slave)
    screens, raw = [], b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        raw += data
        stream.feed(data)
        screens.append([text.rstrip() for text in screen.display])
    os.close(master)
    assert process.wait() == 0, raw.decode()
    return screens, [text.rstrip() for text in screen.display if text.strip()], raw


@pytest.mark.parametrize("width", [60, 80])
def test_nothing_wraps_on_a_narrow_terminal_and_bars_leave_nothing_behind(width):
    screens, last, _ = on_a_terminal(width)
    bars = [text for shown in screens for text in shown if "━" in text and "steps" in text]
    assert any("of 40 steps" in text and "left" in text for text in bars)
    assert any("stage 2 of 3" in text for shown in screens for text in shown)
    assert all(len(text) < width for shown in screens for text in shown)
    assert len(last) == 1 + 3 * 2, "a head, and a line a stage with its skipped rows"
    assert not any("━" in text for text in last)
    assert all(sum("stage " in text and " of 3" in text for text in shown) <= 1 for shown in screens), "a line is never left behind by the next"


def test_a_wide_terminal_shows_rates_as_well():
    screens, _, _ = on_a_terminal(140)
    assert any("steps/s" in text and "tokens/s" in text and "loss 1.234" in text for shown in screens for text in shown)


def test_without_colour_there_are_bars_but_no_colours():
    _, _, raw = on_a_terminal(80, NO_COLOR="1")
    assert "━".encode() in raw
    assert b"\x1b[36m" not in raw and b"\x1b[32m" not in raw and b"\x1b[38" not in raw


def test_a_dumb_terminal_gets_plain_lines():
    _, last, raw = on_a_terminal(80, TERM="dumb")
    assert b"\x1b" not in raw and "━".encode() not in raw
    assert last[0].startswith("tiny  3 stages")


@pytest.mark.parametrize(("units", "told"), [(True, 0), (False, 1)])
def test_bfloat16_without_units_for_it_is_told(plan, capsys, monkeypatch, units, told):
    plan.engine.precision = "bfloat16"
    monkeypatch.setattr("runtime.console.multiplies_bfloat16", lambda: units)
    with Console(plan, silent=False).running():
        pass
    assert capsys.readouterr().err.count("emulates it") == told


@pytest.mark.parametrize(("devices", "told"), [(2, 0), (16, 1)])
def test_more_processes_than_cores_are_told(plan, capsys, monkeypatch, devices, told):
    plan.engine.devices = devices
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    with Console(plan, silent=False).running():
        pass
    assert capsys.readouterr().err.count("processes share 2 cores") == told
