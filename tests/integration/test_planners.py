"""One workflow with everything that a manifest can say, on real environments, under every planner: the same result."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.planner.strategies import STRATEGIES
from tests.integration.running import Bench, compile_at, write_workflow

FUNCTIONS = """
import os


def pair(number):
    return {"low": number, "high": number + 1}


def add(*terms):
    return sum(term for term in terms if term is not None)


def total(terms):
    return add(*terms)


def fail(text, *_):
    raise ValueError(text)


def mend(record, text, *_):
    return len(record["message"])


def length():
    return len(os.environ["TOKEN"])
"""
WORKFLOW = """
params: {none: {type: int, default: 0}, few: {type: int, default: 3}}
inputs: {token: {type: secret}, limit: {type: int, default: 3}}
imports: {inner: inner.yaml}
workers: {here: {memory: 1GiB}}
tasks:
  two: {call: "functions:pair", args: [1], outputs: [low, high]}
  nobody: {call: "functions:add", foreach: {i: "${{ range(params.none) }}"}, args: ["${{ i }}"]}
  empty: {call: "functions:total", args: ["${{ tasks.nobody }}"]}
  gated:
    call: functions:add
    foreach: {i: "${{ range(params.few) }}"}
    fanout: {max: 3, concurrency: 2}
    args: ["${{ i }}", "${{ tasks.two.low }}"]
  chain: {call: "functions:add", foreach: {i: "${{ range(params.few) }}"}, args: ["${{ tasks.gated[i] }}", 1]}
  pinned: {call: "functions:total", args: ["${{ tasks.chain }}"], worker: here}
  big: {call: "functions:add", args: ["${{ tasks.two.high }}"], resources: {memory: {min: 2GiB}}}
  let_pass: {call: "functions:fail", args: [no], retry: 0, on_error: {value: 7}}
  broken: {call: "functions:fail", args: [oh, "${{ tasks.big }}"], retry: 0, on_error: {task: mended}}
  mended: {call: "functions:mend", args: [oh, "${{ tasks.big }}"]}
  some: {call: "functions:add", args: [40], when: "${{ tasks.pinned > inputs.limit }}"}
  never: {call: "functions:add", args: [50], when: "${{ tasks.pinned < inputs.limit }}"}
  secret: {call: "functions:length", env: {TOKEN: "${{ inputs.token }}"}}
  program: {exec: [printf, "%s", "${{ tasks.big }}"], after: [secret]}
  sub: {workflow: inner, foreach: {k: [1, 2]}, with: {start: "${{ k }}", value: "${{ tasks.big }}"}}
  last: {call: "functions:add", args: ["${{ tasks.some }}", "${{ tasks.never }}", "${{ tasks.broken }}"]}
result:
  - ["${{ tasks.empty }}", "${{ tasks.pinned }}", "${{ tasks.let_pass }}", "${{ tasks.last }}", "${{ tasks.secret }}"]
  - ["${{ tasks.program }}", "${{ tasks.sub }}"]
"""
INNER = """\
spec: 1
name: inner
params: {start: {type: int}}
inputs: {value: {type: int}}
tasks:
  first: {call: "functions:add", foreach: {i: [0, 1]}, args: ["${{ i + params.start }}", "${{ inputs.value }}"]}
  both: {call: "functions:total", args: ["${{ tasks.first }}"]}
result: ${{ tasks.both }}
"""
EXPECTED = [[0, 9, 7, 42, 7], ["2", [7, 9]]]


@pytest.mark.parametrize("planner", sorted(STRATEGIES))
def test_what_a_workflow_gives_does_not_depend_on_its_planner(
    bench: Bench, tmp_path: Path, planner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_TESTS", "seven77")
    (tmp_path / "inner.yaml").write_text(INNER)
    build = compile_at(write_workflow(tmp_path, WORKFLOW, FUNCTIONS), planner)
    result = bench.run(build, inputs={"token": "env:SECRET_OF_TESTS"})
    assert result.result == EXPECTED
    assert result.tasks == len(build.graph)
    assert bench.left_keys() == []
