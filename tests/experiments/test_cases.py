"""Which runs there are, and in which order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product

from tests.benchmarks.experiments.cases import Settings, Wanted, cases

WANTED = Wanted(
    workflows=("gemm", "hello"),
    planners=("simple", "wukong"),
    slas=("average", "p95"),
    memories_mb=("512", "1769"),
    repetitions=3,
    learn=2,
    only=(),
    settings=Settings(start="warm", link="none", environments=4),
)


def test_every_combination_is_there_once_in_each_repetition() -> None:
    found = [case for case in cases(WANTED) if case.purpose == "measure"]
    per_round = 2 * 2 * 2 * 2
    for number in range(3):
        part = found[number * per_round : (number + 1) * per_round]
        assert {case.repetition for case in part} == {number}
        combinations = Counter((case.workflow, case.planner, case.sla, case.memory_mb) for case in part)
        assert combinations == Counter(
            product(*(("gemm", "hello"), ("simple", "wukong"), ("average", "p95")), ("512", "1769"))
        )


def test_runs_to_learn_from_come_first_for_each_workflow_and_memory() -> None:
    found = cases(WANTED)
    learned = [case for case in found if case.purpose == "learn"]
    assert found[: len(learned)] == learned
    assert Counter((case.workflow, case.memory_mb) for case in learned) == Counter(
        2 * list(product(("gemm", "hello"), ("512", "1769")))
    )


def test_order_differs_from_repetition_to_repetition_and_never_from_call_to_call() -> None:
    found = [case for case in cases(WANTED) if case.purpose == "measure"]
    orders = [[replace(case, repetition=0) for case in found[at : at + 16]] for at in (0, 16, 32)]
    assert orders[0] != orders[1] != orders[2]
    assert cases(WANTED) == cases(WANTED)


def test_more_repetitions_go_on_where_fewer_ended() -> None:
    more = cases(replace(WANTED, repetitions=5))
    assert more[: len(cases(WANTED))] == cases(WANTED)


def test_only_picks_runs_that_have_all_words() -> None:
    found = cases(replace(WANTED, only=("hello wukong p95 512",)))
    assert {(case.workflow, case.planner, case.sla, case.memory_mb) for case in found} == {
        ("hello", "wukong", "p95", "512")
    }
    assert {case.workflow for case in cases(replace(WANTED, only=("hell",)))} == set()
