"""Calling a task's function: its inputs, its environment variables, and what goes wrong with either."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import cast

import pytest

from runtime.code import CodeLoader
from runtime.plan import Blob, EnvClass, Function, InEdge, Input, Ref, Task, Value, Variable
from runtime.tasks.execute import Execution, Outcome
from tests.secrecy.given import secrets_in

INPUTS: Mapping[str, object] = {
    "name": "Ada",
    "tree": {"k": [1, {"deep": "x"}]},
    "flag": True,
    "number": 1.5,
    "nul": "\0",
}


class OneFunction:
    """A loader that has the function already."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.function = function
        self.user_files: dict[str, str] = {}

    def load(self, _: Function) -> Callable[..., object]:
        return self.function


def run(
    function: Callable[..., object],
    *args: Value,
    environ: Mapping[str, Variable] | None = None,
    given: dict[str, object] | None = None,
    timeout_s: float = 60.0,
) -> Outcome:
    task = Task(
        name="t",
        function=Function(unit="", module="m", qualname="f"),
        env=EnvClass(memory_mb=128),
        args=args,
        in_edges=(InEdge(producer="a[3]"),),
        environ=tuple((environ or {}).items()),
        timeout_s=timeout_s,
    )
    loader = cast(CodeLoader, OneFunction(function))
    execution = Execution(loader, {"d": [7]}.__getitem__, INPUTS.__getitem__, secrets_in())
    with execution.listening():
        return execution.run(task, given or {})


def together(*args: object) -> object:
    return args


def test_inputs_literals_and_results_stand_where_the_manifest_put_them() -> None:
    given: dict[str, object] = {"a[3]": {"k": [5]}}
    outcome = run(
        together, {"a": [Input("name"), Ref(0, ("k", 0))]}, Input("tree", ("k", 1, "deep")), Blob("d"), given=given
    )
    assert outcome.outputs["t"] == ({"a": ["Ada", 5]}, "x", [7])


def test_tasks_of_one_environment_are_handed_inputs_of_their_own() -> None:
    outcome = run(together, Input("tree"))
    (handed,) = cast(tuple[object], outcome.outputs["t"])
    assert handed == INPUTS["tree"] and handed is not INPUTS["tree"]


@pytest.mark.parametrize(
    ("arg", "message"),
    [
        (Input("tree", ("no",)), "`inputs.tree.no` does not exist: `inputs.tree` is a dict of 1 without the key 'no'"),
        (Ref(0, ("x", 1)), "`tasks.a[3].x[1]` does not exist: `tasks.a[3]` is a list of 1, which is indexed by ints"),
    ],
)
def test_selection_that_does_not_exist_is_a_failure_of_the_task(arg: Value, message: str) -> None:
    failure = run(together, [arg], given={"a[3]": [1]}).failure
    assert failure is not None
    assert (failure.kind, failure.traceback) == ("SelectionError", "")
    assert message in failure.message


def variables(*names: str) -> list[str | None]:
    return [os.environ.get(name) for name in names]


def test_variables_hold_while_the_function_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_OLD", "before")
    monkeypatch.delenv("TEST_NEW", raising=False)
    environ: dict[str, Variable] = {"TEST_OLD": "during", "TEST_NEW": Input("name"), "TEST_FLAG": Input("flag")}
    outcome = run(variables, "TEST_OLD", "TEST_NEW", "TEST_FLAG", environ=environ)
    assert outcome.outputs["t"] == ["during", "Ada", "true"]
    assert variables("TEST_OLD", "TEST_NEW", "TEST_FLAG") == ["before", None, None]


def test_children_of_the_function_inherit_the_variables() -> None:
    def child() -> str:
        script = "import os; print(os.environ['TEST_CHILD'])"
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    environ: dict[str, Variable] = {"TEST_CHILD": Input("tree", ("k", 1, "deep"))}
    assert run(child, environ=environ).outputs["t"] == "x\n"


class Leave(BaseException):
    pass


def fails() -> None:
    assert os.environ["TEST_A"] == "1"
    raise Leave


def never_ends() -> None:
    threading.Event().wait()


def deletes() -> None:
    del os.environ["TEST_A"]


@pytest.mark.parametrize("function", [fails, never_ends, deletes])
def test_variables_are_put_back_however_the_function_ends(
    function: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_B", "before")
    before = dict(os.environ)
    run(function, environ={"TEST_A": "1", "TEST_B": "2"}, timeout_s=0.05)
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Input("tree"), "the environment variable `TEST_A` is a dict of 1, and must be a text, a number or a bool"),
        (Input("nul"), "the environment variable `TEST_A` holds a NUL character"),
        (Input("tree", ("x",)), "`inputs.tree.x` does not exist"),
    ],
)
def test_input_that_no_variable_can_hold_is_a_failure_of_the_task(given: Input, message: str) -> None:
    before = dict(os.environ)
    failure = run(together, environ={"TEST_Z": "1", "TEST_A": given}).failure
    assert failure is not None and message in failure.message
    assert dict(os.environ) == before
