"""The protocol under drawn faults, on both stores, and the driver itself: does it find bugs, replay and shrink?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

from tests.faults.chance import Chance, Kind, fault_text, read_faults
from tests.faults.fuzz import main, shrunk, stores
from tests.faults.planted import PLANTED
from tests.faults.running import MakeStore, Outcome, run_seed
from tests.faults.stores import MemoryStore
from tests.faults.systematic import one_by_one

OFTEN = 0.04
"""Bugs that are found less often are looked for by the command `tests.faults.table`, which has the time."""


@pytest.fixture(scope="module")
def on_redis() -> Iterator[MakeStore]:
    with stores("redis") as make_store:
        yield make_store


@pytest.mark.parametrize("first", (0, 100))
def test_every_invariant_holds_under_drawn_faults_in_memory(first: int) -> None:
    outcomes = [run_seed(seed) for seed in range(first, first + 100)]
    assert [str(outcome) for outcome in outcomes if outcome.violation] == []


def test_every_invariant_holds_under_drawn_faults_with_the_scripts_on_redis(on_redis: MakeStore) -> None:
    outcomes = [run_seed(seed, make_store=on_redis) for seed in range(25)]
    assert [str(outcome) for outcome in outcomes if outcome.violation] == []


@pytest.mark.parametrize("kind", ("crash", "freeze", "lose_reply", "vanish"))
def test_every_invariant_holds_wherever_one_fault_strikes(kind: Kind) -> None:
    outcomes = [outcome for seed in (1, 13, 30) for outcome in one_by_one(seed, size=6, kinds=[kind])]
    assert all(outcome.struck for outcome in outcomes if outcome.only)
    assert len(outcomes) > 20
    assert [str(outcome) for outcome in outcomes if outcome.violation] == []


@pytest.mark.parametrize("bug", [name for name, bug in PLANTED.items() if bug.share >= OFTEN])
def test_a_planted_bug_is_found_as_often_as_it_should_be(bug: str) -> None:
    seeds = 100
    wanted = PLANTED[bug].share * seeds
    found = 0
    with PLANTED[bug].put_in():
        for seed in range(seeds):
            found += bool(run_seed(seed).violation)
            if found >= wanted:
                return
    pytest.fail(f"{found} of {seeds} seeds found it, {wanted:.0f} should")


def first_failure() -> Outcome:
    return next(outcome for outcome in map(run_seed, range(100)) if outcome.violation and outcome.struck)


def test_a_failure_shrinks_to_fewer_tasks_and_faults_and_its_command_replays_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with PLANTED["counter"].put_in():
        found = first_failure()
        small = shrunk(found, MemoryStore)
        assert small.violation
        assert (small.size, len(small.struck)) < (found.size, len(found.struck))
        command = shlex.split(small.replay())
        assert command[:3] == ["python", "-m", "tests.faults.fuzz"]
        monkeypatch.setattr("sys.argv", command[2:])
        assert main() == 1
    shown = capsys.readouterr().out
    assert small.violation in shown
    assert "the launcher rebuilds" in shown


def test_a_seed_draws_the_same_run_each_time() -> None:
    def steps(seed: int) -> list[str]:
        shown: list[str] = []
        run_seed(seed, trace=shown.append)
        return shown

    for seed in range(10):
        assert steps(seed) == steps(seed)


def test_faults_strike_where_they_are_named_and_nowhere_else() -> None:
    drawn = Chance(1, {"crash": 0.5, "delay": 0.5}, {"crash": 3, "delay": 100})
    first = [bool(drawn.strikes(kind)) for kind in ("crash", "delay") for _ in range(20)]
    again = Chance(1, {"crash": 0.5, "delay": 0.5}, {}, read_faults(fault_text(drawn.struck)))
    assert [bool(again.strikes(kind)) for kind in ("crash", "delay") for _ in range(20)] == first
    none = Chance(1, {"crash": 1.0}, {"crash": 100}, frozenset())
    assert not any(none.strikes("crash") for _ in range(20))
    assert sum(kind == "crash" for kind, _ in drawn.struck) == 3


def test_the_command_tells_seeds_and_rate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["fuzz", "--seeds", "0:5", "--planner", "wukong"])
    assert main() == 0
    assert "5 seeds, 0 failed" in capsys.readouterr().out
