"""Which task gives which file to which: the rules for what a trace says in two ways, or not quite.

1. A file that a task reads is the one with its path and name that another task wrote.
2. Where several tasks wrote one, the reader gets that of its declared parents; of several such, or of none, that of the
   last one in the trace that does not depend on the reader.
3. Where nobody wrote one with its path, a task that wrote one of its name does, by the same choice among several.
4. What nobody wrote comes from outside: it is no edge, and its reader reads as many bytes by itself.
5. A file that a task reads and writes comes from another task that wrote it before, or from outside.
6. A declared parent that gives no file is waited for. A file makes an edge whether it is declared or not.
Whatever is not rule 1, or rule 4 plainly, is noted. A circle is a mistake.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from compiler.importers.trace import FileKey, Trace, TraceInvalid, TraceTask, Transfer, Wiring


def wire(trace: Trace) -> Wiring:
    """The dependencies of the tasks. Raises `TraceInvalid` when they go in a circle."""
    return _Wiring(trace).wiring()


class _Wiring:
    def __init__(self, trace: Trace) -> None:
        self._tasks = {task.key: task for task in trace.tasks}
        self._place = {task.key: at for at, task in enumerate(trace.tasks)}
        self._writers: defaultdict[FileKey, list[str]] = defaultdict(list)
        self._by_name: defaultdict[str, list[tuple[str, FileKey]]] = defaultdict(list)
        self._before: dict[str, set[str]] = {task.key: set(task.parents) for task in trace.tasks}
        self._notes: list[str] = []
        for task in trace.tasks:
            for file in task.writes:
                self._writers[file].append(task.key)
                self._by_name[file[1]].append((task.key, file))

    def wiring(self) -> Wiring:
        transfers: list[Transfer] = []
        outside: dict[str, dict[FileKey, int]] = {}
        for task in self._certain_first():
            for file, size in task.reads.items():
                found = self._source(task, file)
                if found is None:
                    outside.setdefault(task.key, {})[file] = size
                    continue
                producer, written = found
                self._before[task.key].add(producer)
                transfers.append(Transfer(producer=producer, file=written, consumer=task.key, bytes=self._size(found)))
                self._compare(task, file, size, found)
        transfers.sort(key=lambda one: (self._place[one.consumer], self._place[one.producer], one.file))
        connected = {(one.producer, one.consumer) for one in transfers}
        controls = [
            (parent, task.key)
            for task in self._tasks.values()
            for parent in task.parents
            if (parent, task.key) not in connected
        ]
        self._count_undeclared(connected)
        return Wiring(
            transfers=tuple(transfers),
            controls=tuple(controls),
            outside=outside,
            order=self._order(),
            notes=tuple(self._notes),
        )

    def _certain_first(self) -> list[TraceTask]:
        """Files with one writer make edges before the others are chosen, so that a choice makes no circle."""
        for task in self._tasks.values():
            for file in task.reads:
                others = [writer for writer in self._writers.get(file, ()) if writer != task.key]
                if len(others) == 1:
                    self._before[task.key].add(others[0])
        return list(self._tasks.values())

    def _source(self, task: TraceTask, file: FileKey) -> tuple[str, FileKey] | None:
        exact = [(writer, file) for writer in self._writers.get(file, ()) if writer != task.key]
        if exact:
            return self._chosen(task, exact, f"the file {_shown(file)}")
        named = [(writer, other) for writer, other in self._by_name.get(file[1], ()) if writer != task.key]
        if not named or file in task.writes:
            return None
        chosen = self._chosen(task, named, f"a file named {file[1]}")
        if chosen is not None:
            self._notes.append(f"{task.name} reads {_shown(file)}, which nobody wrote: it gets {_shown(chosen[1])}")
        return chosen

    def _chosen(self, task: TraceTask, found: Sequence[tuple[str, FileKey]], what: str) -> tuple[str, FileKey] | None:
        if len(found) == 1:
            return found[0]
        declared = [one for one in found if one[0] in task.parents]
        if len(declared) == 1:
            return declared[0]
        after = self._descendants(task.key)
        possible = [one for one in declared or found if one[0] not in after]
        if not possible:
            return None
        last = max(possible, key=lambda one: self._place[one[0]])
        self._notes.append(f"{len(found)} tasks wrote {what}: {task.name} reads that of {self._tasks[last[0]].name}")
        return last

    def _descendants(self, key: str) -> set[str]:
        children: defaultdict[str, list[str]] = defaultdict(list)
        for child, parents in self._before.items():
            for parent in parents:
                children[parent].append(child)
        found: set[str] = {key}
        waiting = [key]
        while waiting:
            fresh = [child for child in children[waiting.pop()] if child not in found]
            found.update(fresh)
            waiting += fresh
        return found

    def _size(self, source: tuple[str, FileKey]) -> int:
        return self._tasks[source[0]].writes[source[1]]

    def _compare(self, task: TraceTask, file: FileKey, size: int, source: tuple[str, FileKey]) -> None:
        if size != self._size(source):
            self._notes.append(
                f"{task.name} reads {size:,} bytes of {_shown(file)}, "
                f"{self._tasks[source[0]].name} wrote {self._size(source):,}: what was written counts"
            )

    def _count_undeclared(self, connected: Iterable[tuple[str, str]]) -> None:
        undeclared = [pair for pair in connected if pair[0] not in self._tasks[pair[1]].parents]
        if undeclared:
            one = len(undeclared) == 1
            pairs = "1 pair of tasks is" if one else f"{len(undeclared):,} pairs of tasks are"
            self._notes.append(f"{pairs} connected by files alone: {'its' if one else 'their'} edges are kept")

    def _order(self) -> tuple[str, ...]:
        try:
            return tuple(TopologicalSorter(_sorted(self._before)).static_order())
        except CycleError as err:
            names = " -> ".join(self._tasks[key].name for key in err.args[1])
            raise TraceInvalid([f"tasks of the trace wait for one another: {names}"]) from err


def _sorted(before: Mapping[str, set[str]]) -> dict[str, list[str]]:
    return {key: sorted(parents) for key, parents in before.items()}


def _shown(file: FileKey) -> str:
    return "/".join(part for part in file if part)
