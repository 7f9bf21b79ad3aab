"""Environments stay within their connections, however many inputs they take."""

from __future__ import annotations

import pytest

from tests.benchmarks.connections import measure

ENVIRONMENTS, INPUTS = 8, 80


@pytest.mark.usefixtures("own_home")
def test_environments_and_the_launcher_stay_under_the_bound() -> None:
    traffic = measure(ENVIRONMENTS, INPUTS, 2_000)
    assert ENVIRONMENTS < max(traffic.counts) <= traffic.bound
