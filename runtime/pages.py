"""The codec of SubDags and pages: task records to bytes and back.

One format serves both: a pinned worker's SubDag (all its tasks with all their edges) and a page of
flexible tasks. What is *in* a page, and how large it may grow, is decided by `compiler.emit.layout`.

The bytes are compact JSON tables: JSON because its decoder is C in the standard library (the shipped
closure may hold nothing heavier), because the same tables give the same bytes everywhere, and because zlib
takes on the way what the text costs. Names, functions, classes and whole option sets are interned; an edge's
end is an integer *relative to the record's own position*, so that a regular graph repeats itself, which
compresses well:

    {"v": 1,
     "names":     own names in order of the records, then those of neighbours outside
     "functions": [unit, module, qualname, kind, pickle]
     "envs":      [memory_mb, arch, python, layer]
     "kinds":     [function, env, outputs, retry or 0, timeout_s, line, is_target, worker, page, more?]
     "origins":   [output, worker]                       of an in-edge
     "ends":      [need, env, output, worker, page, gate?]     of an out-edge; a gate is [name, places]
     "args":      interned argument trees
     "tasks":     [kind, args, [name, origin, name, origin...], [name, end, name, end...], kwargs or -1?, when?]}

What few tasks have stands by name in `more`: {"environ", "file", "on_error", "is_handler", "is_idempotent", "gate",
"has_secrets"}.
In a tree a reference is `{"$r": [edge, *path]}`, one to a task with handlers `{"$h": [[edge, *handlers], *path]}`,
a blob `{"$b": digest}`, an input of the run `{"$i": [name, *path]}`, a secret `{"$s": [name, reference, place]}` and a
condition `{"$c": [operator, *operands]}`;
a key of the user's that begins with "$" gets one more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring_ascii
from typing import Any, cast

from runtime.errors import BundleInvalid, SchemaVersionUnsupported
from runtime.plan import (
    Blob,
    Condition,
    EnvClass,
    Function,
    Gate,
    InEdge,
    Input,
    OnError,
    OutEdge,
    Ref,
    Retry,
    Secret,
    SubDag,
    Task,
    Value,
    Variable,
)
from runtime.values.collector import collector_paused

PAGES_VERSION = 2
SHORT_ARGS = 24
"""Scalar arguments up to this many characters stand in the record; longer ones and trees are interned."""

_TREES = (Ref, Blob, Input, Secret, Condition, list, tuple, dict)
_DEFAULT_RETRY = Retry()
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True)


class _Table:
    """Distinct rows in order of first use."""

    def __init__(self) -> None:
        self.rows: list[object] = []
        self._index: dict[object, int] = {}

    def add(self, key: object, row: object) -> int:
        index = self._index.get(key)
        if index is None:
            index = self._index[key] = len(self.rows)
            self.rows.append(row)
        return index

    def find(self, key: object) -> int | None:
        return self._index.get(key)


def dumps(data: object) -> str:
    """Compact JSON without a space, in the order given."""
    return _ENCODER.encode(data)


def env_row(env: EnvClass) -> list[object]:
    return [env.memory_mb, env.arch, env.python, env.layer]


def env_from_row(row: Any) -> EnvClass:
    memory_mb, arch, python, layer = row
    return EnvClass(memory_mb=memory_mb, arch=arch, python=python, layer=layer)


def encode_value(value: Value) -> object:
    """A value as JSON data, references and blobs tagged."""
    match value:
        case Ref(edge=edge, handlers=()):
            return {"$r": [edge, *value.path]}
        case Ref():
            return {"$h": [[*value.edges], *value.path]}
        case Blob():
            return {"$b": value.digest}
        case Input():
            return {"$i": [value.name, *value.path]}
        case Secret():
            return {"$s": [value.name, value.reference, value.place]}
        case Condition(operator, operands):
            return {"$c": [operator, *[encode_value(item) for item in operands]]}
        case list() | tuple():
            return [encode_value(item) for item in value]
        case dict():
            return {("$" + key if key.startswith("$") else key): encode_value(item) for key, item in value.items()}
        case _:
            return value


def value_text(value: Value | tuple[Value, ...]) -> str:
    """`dumps(encode_value(value))`, in one pass and without an encoder for the small values that most arguments are."""
    if type(value) is int:
        return str(value)
    if type(value) is Ref and not value.path and not value.handlers:
        return f'{{"$r":[{value.edge}]}}'
    if type(value) is str:
        return encode_basestring_ascii(value)
    if type(value) is tuple or type(value) is list:
        return f"[{','.join([value_text(item) for item in value])}]"
    return dumps([encode_value(item) for item in value] if isinstance(value, tuple) else encode_value(value))


def decode_value(data: Any) -> Value:
    """The inverse of `encode_value`."""
    if isinstance(data, list):
        return [decode_value(item) for item in data]
    if not isinstance(data, dict):
        return data  # type: ignore[no-any-return]
    if len(data) == 1:
        if (reference := data.get("$r")) is not None:
            return Ref(reference[0], tuple(reference[1:]))
        if (digest := data.get("$b")) is not None:
            return Blob(digest)
        if (given := data.get("$i")) is not None:
            return Input(given[0], tuple(given[1:]))
        if (secret := data.get("$s")) is not None:
            return Secret(*secret)
        if (handled := data.get("$h")) is not None:
            (edge, *handlers), *path = handled
            return Ref(edge, tuple(path), tuple(handlers))
        if (condition := data.get("$c")) is not None:
            return Condition(condition[0], tuple([decode_value(item) for item in condition[1:]]))
    return {(key[1:] if key.startswith("$") else key): decode_value(item) for key, item in data.items()}


class _Encoder:
    """Writes the tables. Records share most of their parts: these are known by identity, for hashing costs more."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.tasks = list(tasks)
        self.names: dict[str, int] = {task.name: position for position, task in enumerate(self.tasks)}
        assert len(self.names) == len(self.tasks), "a SubDag holds each task once"
        self.functions, self.envs, self.kinds = _Table(), _Table(), _Table()
        self.origins, self.ends, self.args = _Table(), _Table(), _Table()
        self._known: dict[object, int] = {}

    def encode(self) -> bytes:
        rows = [self._row(position, task) for position, task in enumerate(self.tasks)]
        return dumps(
            {
                "v": PAGES_VERSION,
                "names": list(self.names),
                "functions": self.functions.rows,
                "envs": self.envs.rows,
                "kinds": self.kinds.rows,
                "origins": self.origins.rows,
                "ends": self.ends.rows,
                "args": self.args.rows,
                "tasks": rows,
            }
        ).encode()

    def _row(self, position: int, task: Task) -> list[object]:
        ins: list[int] = []
        for source in task.in_edges:
            origin = (source.output, source.worker)
            ins += (self._name(source.producer) - position, self.origins.add(origin, origin))
        outs: list[int] = []
        for target in task.out_edges:
            end: tuple[object, ...] = (target.need, self._env(target.env), target.output, target.worker, target.page)
            if target.gate is not None:
                end = (*end, (target.gate.name, target.gate.places))
            outs += (self._name(target.consumer) - position, self.ends.add(end, end))
        row: list[object] = [self._kind(task), self._args(task.args), ins, outs]
        if task.kwargs or task.when is not True:
            kwargs = dict(task.kwargs)
            row.append(self._intern(kwargs, value_text(kwargs)) if kwargs else -1)
        if task.when is not True:
            row.append(self._intern(task.when, value_text(task.when)))
        return row

    def _name(self, name: str) -> int:
        return self.names.setdefault(name, len(self.names))

    def _env(self, env: EnvClass) -> int:
        index = self._known.get(id(env))
        if index is None:
            index = self._known[id(env)] = self.envs.add(env, env_row(env))
        return index

    def _kind(self, task: Task) -> int:
        shared = (id(task.function), id(task.env), id(task.outputs), id(task.retry), id(task.environ), task.file)
        known = (
            *shared,
            task.timeout_s,
            task.line,
            task.is_target,
            task.worker,
            task.page,
            id(task.on_error),
            task.is_idempotent,
            task.gate,
            task.has_secrets,
        )
        index = self._known.get(known)
        if index is None:
            index = self._known[known] = self._new_kind(task)
        return index

    def _new_kind(self, task: Task) -> int:
        code = task.function
        function = self.functions.add(code, [code.unit, code.module, code.qualname, code.kind, code.pickle])
        more = _more(task)
        place = task.line, dumps(more)
        key = (function, task.env, task.outputs, task.retry, task.timeout_s, place, task.is_target)
        row: list[object] = [
            function,
            self._env(task.env),
            task.outputs,
            _retry_row(task.retry),
            task.timeout_s,
            task.line,
            int(task.is_target),
            task.worker,
            task.page,
        ]
        if more:
            row.append(more)
        return self.kinds.add((*key, task.worker, task.page), row)

    def _args(self, args: tuple[Value, ...]) -> object:
        text = value_text(args)
        if len(text) <= SHORT_ARGS and not any([isinstance(item, _TREES) for item in args]):
            return list(args)
        return self._intern(list(args), text)

    def _intern(self, value: Value, text: str) -> int:
        index = self.args.find(text)
        return self.args.add(text, encode_value(value)) if index is None else index


def _more(task: Task) -> dict[str, object]:
    """What few tasks have, by name."""
    more: dict[str, object] = {}
    if task.environ:
        more["environ"] = encode_value(dict(task.environ))
    if task.file:
        more["file"] = task.file
    if task.may_fail:
        more["on_error"] = [task.on_error.action, encode_value(task.on_error.value)]
    if task.is_handler:
        more["is_handler"] = True
    if not task.is_idempotent:
        more["is_idempotent"] = False
    if task.has_secrets:
        more["has_secrets"] = True
    if task.gate is not None:
        more["gate"] = [task.gate.name, task.gate.places]
    return more


def _from_more(more: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(more)
    if "environ" in fields:
        fields["environ"] = tuple(cast(dict[str, Variable], decode_value(fields["environ"])).items())
    if "on_error" in fields:
        action, value = fields["on_error"]
        fields["on_error"] = OnError(action=action, value=decode_value(value))
    if "gate" in fields:
        fields["gate"] = Gate(*fields["gate"])
    return fields


def _retry_row(retry: Retry) -> object:
    if retry == _DEFAULT_RETRY:
        return 0
    limit = retry.max_delay_s
    return [retry.max, retry.kills_only, retry.delay_s, retry.backoff, limit, retry.jitter, retry.on]


def _retry(row: Any) -> Retry:
    if row == 0:
        return _DEFAULT_RETRY
    count, kills_only, delay_s, backoff, limit, jitter, on = row
    return Retry(
        max=count,
        kills_only=kills_only,
        delay_s=delay_s,
        backoff=backoff,
        max_delay_s=limit,
        jitter=jitter,
        on=tuple(on),
    )


def encode_subdag(tasks: Iterable[Task]) -> bytes:
    """Task records as bytes: the same tasks in the same order always give the same bytes."""
    return _Encoder(tasks).encode()


def decode_subdag(data: bytes) -> SubDag:
    """The records in `data`.

    Raises `SchemaVersionUnsupported` (E605) for another format and `BundleInvalid` (E603) for garbage.
    """
    try:
        with collector_paused(ages=False):
            tables = json.loads(data)
            version = tables["v"]
            if version == PAGES_VERSION:
                return SubDag(tasks=_decode_tasks(tables))
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as err:
        raise BundleInvalid(f"the task records cannot be read: {err}", hint="build the bundle again") from err
    raise SchemaVersionUnsupported(
        f"task records of format {version}, but this runtime reads format {PAGES_VERSION}",
        hint="build the bundle again with this version of treadle",
    )


def _decode_tasks(tables: Any) -> Mapping[str, Task]:
    names = tables["names"]
    functions = [Function(unit=u, module=m, qualname=q, kind=k, pickle=p) for u, m, q, k, p in tables["functions"]]
    envs = [env_from_row(row) for row in tables["envs"]]
    kinds = [_kind(row, functions, envs) for row in tables["kinds"]]
    origins = tables["origins"]
    ends = [_end(envs, row) for row in tables["ends"]]
    trees = [decode_value(tree) for tree in tables["args"]]
    tasks: dict[str, Task] = {}
    for position, (kind, args, ins, outs, *others) in enumerate(tables["tasks"]):
        function, env, outputs, retry, timeout_s, line, target, worker, page, more = kinds[kind]
        name = names[position]
        tasks[name] = Task(
            name=name,
            function=function,
            env=env,
            args=tuple(args if isinstance(args, list) else trees[args]),
            kwargs=trees[others[0]] if others and others[0] >= 0 else {},
            in_edges=_in_edges(names, position, ins, origins) if ins else (),
            out_edges=_out_edges(names, position, outs, ends) if outs else (),
            outputs=outputs,
            worker=worker,
            page=page,
            is_target=target,
            retry=retry,
            timeout_s=timeout_s,
            line=line,
            when=trees[others[1]] if len(others) > 1 else True,
            **more,
        )
    return tasks


def _kind(row: Any, functions: list[Function], envs: list[EnvClass]) -> tuple[Any, ...]:
    code, env, outputs, retry, timeout_s, line, target, worker, page, *more = row
    whole = (functions[code], envs[env], tuple(outputs), _retry(retry))
    return (*whole, timeout_s, line, bool(target), worker, page, _from_more(more[0]) if more else {})


def _in_edges(names: list[str], position: int, row: list[int], origins: Any) -> tuple[InEdge, ...]:
    pairs = iter(row)
    return tuple(
        [
            InEdge(producer=names[position + name], output=output, worker=worker)
            for name, origin in zip(pairs, pairs, strict=True)
            for output, worker in (origins[origin],)
        ]
    )


def _end(envs: list[EnvClass], row: list[Any]) -> tuple[Any, ...]:
    need, env, output, worker, page, *gate = row
    return need, envs[env], output, worker, page, Gate(*gate[0]) if gate else None


def _out_edges(names: list[str], position: int, row: list[int], ends: list[Any]) -> tuple[OutEdge, ...]:
    pairs = iter(row)
    return tuple(
        [
            OutEdge(
                consumer=names[position + name], need=need, env=env, output=output, worker=worker, page=page, gate=gate
            )
            for name, end in zip(pairs, pairs, strict=True)
            for need, env, output, worker, page, gate in (ends[end],)
        ]
    )
