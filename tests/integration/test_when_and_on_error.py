"""`when` and `on_error` on real environments over a real Redis, under both planners, and in this process."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from compiler.emit.bundle import Build
from runtime.config import WorkerSettings
from runtime.errors import RunFailed
from runtime.inline import run_inline
from runtime.report import result_object, summary_text
from runtime.results import RunResult
from tests.integration.running import PLANNERS, Bench, compile_at, write_workflow

FUNCTIONS = """
import os
import time


class Busy(ConnectionError):
    pass


def same(*values):
    return list(values)


def one(value):
    return value


def table(n):
    return {"n": n, "ok": n > 1, "tags": ["a", "b"], "pair": (1, 2)}


def fail(text, *_):
    raise Busy(text)


def hand_on(record, *values):
    return {"was": record["type"], "task": record["task"], "values": list(values)}


def hand_on_two(record):
    return {"x": record["message"], "y": 0}


def two():
    raise Busy("two")


def two_well():
    return {"x": 1, "y": 2}


def die():
    os.kill(os.getpid(), 9)


def sleep():
    time.sleep(30)


def swallow():
    try:
        time.sleep(30)
    except BaseException:
        return "never mind"


def bad():
    return (n for n in ())
"""

PREDICATES = """
inputs: {flag: {type: bool, default: false}}
params: {n: {type: int, default: 2}}
tasks:
  a: {call: "functions:table", args: ["${{ params.n }}"]}
  f: {call: "functions:table", foreach: {i: [1, 2]}, args: ["${{ i }}"]}
  b: {call: "functions:one", args: [b], when: "${{ tasks.a.ok and tasks.a.n >= params.n }}"}
  c: {call: "functions:one", args: [c], when: "${{ not tasks.a.ok }}"}
  d: {call: "functions:one", args: [d], when: "${{ inputs.flag }}"}
  e: {call: "functions:one", foreach: {i: [1, 2]}, args: ["${{ i }}"], when: "${{ tasks.f[i].ok and i > 0 }}"}
  g: {call: "functions:one", args: [g], when: "${{ 1 <= tasks.a.n < 3 and 'a' in tasks.a.tags and 1 not in tasks.a }}"}
  h: {call: "functions:one", args: [h], when: false}
  i: {call: "functions:one", args: [i], when: "${{ tasks.c == none and tasks.c != 0 }}"}
  j: {call: "functions:one", args: [j], when: "${{ tasks.c != none and tasks.c.nothing > 1 }}", after: [h]}
  k: {call: "functions:one", args: [k], when: "${{ tasks.a.pair == [1, 2] or tasks.a.nothing }}"}
  l: {call: "functions:two_well", outputs: [x, y], when: "${{ tasks.a.n == 7 }}"}
result:
  - ["${{ tasks.b }}", "${{ tasks.c }}", "${{ tasks.d }}", "${{ tasks.e }}", "${{ tasks.g }}", "${{ tasks.h }}"]
  - ["${{ tasks.i }}", "${{ tasks.j }}", "${{ tasks.k }}", "${{ tasks.l.x }}", "${{ tasks.l }}"]
"""
PREDICATES_RESULT = [["b", None, None, [None, 2], "g", None], ["i", None, "k", None, {"x": None, "y": None}]]

REMEDIES = """
tasks:
  a: {call: "functions:fail", args: [no], on_error: skip}
  b: {call: "functions:fail", args: [no], on_error: continue}
  c: {call: "functions:fail", foreach: {i: [1, 2]}, args: [no], on_error: {value: {n: "${{ i * 10 }}"}}}
  d: {call: "functions:two", outputs: [x, y], on_error: {value: {x: 1, y: [2]}}}
  e: {call: "functions:two", outputs: [x, y], on_error: skip}
  f: {call: "functions:bad", on_error: {value: 5}}
  g: {call: "functions:sleep", timeout: 100ms, retry: 0, on_error: continue}
  h: {exec: [sh, -c, "exit 3"], on_error: continue}
  after: {call: "functions:one", args: [after], after: [a, d]}
  use: {call: "functions:same", args: ["${{ tasks.a }}", "${{ tasks.c }}", "${{ tasks.d.y }}", "${{ tasks.f }}"]}
outputs:
  use: ${{ tasks.use }}
  kinds: ["${{ tasks.b.type }}", "${{ tasks.g.type }}", "${{ tasks.h.type }}"]
  e: ${{ tasks.e }}
  after: ${{ tasks.after }}
"""
REMEDIES_RESULT = {
    "use": [None, [{"n": 10}, {"n": 20}], [2], 5],
    "kinds": ["Busy", "Timeout", "ExitCode"],
    "e": {"x": None, "y": None},
    "after": "after",
}
FAILED = ["a", "b", "c[1]", "c[2]", "d", "e", "f", "g", "h"]


def _build(folder: Path, text: str, planner: str = "wukong") -> Build:
    return compile_at(write_workflow(folder, dedent(text).lstrip("\n"), FUNCTIONS), planner)


def _inline(folder: Path, text: str) -> RunResult:
    return run_inline(_build(folder, text).loaded, WorkerSettings())


def _tasks_of(result: RunResult) -> list[object]:
    return [record["task"] for record in result.passed]


def test_time_is_up_for_a_task_that_swallows_it(tmp_path: Path) -> None:
    text = """
    tasks:
      a: {call: "functions:swallow", timeout: 100ms, retry: 0, on_error: continue}
    result: ${{ tasks.a.message }}
    """
    assert _inline(tmp_path, text).result == "a ran longer than its timeout of 0.1 s"


def test_a_task_whose_condition_is_false_gives_null_and_whatever_comes_after_it_runs(tmp_path: Path) -> None:
    assert _inline(tmp_path, PREDICATES).result == PREDICATES_RESULT


@pytest.mark.parametrize("planner", PLANNERS)
def test_conditions_hold_on_real_workers(bench: Bench, tmp_path: Path, planner: str) -> None:
    assert bench.run(_build(tmp_path, PREDICATES, planner)).result == PREDICATES_RESULT


def test_a_run_goes_on_with_what_stands_for_a_failed_task(tmp_path: Path) -> None:
    result = _inline(tmp_path, REMEDIES)
    assert result.result == REMEDIES_RESULT
    assert _tasks_of(result) == FAILED
    assert "9 tasks failed and were let pass (on_error)" in summary_text(result)


@pytest.mark.parametrize("planner", PLANNERS)
def test_failures_are_let_pass_on_real_workers_and_told(bench: Bench, tmp_path: Path, planner: str) -> None:
    result = bench.run(_build(tmp_path, REMEDIES, planner))
    assert result.result == REMEDIES_RESULT
    assert _tasks_of(result) == FAILED
    told = result_object(result)["failures"]
    assert isinstance(told, list) and [record["on_error"] for record in told][:3] == ["skip", "continue", "value"]
    assert bench.left_keys() == []


@pytest.mark.parametrize("planner", PLANNERS)
def test_a_task_that_kills_its_process_each_time_is_let_pass(bench: Bench, tmp_path: Path, planner: str) -> None:
    text = """
    tasks:
      a: {call: "functions:die", retry: 1, on_error: continue}
      b: {call: "functions:one", args: ["${{ tasks.a.type }}"]}
    """
    quick = WorkerSettings(lease_s=0.6, renew_s=0.2, call_limit_s=2.0)
    result = bench.run(_build(tmp_path, text, planner), quick)
    assert (result.result, _tasks_of(result)) == ({"b": "Killed"}, ["a"])


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("tasks.a.nothing == 1", "does not exist"),
        ("tasks.a.tags < 3", "`<` cannot compare a list with an int"),
        ("true < tasks.a.n", "`<` cannot compare a bool with an int"),
        ("3 in tasks.a.n", "`in` cannot look for an int in an int"),
    ],
)
def test_a_condition_that_cannot_be_evaluated_is_a_failure_of_its_task(tmp_path: Path, when: str, message: str) -> None:
    text = f"""
    tasks:
      a: {{call: "functions:table", args: [1]}}
      b: {{call: "functions:one", args: [1], when: "${{{{ {when} }}}}"}}
    """
    with pytest.raises(RunFailed) as caught:
        _inline(tmp_path, text)
    (record,) = caught.value.records
    assert (record["task"], record["attempt"]) == ("b", 1)
    assert message in str(record["message"])


def test_a_condition_that_cannot_be_evaluated_may_be_let_pass(tmp_path: Path) -> None:
    text = """
    tasks:
      a: {call: "functions:table", args: [1]}
      b: {call: "functions:one", args: [1], when: "${{ tasks.a > 3 }}", on_error: continue}
    result: ${{ tasks.b.type }}
    """
    assert _inline(tmp_path, text).result == "ConditionError"


HANDLED = """
tasks:
  good: {call: "functions:one", args: [good], on_error: {task: hand_on}}
  bad: {call: "functions:fail", args: [no], on_error: {task: hand_on}}
  each:
    call: functions:fail
    foreach: {i: [1, 2]}
    args: ["${{ i }}"]
    when: ${{ i > 1 }}
    on_error: {task: with_i}
  with_i: {call: "functions:hand_on", args: ["${{ i }}", "${{ tasks.more }}"]}
  more: {call: "functions:one", args: [more]}
  hand_on: {call: "functions:hand_on", retry: 1}
  two: {call: "functions:two", outputs: [x, y], on_error: {task: hand_on_two}}
  hand_on_two: {call: "functions:hand_on_two"}
  fine: {call: "functions:two_well", outputs: [x, y], on_error: {task: hand_on_two}}
  worse: {call: "functions:fail", args: [no], on_error: {task: fails_too}}
  fails_too: {call: "functions:fail", on_error: {task: last}}
  last: {call: "functions:hand_on"}
  told: {exec: [sh, -c, "exit 3"], on_error: {task: tell}}
  tell: {exec: {argv: [grep, -o, "ExitCode"], stdout: lines}}
  then: {call: "functions:one", args: [then], after: [bad, each]}
result:
  - ["${{ tasks.good }}", "${{ tasks.bad }}", "${{ tasks.each }}", "${{ tasks.two.x }}", "${{ tasks.fine }}"]
  - ["${{ tasks.worse.was }}", "${{ tasks.told }}", "${{ tasks.bad.task }}", "${{ tasks.then }}"]
"""
HANDLED_RESULT = [
    [
        "good",
        {"was": "Busy", "task": "bad", "values": []},
        [None, {"was": "Busy", "task": "each[2]", "values": [2, "more"]}],
        "two",
        {"x": 1, "y": 2},
    ],
    ["Busy", ["ExitCode"], "bad", "then"],
]


def test_a_handler_gives_what_the_failed_task_would_have(tmp_path: Path) -> None:
    result = _inline(tmp_path, HANDLED)
    assert result.result == HANDLED_RESULT
    assert _tasks_of(result) == ["bad", "each[2]", "told", "two", "worse", "worse/fails_too"]


@pytest.mark.parametrize("planner", PLANNERS)
def test_handlers_run_on_real_workers(bench: Bench, tmp_path: Path, planner: str) -> None:
    assert bench.run(_build(tmp_path, HANDLED, planner)).result == HANDLED_RESULT


@pytest.mark.parametrize("planner", PLANNERS)
def test_without_a_result_handled_tasks_are_shown_by_their_own_names(
    bench: Bench, tmp_path: Path, planner: str
) -> None:
    text = """
    tasks:
      bad: {call: "functions:fail", args: [no], on_error: {task: fix}}
      two: {call: "functions:two", outputs: [x, y], on_error: {task: fix_two}, after: [bad]}
      fix: {call: "functions:hand_on"}
      fix_two: {call: "functions:hand_on_two"}
      use: {call: "functions:one", args: ["${{ tasks.bad.was }}"]}
    """
    assert bench.run(_build(tmp_path, text, planner)).result == {"two.x": "two", "two.y": 0, "use": "Busy"}


def test_the_failure_of_a_handler_ends_the_run(tmp_path: Path) -> None:
    text = """
    tasks:
      bad: {call: "functions:fail", args: [no], on_error: {task: fix}}
      fix: {call: "functions:fail"}
    """
    with pytest.raises(RunFailed) as caught:
        _inline(tmp_path, text)
    (record,) = caught.value.records
    assert (record["task"], record["line"]) == ("bad/fix", 5)


@pytest.mark.parametrize("planner", PLANNERS)
def test_conditions_and_handlers_of_an_inlined_workflow(bench: Bench, tmp_path: Path, planner: str) -> None:
    (tmp_path / "inner.yaml").write_text(
        dedent(
            """
            spec: 1
            name: inner
            inputs: {n: {type: int}}
            tasks:
              a: {call: "functions:table", args: ["${{ inputs.n }}"]}
              b: {call: "functions:fail", args: [no], when: "${{ tasks.a.ok or inputs.n == 0 }}", on_error: {task: fix}}
              fix: {call: "functions:hand_on", args: ["${{ inputs.n }}"]}
            outputs: {b: "${{ tasks.b }}", a: "${{ tasks.a }}"}
            """
        ).lstrip("\n")
    )
    text = """
    imports: {inner: inner.yaml}
    tasks:
      n: {call: "functions:one", args: [2]}
      part: {workflow: inner, foreach: {i: [0, 1, 2]}, with: {n: "${{ i }}"}, when: "${{ tasks.n != i }}"}
      whole: {workflow: inner, with: {n: "${{ tasks.n }}"}, after: [part]}
    result:
      - ["${{ tasks.part[0].b }}", "${{ tasks.part[1].b }}", "${{ tasks.part[2].b }}", "${{ tasks.part[2].a }}"]
      - ["${{ tasks.whole.b.values }}", "${{ tasks.whole.b.task }}"]
    """
    assert bench.run(_build(tmp_path, text, planner)).result == [
        [{"was": "Busy", "task": "part/b[0]", "values": [0]}, None, None, None],
        [[2], "whole/b"],
    ]
