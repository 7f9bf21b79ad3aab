"""Task records made by hand, for tests of the worker's parts."""

from __future__ import annotations

from runtime.plan import EnvClass, Function, InEdge, OutEdge, Ref, Task

ENV = EnvClass(memory_mb=1769)
FUNCTION = Function(unit="0" * 64, module="app", qualname="f")


def records(inputs: dict[str, list[str]], *, workers: dict[str, str] | None = None) -> dict[str, Task]:
    """One record per task from each one's inputs; tasks in `workers` are pinned, sinks are targets."""
    workers = workers or {}
    consumers: dict[str, list[str]] = {name: [] for name in inputs}
    for name, producers in inputs.items():
        for producer in producers:
            consumers[producer].append(name)

    def out_edge(consumer: str) -> OutEdge:
        page = -1 if consumer in workers else 0
        return OutEdge(consumer=consumer, need=len(inputs[consumer]), env=ENV, worker=workers.get(consumer), page=page)

    return {
        name: Task(
            name=name,
            function=FUNCTION,
            env=ENV,
            args=tuple(Ref(edge) for edge in range(len(producers))),
            in_edges=tuple(InEdge(producer=producer, worker=workers.get(producer)) for producer in producers),
            out_edges=tuple(map(out_edge, consumers[name])),
            worker=workers.get(name),
            page=-1 if name in workers else 0,
            is_target=not consumers[name],
        )
        for name, producers in inputs.items()
    }
