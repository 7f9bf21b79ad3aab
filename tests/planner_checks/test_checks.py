"""The static checks of a plan: limits of the target, pins, declared workers, directives without effect."""

from __future__ import annotations

import itertools
import textwrap
from pathlib import Path

import pytest

from compiler.diagnostics import Diagnostic
from compiler.graph.expand import expand
from compiler.manifest.model import Source
from compiler.manifest.parse import load_manifest
from compiler.planner.checks import check_plan_static
from compiler.planner.profile import load_profile


def check(text: str) -> list[Diagnostic]:
    source = Source(file="w.yaml", text="spec: 1\nname: t\n" + textwrap.dedent(text), root=Path())
    return check_plan_static(expand(load_manifest(source), {}), load_profile())


def codes(found: list[Diagnostic]) -> list[tuple[str, int]]:
    return sorted((one.code, one.span.start.line) for one in found if one.span)


def one(found: list[Diagnostic]) -> Diagnostic:
    assert len(found) == 1, found
    return found[0]


def task(options: str) -> str:
    return f"tasks:\n  t: {{call: 'app:f', {options}}}\n"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("resources: {memory: 64MiB}", "E501"),
        ("resources: {memory: 127.9MiB}", ""),
        ("resources: {memory: 128MiB}", ""),
        ("resources: {memory: 10GiB}", ""),
        ("resources: {memory: 10241MiB}", "E501"),
        ("resources: {memory: {min: 1GiB, max: 1GiB}}", ""),
        ("resources: {memory: {min: 1025MiB, max: 1GiB}}", "E501"),
        ("resources: {memory: {max: 20GiB}}", "E501"),
        ("resources: {cpu: 6}", ""),
        ("resources: {cpu: 6.5}", "E501"),
        ("resources: {tmp: 1MiB}", ""),
        ("resources: {tmp: 10GiB}", ""),
        ("resources: {tmp: 10.1GiB}", "E509"),
        ("timeout: 15m", ""),
        ("timeout: 15m1s", "E502"),
        ("optimize: [preload]", "W505"),
        ("optimize: [preload], worker: w", ""),
        ("optimize: [stream]", ""),
    ],
)
def test_limits_of_the_target(options: str, code: str) -> None:
    assert [found.code for found in check(task(options))] == ([code] if code else [])


@pytest.mark.parametrize(
    ("options", "time_limit_s", "said"),
    [
        ("timeout: 2m", 60.0, "an invocation ends after 60 s, says the setting `time_limit`"),
        ("timeout: 1m", 60.0, ""),
        ("memory: 1", 60.0, ""),
        ("timeout: 15m1s", 900.0, "an invocation ends after 900 s, says lambda-2026"),
    ],
    ids=["more", "as_much", "the_default_is_no_wish", "the_targets_own"],
)
def test_a_timeout_that_is_written_stays_within_the_users_own_limit(
    options: str, time_limit_s: float, said: str
) -> None:
    text = task(options if options.startswith("timeout") else "resources: {memory: 1GiB}")
    source = Source(file="w.yaml", text="spec: 1\nname: t\n" + text, root=Path())
    found = check_plan_static(expand(load_manifest(source), {}), load_profile(), time_limit_s)
    assert [(one.code, one.label) for one in found] == ([("E502", said)] if said else [])


def test_a_mistake_stands_at_its_value_wherever_that_is_written() -> None:
    text = """\
        defaults:
          timeout: 1h
        functions:
          f:
            call: app:f
            resources:
              memory: 1MiB
        tasks:
          a: {use: f, timeout: 1m}
          b: {call: "app:f"}
          c:
            call: app:f
            resources: {memory: {min: 1GiB, max: 11GiB}, tmp: 20GiB}
    """
    found = check(text)
    assert codes(found) == [("E501", 9), ("E501", 15), ("E502", 4), ("E509", 15)]


def test_a_familys_mistake_is_reported_once_with_its_first_instance() -> None:
    text = """\
        tasks:
          t:
            call: app:f
            foreach: {i: [1, 2, 3, 4]}
            resources: {memory: "${{ 8 + i }}GiB"}
    """
    found = one(check(text))
    assert (found.code, found.instance, found.more) == ("E501", "t[3]", 1)


def test_a_default_out_of_range_is_one_mistake() -> None:
    text = "defaults: {timeout: 20m}\ntasks:\n  a: {call: 'app:f'}\n  b: {call: 'app:f', foreach: {i: [1, 2]}}\n"
    found = one(check(text))
    assert (found.code, found.more) == ("E502", 2)


@pytest.mark.parametrize(
    ("first", "second", "conflict"),
    [
        ("{memory: 1GiB}", "{memory: 2GiB}", True),
        ("{memory: 1GiB}", "{memory: 1024MiB}", False),
        ("{memory: 1GiB}", "{tmp: 2GiB, cpu: 2}", False),
        ("{tmp: 1GiB, cpu: 1}", "{tmp: 2GiB, cpu: 2}", False),
        ("{memory: {min: 1GiB, max: 2GiB}}", "{memory: 1GiB}", True),
        ("{arch: arm64}", "{arch: x86_64}", True),
        ("{arch: arm64}", "{memory: 1GiB}", False),
    ],
)
def test_tasks_of_one_worker_agree_on_memory_and_architecture(first: str, second: str, conflict: bool) -> None:
    text = f"""\
        tasks:
          a: {{call: "app:f", worker: w, resources: {first}}}
          b: {{call: "app:f", worker: w, resources: {second}}}
    """
    assert codes(check(text)) == ([("E503", 5)] if conflict else [])


def test_a_pin_conflict_stands_at_the_later_worker_and_names_the_earlier() -> None:
    text = """\
        tasks:
          a:
            call: app:f
            resources: {memory: 1GiB}
            worker: w
          b:
            call: app:f
            worker: w
            resources: {memory: 2GiB}
          c: {call: "app:f", worker: w, resources: {memory: 1GiB}}
    """
    found = check(text)
    assert codes(found) == [("E503", 10)]
    assert found[0].related[0].span.start.line == 7


@pytest.mark.parametrize("order", list(itertools.permutations(["1GiB", "2GiB", "1GiB", "3GiB"])))
def test_the_order_of_tasks_does_not_change_how_many_conflicts_a_worker_has(order: tuple[str, ...]) -> None:
    lines = [f"  t{n}: {{call: 'app:f', worker: w, resources: {{memory: {size}}}}}" for n, size in enumerate(order)]
    assert [found.code for found in check("tasks:\n" + "\n".join(lines) + "\n")] == ["E503"]


def test_instances_pinned_by_an_expression_are_compared_worker_by_worker() -> None:
    text = """\
        tasks:
          a:
            call: app:f
            foreach: {i: [1, 2]}
            worker: w${{ i }}
            resources: {memory: "${{ i }}GiB"}
          b: {call: "app:f", worker: w1, resources: {memory: 2GiB}}
          c: {call: "app:f", worker: w2, resources: {memory: 2GiB}}
    """
    assert codes(check(text)) == [("E503", 9)]


@pytest.mark.parametrize(
    ("worker", "expected"),
    [
        ("{memory: 2GiB}", []),
        ("{memory: 1GiB}", [("E503", 6)]),
        ("{memory: 4GiB}", [("E503", 7)]),
        ("{memory: 2GiB, arch: arm64}", [("E503", 5)]),
        ("{memory: 20GiB}", [("E501", 3), ("E503", 7)]),
    ],
)
def test_a_declared_size_must_hold_every_task_of_the_worker(worker: str, expected: list[tuple[str, int]]) -> None:
    text = f"""\
        workers: {{w: {worker}}}
        tasks:
          a: {{call: "app:f", worker: w, resources: {{memory: 1GiB, arch: x86_64}}}}
          b: {{call: "app:f", worker: w, resources: {{memory: 2GiB}}}}
          c: {{call: "app:f", worker: w, resources: {{memory: {{min: 1GiB, max: 3GiB}}}}}}
    """
    assert codes(check(text)) == expected


def test_a_worker_that_is_not_declared_is_e510_with_a_suggestion() -> None:
    text = """\
        workers: {w_fit: {memory: 1GiB}}
        tasks:
          a: {call: "app:f", worker: w_fti}
          b: {call: "app:f", worker: "w_${{ k }}", foreach: {k: [fit, x, y]}}
    """
    found = sorted(check(text), key=lambda one: one.instance)
    assert codes(found) == [("E510", 5), ("E510", 6)]
    assert found[0].hint == "write `w_fit`"
    assert (found[1].instance, found[1].more) == ('b["x"]', 1)


def test_without_declared_workers_any_name_will_do() -> None:
    assert check(task("worker: anything")) == []


def test_a_concurrency_above_the_quota_is_e512() -> None:
    text = """\
        tasks:
          a: {call: "app:f"}
          b:
            call: app:f
            foreach: {x: "${{ tasks.a }}"}
            fanout:
              max: 5000
              concurrency: 1001
    """
    assert codes(check(text)) == [("E512", 10)]


def test_the_profile_has_the_limits_of_lambda() -> None:
    profile = load_profile()
    assert (profile.memory_min_mb, profile.memory_max_mb, profile.mb_per_vcpu) == (128, 10240, 1769)
    assert (profile.timeout_max_s, profile.async_payload_bytes) == (900, 1024 * 1024)
