"""What a run gives back: values, figures, and the values put into the shape that the manifest asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runtime.plan import Blob, Ref, Value, map_refs, slot_name


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A finished run. `result` is the value of `result:`; with `outputs:` (or neither) a dict by name.

    `makespan_s` goes from the first entry invocation sent to the last output committed, computed once from
    the timeline; `wall_s` is the client's own waiting time. `result_kind`: "result", "outputs" or "sinks".
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is. `state`: "starting", "running", "collecting"."""

    state: str
    done: int
    total: int
    workers: int = 0
    note: str = ""


def result_slots(edges: tuple[tuple[str, str | None], ...]) -> list[str]:
    """The slots that the result refers to, in order of its edges."""
    return [slot_name(instance, output) for instance, output in edges]


def assemble(tree: Value, slots: list[str], values: Mapping[str, object], literals: Mapping[str, object]) -> object:
    """The result tree with each reference replaced by the value of its slot."""

    def value_of(leaf: Ref | Blob) -> object:
        if isinstance(leaf, Blob):
            return literals[leaf.digest]
        value = values[slots[leaf.edge]]
        for step in leaf.path:
            value = value[step]  # type: ignore[index]
        return value

    return map_refs(tree, value_of)
