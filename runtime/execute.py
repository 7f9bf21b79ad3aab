"""Doing a task: arguments put together, a function called within a time limit or a command run, and an `Outcome`.

This is the boundary to user code: anything may be raised here, also what is no `Exception`, and all of it
becomes a failure of the task, never of the worker.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import FrameType

from runtime.code import CodeLoader, user_traceback
from runtime.command_fault import CommandFault
from runtime.conditions import ConditionFault, holds
from runtime.environ import VariableError, Variables, variable_text
from runtime.errors import RuntimeFault
from runtime.failure_names import names_of
from runtime.plan import Blob, Input, Leaf, Ref, Task, Variable, map_refs, slot_name
from runtime.remedies import FailedTask, chosen, skipped, substitutes
from runtime.selection import SelectionError, select
from runtime.stderr_tail import StderrTail
from runtime.trust import Packed
from runtime.user_errors import message_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFailure:
    """Why an attempt failed, in the user's terms. `names` is what `retry.on` may call it; () is `kind` alone."""

    kind: str
    message: str
    traceback: str = ""
    hint: str = ""
    stderr: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an attempt: the values of its slots, or a failure."""

    outputs: Mapping[str, object] = field(default_factory=dict)
    failure: TaskFailure | None = None


class TaskTimeout(BaseException):
    """Raised inside user code when its time is up; no `except Exception` of the user's swallows it."""


class Execution:
    """Runs tasks one after another.

    `literals(digest)` returns a large literal of the manifest, `inputs(name)` the value of an input of the run.
    """

    def __init__(self, loader: CodeLoader, literals: Callable[[str], object], inputs: Callable[[str], object]) -> None:
        self._loader = loader
        self._literals = literals
        self._inputs = inputs
        self._stderr = StderrTail()

    def listening(self) -> AbstractContextManager[None]:
        """Inside this block, what tasks write to their error output is kept for the record of their failure."""
        return self._stderr.listening()

    def run(self, task: Task, inputs: dict[str, object]) -> Outcome:
        """Call the task's function, or run its command, with the values of its in-edges (slot → value or `Packed`).

        Values that were packed stand unpacked in `inputs` afterwards. A task whose `when` is false gives null.
        """
        try:
            if self._is_skipped(task, inputs):
                return Outcome(outputs=skipped(task))
            result = self._command(task, inputs) if task.function.kind == "exec" else self._call(task, inputs)
        except TaskTimeout:
            message = f"{task.name} ran longer than its timeout of {task.timeout_s:g} s"
            return Outcome(failure=TaskFailure(kind="Timeout", message=message, stderr=self._stderr.text()))
        except (SelectionError, VariableError) as err:
            return _failed(type(err).__name__, str(err))
        except ConditionFault as err:
            return _failed("ConditionError", f"the `when` of {task.name} cannot be evaluated: {err}")
        except CommandFault as err:
            return Outcome(
                failure=TaskFailure(
                    kind=err.kind, message=err.message, hint=err.hint, stderr=err.stderr, names=err.names
                ),
            )
        except RuntimeFault:
            raise
        except BaseException as err:  # the boundary to user code
            if task.function.kind == "exec" and isinstance(err, KeyboardInterrupt):
                raise  # no code of the user's ran here: somebody interrupts this process
            return Outcome(
                failure=TaskFailure(
                    kind=type(err).__name__,
                    message=message_of(err),
                    traceback=user_traceback(err, self._loader),
                    stderr=self._stderr.text(),
                    names=names_of(err, task.retry.on),
                )
            )
        return self._outputs(task, result)

    def substitutes(self, task: Task, record: str) -> Mapping[str, object]:
        """The values that stand for the outputs of a task that has failed for good, by slot."""
        return substitutes(task, record, self._constant)

    def _is_skipped(self, task: Task, inputs: dict[str, object]) -> bool:
        if task.is_handler and not isinstance(_unpacked(inputs, task.in_edges[0].slot), FailedTask):
            return True
        if isinstance(task.when, bool):
            return not task.when
        with _time_limit(task.timeout_s):
            return not holds(task.when, self._values(task, inputs))

    def _call(self, task: Task, inputs: dict[str, object]) -> object:
        self._stderr.clear()
        function = self._loader.load(task.function)
        args, kwargs = self._bind(task, inputs)
        with Variables(self._environ(task)), _time_limit(task.timeout_s):
            return function(*args, **kwargs)

    def _command(self, task: Task, inputs: dict[str, object]) -> object:
        """A command keeps its own time, so that its processes end with it."""
        command = self._loader.command(task.function)
        words, options = self._bind(task, inputs)
        return command.run(words, options, self._environ(task), task.timeout_s)

    def _bind(self, task: Task, inputs: dict[str, object]) -> tuple[list[object], dict[str, object]]:
        value_of = self._values(task, inputs)
        return (
            [map_refs(arg, value_of) for arg in task.args],
            {name: map_refs(arg, value_of) for name, arg in task.kwargs.items()},
        )

    def _values(self, task: Task, inputs: dict[str, object]) -> Callable[[Leaf], object]:
        """What the leaves of a task's arguments, and of its `when`, stand for."""

        def value_along(edge: int) -> object:
            return _unpacked(inputs, task.in_edges[edge].slot)

        def value_of(leaf: Leaf) -> object:
            if not isinstance(leaf, Ref):
                return self._constant(leaf)
            value = chosen(leaf, value_along)
            return select(value, leaf.path, f"tasks.{task.in_edges[leaf.edge].slot}") if leaf.path else value

        return value_of

    def _constant(self, leaf: Leaf) -> object:
        assert not isinstance(leaf, Ref), "what no task gives stands here"
        return self._literals(leaf.digest) if isinstance(leaf, Blob) else self._input(leaf)

    def _input(self, leaf: Input) -> object:
        return select(self._inputs(leaf.name), leaf.path, f"inputs.{leaf.name}")

    def _environ(self, task: Task) -> dict[str, str]:
        return {name: self._variable(name, value) for name, value in task.environ}

    def _variable(self, name: str, value: Variable) -> str:
        try:
            return variable_text(self._input(value) if isinstance(value, Input) else value)
        except VariableError as err:
            raise VariableError(f"the environment variable `{name}` {err}") from err

    def _outputs(self, task: Task, result: object) -> Outcome:
        if not task.outputs:
            return Outcome(outputs={task.name: result})
        if not isinstance(result, dict) or set(result) != set(task.outputs):
            wanted = ", ".join(task.outputs)
            got = f"the keys {', '.join(map(str, result))}" if isinstance(result, dict) else _type_of(result)
            return _failed("OutputMismatch", f"{task.name} must return a dict with the keys {wanted}; it gave {got}")
        outputs = {slot_name(task.name, name): result[name] for name in task.outputs}
        if any(edge.output is None for edge in task.out_edges):
            outputs[task.name] = None
        return Outcome(outputs=outputs)


def _unpacked(inputs: dict[str, object], slot: str) -> object:
    value = inputs[slot]
    if isinstance(value, Packed):
        value = inputs[slot] = value.unpack()
    return value


def _type_of(value: object) -> str:
    return f"a value of type {type(value).__name__}"


def _failed(kind: str, message: str) -> Outcome:
    return Outcome(failure=TaskFailure(kind=kind, message=message))


@contextmanager
def alarm_handler() -> Iterator[None]:
    """While this is open, the alarm of `_time_limit` raises `TaskTimeout` in the main thread."""

    def on_alarm(signum: int, frame: FrameType | None) -> None:
        raise TaskTimeout

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGALRM, on_alarm)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, previous)


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Set the alarm; off the main thread there is no limit but the invocation's."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
