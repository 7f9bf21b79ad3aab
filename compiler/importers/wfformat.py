"""Traces of WfCommons, WfFormat 1.4 (https://github.com/wfcommons/WfFormat): JSON of one run of one workflow.

What is read, and how:
- A task is known by its `id` where all have one and no two the same, else by its `name` where that holds, else by its
  name with its position. `parents` and `children` may use either, and say the same thing.
- `category` groups tasks of one program; without one it is the name without an `_ID…` or a number at its end.
- `runtimeInSeconds` (`runtime`) and each file's `sizeInBytes` (`size`) are required, and in the range of
  what a machine could do (`MOST_S`, `MOST_BYTES`).
- A file that one task lists twice with one `link` counts once; the larger size of two is taken.
Every other field is counted and reported: nothing is made of it. All mistakes are told at once.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from compiler.importers.trace import FileKey, Trace, TraceInvalid, TraceTask

USED = frozenset({"id", "name", "category", "runtimeInSeconds", "runtime", "files", "parents", "children"})
USED_OF_FILES = frozenset({"link", "name", "path", "sizeInBytes", "size"})
MAX_TASKS = 200_000
MOST_S, MOST_BYTES = 10**9, 10**15
HINT = "traces of WfCommons in WfFormat 1.4 are understood"
TIMES = ("%Y-%m-%dT%H:%M:%S%z", "%m-%d-%yT%H:%M:%S%z", "%Y%m%dT%H%M%S%z")
_NUMBERED = re.compile(r"[_.-]?(?:ID)?[0-9]+$", re.IGNORECASE)


class TraceReader:
    """Reads one document; what is wrong is collected."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._wrong: list[str] = []
        self._notes: list[str] = []

    def read(self) -> Trace:
        """Raises `TraceInvalid` with everything that is wrong."""
        workflow = self._workflow()
        rows = self._rows(workflow)
        keys = self._keys(rows)
        by_name = _by_name(rows, keys)
        tasks = tuple(self._task(at, row, keys, by_name) for at, row in enumerate(rows))
        self._give_up_if_wrong()
        makespan = workflow.get("makespanInSeconds", workflow.get("makespan"))
        return Trace(
            name=str(self._document.get("name") or "trace"),
            tasks=_with_children(tasks, rows, keys, by_name),
            executed_at=_time(workflow.get("executedAt")),
            makespan_s=float(makespan) if _is_amount(makespan, MOST_S) else None,
            unused=_unused(rows),
            notes=tuple(self._notes),
        )

    def _workflow(self) -> Mapping[str, Any]:
        document = self._document
        workflow = document.get("workflow") if isinstance(document, dict) else None
        if not isinstance(workflow, dict):
            self._bad("it has no `workflow`")
            self._give_up_if_wrong()
        version = document.get("schemaVersion")
        if version != "1.4":
            self._bad(f"its schemaVersion is {version!r}, not '1.4'")
            self._give_up_if_wrong()
        assert isinstance(workflow, dict), "anything else was refused"
        return workflow

    def _rows(self, workflow: Mapping[str, Any]) -> list[dict[str, Any]]:
        rows = workflow.get("tasks", workflow.get("jobs"))
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            self._bad("workflow.tasks is no list of tasks")
        elif len(rows) > MAX_TASKS:
            self._bad(f"it has {len(rows):,} tasks; {MAX_TASKS:,} are taken at most")
        self._give_up_if_wrong()
        assert isinstance(rows, list), "anything else was refused"
        return rows

    def _keys(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        for field in ("id", "name"):
            found = [row.get(field) for row in rows]
            if all(isinstance(key, str) and key for key in found) and len(set(found)) == len(found):
                return [str(key) for key in found]
        names = [row.get("name") for row in rows]
        for at, name in enumerate(names):
            if not isinstance(name, str) or not name:
                self._bad(f"workflow.tasks[{at}] has no name")
        self._give_up_if_wrong()
        self._notes.append("neither ids nor names tell the tasks apart: their positions do")
        return [f"{name}#{at}" for at, name in enumerate(names)]

    def _task(
        self, at: int, row: Mapping[str, Any], keys: Sequence[str], by_name: Mapping[str, list[str]]
    ) -> TraceTask:
        where = f"workflow.tasks[{at}]"
        name = row.get("name")
        shown = name if isinstance(name, str) and name else keys[at]
        files = self._files(where, shown, row.get("files", []))
        category = row.get("category")
        return TraceTask(
            key=keys[at],
            name=shown,
            category=category if isinstance(category, str) and category else _NUMBERED.sub("", shown) or shown,
            runtime_s=self._amount(row, ("runtimeInSeconds", "runtime"), where, shown, MOST_S),
            reads=files["input"],
            writes=files["output"],
            parents=tuple(dict.fromkeys(self._named(where, "parents", row, by_name))),
        )

    def _named(self, where: str, field: str, row: Mapping[str, Any], by_name: Mapping[str, list[str]]) -> Iterator[str]:
        names = row.get(field) or []
        for name in names if isinstance(names, list) else [names]:
            found = by_name.get(name, []) if isinstance(name, str) else []
            if len(found) == 1:
                yield found[0]
            elif found:
                self._bad(f"{where}.{field}: `{name}` may be any of {len(found)} tasks")
            else:
                self._bad(f"{where}.{field}: there is no task `{name}`")

    def _files(self, where: str, task: str, rows: Any) -> dict[str, dict[FileKey, int]]:
        found: dict[str, dict[FileKey, int]] = {"input": {}, "output": {}}
        if not isinstance(rows, list):
            self._bad(f"{where}.files is no list")
            return found
        for at, row in enumerate(rows):
            place = f"{where}.files[{at}]"
            link = row.get("link") if isinstance(row, dict) else None
            if link not in found or not isinstance(row.get("name"), str) or not row["name"]:
                self._bad(f"{place} has no name, or a link that is neither input nor output")
                continue
            size = int(self._amount(row, ("sizeInBytes", "size"), place, f"{row['name']} of {task}", MOST_BYTES))
            key = (str(row.get("path") or "").strip("/"), row["name"])
            if key in found[link]:
                self._notes.append(f"{task} lists its {link} {row['name']} more than once: it counts once")
            found[link][key] = max(size, found[link].get(key, 0))
        return found

    def _amount(self, row: Mapping[str, Any], fields: Sequence[str], where: str, what: str, most: int) -> float:
        value = next((row[field] for field in fields if field in row), None)
        if value is not None and _is_amount(value, most):
            return float(value)
        said = "is missing" if value is None else f"is {value!r}"
        self._bad(f"{where}.{fields[0]} of {what} {said}: it is to be a number of 0 to {most:,}")
        return 0.0

    def _bad(self, message: str) -> None:
        self._wrong.append(message)

    def _give_up_if_wrong(self) -> None:
        if self._wrong:
            raise TraceInvalid(self._wrong, hint=HINT)


def read_wfformat(text: str) -> Trace:
    """The trace in this JSON text. Raises `TraceInvalid`."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise TraceInvalid([f"it is not JSON: {err}"], hint=HINT) from err
    return TraceReader(document).read()


def _by_name(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> dict[str, list[str]]:
    """Keys of the tasks that a reference may mean: by key, by id, by name."""
    found: dict[str, dict[str, None]] = {}
    for row, key in zip(rows, keys, strict=True):
        for name in (key, row.get("id"), row.get("name")):
            if isinstance(name, str):
                found.setdefault(name, {})[key] = None
    return {name: list(tasks) if name not in tasks else [name] for name, tasks in found.items()}


def _with_children(
    tasks: Sequence[TraceTask],
    rows: Sequence[Mapping[str, Any]],
    keys: Sequence[str],
    by_name: Mapping[str, list[str]],
) -> tuple[TraceTask, ...]:
    """The same tasks, `children` said the other way round; a child that is no task of the trace is nobody's."""
    parents = {task.key: dict.fromkeys(task.parents) for task in tasks}
    for row, key in zip(rows, keys, strict=True):
        for name in row.get("children") or []:
            for child in by_name.get(name, [])[:1] if isinstance(name, str) else []:
                parents[child][key] = None
    return tuple(
        TraceTask(
            key=task.key,
            name=task.name,
            category=task.category,
            runtime_s=task.runtime_s,
            reads=task.reads,
            writes=task.writes,
            parents=tuple(parents[task.key]),
        )
        for task in tasks
    )


def _unused(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    counts = Counter(field for row in rows for field in row if field not in USED)
    counts.update(
        f"files.{field}"
        for row in rows
        for file in row.get("files") or []
        if isinstance(file, dict)
        for field in file
        if field not in USED_OF_FILES
    )
    return dict(sorted(counts.items()))


def _is_amount(value: Any, most: int) -> bool:
    """Not NaN either, which is in no range."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= most


def _time(text: Any) -> float:
    """Seconds since 1970 of a time as traces write it, 0.0 of anything else."""
    for form in TIMES:
        try:
            return datetime.strptime(str(text).replace("Z", "+0000"), form).timestamp()
        except ValueError:
            continue
    return 0.0
