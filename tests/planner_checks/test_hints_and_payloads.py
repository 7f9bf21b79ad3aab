"""Objectives without hints of sizes (W506), and names that no payload holds (E508, W508)."""

from __future__ import annotations

import pytest

from tests.planner_checks.test_checks import check, codes, one

CHAIN = """
tasks:
  a: {call: "app:f"}
  b: {call: "app:f", args: ["${{ tasks.a }}"], io: none}
  c: {call: "app:f", args: [{deep: ["${{ tasks.b }}"]}]}
"""


@pytest.mark.parametrize("sla", ["p95", "{percentile: 50, deadline: 1m}"])
def test_an_objective_wants_hints_where_results_are_passed_on(sla: str) -> None:
    assert codes(check(f"sla: {sla}{CHAIN}")) == [("W506", 5)]


@pytest.mark.parametrize("head", ["", "sla: average", "sla: p95\ndefaults: {io: {linear: 1}}"])
def test_nothing_is_asked_without_an_objective_or_with_hints(head: str) -> None:
    assert check(f"{head}{CHAIN}") == []


def test_an_order_without_a_value_needs_no_hint() -> None:
    assert check("sla: p95\ntasks:\n  a: {call: 'app:f'}\n  b: {call: 'app:f', after: [a]}\n") == []


def test_a_task_may_have_an_objective_of_its_own() -> None:
    text = "tasks:\n  a: {call: 'app:f', sla: p99}\n  b: {call: 'app:f', args: ['${{ tasks.a }}']}\n"
    assert "p99" in one(check(text)).message


@pytest.mark.parametrize(("letters", "found"), [(500_000, []), (530_000, ["W508"]), (1_050_000, ["E508"])])
def test_a_text_as_a_key_is_part_of_the_name_that_a_payload_holds(letters: int, found: list[str]) -> None:
    text = f"tasks:\n  a: {{call: 'app:f', foreach: {{x: [{'y' * letters}, z]}}}}\n"
    assert [one.code for one in check(text)] == found


def test_a_position_as_a_key_is_short_whatever_the_text() -> None:
    text = f"params: {{x: {'y' * 1_050_000}}}\ntasks:\n  a:\n    call: app:f\n"
    loop = "    foreach: {'n, x': '${{ enumerate([params.x, 1]) }}'}\n"
    assert check(text + loop) == []
