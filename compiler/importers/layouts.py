"""The two layouts of WfFormat as one list of rows, each value with its place in the trace.

Up to 1.4 a task is one object that has its run time and its files. Since 1.5 `workflow.specification` lists tasks and
files apart, and `workflow.execution` what each task took; ids connect the three. Which layout it is, the trace shows.
Not responsible for what values mean or whether they are possible (`compiler.importers.wfformat`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Fields = Mapping[str, Any]
USED = frozenset({"id", "name", "category", "runtimeInSeconds", "runtime", "files", "parents", "children"})
USED_OF_FILES = frozenset({"link", "name", "path", "sizeInBytes", "size"})
USED_OF_SPECIFICATION = frozenset({"id", "name", "category", "parents", "children", "inputFiles", "outputFiles"})
USED_OF_EXECUTION = frozenset({"id", "category", "runtimeInSeconds"})
LINKS = {"inputFiles": "input", "outputFiles": "output"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A value as it stands in a trace, None where it does not: its place, and what it is of."""

    place: str
    of: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A file that a task reads (`link` is input) or writes (output). `path` is "" where the layout has none."""

    link: str
    name: str
    path: str
    size: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """A task. `fields` has `id`, `name`, `category`, `parents` and `children` as they were found.

    `shown` is its name for people, `runtime` None where it is told in `wrong` that there is none.
    """

    place: str
    shown: str
    fields: Fields
    runtime: Said | None
    files: tuple[FileRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All of a trace's tasks, none where what they took is nowhere; `wrong` are the mistakes that left out a value.

    `unused` is how often each field occurs that nothing is made of.
    """

    tasks: tuple[TaskRow, ...]
    executed_at: Any
    makespan: Any
    unused: Mapping[str, int]
    wrong: tuple[str, ...]
    notes: tuple[str, ...]


def rows_of(workflow: Fields) -> Rows:
    """The rows of what stands under `workflow`."""
    return _Split(workflow).rows() if "specification" in workflow else _Flat(workflow).rows()


class _Layout:
    def __init__(self, workflow: Fields) -> None:
        self._workflow = workflow
        self._wrong: list[str] = []
        self._notes: list[str] = []
        self._unused: Counter[str] = Counter()

    def _objects(self, owner: Any, field: str, place: str, what: str) -> list[Fields]:
        """The objects of a list that is to have some."""
        found = owner.get(field) if isinstance(owner, dict) else None
        if isinstance(found, list) and found and all(isinstance(row, dict) for row in found):
            return found
        self._wrong.append(f"{place}.{field} is no list of {what}")
        return []

    def _rows(self, tasks: Sequence[TaskRow], recorded: Fields) -> Rows:
        return Rows(
            tasks=tuple(tasks),
            executed_at=recorded.get("executedAt"),
            makespan=recorded.get("makespanInSeconds", recorded.get("makespan")),
            unused=dict(sorted(self._unused.items())),
            wrong=tuple(self._wrong),
            notes=tuple(dict.fromkeys(self._notes)),
        )


class _Flat(_Layout):
    """1.0 to 1.4; before 1.3 tasks are called jobs."""

    def rows(self) -> Rows:
        field = "jobs" if "tasks" not in self._workflow and "jobs" in self._workflow else "tasks"
        found = self._objects(self._workflow, field, "workflow", "tasks")
        return self._rows([self._task(f"workflow.{field}[{at}]", row) for at, row in enumerate(found)], self._workflow)

    def _task(self, place: str, row: Fields) -> TaskRow:
        self._unused.update(field for field in row if field not in USED)
        name = _named(row) or place
        return TaskRow(
            place=place,
            shown=name,
            fields=row,
            runtime=_said(row, ("runtimeInSeconds", "runtime"), place, name),
            files=tuple(self._files(place, name, row.get("files") or [])),
        )

    def _files(self, place: str, task: str, rows: Any) -> Iterator[FileRow]:
        if not isinstance(rows, list):
            self._wrong.append(f"{place}.files is no list")
            return
        for at, row in enumerate(rows):
            here = f"{place}.files[{at}]"
            fields = row if isinstance(row, dict) else {}
            link, name = str(fields.get("link")).lower(), fields.get("name")
            if link not in LINKS.values() or not isinstance(name, str) or not name:
                self._wrong.append(f"{here} has no name, or a link that is neither input nor output")
                continue
            self._unused.update(f"files.{field}" for field in fields if field not in USED_OF_FILES)
            size = _said(fields, ("sizeInBytes", "size"), here, f"{name} of {task}")
            yield FileRow(link=link, name=name, path=str(fields.get("path") or ""), size=size)


class _Split(_Layout):
    """Since 1.5. A file is its id, whatever slashes are in it."""

    def rows(self) -> Rows:
        specification, execution = self._workflow.get("specification"), self._workflow.get("execution")
        place = "workflow.specification"
        tasks = self._by_id(self._objects(specification, "tasks", place, "tasks"), f"{place}.tasks")
        sizes = self._sizes(specification.get("files") if isinstance(specification, dict) else None)
        took = self._took(execution, tasks)
        found = [self._task(at, row, took.get(row["id"]), sizes) for row, at in tasks.values()] if took else []
        return self._rows(found, execution if isinstance(execution, dict) else {})

    def _by_id(self, rows: Sequence[Fields], place: str) -> dict[str, tuple[Fields, str]]:
        """Each with its place."""
        found: dict[str, tuple[Fields, str]] = {}
        for at, row in enumerate(rows):
            here, key = f"{place}[{at}]", row.get("id")
            if not isinstance(key, str) or not key:
                self._wrong.append(f"{here} has no id")
            elif key in found:
                self._wrong.append(f"{here}.id is `{key}`, as that of {found[key][1]}")
            else:
                found[key] = (row, here)
        return found

    def _took(self, execution: Any, tasks: Mapping[str, object]) -> dict[str, tuple[Fields, str]]:
        if execution is None:
            self._wrong.append("it has no `workflow.execution`: what its tasks took was not recorded")
            return {}
        place = "workflow.execution.tasks"
        took = self._by_id(self._objects(execution, "tasks", "workflow.execution", "tasks"), place)
        strangers = [(key, here) for key, (_, here) in took.items() if tasks and key not in tasks]
        self._wrong += [f"{here}.id: there is no task `{key}` in workflow.specification" for key, here in strangers]
        return took

    def _sizes(self, rows: Any) -> dict[str, Said]:
        """Of each file by its id; of one that is listed twice the larger size."""
        found: dict[str, Said] = {}
        if rows is not None and not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
            self._wrong.append("workflow.specification.files is no list of files")
            return found
        for at, row in enumerate(rows or []):
            place = f"workflow.specification.files[{at}]"
            name = row.get("id")
            if not isinstance(name, str) or not name:
                self._wrong.append(f"{place} has no id")
                continue
            self._unused.update(f"files.{field}" for field in row if field not in ("id", "sizeInBytes"))
            size = _said(row, ("sizeInBytes",), place, name)
            if name in found:
                self._notes.append(f"the file {name} is listed more than once: its largest size counts")
            found[name] = _larger(found.get(name, size), size)
        return found

    def _task(self, place: str, row: Fields, took: tuple[Fields, str] | None, sizes: Mapping[str, Said]) -> TaskRow:
        key, name = row["id"], _named(row)
        if took is None:
            self._wrong.append(f"{place}: workflow.execution.tasks has no `{key}`")
        fields, here = took or ({}, "")
        self._unused.update(field for field in row if field not in USED_OF_SPECIFICATION)
        self._unused.update(field for field in fields if field not in USED_OF_EXECUTION)
        return TaskRow(
            place=place,
            shown=key if name in key else name,
            fields={"category": fields.get("category"), **row},
            runtime=_said(fields, ("runtimeInSeconds",), here, key) if took else None,
            files=tuple(file for field, link in LINKS.items() for file in self._files(place, row, field, link, sizes)),
        )

    def _files(self, place: str, row: Fields, field: str, link: str, sizes: Mapping[str, Said]) -> Iterator[FileRow]:
        names = row.get(field) or []
        if not isinstance(names, list):
            self._wrong.append(f"{place}.{field} is no list")
            return
        for at, name in enumerate(names):
            size = sizes.get(name) if isinstance(name, str) else None
            if size is None:
                shown = f"`{name}`" if isinstance(name, str) else repr(name)
                self._wrong.append(f"{place}.{field}[{at}]: there is no file {shown} in workflow.specification.files")
                continue
            yield FileRow(link=link, name=name, path="", size=size)


def _said(row: Fields, fields: Sequence[str], place: str, of: str) -> Said:
    """Of the first of these fields that there is."""
    field = next((field for field in fields if field in row), fields[0])
    return Said(place=f"{place}.{field}", of=of, value=row.get(field))


def _named(row: Fields) -> str:
    """What a task is called, "" when it is called nothing."""
    return next((row[field] for field in ("name", "id") if isinstance(row.get(field), str) and row[field]), "")


def _larger(one: Said, other: Said) -> Said:
    """What is no number goes first, that somebody looks at it."""
    for said in (one, other):
        if not isinstance(said.value, (int, float)):
            return said
    return one if one.value >= other.value else other
