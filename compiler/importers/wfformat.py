"""Traces of WfCommons in WfFormat (https://github.com/wfcommons/WfFormat): JSON of one run of one workflow.

What is read, and how:
- Versions 1.0 to 1.6, in both layouts (`compiler.importers.layouts`).
- A task is known by its `id` where all have one and no two the same, else by its `name` where that holds, else by its
  name with its position. `parents` and `children` may use either, and say the same thing; a child that is no task of
  the trace is nobody's, and noted.
- `category` groups tasks of one program; without one it is the name, of which an `_ID…` or a number at the end is left
  out unless several tasks have that very name.
- `runtimeInSeconds` (before 1.4 `runtime`) and the size of each file are required, and in the range of what a machine
  could do (`MOST_S`, `MOST_BYTES`).
- A file that one task lists twice with one `link` counts once; the larger size of two is taken.
Every other field of tasks and files is counted and reported: nothing is made of it. All mistakes are told at once.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from compiler.importers.layouts import Rows, Said, TaskRow, rows_of
from compiler.importers.trace import FileKey, Trace, TraceInvalid, TraceTask

VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6")
MAX_TASKS = 200_000
MOST_S, MOST_BYTES = 10**9, 10**15
HINT = f"traces of WfCommons in WfFormat {VERSIONS[0]} to {VERSIONS[-1]} are understood"
TIMES = ("%m-%d-%yT%H:%M:%S%z", "%Y%m%dT%H%M%S%z")
_NUMBERED = re.compile(r"[_.-]?(?:ID)?[0-9]+$", re.IGNORECASE)


class TraceReader:
    """Reads one document; what is wrong is collected."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._wrong: list[str] = []
        self._notes: list[str] = []

    def read(self) -> Trace:
        """Raises `TraceInvalid` with everything that is wrong."""
        rows = self._rows(self._workflow())
        keys = self._keys(rows.tasks)
        by_name = _by_name(rows.tasks, keys)
        shared = {name for name, count in Counter(row.fields.get("name") for row in rows.tasks).items() if count > 1}
        tasks = [self._task(row, key, by_name, shared) for row, key in zip(rows.tasks, keys, strict=True)]
        parents = self._parents(tasks, rows.tasks, by_name)
        self._give_up_if_wrong()
        return Trace(
            name=str(self._document.get("name") or "trace"),
            tasks=tuple(replace(task, parents=tuple(parents[task.key])) for task in tasks),
            executed_at=_time(rows.executed_at),
            makespan_s=float(rows.makespan) if rows.makespan and _is_amount(rows.makespan, MOST_S) else None,
            unused=rows.unused,
            notes=tuple(self._notes),
        )

    def _workflow(self) -> Mapping[str, Any]:
        document = self._document
        workflow = document.get("workflow") if isinstance(document, dict) else None
        if not isinstance(workflow, dict):
            self._bad("it has no `workflow`")
            self._give_up_if_wrong()
        version = document.get("schemaVersion")
        if version not in VERSIONS:
            self._bad("it has no schemaVersion" if version is None else f"its schemaVersion is {version!r}")
            self._give_up_if_wrong()
        assert isinstance(workflow, dict), "anything else was refused"
        return workflow

    def _rows(self, workflow: Mapping[str, Any]) -> Rows:
        rows = rows_of(workflow)
        self._wrong += rows.wrong
        self._notes += rows.notes
        if len(rows.tasks) > MAX_TASKS:
            self._bad(f"it has {len(rows.tasks):,} tasks; {MAX_TASKS:,} are taken at most")
            self._give_up_if_wrong()
        if not rows.tasks:
            self._give_up_if_wrong()
        return rows

    def _keys(self, rows: Sequence[TaskRow]) -> list[str]:
        for field in ("id", "name"):
            found = [row.fields.get(field) for row in rows]
            if all(isinstance(key, str) and key for key in found) and len(set(found)) == len(found):
                return [str(key) for key in found]
        names = [row.fields.get("name") for row in rows]
        for row, name in zip(rows, names, strict=True):
            if not isinstance(name, str) or not name:
                self._bad(f"{row.place} has no name")
        self._give_up_if_wrong()
        self._notes.append("neither ids nor names tell the tasks apart: their positions do")
        return [f"{name}#{at}" for at, name in enumerate(names)]

    def _task(self, row: TaskRow, key: str, by_name: Mapping[str, list[str]], shared: Container[Any]) -> TraceTask:
        files = self._files(row)
        return TraceTask(
            key=key,
            name=row.shown,
            category=_category(row, shared),
            runtime_s=self._amount(row.runtime, MOST_S) if row.runtime else 0.0,
            reads=files["input"],
            writes=files["output"],
            parents=tuple(self._tasks(row, "parents", by_name)),
        )

    def _parents(
        self, tasks: Sequence[TraceTask], rows: Sequence[TaskRow], by_name: Mapping[str, list[str]]
    ) -> dict[str, dict[str, None]]:
        """Of each task, `children` said the other way round."""
        found = {task.key: dict.fromkeys(task.parents) for task in tasks}
        for task, row in zip(tasks, rows, strict=True):
            for child in self._tasks(row, "children", by_name):
                found[child][task.key] = None
        return found

    def _tasks(self, row: TaskRow, field: str, by_name: Mapping[str, list[str]]) -> Iterator[str]:
        """The keys of those that a task names."""
        names = row.fields.get(field) or []
        for name in names if isinstance(names, list) else [names]:
            found = by_name.get(name, []) if isinstance(name, str) else []
            if len(found) == 1:
                yield found[0]
            elif found:
                self._bad(f"{row.place}.{field}: `{name}` may be any of {len(found)} tasks")
            elif field == "children":
                self._notes.append(f"{row.shown} has the child {_quoted(name)}, which is no task of the trace")
            else:
                self._bad(f"{row.place}.{field}: there is no task {_quoted(name)}")

    def _files(self, row: TaskRow) -> dict[str, dict[FileKey, int]]:
        found: dict[str, dict[FileKey, int]] = {"input": {}, "output": {}}
        for file in row.files:
            size = int(self._amount(file.size, MOST_BYTES))
            key = (file.path.strip("/"), file.name)
            if key in found[file.link]:
                self._notes.append(f"{row.shown} lists its {file.link} {file.name} more than once: it counts once")
            found[file.link][key] = max(size, found[file.link].get(key, 0))
        return found

    def _amount(self, said: Said, most: int) -> float:
        if _is_amount(said.value, most):
            return float(said.value)
        what = "is missing" if said.value is None else f"is {said.value!r}"
        self._bad(f"{said.place} of {said.of} {what}: it is to be a number of 0 to {most:,}")
        return 0.0

    def _bad(self, message: str) -> None:
        self._wrong.append(message)

    def _give_up_if_wrong(self) -> None:
        if self._wrong:
            raise TraceInvalid(tuple(dict.fromkeys(self._wrong)), hint=HINT)


def read_wfformat(text: str) -> Trace:
    """The trace in this JSON text. Raises `TraceInvalid`."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise TraceInvalid([f"it is not JSON: {err}"], hint=HINT) from err
    return TraceReader(document).read()


def _by_name(rows: Sequence[TaskRow], keys: Sequence[str]) -> dict[str, list[str]]:
    """Keys of the tasks that a reference may mean: by key, by id, by name."""
    found: dict[str, dict[str, None]] = {}
    for row, key in zip(rows, keys, strict=True):
        for name in (key, row.fields.get("id"), row.fields.get("name")):
            if isinstance(name, str):
                found.setdefault(name, {})[key] = None
    return {name: list(tasks) if name not in tasks else [name] for name, tasks in found.items()}


def _category(row: TaskRow, shared: Container[Any]) -> str:
    """`shared` are the names that several tasks have."""
    category, name = row.fields.get("category"), row.fields.get("name")
    if isinstance(category, str) and category:
        return category
    if isinstance(name, str) and name in shared:
        return name
    shown = name if isinstance(name, str) and name else row.shown
    return _NUMBERED.sub("", shown) or shown


def _quoted(name: Any) -> str:
    return f"`{name}`" if isinstance(name, str) else repr(name)


def _is_amount(value: Any, most: int) -> bool:
    """Not NaN either, which is in no range."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= most


def _time(text: Any) -> float:
    """Seconds since 1970 of a time as traces write it, 0.0 of anything else."""
    try:
        return max(0.0, datetime.fromisoformat(str(text)).timestamp())
    except (ValueError, OverflowError, OSError):
        return next(filter(None, (_time_as(form, str(text)) for form in TIMES)), 0.0)


def _time_as(form: str, text: str) -> float:
    try:
        return max(0.0, datetime.strptime(text.replace("Z", "+0000"), form).timestamp())
    except (ValueError, OverflowError, OSError):
        return 0.0
