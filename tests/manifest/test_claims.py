"""Lists of optimizations that contradict themselves: E505 at the later item."""

from __future__ import annotations

import pytest

from tests.manifest.texts import HEAD, check_task_fields, check_text

TASK = "tasks:\n  g: {call: 'app:g'}\n"


@pytest.mark.parametrize(
    "optimize",
    [
        "[preload, preload]",
        "[prewarm, {prewarm: {count: 2}}]",
        "[stream, delayed-io]",
        "[clustering, stream]",
    ],
)
def test_a_task_that_is_told_two_things_at_once(optimize: str) -> None:
    assert check_task_fields(f"call: app:g\noptimize: {optimize}") == [("E505", 2)]


@pytest.mark.parametrize("optimize", ["[]", "[clustering, delayed-io]", "[preload, {task-dup: {max: 2}}, stream]"])
def test_what_can_stand_together_does(optimize: str) -> None:
    assert check_task_fields(f"call: app:g\noptimize: {optimize}") == []


def test_the_list_of_the_workflow_may_hold_all_but_none_twice() -> None:
    names = "preload, prewarm, task-dup, stream, clustering, delayed-io"
    assert check_text(f"{HEAD}optimize: [{names}]\n{TASK}") == []
    assert check_text(f"{HEAD}optimize: [{names}, stream]\n{TASK}") == [("E505", 3)]


@pytest.mark.parametrize("where", ["defaults: {%s}", "functions: {f: {call: 'app:g', %s}}"])
def test_lists_of_defaults_and_functions_are_those_of_tasks(where: str) -> None:
    section = where % "optimize: [stream, delayed-io]"
    assert check_text(f"{HEAD}{section}\n{TASK}") == [("E505", 3)]


def test_an_expectation_above_the_bound() -> None:
    fields = "call: app:g\nforeach: {x: '${{ tasks.f }}'}\nfanout: {expect: 20, max: 10}"
    assert check_task_fields(fields) == [("E108", 3)]
    assert check_task_fields(fields.replace("20", "10")) == []
