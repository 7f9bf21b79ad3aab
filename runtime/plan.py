"""The vocabulary that compiler and runtime share: instances, values with references, task records, classes.

Only frozen data and its walkers live here; how it is written to bytes is `runtime.bundle`, how it is
decided is `compiler.planner`, how it is executed is `runtime.worker`.

An *instance* is one task with its key path; its name (`leaf[3]`, `add[2]["x"]`) is its identity in
Redis, spans, history and errors. A *slot* is the name of one stored value: the instance's name, or
`name.output` for a task with several outputs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Union, cast

Key = Union[str, int, bool]
"""One element of a key path: the value itself, or a position."""

Value = Union[
    None, bool, int, float, str, "Ref", "Blob", "Input", "Secret", "Condition", list["Value"], dict[str, "Value"]
]
"""An argument as the manifest wrote it: JSON data in which a reference may stand anywhere; of `when` a condition."""

Variable = Union[str, "Input", "Secret"]
"""The value of an environment variable: a text, an input of the run that is written as one, or a secret."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference to the result of another instance.

    `edge` is the position in the task's `in_edges`; `path` selects lazily inside the run-time result
    (each element is applied as a subscript: str and int keys). `handlers` are the edges of the tasks that take over
    when that instance failed, one after another: the value is that of the first which did not fail.
    """

    edge: int
    path: tuple[str | int, ...] = ()
    handlers: tuple[int, ...] = ()

    @property
    def edges(self) -> tuple[int, ...]:
        """Every edge that the value may come along."""
        return (self.edge, *self.handlers)


@dataclass(frozen=True, slots=True)
class Blob:
    """A large literal, kept once under its digest (sha256 hex of its canonical JSON)."""

    digest: str


@dataclass(frozen=True, slots=True)
class Input:
    """An input of the workflow, given at launch. `path` selects inside its value, as a `Ref`'s does."""

    name: str
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret of the manifest, which the worker reads where `reference` says, such as `env:NAME`.

    `place` is where the manifest declares it, for messages: `workflow.yaml:8`.
    """

    name: str
    reference: str
    place: str = ""


Leaf = Union[Ref, Blob, Input, Secret]
"""What stands in a value for something that is elsewhere."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition over values that only a run knows: what `when` compiles to (`runtime.tasks.conditions` evaluates it).

    `operator` is "and", "or", "not", or a comparison: "eq", "ne", "lt", "lteq", "gt", "gteq", "in", "notin".
    Operands may be conditions.
    """

    operator: str
    operands: tuple[Value, ...]


def map_refs(value: Value, visit: Callable[[Leaf], object]) -> object:
    """Copy `value`, with every `Leaf` at any depth replaced by `visit(it)`.

    The one walker over nested references: expansion, digests, fetching and substitution all use it.
    Order is that of the lists and dicts.
    """
    match value:
        case Ref() | Blob() | Input() | Secret():
            return visit(value)
        case list():
            return [map_refs(item, visit) for item in value]
        case dict():
            return {key: map_refs(item, visit) for key, item in value.items()}
        case Condition(operator, operands):
            return Condition(operator, tuple([cast(Value, map_refs(item, visit)) for item in operands]))
        case _:
            return value


def iter_refs(value: Value) -> Iterator[Ref]:
    """Every `Ref` in `value`, in order of appearance."""
    found: list[Ref] = []

    def visit(leaf: Leaf) -> object:
        if isinstance(leaf, Ref):
            found.append(leaf)
        return leaf

    map_refs(value, visit)
    return iter(found)


def path_text(path: tuple[str | int, ...]) -> str:
    """A selection as a manifest writes it: `.k[0]["another key"]`."""
    return "".join(
        [
            f".{step}" if isinstance(step, str) and step.isidentifier() and step.isascii() else f"[{_step_text(step)}]"
            for step in path
        ]
    )


def _step_text(step: str | int) -> str:
    return json.dumps(step, ensure_ascii=False)


def instance_name(task: str, keys: tuple[Key, ...]) -> str:
    """`add[3]["x"]`: keys are written as JSON, so that 1, "1" and true differ."""
    return task + "".join([f"[{key if type(key) is int else json.dumps(key, ensure_ascii=False)}]" for key in keys])


def parse_instance_name(name: str) -> tuple[str, tuple[Key, ...]]:
    """The inverse of `instance_name`. Raises ValueError on a text that is no instance name."""
    task, bracket, _ = name.partition("[")
    keys: list[Key] = []
    at = len(task)
    decoder = json.JSONDecoder()
    while at < len(name):
        if name[at] != "[":
            raise ValueError(f"not an instance name: {name!r}")
        key, at = decoder.raw_decode(name, at + 1)
        if not isinstance(key, (str, int, bool)) or name[at : at + 1] != "]":
            raise ValueError(f"not an instance name: {name!r}")
        keys.append(key)
        at += 1
    if not task or (bracket and not keys):
        raise ValueError(f"not an instance name: {name!r}")
    return task, tuple(keys)


def slot_name(instance: str, output: str | None) -> str:
    """The name of a stored value: the instance's, or `instance.output`."""
    return instance if output is None else f"{instance}.{output}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class EnvClass:
    """What makes two environments interchangeable. `layer` is the digest of the requirements, "" for none."""

    memory_mb: int
    arch: str = "x86_64"
    python: str = "3.11"
    layer: str = ""

    @property
    def name(self) -> str:
        """A short stable name, fit for a Lambda function's: `1769-x86_64-py311-<8 hex or none>`."""
        return f"{self.memory_mb}-{self.arch}-py{self.python.replace('.', '')}-{self.layer[:8] or 'none'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """Where a task's callable is. `unit` is the sha256 hex of the code unit's bytes.

    kind "module": import `module` from the unit and take the dotted `qualname`.
    kind "pickle": the unit blob `pickle` is a cloudpickle of the callable; `unit` holds its modules.
    kind "exec": a command; `unit` is the digest of its executable, `qualname` its program as the manifest writes it.
    """

    unit: str
    module: str
    qualname: str
    kind: str = "module"
    pickle: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How failed attempts are repeated. `max` counts retries after the first attempt.

    `kills_only` is the default when the manifest says nothing: only a killed attempt is repeated.
    Times are in seconds.
    """

    max: int = 2
    kills_only: bool = True
    delay_s: float = 0.0
    backoff: float = 1.0
    max_delay_s: float | None = None
    jitter: str = "none"
    on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OnError:
    """What follows when a task has failed for good, its retries included.

    `action`: "fail" (the run fails), or what its consumers get: "skip" (null), "continue" (the error record), "value"
    (`value`; of a task with several outputs a dict, each part for its output), "task" (what a handler returns, which
    runs as an instance of its own).
    """

    action: str = "fail"
    value: Value = None


FAIL = OnError()


@dataclass(frozen=True, slots=True)
class Gate:
    """A bound on how many instances of a family, `name`, are in work at one time: it has so many places."""

    name: str
    places: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InEdge:
    """One input of a task: the value in `slot`, produced by `producer` (an instance name).

    `worker` is the producer's pinned worker, None when it is flexible.
    """

    producer: str
    output: str | None = None
    worker: str | None = None

    @property
    def slot(self) -> str:
        return self.producer if self.output is None else f"{self.producer}.{self.output}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutEdge:
    """One consumer of one output. `need` is the consumer's number of in-edges, `page` where its record is.

    `worker` is the consumer's pinned worker, None when it is flexible. `env` is its class, `gate` its family's.
    """

    consumer: str
    need: int
    env: EnvClass
    output: str | None = None
    worker: str | None = None
    page: int = -1
    gate: Gate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One instance as a worker sees it: what to call, with what, and whom it feeds.

    In-edges are distinct (producer, output) pairs in order of first appearance in the arguments,
    then those of `when` and of `after`. `page` is the page that holds this record, -1 in a pinned SubDag.
    `is_target`: the result must be stored, whatever its edges say. `is_idempotent`: running it twice is harmless; if
    not, nothing follows from it before its result is stored, and each attempt is written before it runs. `line` is the
    manifest's line, in `file` when that is not the main one: a path from its folder.
    `gate` bounds how many of its family are in work: such a task runs only where it is granted.
    `environ` are the environment variables of the call, (name, value) pairs; Lambda's 4 KB are for those of a
    function and do not limit these, which travel in the record. `has_secrets`: a secret is among them, or among the
    arguments, or an input that is one.
    `when` is a condition on the values of its in-edges, or a constant: a task for which it is false is skipped. So is
    a handler (`is_handler`) unless the task of its first in-edge failed.
    """

    name: str
    function: Function
    env: EnvClass
    args: tuple[Value, ...] = ()
    kwargs: Mapping[str, Value] = field(default_factory=dict)
    in_edges: tuple[InEdge, ...] = ()
    out_edges: tuple[OutEdge, ...] = ()
    outputs: tuple[str, ...] = ()
    worker: str | None = None
    page: int = -1
    is_target: bool = False
    is_idempotent: bool = True
    gate: Gate | None = None
    retry: Retry = Retry()
    timeout_s: float = 300.0
    line: int = 0
    file: str = ""
    environ: tuple[tuple[str, Variable], ...] = ()
    when: Value = True
    on_error: OnError = FAIL
    is_handler: bool = False
    has_secrets: bool = False

    @property
    def may_fail(self) -> bool:
        """The run goes on when it has failed for good."""
        return self.on_error.action != FAIL.action


@dataclass(frozen=True, slots=True, kw_only=True)
class SubDag:
    """The part of a graph that one worker holds: a pinned worker's tasks, or one page of flexible ones."""

    tasks: Mapping[str, Task]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry invocation: a worker and the instances that it starts with.

    A flexible entry is named by its first start task: `~leaf[0]`.
    """

    worker: str
    env: EnvClass
    start: tuple[str, ...]
    page: int = -1


def flexible_worker(start: str) -> str:
    """The name of the flexible worker that starts with the instance `start`."""
    return "~" + start


def is_flexible(worker: str) -> bool:
    return worker.startswith("~")
