"""Tests of one group, which share what is costly to make, run in one process."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("together")
def test_a_group_is_known_to_whoever_spreads_the_tests(request: pytest.FixtureRequest) -> None:
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("tests are not spread by groups here")
    assert request.node.nodeid.endswith("@together"), "pytest-xdist does not group tests under this pytest"
