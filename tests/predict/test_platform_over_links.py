"""What coordination and transfers take over a link: as measured over it, else its figures beside what is known."""

from __future__ import annotations

import pytest

from compiler.predict.platform import learn_platform
from runtime.history.records import EnvironmentHistory
from runtime.history.relation import Relation
from runtime.links import DIRECT, parse_link

MIB = 1024 * 1024
LINK = parse_link("5ms,20MB/s")


def measured(link: str, trip_s: float, bytes_per_s: float | None = None) -> EnvironmentHistory:
    kinds = {
        "begin": Relation.of([(0.0, trip_s)] * 10),
        "commit": Relation.of([(100.0, trip_s + 0.002)] * 10),
        "code cold": Relation.of([(5000.0, trip_s + 0.02)] * 10),
        "start cold": Relation.of([(5000.0, 0.1)] * 10),
    }
    if bytes_per_s is not None:
        kinds["upload per MB"] = Relation.of([(8.0 * MIB, (trip_s + 8 * MIB / bytes_per_s) / 8 / MIB * 1e6)] * 10)
    return EnvironmentHistory(memory_mb=1769, exponent=0.0, link=link, kinds=kinds)


def test_what_was_measured_over_the_link_counts_and_nothing_else():
    platform = learn_platform({"a": measured("none", 0.0002, 1e9), "b": measured(LINK.text, 0.006, 15e6)}, LINK)
    assert platform.round_trip_s == pytest.approx(0.006, rel=0.05)
    assert platform.commit_s == pytest.approx(0.002, rel=0.2)
    assert platform.code_load_s == pytest.approx(0.026, rel=0.05)
    assert platform.bytes_per_s == pytest.approx(15e6, rel=0.1)
    assert platform.link == LINK.text


def test_over_a_link_without_history_its_figures_come_on_top():
    platform = learn_platform({"a": measured("none", 0.0002, 1e9), "b": measured("1s,1MB/s", 1.0, 1e6)}, LINK)
    assert platform.round_trip_s == pytest.approx(0.0052, rel=0.05)
    assert platform.commit_s == pytest.approx(0.002, rel=0.2)
    assert platform.code_load_s == pytest.approx(0.0252, rel=0.05)
    assert platform.bytes_per_s == 20e6


def test_without_any_history_a_link_is_its_figures():
    platform = learn_platform({}, LINK)
    assert (platform.round_trip_s, platform.bytes_per_s) == (0.005, 20e6)


def test_without_a_link_nothing_measured_over_one_counts():
    platform = learn_platform({"a": measured("none", 0.0002), "b": measured(LINK.text, 0.006, 15e6)}, DIRECT)
    assert platform.round_trip_s == pytest.approx(0.0002, rel=0.05)
    assert platform.bytes_per_s == float("inf")


def test_starts_do_not_go_over_a_link():
    platform = learn_platform({f"class~{LINK.text}": measured(LINK.text, 0.006)}, DIRECT)
    assert platform.start("class", "cold").median == pytest.approx(0.1, rel=0.1)
