"""Doing a task: arguments put together, a function called within a time limit or a command run, and an `Outcome`.

This is the boundary to user code: anything may be raised here, also what is no `Exception`, and all of it
becomes a failure of the task, never of the worker.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf

from runtime.code import CodeLoader, user_traceback
from runtime.errors import RuntimeFault, ValueUnreadable
from runtime.machine.retries import SECRET_RETURNED, SECRET_UNAVAILABLE
from runtime.plan import Blob, Input, Leaf, Ref, Secret, Task, Variable, map_refs, slot_name
from runtime.secrecy.reading import RunSecrets
from runtime.secrecy.references import SecretReference, SecretUnavailable
from runtime.secrecy.returned import holds_secret
from runtime.tasks.command_fault import CommandFault
from runtime.tasks.conditions import ConditionFault, holds
from runtime.tasks.environ import VariableError, Variables, variable_text
from runtime.tasks.failure_names import names_of
from runtime.tasks.forks import end_fork
from runtime.tasks.process import STDERR_TAIL_BYTES, TERM_GRACE_S
from runtime.tasks.remedies import FailedTask, chosen, skipped, substitutes
from runtime.tasks.selection import SelectionError, select
from runtime.tasks.stderr_tail import StderrTail
from runtime.tasks.surroundings import Surroundings
from runtime.tasks.time_limit import OwnAlarm, TaskTimeout, TimeLimit
from runtime.tasks.user_errors import class_name, error_text, format_place, message_of
from runtime.values.copying import Shared, own_copy
from runtime.values.trust import Packed, unreadable


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
    """What came of an attempt: the values of its slots, or a failure.

    `is_cut`: it had less time than its `timeout`. `is_skipped`: its function was not called.
    """

    outputs: Mapping[str, object] = field(default_factory=dict)
    failure: TaskFailure | None = None
    is_cut: bool = False
    is_skipped: bool = False


class Execution:
    """Runs tasks one after another.

    `literals(digest)` returns a large literal of the manifest, `inputs(name)` the value of an input of the run.
    """

    def __init__(
        self,
        loader: CodeLoader,
        literals: Callable[[str], object],
        inputs: Callable[[str], object],
        secrets: RunSecrets,
    ) -> None:
        self._loader = loader
        self._literals = literals
        self._inputs = inputs
        self._secrets = secrets
        self._stderr = StderrTail(secrets.masks)
        self._limit = TimeLimit()
        self._pid = os.getpid()
        self._surroundings: Surroundings | None = None
        self._time_s = self._grace_s = 0.0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside this block alarms end tasks, and what they write to their error output is kept for their records."""
        with self._limit.listening(), self._stderr.listening():
            self._surroundings = surroundings = Surroundings()
            try:
                yield
            finally:
                surroundings.close()

    def run(
        self,
        task: Task,
        inputs: dict[str, object],
        left_s: float = inf,
        grace_s: float = TERM_GRACE_S,
    ) -> Outcome:
        """Call the task's function, or run its command, with the values of its in-edges by slot.

        The values are live, `Packed` or `Shared`. After `left_s` it is interrupted, though its `timeout` may be longer;
        a command has `grace_s` to end then. A task whose `when` is false gives null.
        """
        self._stderr.clear()
        is_short = left_s < task.timeout_s
        self._time_s, self._grace_s = (left_s, grace_s) if is_short else (task.timeout_s, TERM_GRACE_S)
        try:
            if (task.when is not True or task.is_handler) and self._is_skipped(task, inputs):
                return Outcome(outputs=skipped(task), is_skipped=True)
            given = self._read_secrets(task) if task.has_secrets else ()
            result = self._command(task, inputs) if task.function.kind == "exec" else self._call(task, inputs)
            is_secret = given and holds_secret(result, given)
            outcome = self._secret_returned(task) if is_secret else self._outputs(task, result)
        except TaskTimeout:
            message = f"{task.name} ran longer than its timeout of {task.timeout_s:g} s"
            outcome = replace(self._ended("Timeout", message), is_cut=is_short)
        except OwnAlarm:
            outcome = self._ended(
                "Alarm",
                f"an alarm that {task.name} set itself went off, and it has no handler for it",
                hint="give the task a `timeout`, or call signal.alarm(0) in time",
            )
        except (SelectionError, VariableError, ValueUnreadable) as err:
            outcome = _failed(type(err).__name__, str(err))
        except ConditionFault as err:
            outcome = _failed("ConditionError", f"the `when` of {task.name} cannot be evaluated: {err}")
        except CommandFault as err:
            outcome = Outcome(
                failure=TaskFailure(
                    kind=err.kind,
                    message=err.message,
                    hint=err.hint,
                    stderr=self._end_of_stderr(err.stderr),
                    names=err.names,
                ),
                is_cut=is_short and err.kind == "Timeout",
            )
        except SecretUnavailable as fault:
            outcome = Outcome(failure=TaskFailure(kind=SECRET_UNAVAILABLE, message=fault.message, hint=fault.hint))
        except RuntimeFault:
            raise
        except BaseException as err:  # the boundary to user code
            if task.function.kind == "exec" and isinstance(err, KeyboardInterrupt):
                raise  # no code of the user's ran here: somebody interrupts this process
            if os.getpid() != self._pid:
                end_fork(err, lambda err: user_traceback(err, self._loader))
            return Outcome(failure=self.failure_of(task, err))
        if os.getpid() != self._pid:
            end_fork(None, error_text)
        return outcome

    def tidy(self, task: Task, took_s: float) -> str:
        """Put back what the task changed in the process; returns why nothing more should run here, or ""."""
        if self._surroundings is None or task.function.kind == "exec":
            return ""
        self._surroundings.restore(task.name, took_s)
        return self._surroundings.spoiled

    def unfit(self, last: str) -> str:
        """After the last task: why this process should end with its invocation, or ""."""
        surroundings = self._surroundings
        if surroundings is None:
            return ""
        surroundings.look(last)
        return surroundings.spoiled or surroundings.stained

    def where(self) -> str:
        """Where in the user's code the main thread stands, as a traceback's lines."""
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        return format_place(frame, self._loader.user_files)

    def stderr_text(self) -> str:
        """The end of what the task that runs has written to its error output."""
        return self._stderr.text()

    def failure_of(self, task: Task, err: BaseException) -> TaskFailure:
        """What user code raised, in words. To look at an exception is to run user code again, which may do anything."""
        asked, kind = self._limit.asked, class_name(type(err))
        return TaskFailure(
            kind=kind,
            message=asked(lambda: message_of(err), ""),
            traceback=asked(lambda: user_traceback(err, self._loader), ""),
            stderr=self._stderr.text(),
            names=asked(lambda: names_of(err, task.retry.on), (kind,)),
        )

    def _ended(self, kind: str, message: str, hint: str = "") -> Outcome:
        return Outcome(failure=TaskFailure(kind=kind, message=message, hint=hint, stderr=self._stderr.text()))

    def substitutes(self, task: Task, record: str) -> Mapping[str, object]:
        """The values that stand for the outputs of a task that has failed for good, by slot."""
        return substitutes(task, record, self._constant)

    def _read_secrets(self, task: Task) -> tuple[str, ...]:
        """Every secret that the task takes, read before any of its code runs. Raises SecretUnavailable."""
        found: list[str] = []
        read_before = self._secrets.read_s

        def visit(leaf: Leaf) -> object:
            if isinstance(leaf, Secret):
                found.append(self._secrets.of_manifest(leaf))
            elif isinstance(leaf, Input) and isinstance(reference := self._inputs(leaf.name), SecretReference):
                found.append(self._secrets.of_input(leaf.name, reference))
            return leaf

        with self._limit.within(self._time_s):
            map_refs([*task.args, *task.kwargs.values(), *(value for _, value in task.environ)], visit)
        if self._surroundings is not None and self._secrets.read_s > read_before:
            self._surroundings.accept_streams()  # the log may be filtered now
        return tuple(found)

    def _secret_returned(self, task: Task) -> Outcome:
        message = f"{task.name} returns a secret that it was given, and results are stored and shown"
        hint = "return what you made of it; a task that needs the secret takes it itself"
        return Outcome(failure=TaskFailure(kind=SECRET_RETURNED, message=message, hint=hint))

    def _end_of_stderr(self, text: str) -> str:
        """What a command wrote, which may be the end of more: its bytes were counted, and a letter has four at most."""
        is_cut = len(text) >= STDERR_TAIL_BYTES // 4
        return self._secrets.masks.hide_in_tail(text, len(text), is_cut=is_cut)

    def _is_skipped(self, task: Task, inputs: dict[str, object]) -> bool:
        if task.is_handler and not isinstance(self._unpacked(inputs, task.in_edges[0].slot), FailedTask):
            return True
        if isinstance(task.when, bool):
            return not task.when
        with self._limit.within(self._time_s):
            return not holds(task.when, self._values(task, inputs))

    def _call(self, task: Task, inputs: dict[str, object]) -> object:
        function = self._loader.load(task.function)
        with self._limit.within(self._time_s):
            args, kwargs = self._bind(task, self._own_values(task, inputs))
            if not task.environ:
                return function(*args, **kwargs)
            with Variables(self._environ(task)):
                return function(*args, **kwargs)

    def _command(self, task: Task, inputs: dict[str, object]) -> object:
        """A command keeps its own time, so that its processes end with it."""
        command = self._loader.command(task.function)
        words, options = self._bind(task, self._values(task, inputs))
        return command.run(words, options, self._environ(task), self._time_s, self._grace_s)

    def _bind(self, task: Task, value_of: Callable[[Leaf], object]) -> tuple[list[object], dict[str, object]]:
        return (
            [map_refs(arg, value_of) for arg in task.args],
            {name: map_refs(arg, value_of) for name, arg in task.kwargs.items()},
        )

    def _own_values(self, task: Task, inputs: dict[str, object]) -> Callable[[Leaf], object]:
        """As `_values`, for a function, which may change what it gets."""
        value_of = self._values(task, inputs)

        def own(leaf: Leaf) -> object:
            if not isinstance(leaf, Ref):
                return own_copy(value_of(leaf))
            shared = [one for edge in leaf.edges if isinstance(one := inputs[task.in_edges[edge].slot], Shared)]
            if shared and not leaf.path and not leaf.handlers:
                value = self._made(task.in_edges[leaf.edge].slot, shared[0].copy)
                if not isinstance(value, FailedTask):
                    return value
            return own_copy(value_of(leaf)) if shared else value_of(leaf)

        return own

    def _values(self, task: Task, inputs: dict[str, object]) -> Callable[[Leaf], object]:
        """What the leaves of a task's arguments, and of its `when`, stand for."""

        def value_along(edge: int) -> object:
            return self._unpacked(inputs, task.in_edges[edge].slot)

        def value_of(leaf: Leaf) -> object:
            if not isinstance(leaf, Ref):
                return self._constant(leaf)
            value = value_along(leaf.edge)
            if isinstance(value, FailedTask):
                value = chosen(leaf, value_along)
            return select(value, leaf.path, f"tasks.{task.in_edges[leaf.edge].slot}") if leaf.path else value

        return value_of

    def _constant(self, leaf: Leaf) -> object:
        assert not isinstance(leaf, Ref), "what no task gives stands here"
        match leaf:
            case Blob():
                return self._literals(leaf.digest)
            case Secret():
                return self._secrets.of_manifest(leaf)
            case _:
                return self._input(leaf)

    def _unpacked(self, inputs: dict[str, object], slot: str) -> object:
        value = inputs[slot]
        if isinstance(value, Shared):
            return self._made(slot, value.whole)
        if isinstance(value, Packed):
            value = inputs[slot] = self._made(slot, value.unpack)
        return value

    def _made(self, slot: str, make: Callable[[], object]) -> object:
        try:
            return make()
        except (TaskTimeout, OwnAlarm):
            raise
        except BaseException as err:  # noqa: BLE001  unpickling is user code
            why = self._limit.asked(partial(error_text, err), class_name(type(err)))
            raise unreadable(slot, why) from None

    def _input(self, leaf: Input) -> object:
        value = self._inputs(leaf.name)
        if isinstance(value, SecretReference):
            return self._secrets.of_input(leaf.name, value)
        return select(value, leaf.path, f"inputs.{leaf.name}")

    def _environ(self, task: Task) -> dict[str, str]:
        return {name: self._variable(name, value) for name, value in task.environ}

    def _variable(self, name: str, value: Variable) -> str:
        try:
            return variable_text(value if isinstance(value, str) else self._constant(value))
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


def _type_of(value: object) -> str:
    return f"a value of type {type(value).__name__}"


def _failed(kind: str, message: str) -> Outcome:
    return Outcome(failure=TaskFailure(kind=kind, message=message))


def time_limit_failure(task: Task, limit_s: int, stderr: str) -> TaskFailure:
    """What becomes of an attempt that the end of its invocation cut, when no other invocation has more time for it."""
    if task.is_idempotent:
        message = f"{task.name} was not done after a whole invocation, which ends after {limit_s} s"
        hint = "split the task, or raise the limit where it is less than Lambda's 15 minutes"
    else:
        message = f"{task.name} was cut by the end of its invocation after {limit_s} s; it is not idempotent"
        hint = "give it a `timeout` that is well below the limit: it begins only with so much time left"
    names = ("TimeLimit", "Timeout")
    return TaskFailure(kind="TimeLimit", message=message, hint=hint, stderr=stderr, names=names)
