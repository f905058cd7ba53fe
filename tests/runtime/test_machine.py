"""What is found out about the machine."""

import pytest

from runtime import machine


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flags\t\t: fpu avx2 amx_bf16 amx_tile\n", True),
        ("flags\t\t: fpu avx512f avx512_bf16\n", True),
        ("Features\t: fp asimd bf16\n", True),
        ("flags\t\t: fpu avx2\n", False),
        ("nothing\n", True),
        (None, True),
    ],
)
def test_units_for_bfloat16_are_read_off_the_flags(tmp_path, monkeypatch, text, expected):
    file = tmp_path / "cpuinfo"
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr(machine, "Path", lambda name: file)
    assert machine.multiplies_bfloat16() is expected
