"""Inputs given at launch and environment variables, on real environments: one bundle serves many launches."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.config import KIB, WorkerSettings
from runtime.errors import RunFailed, RuntimeFault
from runtime.given_inputs import InputsInvalid
from runtime.inline import run_inline
from tests.faults.workloads import SHORT_LEASES
from tests.integration.gate import WAIT
from tests.integration.running import PLANNERS, Bench, compile_at, write_workflow
from tests.integration.test_faults import while_the_gate_is_closed
from tests.shell import Shell, shell_at

EVERY_TYPE = """
inputs:
  text: {type: str}
  count: {type: int, default: 2}
  share: {type: float, default: 1}
  is_on: {type: bool, default: false}
  size: {type: size, default: 2MiB}
  pause: {type: duration, default: 5s}
  place: {type: path, default: "../data"}
  words: {type: "list[str]", default: []}
  table: {type: "dict[str, list[int]]", default: {a: [1]}}
  whatever: {type: any, default: null}
tasks:
  all:
    call: functions:together
    args:
      - ["${{ inputs.text }}", "${{ inputs.count }}", "${{ inputs.share }}", "${{ inputs.is_on }}"]
      - ["${{ inputs.size }}", "${{ inputs.pause }}", "${{ inputs.place }}"]
    with: {words: "${{ inputs.words }}", deep: {first: "${{ inputs.table.a[0] }}", rest: ["${{ inputs.whatever }}"]}}
  after: {call: "functions:together", args: ["${{ tasks.all.words }}", "${{ inputs.text }}"]}
outputs:
  all: ${{ tasks.all }}
  after: ${{ tasks.after }}
  given: ["${{ inputs.table }}"]
  text: ${{ inputs.text }}
"""
TOGETHER = """
def together(*args, **kwargs):
    return {"args": list(args), **kwargs}
"""
DEFAULTS = {
    "all": {
        "args": [["x", 2, 1.0, False], ["2MiB", "5s", "../data"]],
        "words": [],
        "deep": {"first": 1, "rest": [None]},
    },
    "after": {"args": [[], "x"]},
    "given": [{"a": [1]}],
    "text": "x",
}


@pytest.mark.parametrize("planner", PLANNERS)
def test_one_bundle_serves_many_launches(bench: Bench, tmp_path: Path, planner: str) -> None:
    build = compile_at(write_workflow(tmp_path, EVERY_TYPE, TOGETHER), planner)
    given: dict[str, object] = {
        **{"text": "é\n${{ x }}", "count": 10**30, "share": 0.5, "is_on": True, "size": "1KB", "pause": "1m"},
        **{"place": "/", "words": ["a", ""], "table": {"a": [7], "b": []}, "whatever": {"k": [1, {"$i": ["text"]}]}},
    }
    for inputs in ({"text": "x"}, given):
        result = bench.run(build, inputs=inputs)
        assert result.result == run_inline(build.loaded, WorkerSettings(), inputs=inputs).result
        assert bench.left_keys() == []
    assert bench.run(build, inputs={"text": "x"}).result == DEFAULTS
    assert result.result["all"]["args"][0] == [given["text"], 10**30, 0.5, True]  # type: ignore[index]
    assert result.result["all"]["deep"] == {"first": 7, "rest": [given["whatever"]]}  # type: ignore[index]


def test_every_mistake_is_told_before_anything_is_sent(bench: Bench, tmp_path: Path) -> None:
    build = compile_at(write_workflow(tmp_path, EVERY_TYPE, TOGETHER), "simple")
    with pytest.raises(InputsInvalid) as caught:
        bench.run(build, inputs={"count": "2", "wordz": [], "words": [1]})
    found = [(problem.code, problem.name) for problem in caught.value.problems]
    assert found == [("E209", "text"), ("E208", "count"), ("E208", "words"), ("E210", "wordz")]
    assert bench.left_keys() == []


SIZES = """
inputs: {value: {type: any}, other: {type: str, default: small}}
tasks:
  measure: {call: "functions:measure", foreach: {i: "${{ range(20) }}"}, args: ["${{ inputs.value }}"]}
  part: {call: "functions:measure", args: [["${{ inputs.value[0] }}", "${{ tasks.measure }}"]]}
  ids: {call: "functions:same", args: ["${{ inputs.value }}", {again: "${{ inputs.value }}"}]}
result: {measured: "${{ tasks.measure }}", part: "${{ tasks.part }}", same: "${{ tasks.ids }}"}
"""
MEASURE = """
def measure(value):
    return len(value)


def same(value, again):
    return value is again["again"]
"""


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize("size", [0, 32 * KIB, 64 * KIB - 150, 64 * KIB, 20_000_000])
def test_input_of_any_size_reaches_every_environment(bench: Bench, tmp_path: Path, size: int, planner: str) -> None:
    build = compile_at(write_workflow(tmp_path, SIZES, MEASURE), planner)
    result = bench.run(build, inputs={"value": "x" * size + "y"})
    assert result.result == {"measured": [size + 1] * 20, "part": 2, "same": True}
    assert bench.left_keys() == []


GATED = """
inputs: {large: {type: str}, small: {type: str}}
params: {folder: {type: str}}
tasks:
  early: {call: "functions:make", args: [early], worker: red}
  other: {call: "functions:make", args: [other], worker: red}
  gate: {call: "functions:wait", args: ["${{ params.folder }}"], after: [early, other], worker: blue}
  late: {call: "functions:make", args: ["${{ inputs.READ }}", "${{ tasks.gate }}"], worker: green}
  last: {call: "functions:make", args: ["${{ tasks.late }}"], worker: black}
result: ["${{ tasks.early }}", "${{ tasks.late }}", "${{ tasks.last }}"]
"""
GATE = (
    WAIT
    + """

def make(value, gate=None):
    return value[:3]
"""
)
GIVEN = {"large": "abc" * 100_000, "small": "xyz"}


def test_small_input_travels_with_the_invocations_of_workers_by_workers(bench: Bench, tmp_path: Path) -> None:
    build = compile_at(write_workflow(tmp_path, GATED.replace("READ", "small"), GATE), "simple", folder=str(tmp_path))
    with while_the_gate_is_closed(tmp_path, bench, lambda prefix: bench.client.delete(prefix + "inputs")):
        result = bench.run(build, inputs=GIVEN)
    assert result.result == ["ear", "xyz", "xyz"]


def flip_a_bit(bench: Bench, key: str) -> None:
    value = bytearray(bench.client.get(key) or b"")
    value[-10] ^= 1
    bench.client.set(key, bytes(value))


def give_another_inputs_value(bench: Bench, key: str) -> None:
    small = bench.client.hget(key.replace("/inputs}:large:input", "}:inputs"), "small") or b""
    bench.client.set(key, small[1:])


@pytest.mark.parametrize("poison", [flip_a_bit, give_another_inputs_value], ids=lambda poison: poison.__name__)
def test_input_that_was_tampered_with_ends_the_run(
    bench: Bench, tmp_path: Path, poison: Callable[[Bench, str], None]
) -> None:
    build = compile_at(write_workflow(tmp_path, GATED.replace("READ", "large"), GATE), "simple", folder=str(tmp_path))

    def tamper(prefix: str) -> None:
        (key,) = [key for key in bench.left_keys() if "/inputs}" in key]
        poison(bench, key)

    with pytest.raises(RuntimeFault) as fault, while_the_gate_is_closed(tmp_path, bench, tamper):
        bench.run(build, SHORT_LEASES, inputs=GIVEN)
    assert "E606" in f"{fault.value.code} {fault.value.message}"
    assert "large" in fault.value.message
    assert bench.left_keys() == []


DEADLY = """
inputs: {marker: {type: path}, number: {type: int}, table: {type: any}}
tasks:
  source: {call: "functions:double", args: ["${{ inputs.number }}"]}
  deadly: {call: "functions:once", args: ["${{ inputs.marker }}", "${{ tasks.source }}", "${{ inputs.table }}"]}
  sum: {call: "functions:double", args: ["${{ tasks.deadly }}"], env: {NUMBER: "${{ inputs.number }}"}}
result: ["${{ tasks.sum }}", "${{ inputs.number }}"]
"""
ONCE = """
import os
import pathlib
import signal


def double(number):
    return number + int(os.environ.get("NUMBER", number))


def once(marker, number, table):
    if not pathlib.Path(marker).exists():
        pathlib.Path(marker).write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    return number + len(table)
"""


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize("length", [10, 200_000])
def test_worker_that_died_has_its_inputs_when_it_is_called_again(
    bench: Bench, tmp_path: Path, length: int, planner: str
) -> None:
    build = compile_at(write_workflow(tmp_path, DEADLY, ONCE), planner)
    inputs = {"marker": str(tmp_path / "marker"), "number": 4, "table": list(range(length))}
    assert bench.run(build, SHORT_LEASES, inputs=inputs).result == [8 + length + 4, 4]
    assert bench.left_keys() == []


VARIABLES = """
inputs: {level: {type: str}, many: {type: any, default: 3}}
defaults: {env: {SHARED: "yes", NAME: outer}}
tasks:
  a: {call: "functions:read", foreach: {i: [1, 2]}, env: {NAME: "a-${{ i }}", LEVEL: "${{ inputs.level }}"}}
  b: {call: "functions:read", args: ["${{ tasks.a }}"], env: {MANY: "${{ inputs.many }}"}}
  c: {call: "functions:read", args: ["${{ tasks.b }}"], worker: other}
result: ["${{ tasks.a }}", "${{ tasks.b }}", "${{ tasks.c }}"]
"""
READ = """
import os
import subprocess

NAMES = ("SHARED", "NAME", "LEVEL", "MANY")


def read(*after):
    own = [os.environ.get(name) for name in NAMES]
    script = 'printf "%s|" "$SHARED" "$NAME" "$LEVEL" "$MANY"'
    child = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert child == "".join((text or "") + "|" for text in own)
    return own
"""


@pytest.mark.parametrize("planner", PLANNERS)
def test_variables_are_those_of_the_task_alone(bench: Bench, tmp_path: Path, planner: str) -> None:
    build = compile_at(write_workflow(tmp_path, VARIABLES, READ), planner, workers=1)
    result = bench.run(build, inputs={"level": "deep\n$HOME"})
    of_a = [["yes", f"a-{i}", "deep\n$HOME", None] for i in (1, 2)]
    assert result.result == [of_a, ["yes", "outer", None, "3"], ["yes", "outer", None, None]]
    with pytest.raises(RunFailed) as failed:
        bench.run(build, inputs={"level": "", "many": [1]})
    (record,) = failed.value.records
    assert (record["task"], record["type"]) == ("b", "VariableError")
    assert "`MANY`" in str(record["message"])


SELECTIONS = """
inputs: {tree: {type: any}}
tasks:
  make: {call: "functions:make", args: ["${{ inputs.tree }}"]}
  take: {call: "functions:give", args: ["${{ tasks.make PATH }}"]}
result: ${{ tasks.take }}
"""
MAKE = """
def make(tree):
    return tree


def give(value):
    return value
"""
TREE = {"k": [{"odd key": {"$r": "deep", "é": 1}}, "text"], "0": "zero", "": [[5, 6]]}


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".k[0]['odd key']['$r']", "deep"),
        (".k[0]['odd key']['é']", 1),
        (".k[1][0]", "t"),
        ("['0']", "zero"),
        ("[''][0][1]", 6),
    ],
)
def test_selection_reaches_any_depth(bench: Bench, tmp_path: Path, path: str, expected: object, planner: str) -> None:
    build = compile_at(write_workflow(tmp_path, SELECTIONS.replace(" PATH", path), MAKE), planner)
    assert bench.run(build, inputs={"tree": TREE}).result == expected


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (".k[2]", "`tasks.make.k[2]` does not exist: `tasks.make.k` is a list of 2, so there is no [2]"),
        (".k.x", "`tasks.make.k.x` does not exist: `tasks.make.k` is a list of 2, which is indexed by ints"),
        (".none", "`tasks.make` is a dict of 3 without the key 'none'; its keys are 'k', '0', ''"),
    ],
)
def test_selection_that_does_not_exist_is_told_in_the_manifests_words(
    bench: Bench, tmp_path: Path, path: str, message: str
) -> None:
    build = compile_at(write_workflow(tmp_path, SELECTIONS.replace(" PATH", path), MAKE), "simple")
    with pytest.raises(RunFailed) as failed:
        bench.run(build, inputs={"tree": TREE})
    (record,) = failed.value.records
    assert (record["task"], record["type"], record["line"], record["traceback"]) == ("take", "SelectionError", 7, "")
    assert message in str(record["message"])


def test_selection_in_a_result_that_does_not_exist_fails_the_run(bench: Bench, tmp_path: Path) -> None:
    body = SELECTIONS.replace(" PATH", "").replace("tasks.take }}", "tasks.take.absent }}")
    build = compile_at(write_workflow(tmp_path, body, MAKE), "simple")
    for run in (bench.run, lambda build, inputs: run_inline(build.loaded, WorkerSettings(), inputs=inputs)):
        with pytest.raises(RunFailed, match=r"cannot be put together: `tasks\.take\.absent` does not exist"):
            run(build, inputs={"tree": TREE})
    assert bench.left_keys() == []


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return shell_at(tmp_path_factory.mktemp("home"))


def test_command_line_takes_texts_and_a_file(shell: Shell, tmp_path: Path) -> None:
    path = write_workflow(tmp_path, EVERY_TYPE, TOGETHER)
    (tmp_path / "inputs.json").write_text(json.dumps({"text": "file", "words": ["w"], "whatever": [None]}))
    texts = ("text=a=b", "count=-3", "is_on=true", 'table={"a": [9]}')
    given = [part for text in texts for part in ("--input", text)]
    answer = shell.json("run", path, *given, "--inputs-file", tmp_path / "inputs.json")["outputs"]
    assert answer["all"] == {
        "args": [["a=b", -3, 1.0, True], ["2MiB", "5s", "../data"]],
        "words": ["w"],
        "deep": {"first": 9, "rest": [[None]]},
    }
    assert shell.json("run", path, *given, "--inputs-file", tmp_path / "inputs.json", "--inline")["outputs"] == answer


def test_run_without_a_needed_input_says_how_to_give_it(shell: Shell, tmp_path: Path) -> None:
    path = write_workflow(tmp_path, EVERY_TYPE, TOGETHER)
    for verb in ("validate", "expand", "plan"):
        assert shell.call(verb, path)[0] == 0
    code, _, err = shell.call("run", path)
    assert code == 1
    assert "error[E209 param-required]: the input `text` has no value" in err
    assert f"{path}:5:3" in err and "--input text=…" in err
