"""`treadle history calibration`: how often runs kept within what was promised of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from runtime.history.place import open_history
from runtime.history.remembering import remember
from tests.cli.conftest import Treadle
from tests.history.timelines import Shape
from tests.report.test_fulfilment import promise

FLOW = Shape(signature="0123456789abcdef")


def fill(*, kept: int, late: int, runs: int = 30, link: str = "none", seed: int = 1) -> None:
    """Runs of which some fall at the first percentile of their promise, and some beyond its last."""
    shape = replace(FLOW, seed=seed)
    with open_history("local", None) as store:
        for number, timeline in enumerate(shape.timelines(kept + late)):
            factor = 1.0 if number < kept else 0.001
            times = tuple(factor * timeline.makespan_s * (1 + place / 100) for place in range(99))
            made = promise(makespans_s=times, runs=runs)
            assert remember(store, replace(timeline, link=link), shape.code, "succeeded", made)


def test_without_promises_nothing_is_told(treadle: Treadle) -> None:
    assert "no run has been held against a promise" in treadle("history", "calibration").err
    assert treadle("history", "calibration", "--json").json == []
    assert "there is no history of `flow`" in treadle("history", "calibration", "flow").err


def test_shares_and_their_intervals_by_percentile(treadle: Treadle) -> None:
    fill(kept=18, late=2)
    head, *rows = treadle("history", "calibration").out.splitlines()
    assert head.split()[:6] == ["WORKFLOW", "GRAPH", "PLANNER", "PROMISE", "RUNS", "WITHIN"]
    assert rows[0].split()[:6] == ["flow", "01234567", "simple", "p50", "20", "90.0"]
    assert rows[0].endswith("too cautious")
    assert [row.split()[0] for row in rows[1:]] == ["p90", "p95", "p99"]
    (found,) = treadle("history", "calibration", "flow", "--json").json
    assert (found["runs"], found["is_settled"], found["histogram"]) == (20, True, [18, *[0] * 18, 2])
    told = found["percentiles"]["p90"]
    assert (told["kept"], told["share"], told["is_right"]) == (18, 0.9, True)
    assert (round(told["low"], 2), round(told["high"], 2)) == (0.7, 0.97)


def test_early_promises_and_other_links_are_told_apart(treadle: Treadle) -> None:
    fill(kept=3, late=0)
    fill(kept=2, late=0, runs=4, seed=2)
    fill(kept=1, late=0, link="1ms,78MB/s", seed=3)
    shown = treadle("history", "calibration")
    assert "simple, early" in shown.out
    assert "simple over 1ms,78MB/s" in shown.out
    assert "fewer than 20 earlier runs" in shown.err
    found = treadle("history", "calibration", "--json").json
    assert {(row["link"], row["is_settled"]): row["runs"] for row in found} == {
        ("none", True): 3,
        ("none", False): 2,
        ("1ms,78MB/s", True): 1,
    }


def test_runs_without_a_promise_and_failed_ones_do_not_count(treadle: Treadle) -> None:
    first, second = FLOW.timelines(2)
    with open_history("local", None) as store:
        remember(store, first, FLOW.code, "succeeded")
        remember(store, second, FLOW.code, "failed", promise())
    assert treadle("history", "calibration", "--json").json == []


def test_it_goes_with_an_export_and_is_forgotten_with_its_workflow(treadle: Treadle, tmp_path: Path) -> None:
    fill(kept=4, late=1)
    before = treadle("history", "calibration", "--json").json
    file = str(tmp_path / "history.bin")
    treadle("history", "export", file)
    treadle("history", "import", file, "--deployment", "other")
    assert treadle("history", "calibration", "--deployment", "other", "--json").json == before
    treadle("history", "forget", "flow", "--yes")
    assert treadle("history", "calibration", "--json").json == []
