"""What a run gives back: values, figures, and the values put into the shape that the manifest asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runtime.errors import RunFailed
from runtime.plan import Blob, Input, Leaf, Secret, Value, map_refs, slot_name
from runtime.promise import Promise
from runtime.tasks.remedies import chosen
from runtime.tasks.selection import SelectionError, select
from runtime.timeline import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A finished run. `result` is the value of `result:`; with `outputs:` (or neither) a dict by name.

    `makespan_s` goes from the first entry invocation sent to the last output committed, computed once from
    the timeline; `wall_s` is the client's own waiting time. `result_kind`: "result", "outputs" or "sinks".
    `passed` are the error records of failures that `on_error` let pass. `cost_usd` is what Lambda takes for such a run,
    None where nobody knows the prices. `timeline` and `promise`, what was expected of the run, are None in what a
    record keeps of a result: they have places of their own there.
    """

    run: str
    result: object
    result_kind: str
    planner: str
    makespan_s: float
    wall_s: float
    tasks: int
    workers: int
    invocations: int
    cold_starts: int
    warm_starts: int
    bytes_moved: int
    passed: tuple[Mapping[str, object], ...] = ()
    cost_usd: float | None = None
    promise: Promise | None = field(default=None, repr=False)
    timeline: Timeline | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Ready:
    """The value of a result."""

    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is. `state`: "starting", "running", "collecting", "done".

    A run that is done has its result `ready`, while its last figures are gathered and its record is written.
    """

    state: str
    done: int
    total: int
    workers: int = 0
    note: str = ""
    ready: Ready | None = None


def result_slots(edges: tuple[tuple[str, str | None], ...]) -> list[str]:
    """The slots that the result refers to, in order of its edges."""
    return [slot_name(instance, output) for instance, output in edges]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the parts of a result are: stored values by slot, large literals by digest, the run's inputs by name."""

    values: Mapping[str, object]
    literals: Mapping[str, object]
    inputs: Mapping[str, object]


def assemble(tree: Value, slots: list[str], sources: Sources) -> object:
    """The result tree with what it refers to in its place. Raises RunFailed when a selection does not exist."""

    def value_of(leaf: Leaf) -> object:
        match leaf:
            case Blob(digest):
                return sources.literals[digest]
            case Input(name, path):
                return select(sources.inputs[name], path, f"inputs.{name}")
            case Secret():
                raise AssertionError("the compiler has seen that no secret is part of a result")
            case _:
                value = chosen(leaf, lambda edge: sources.values[slots[edge]])
                return select(value, leaf.path, f"tasks.{slots[leaf.edge]}")

    try:
        return map_refs(tree, value_of)
    except SelectionError as err:
        raise RunFailed(f"every task is done, but the result cannot be put together: {err}") from err
