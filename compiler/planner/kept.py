"""A plan that was written down: what `plan -o` writes, read back for `build`, `run` and `diff`.

The document (`schemas/plan-file.json`) names everything: instances, workers, classes. So it can be read, compared and
edited by hand. It also says for which graph it was made; whether it fits another is `compiler.planner.restore`'s
business. Figures that are written beside a plan are not read back: they are those of the day on which it was made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from compiler.diagnostics import Diagnostic, ManifestError, Position, Span
from compiler.graph.model import Graph
from compiler.planner.model import Plan, PlanOptions
from runtime.errors import SchemaVersionUnsupported
from runtime.plan import EnvClass

SCHEMA_MAJOR = 1
SCHEMA_VERSION = "1.0"
AGAIN = "write it again with `treadle plan FILE -o plan.json`"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptInstance:
    """Where an instance runs: `worker` is None while any may take it."""

    worker: str | None
    env: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEntry:
    """An invocation at launch, with its start tasks."""

    worker: str
    env: str
    start: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class KeptPlan:
    """A plan by names. `functions` are the fingerprints by task, `outlook` the figures of the day it was made.

    `workers` has the class of each worker, "" of one without tasks. `text` is the file's, for places in it.
    """

    file: str
    text: str = field(repr=False)
    name: str
    planner: str
    signature: str
    functions: Mapping[str, str]
    classes: Mapping[str, EnvClass]
    workers: Mapping[str, str]
    entries: tuple[KeptEntry, ...]
    instances: Mapping[str, KeptInstance]
    outlook: Mapping[str, Any]

    def place(self, name: str, key: str = "name") -> Span:
        """Where `"key": "name"` stands in the file; its first line when it does not."""
        return _place(self.file, self.text, f'"{key}": {json.dumps(name, ensure_ascii=False)}')

    def section(self, key: str) -> Span:
        """Where a section of the file begins."""
        return _place(self.file, self.text, f'"{key}":')


def kept_document(
    graph: Graph, plan: Plan, options: PlanOptions, *, signature: str, fingerprints: Sequence[str]
) -> dict[str, object]:
    """The plan as JSON data, instances in the order of the graph; `fingerprints` by family."""
    env_of_worker = dict(zip(plan.worker_of, plan.env_of, strict=True))
    return {
        "schema": SCHEMA_VERSION,
        "name": graph.name,
        "planner": plan.planner,
        "graph_signature": signature,
        "options": {
            "concurrency": options.concurrency,
            "workers": options.workers,
            "rounds": options.rounds,
            "seed": options.seed,
        },
        "functions": dict(zip((family.task for family in graph.families), fingerprints, strict=True)),
        "classes": [_class(env) for env in plan.classes],
        "workers": [
            {"name": name, "class": plan.classes[env_of_worker[number]].name if number in env_of_worker else None}
            for number, name in enumerate(plan.workers)
        ],
        "entries": [
            {"worker": entry.worker, "class": entry.env.name, "start": list(entry.start)} for entry in plan.entries
        ],
        "instances": [
            {
                "name": graph.name_of(instance),
                "worker": plan.worker_name(instance),
                "class": plan.env(instance).name,
                "reason": plan.reasons[instance],
            }
            for instance in range(len(graph))
        ],
    }


def _class(env: EnvClass) -> dict[str, object]:
    return {
        "name": env.name,
        "memory_mb": env.memory_mb,
        "arch": env.arch,
        "python": env.python,
        "layer": env.layer,
    }


def is_plan_document(text: str) -> bool:
    """Whether a text looks like a kept plan rather than a manifest in JSON."""
    head = text.lstrip()[:1] == "{"
    return head and '"graph_signature"' in text and '"instances"' in text


def parse_kept(text: str, file: str) -> KeptPlan:
    """A kept plan. Raises ManifestError (E514) for a text that is none, SchemaVersionUnsupported (E605)."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as err:
        raise _unreadable(f"this is no JSON: {err.msg}", _span(file, err.lineno, err.colno)) from err
    except (RecursionError, ValueError) as err:
        raise _unreadable("this is no plan: a value in it is beyond what JSON holds", _span(file, 1, 1)) from err
    if not isinstance(data, dict) or not isinstance(data.get("schema"), str):
        raise _unreadable("this is no plan that treadle wrote", _span(file, 1, 1))
    _check_version(data["schema"], file)
    try:
        return _kept(data, text, file)
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        what = f"`{err.args[0]}` is missing" if isinstance(err, KeyError) else str(err)
        raise _unreadable(f"the plan is damaged: {what}", _span(file, 1, 1)) from err


def _check_version(version: str, file: str) -> None:
    major = version.partition(".")[0]
    if major != str(SCHEMA_MAJOR):
        raise SchemaVersionUnsupported(
            f"{file} is a plan of version {version}, this treadle reads {SCHEMA_MAJOR}.x", hint=AGAIN
        )


def _kept(data: dict[str, Any], text: str, file: str) -> KeptPlan:
    instances = {
        _text(row["name"]): KeptInstance(
            worker=None if row["worker"] is None else _text(row["worker"]),
            env=_text(row["class"]),
            reason=_text(row.get("reason", "")),
        )
        for row in _rows(data["instances"])
    }
    _refuse_doubles(data["instances"], text, file)
    return KeptPlan(
        file=file,
        text=text,
        name=_text(data["name"]),
        planner=_text(data["planner"]),
        signature=_text(data["graph_signature"]),
        functions={_text(task): _text(mark) for task, mark in data["functions"].items()},
        classes={_text(row["name"]): _env(row) for row in _rows(data["classes"])},
        workers={_text(row["name"]): _text(row["class"] or "") for row in _rows(data["workers"])},
        entries=tuple(
            KeptEntry(
                worker=_text(row["worker"]),
                env=_text(row["class"]),
                start=tuple([_text(name) for name in _list(row["start"])]),
            )
            for row in _rows(data["entries"])
        ),
        instances=instances,
        outlook=data.get("outlook") or {},
    )


def _refuse_doubles(rows: Sequence[Any], text: str, file: str) -> None:
    seen: set[str] = set()
    for row in rows:
        if row["name"] in seen:
            needle = f'"name": {json.dumps(row["name"], ensure_ascii=False)}'
            raise _unreadable(f"`{row['name']}` stands twice in the plan", _place(file, text, needle))
        seen.add(row["name"])


def _env(row: Any) -> EnvClass:
    memory = row["memory_mb"]
    if type(memory) is not int or memory < 1:
        raise ValueError(f"`memory_mb` of class {row['name']} is {json.dumps(memory)}")
    return EnvClass(memory_mb=memory, arch=_text(row["arch"]), python=_text(row["python"]), layer=_text(row["layer"]))


def _rows(value: Any) -> list[dict[str, Any]]:
    rows = _list(value)
    if not all(isinstance(row, dict) for row in rows):
        raise TypeError("an entry is not an object")
    return rows


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{json.dumps(value)[:40]} stands where a list is due")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{json.dumps(value)[:40]} stands where a text is due")
    return value


def _unreadable(message: str, span: Span) -> ManifestError:
    return ManifestError((Diagnostic(code="E514", message=message, span=span, hint=AGAIN),))


def _place(file: str, text: str, needle: str) -> Span:
    at = text.find(needle)
    if at < 0:
        return _span(file, 1, 1)
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    return _span(file, line, column, len(needle))


def _span(file: str, line: int, column: int, length: int = 1) -> Span:
    return Span(file, Position(line, column), Position(line, column + length))
