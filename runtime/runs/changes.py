"""What a changed manifest or changed code means for a run that is resumed: which committed results still stand.

Each instance has a digest, Merkle-wise: of its function's fingerprint, its arguments, its environment variables, its
Python and requirements, and the digests of what it reads. An instance whose digest is as before keeps its results.
The digests are computed from the two bundles when a run is resumed with another one: no launch pays for them.

Memory, timeouts and retries are left out, as they do not change what a function returns: a run that failed for want of
memory is resumed with more of it, and repeats nothing. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from typing import cast

from runtime.bundle import LoadedBundle
from runtime.display import safe_repr
from runtime.pages import decode_subdag, encode_value
from runtime.plan import Input, Leaf, Secret, Task, Value, map_refs, parse_instance_name

CODE, ARGUMENTS, VARIABLES, CONDITION = "code", "arguments", "variables", "condition"
PLACE, OPTIONS = "place", "options"
WORDS: Mapping[str, str] = {
    CODE: "its function has changed",
    ARGUMENTS: "its arguments have changed",
    VARIABLES: "its environment variables have changed",
    CONDITION: "its `when` has changed",
    PLACE: "its Python or its requirements have changed",
    OPTIONS: "its options have changed",
}
TOLD = frozenset({"name", "function", "env", "args", "kwargs", "in_edges", "environ"})
APART = TOLD | {"out_edges", "worker", "page", "is_target", "retry", "timeout_s", "line", "file", "when", "on_error"}
"""Fields of a task that have a part of their own, or do not change what it returns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """An instance's own parts, what it reads, and the digest of all of it."""

    parts: Mapping[str, str]
    reads: tuple[str, ...]
    whole: str


def digests(bundle: LoadedBundle, inputs: Mapping[str, object], passed: Collection[str] = ()) -> dict[str, Digest]:
    """The digest of every instance, by name; the result of the `passed` ones is what their `on_error` says."""
    tasks = _tasks(bundle)
    marks = bundle.graph().fingerprints
    values = {name: _hashed(safe_repr(value, limit=1 << 30)) for name, value in inputs.items()}
    found: dict[str, Digest] = {}
    for name in _upstream_first(tasks):
        task = tasks[name]
        parts = _parts(task, marks, values, passed)
        reads = tuple(edge.producer for edge in task.in_edges)
        whole = _hashed([parts, [found[producer].whole for producer in reads]])
        found[name] = Digest(parts=parts, reads=reads, whole=whole)
    return found


def reasons(before: Mapping[str, Digest], after: Mapping[str, Digest]) -> dict[str, str]:
    """Why each instance of `after` that is not as it was `before` has to run (again), by name."""
    found: dict[str, str] = {}
    for name, digest in after.items():
        earlier = before.get(name)
        if earlier is None:
            found[name] = "it is new"
        elif digest.whole != earlier.whole:
            found[name] = _reason(digest, earlier, before, after)
    return found


def _reason(now: Digest, earlier: Digest, before: Mapping[str, Digest], after: Mapping[str, Digest]) -> str:
    for part, words in WORDS.items():
        if now.parts[part] != earlier.parts[part]:
            return words
    changed = [name for name in now.reads if name not in before or before[name].whole != after[name].whole]
    return f"it reads {changed[0]}" if changed else "what it waits for has changed"


def _parts(task: Task, marks: Mapping[str, str], inputs: Mapping[str, str], passed: Collection[str]) -> dict[str, str]:
    def written(value: Value) -> object:
        given = [_input(leaf, inputs) for leaf in _leaves(value) if isinstance(leaf, Input)]
        return encode_value(_without_places(value)), given

    edges = [(edge.producer, edge.output) for edge in task.in_edges]
    function = task.function
    unit = function.unit if function.kind == "exec" else marks.get(parse_instance_name(task.name)[0], function.unit)
    environ = [(name, written(value)) for name, value in task.environ]
    remedy = (task.on_error.action, written(task.on_error.value)) if task.name in passed else None
    rest = [(one.name, repr(getattr(task, one.name))) for one in fields(Task) if one.name not in APART]
    return {
        CODE: _hashed([function.kind, function.module, function.qualname, unit]),
        ARGUMENTS: _hashed([written(list(task.args)), written(dict(task.kwargs)), edges]),
        VARIABLES: _hashed(environ),
        PLACE: _hashed([task.env.python, task.env.layer]),
        CONDITION: _hashed(written(task.when)),
        OPTIONS: _hashed([remedy, *rest]),
    }


def _without_places(value: Value) -> Value:
    """A secret that is declared on another line is the same one."""
    return cast(Value, map_refs(value, lambda leaf: replace(leaf, place="") if isinstance(leaf, Secret) else leaf))


def _input(leaf: Input, inputs: Mapping[str, str]) -> str:
    return inputs.get(leaf.name, "")


def _leaves(value: Value) -> list[Leaf]:
    found: list[Leaf] = []

    def visit(leaf: Leaf) -> object:
        found.append(leaf)
        return leaf

    map_refs(value, visit)
    return found


def _tasks(bundle: LoadedBundle) -> dict[str, Task]:
    records: dict[str, Task] = {}
    for blob in (*map(bundle.subdag, bundle.workers), *map(bundle.page, range(len(bundle.pages)))):
        records.update(decode_subdag(blob).tasks)
    return records


def _upstream_first(tasks: Mapping[str, Task]) -> Iterator[str]:
    """Every name, after those that its task reads."""
    done: set[str] = set()
    for name in tasks:
        stack = [name]
        while stack:
            waiting = [edge.producer for edge in tasks[stack[-1]].in_edges if edge.producer not in done]
            if waiting:
                stack.append(waiting[0])
                continue
            if (ready := stack.pop()) not in done:
                done.add(ready)
                yield ready


def _hashed(value: object) -> str:
    return sha256(json.dumps(value, sort_keys=True, default=repr).encode("utf-8", "surrogatepass")).hexdigest()
