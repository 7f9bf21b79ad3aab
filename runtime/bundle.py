"""A bundle as its readers see it: an index, and blobs that are named by their sha256.

This module loads and verifies; the compiler's `emit` writes. The index is small and read at once; the graph,
the plan and the SubDags are blobs that are decoded when asked for. Task records have their codec in
`runtime.pages`, invocations in `runtime.payload`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from runtime.errors import BundleInvalid, SchemaVersionUnsupported
from runtime.given_inputs import InputDeclaration
from runtime.measures.upload import parse_upload
from runtime.pages import decode_value, env_from_row
from runtime.plan import Blob, Entry, EnvClass, Gate, Leaf, Secret, Value, map_refs, slot_name
from runtime.prices import Prices, prices_of
from runtime.value_types import parse_type

if TYPE_CHECKING:
    from runtime.promise import Promise

INDEX_NAME = "treadle-bundle.json"
BLOB_FOLDER = "blobs/sha256"
SCHEMA_MAJOR = 1
SCHEMA_VERSION = "1.5"
AVERAGE = "average"
"""The objective of a plan whose manifest states none."""

_REBUILD = "build the bundle again"

T = TypeVar("T")


class BlobSource(Protocol):
    """Where a bundle's blobs lie."""

    def read(self, digest: str) -> bytes:
        """The bytes under `digest`, not yet verified. Raises `BundleInvalid` when there are none."""
        ...


@dataclass(frozen=True, slots=True)
class FolderBlobs:
    """Blobs as files of a bundle's folder."""

    folder: Path

    def read(self, digest: str) -> bytes:
        try:
            return (self.folder / BLOB_FOLDER / digest).read_bytes()
        except FileNotFoundError as err:
            raise BundleInvalid(f"blob {digest[:12]}… is missing from {self.folder}", hint=_REBUILD) from err
        except OSError as err:
            raise BundleInvalid(f"blob {digest[:12]}… of {self.folder} cannot be read: {err.strerror}") from err


@dataclass(frozen=True, slots=True)
class MemoryBlobs:
    """Blobs of a build that was never written."""

    blobs: Mapping[str, bytes]

    def read(self, digest: str) -> bytes:
        try:
            return self.blobs[digest]
        except KeyError as err:
            raise BundleInvalid(f"blob {digest[:12]}… is missing from the build") from err


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedWorker:
    """A worker id of the plan: its class (an index into `classes`) and the digest of its SubDag."""

    env: int
    subdag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGraph:
    """The whole graph with its plan, in columns: for the launcher, never for a worker.

    `in_edges[n]` are (producer, output index or -1) pairs; `outputs[n]` the names of n's outputs, () for one value.
    `workers[n]` is the pinned worker or None, `envs[n]` an index into the bundle's classes, `pages[n]` the page
    of a flexible task, -1 otherwise; `lines[n]` the manifest's line of the task; `gates[n]` that of its family.
    `fingerprints` are those of the functions, by task.
    """

    names: list[str]
    in_edges: list[tuple[tuple[int, int], ...]]
    outputs: list[tuple[str, ...]]
    workers: list[str | None]
    envs: list[int]
    pages: list[int]
    targets: list[bool]
    lines: list[int]
    fingerprints: Mapping[str, str]
    gates: list[Gate | None]

    def __len__(self) -> int:
        return len(self.names)

    def slot(self, producer: int, output: int) -> str:
        """The name of the stored value that an edge moves."""
        return slot_name(self.names[producer], self.outputs[producer][output] if output >= 0 else None)

    def slots(self, instance: int) -> tuple[str, ...]:
        """Every slot of one instance."""
        name, outputs = self.names[instance], self.outputs[instance]
        return tuple(slot_name(name, output) for output in outputs) or (name,)


@dataclass(frozen=True, kw_only=True)
class LoadedBundle:
    """A bundle that can be launched. Blobs are verified whenever they are read.

    `pages[n]` is the digest of page n. `result` is the value tree of `result:` or `outputs:`, whose `Ref.edge` is a
    position in `result_edges`, (instance name, output or None) each; `result_kind` is "result", "outputs" or "sinks".
    `secrets` are those of the manifest that tasks take, as references. `files` are the executables of commands and the
    files that they ship. `upload` is the manifest's word on when workers send what they measured, as a setting is
    written, "" when it says nothing; `sla` its objective, such as p95. `prices` are those of the target that it
    was planned for; None in bundles of before schema 1.5.
    `promise` is what a run of it was expected to do when it was planned; no part of the index.
    `closure` is the archive that goes to Lambda, `package` the whole runtime for `launch.py`. `index` are the bytes
    that `digest` names.
    """

    digest: str
    index: bytes
    name: str
    planner: str
    graph_signature: str
    python: str
    classes: tuple[EnvClass, ...]
    workers: Mapping[str, PinnedWorker]
    pages: tuple[str, ...]
    units: tuple[str, ...]
    literals: tuple[str, ...]
    files: tuple[str, ...]
    requirements: tuple[str, ...]
    declared_inputs: Mapping[str, InputDeclaration]
    secrets: tuple[Secret, ...]
    result: Value
    result_edges: tuple[tuple[str, str | None], ...]
    result_kind: str
    task_count: int
    upload: str
    sla: str
    prices: Prices | None
    closure: str
    package: str
    graph_digest: str
    plan_digest: str
    source: BlobSource
    promise: Promise | None = None

    def blob(self, digest: str) -> bytes:
        """The bytes named by `digest`. Raises `BundleInvalid` (E603) when they are missing or changed."""
        data = self.source.read(digest)
        actual = sha256(data).hexdigest()
        if actual != digest:
            raise BundleInvalid(f"blob {digest[:12]}… has changed: its digest is now {actual[:12]}…", hint=_REBUILD)
        return data

    def verify(self) -> None:
        """Read every blob once. Raises `BundleInvalid` (E603) at the first that is missing or changed."""
        for digest in self.digests():
            self.blob(digest)

    def digests(self) -> tuple[str, ...]:
        """Every blob of the bundle, each once."""
        subdags = [worker.subdag for worker in self.workers.values()]
        whole = (self.closure, self.package, self.graph_digest, self.plan_digest)
        return tuple(dict.fromkeys((*whole, *self.units, *self.literals, *self.files, *subdags, *self.pages)))

    def subdag(self, worker: str) -> bytes:
        """The encoded records of a pinned worker."""
        return self.blob(self.workers[worker].subdag)

    def page(self, number: int) -> bytes:
        """The encoded records of one page."""
        return self.blob(self.pages[number])

    @cached_property
    def inputs(self) -> Mapping[str, InputDeclaration]:
        """The inputs that a launch may give, in the manifest's order, large defaults read from their blobs."""
        return {name: replace(row, default=self._literal(row.default)) for name, row in self.declared_inputs.items()}

    def _literal(self, value: object) -> object:
        def value_of(leaf: Leaf) -> object:
            if not isinstance(leaf, Blob):
                raise BundleInvalid("the bundle's index is garbled: a default refers to a task", hint=_REBUILD)
            return json.loads(self.blob(leaf.digest))

        return map_refs(cast(Value, value), value_of)

    def graph(self) -> RunGraph:
        """The graph with its plan, decoded at the first call."""
        return self._graph

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entry invocations, in order."""
        return self._entries

    def entry_pages(self, entry: Entry) -> tuple[int, ...]:
        """The pages that hold a flexible entry's start tasks, in order of first use."""
        numbers = (self._graph.pages[self._positions[name]] for name in entry.start)
        return tuple(dict.fromkeys(number for number in numbers if number >= 0))

    @cached_property
    def _plan(self) -> Any:
        return _document(self.blob(self.plan_digest), "plan")

    @cached_property
    def _graph(self) -> RunGraph:
        data, plan = _document(self.blob(self.graph_digest), "graph"), self._plan
        return _checked("graph", lambda: _run_graph(data, plan))

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self._graph.names)}

    @cached_property
    def _entries(self) -> tuple[Entry, ...]:
        return _checked("plan", lambda: tuple(self._entry(row) for row in self._plan["entries"]))

    def _entry(self, row: Any) -> Entry:
        names = self._graph.names
        start = tuple(names[instance] for instance in _column(row, "start", int))
        return Entry(worker=_text(row["worker"]), env=self.classes[row["env"]], start=start, page=_number(row["page"]))


def load_bundle(folder: Path) -> LoadedBundle:
    """The bundle in `folder`. Raises `BundleInvalid` when there is none, `SchemaVersionUnsupported` (E605)."""
    path = folder / INDEX_NAME
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as err:
        raise BundleInvalid(f"{folder} is no bundle: it has no {INDEX_NAME}", hint="treadle build makes one") from err
    except OSError as err:
        raise BundleInvalid(f"{path} cannot be read: {err.strerror}") from err
    return read_index(data, FolderBlobs(folder))


def read_index(data: bytes, source: BlobSource) -> LoadedBundle:
    """The bundle whose index is `data` and whose blobs `source` holds."""
    document = _document(data, "index")
    return _checked("index", lambda: _loaded(document, data, source))


def read_run_graph(graph: bytes, plan: bytes) -> RunGraph:
    """The graph with its plan from their two blobs. Raises `BundleInvalid`, `SchemaVersionUnsupported` (E605)."""
    data, placed = _document(graph, "graph"), _document(plan, "plan")
    return _checked("graph", lambda: _run_graph(data, placed))


def read_classes(plan: bytes) -> tuple[EnvClass, ...]:
    """The classes that a plan's `envs` are indexes into. Raises as `read_run_graph`."""
    placed = _document(plan, "plan")
    return _checked("plan", lambda: tuple([env_from_row(row) for row in placed["classes"]]))


def _document(data: bytes, what: str) -> Any:
    """JSON of this major version, whole."""
    try:
        document = json.loads(data)
        version = document["schema"]
        major = int(version.partition(".")[0])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise BundleInvalid(f"the bundle's {what} is garbled", hint=_REBUILD) from err
    if major != SCHEMA_MAJOR:
        raise SchemaVersionUnsupported(
            f"the bundle's {what} is of schema version {version}, but this treadle reads {SCHEMA_MAJOR}.x",
            hint=_REBUILD + " with this version of treadle",
        )
    return document


def _checked(what: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as err:
        raise BundleInvalid(f"the bundle's {what} is garbled: {err!r}", hint=_REBUILD) from err


def _loaded(document: Any, data: bytes, source: BlobSource) -> LoadedBundle:
    result = document["result"]
    workers = {
        _text(name): PinnedWorker(env=_number(row["env"]), subdag=_text(row["subdag"]))
        for name, row in document["workers"].items()
    }
    return LoadedBundle(
        digest=sha256(data).hexdigest(),
        index=data,
        name=_text(document["name"]),
        planner=_text(document["planner"]),
        graph_signature=_text(document["graph_signature"]),
        python=_text(document["python"]),
        classes=tuple(env_from_row(row) for row in document["classes"]),
        workers=workers,
        pages=tuple(_column(document, "pages", str)),
        units=tuple(_column(document, "units", str)),
        literals=tuple(_column(document, "literals", str)),
        files=tuple(_column(document, "files", str)),
        requirements=tuple(_column(document, "requirements", str)),
        declared_inputs={_text(row["name"]): _input(row) for row in document.get("inputs", ())},
        secrets=tuple(Secret(*map(_text, row)) for row in document.get("secrets", ())),
        result=decode_value(result["tree"]),
        result_edges=tuple((_text(instance), output) for instance, output in result["edges"]),
        result_kind=_text(result["kind"]),
        task_count=_number(document["tasks"]),
        upload=_upload(document.get("upload", "")),
        sla=_text(document.get("sla", AVERAGE)),
        prices=prices_of(document["prices"]) if "prices" in document else None,
        closure=_text(document["closure"]),
        package=_text(document["package"]),
        graph_digest=_text(document["graph"]),
        plan_digest=_text(document["plan"]),
        source=source,
    )


def _input(row: Any) -> InputDeclaration:
    return InputDeclaration(
        type=parse_type(_text(row["type"])),
        has_default="default" in row,
        default=decode_value(row.get("default")),
        description=_text(row.get("description", "")),
    )


def _upload(value: Any) -> str:
    if value:
        parse_upload(_text(value))
    return _text(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no number")
    return value


def _column(document: Any, key: str, kind: type[T], *, length: int | None = None) -> list[T]:
    """The list under `key`, whose elements are all of one type, `length` of them when that is known."""
    column = document[key]
    if not isinstance(column, list) or not all(type(item) is kind for item in column):
        raise TypeError(f"{key} is no list of {kind.__name__}")
    if length is not None and len(column) != length:
        raise ValueError(f"{key} has {len(column)} elements, not {length}")
    return column


def _gates(rows: Any, count: int) -> list[Gate | None]:
    """By instance; a graph without any has no rows. A row is [name, places, instances]."""
    gates: list[Gate | None] = [None] * count
    for name, places, instances in rows or ():
        gate = Gate(_text(name), _number(places))
        for instance in instances:
            gates[instance] = gate
    return gates


def _run_graph(data: Any, plan: Any) -> RunGraph:
    """Columns to lists. Producers lie flat, `needs[n]` of them for instance n."""
    names = _column(data, "names", str)
    count = len(names)
    needs = _column(data, "needs", int, length=count)
    producers = _column(data, "producers", int, length=sum(needs))
    producer_outputs = _column(data, "producer_outputs", int, length=sum(needs))
    in_edges: list[tuple[tuple[int, int], ...]] = []
    at = 0
    for need in needs:
        in_edges.append(tuple(zip(producers[at : at + need], producer_outputs[at : at + need], strict=True)))
        at += need
    output_table = [tuple(row) for row in data["output_table"]]
    workers: list[str | None] = [*_column(plan, "workers", str), None]
    return RunGraph(
        names=names,
        in_edges=in_edges,
        outputs=[output_table[index] for index in _column(data, "outputs", int, length=count)],
        workers=[workers[index] for index in _column(plan, "worker_of", int, length=count)],
        envs=_column(plan, "env_of", int, length=count),
        pages=_column(plan, "page_of", int, length=count),
        targets=[bool(flag) for flag in _column(data, "targets", int, length=count)],
        lines=_column(data, "lines", int, length=count),
        fingerprints={_text(task): _text(mark) for task, mark in data["fingerprints"].items()},
        gates=_gates(data.get("gates"), count),
    )
