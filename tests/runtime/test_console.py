"""What a person sees."""

from types import SimpleNamespace

import pytest

from runtime.console import Console, clipped, duration, number


@pytest.mark.parametrize(
    ("value", "text"), [(1234567, "1,234,567"), (0, "0"), (0.5, "0.500"), (12345.0, "12,345"), (1.0, "1.000"), ("x@y", "x@y"), (-0.25, "-0.250")]
)
def test_figures_are_written_for_a_person(value, text):
    assert number(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (754, "12 min 34 s")])
def test_durations_are_short(seconds, text):
    assert duration(seconds) == text


def test_facts_that_do_not_fit_are_left_to_the_report():
    assert clipped(["a 1", "b 2"]) == "a 1   b 2"
    assert clipped(["x" * 60, "y" * 60]) == "x" * 60 + "   ..."


@pytest.fixture
def plan():
    engine = SimpleNamespace(accelerator="cpu", precision="float32")
    return SimpleNamespace(name="tiny", seed=0, engine=engine, stages=[SimpleNamespace(id="stages.sft")])


def test_progress_off_a_terminal_is_a_throttled_plain_line(plan, capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("runtime.console.time.monotonic", lambda: clock[0])
    console = Console(plan, silent=False)
    with console.running(), console.stage(plan.stages[0]) as line:
        for second in range(1, 41):
            clock[0] = float(second)
            line.update(second, 80, "[loss] 1.0")
    shown = [text for text in capsys.readouterr().err.splitlines() if "stages.sft" in text]
    assert len(shown) == 2
    assert shown[0] == "    stages.sft: 16 of 80 [loss] 1.0, about 1 min 04 s left"


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
    assert "1,500 x too long, 2 x empty" in shown
    assert "rows 3" in shown
