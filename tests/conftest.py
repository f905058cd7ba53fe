"""Options and fixtures of the whole suite."""

from __future__ import annotations

import os
import signal

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports huggingface_hub: no test touches the network
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two workers share the cores: threads of small models would wait for each other most of the time

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs in the background; the commands under test would not hear Ctrl-C either
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="rewrite the expected files of golden and contract tests; then read the diff")


@pytest.fixture
def bless(request: pytest.FixtureRequest) -> bool:
    """Whether expected files are to be rewritten."""
    return bool(request.config.getoption("--bless"))
