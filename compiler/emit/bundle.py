"""The bundle: every blob of a planned graph and the index that names them. Nothing here touches a disk.

Nothing in a bundle depends on time, place, user, hash seed or locale: two builds of one source are byte for
byte equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, cast

from compiler.emit.canonical import canonical_json, digest_of
from compiler.emit.closure import shipped_closure, whole_runtime
from compiler.emit.launch import render_launch
from compiler.emit.layout import Layout, lay_out
from compiler.emit.literals import Literals
from compiler.emit.secrets import SecretUse
from compiler.emit.signature import graph_signature
from compiler.graph.gates import family_gates
from compiler.graph.model import Graph
from compiler.manifest.model import Manifest, Param, Sla
from compiler.manifest.plain import to_plain
from compiler.manifest.tree import MappingNode
from compiler.planner.layers import resolved_requirements
from compiler.planner.model import Plan
from compiler.planner.profile import load_profile
from runtime.bundle import SCHEMA_VERSION, LoadedBundle, MemoryBlobs, read_index
from runtime.measures.upload import upload_text
from runtime.pages import encode_value, env_row
from runtime.plan import Function, Gate, Ref, Value, slot_name
from runtime.prices import prices_row
from runtime.promise import Promise
from runtime.secrecy.references import SecretReference
from runtime.value_types import accept, parse_type


class Functions(Protocol):
    """The user's code as collected: functions and fingerprints by family, unit archives and shipped files by digest.

    `by_instance` are the functions of commands whose instances ship files of their own.
    """

    @property
    def by_family(self) -> Sequence[Function]: ...

    @property
    def by_instance(self) -> Mapping[int, Function]: ...

    @property
    def units(self) -> Mapping[str, bytes]: ...

    @property
    def files(self) -> Mapping[str, bytes]: ...

    @property
    def fingerprints(self) -> Sequence[str]: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Build:
    """A compiled workflow: graph, plan, the blobs by digest, the index in canonical bytes and `launch.py`."""

    graph: Graph
    plan: Plan
    index: bytes
    blobs: Mapping[str, bytes]
    launch: bytes
    promise: Promise | None = None
    """What a run is expected to do, where that was asked for; beside the index, not in it."""

    @property
    def digest(self) -> str:
        """The digest of the bundle: that of its index, which names every blob by its own."""
        return digest_of(self.index)

    @cached_property
    def loaded(self) -> LoadedBundle:
        """The bundle as the launcher takes it, without a folder."""
        return replace(read_index(self.index, MemoryBlobs(self.blobs)), promise=self.promise)


def make_build(graph: Graph, plan: Plan, functions: Functions) -> Build:
    """Encode records, graph and plan, and gather them with code and runtime under one index."""
    literals = Literals()
    names = [graph.name_of(instance) for instance in range(len(graph))]
    inputs = [_input(declared, literals) for declared in graph.manifest.inputs.values()]
    gates = family_gates(graph)
    layout = lay_out(
        graph,
        plan,
        names=names,
        functions=functions.by_family,
        literals=literals,
        own=functions.by_instance,
        gates=gates,
    )
    blobs = _Blobs()
    for digest, data in (*functions.units.items(), *functions.files.items(), *literals.blobs.items()):
        assert digest_of(data) == digest, "a blob is named by the digest of its bytes"
        blobs.add(data)
    package = blobs.add(whole_runtime())
    launch = render_launch(name=graph.name, package=package)
    index = {
        "schema": SCHEMA_VERSION,
        "name": graph.name,
        "planner": plan.planner,
        "graph_signature": graph_signature(graph, names, functions.fingerprints),
        "python": plan.classes[0].python if plan.classes else "",
        "tasks": len(graph),
        "classes": [env_row(env) for env in plan.classes],
        "workers": _workers(plan, layout, blobs),
        "pages": [blobs.add(page) for page in layout.pages],
        "units": sorted(functions.units),
        "literals": sorted(literals.blobs),
        "files": sorted(functions.files),
        "requirements": sorted({name for requirements in resolved_requirements(graph) for name in requirements}),
        "inputs": inputs,
        **_upload(graph.manifest),
        **_objective(graph.manifest.sla),
        "prices": prices_row(load_profile().prices),
        **_secrets(graph),
        "result": _result(graph, names),
        "graph": blobs.add(canonical_json(graph_document(graph, names, functions.fingerprints, gates))),
        "plan": blobs.add(canonical_json(plan_document(plan, names, layout.page_of))),
        "closure": blobs.add(shipped_closure()),
        "package": package,
        "launch": digest_of(launch),
    }
    return Build(graph=graph, plan=plan, index=canonical_json(index), blobs=blobs.by_digest, launch=launch)


class _Blobs:
    def __init__(self) -> None:
        self.by_digest: dict[str, bytes] = {}

    def add(self, data: bytes) -> str:
        digest = digest_of(data)
        self.by_digest[digest] = data
        return digest


def _workers(plan: Plan, layout: Layout, blobs: _Blobs) -> dict[str, object]:
    env_of_worker = dict(zip(plan.worker_of, plan.env_of, strict=True))
    return {
        name: {"env": env_of_worker[number], "subdag": blobs.add(layout.subdags[name])}
        for number, name in enumerate(plan.workers)
        if number in env_of_worker
    }


def _upload(manifest: Manifest) -> dict[str, object]:
    """What the manifest says of uploading what was measured, if it says anything."""
    said = manifest.metrics.get("upload") if isinstance(manifest.metrics, MappingNode) else None
    return {} if said is None else {"upload": upload_text(to_plain(said))}


def _objective(sla: Sla) -> dict[str, object]:
    """What a plan shall be judged by, where that is not the average."""
    return {} if sla.percentile is None else {"sla": f"p{sla.percentile:g}"}


def _input(declared: Param, literals: Literals) -> dict[str, object]:
    """One declared input, its default as a value of its type."""
    type_ = parse_type(declared.type)
    row: dict[str, object] = {"name": declared.name, "type": str(type_)}
    if declared.has_default:
        default = accept(type_, declared.default)
        plain = str(default) if isinstance(default, SecretReference) else cast(Value, default)
        row["default"] = encode_value(literals.value(plain))
    if declared.description:
        row["description"] = declared.description
    return row


def _secrets(graph: Graph) -> dict[str, object]:
    """References to the secrets that tasks take, when there are any."""
    rows = [[secret.name, secret.reference, secret.place] for secret in SecretUse(graph).declared()]
    return {"secrets": rows} if rows else {}


def _result(graph: Graph, names: Sequence[str]) -> dict[str, object]:
    """The tree of what the launcher returns; the sinks' values by name when the manifest names nothing."""
    if graph.result_kind == "sinks" and any(family.handles for family in graph.families):
        tree, result_edges = _handled_sinks(graph, names)
        graph = replace(graph, result_kind="outputs", result=tree, result_edges=result_edges)
    edges = [[names[producer], _output(graph, producer, output)] for producer, output in graph.result_edges]
    return {"kind": graph.result_kind, "tree": encode_value(graph.result), "edges": edges}


def _handled_sinks(graph: Graph, names: Sequence[str]) -> tuple[Value, tuple[tuple[int, int], ...]]:
    """The sinks' values by name, those of a handler in the place of the task that failed."""
    handler_of = {family.handles: family for family in graph.families if family.handles}
    edges: list[tuple[int, int]] = []
    tree: dict[str, Value] = {}
    for instance in graph.targets:
        family = graph.families[graph.family_of[instance]]
        if family.handles:
            continue
        chain, at = [instance], family
        while (handler := handler_of.get(at.task)) is not None:
            chain.append(handler.first + instance - family.first)
            at = handler
        for output in range(len(family.outputs)) or (-1,):
            first = len(edges)
            edges.extend((one, output) for one in chain)
            tree[slot_name(names[instance], _output(graph, instance, output))] = Ref(
                first, (), tuple(range(first + 1, len(edges)))
            )
    return tree, tuple(edges)


def _output(graph: Graph, producer: int, output: int) -> str | None:
    return None if output < 0 else graph.families[graph.family_of[producer]].outputs[output]


def graph_document(
    graph: Graph, names: Sequence[str], fingerprints: Sequence[str], gates: Sequence[Gate | None] = ()
) -> dict[str, object]:
    """The graph in columns, as `runtime.bundle.RunGraph` reads it."""
    table = sorted({family.outputs for family in graph.families})
    outputs = [table.index(family.outputs) for family in graph.families]
    lines = [family.span.start.line for family in graph.families]
    targets = frozenset(graph.targets)
    return {
        "schema": SCHEMA_VERSION,
        "names": list(names),
        "needs": [len(sources) for sources in graph.in_edges],
        "producers": [producer for sources in graph.in_edges for producer, _ in sources],
        "producer_outputs": [output for sources in graph.in_edges for _, output in sources],
        "output_table": table,
        "outputs": [outputs[family] for family in graph.family_of],
        "targets": [int(instance in targets) for instance in range(len(graph))],
        "lines": [lines[family] for family in graph.family_of],
        "fingerprints": dict(zip((family.task for family in graph.families), fingerprints, strict=True)),
        **_gates(gates),
    }


def _gates(gates: Sequence[Gate | None]) -> dict[str, object]:
    """Who shares which gate, when there is any."""
    rows: dict[Gate, list[int]] = {}
    for instance, gate in enumerate(gates):
        if gate is not None:
            rows.setdefault(gate, []).append(instance)
    return {"gates": [[gate.name, gate.places, instances] for gate, instances in rows.items()]} if rows else {}


def plan_document(plan: Plan, names: Sequence[str], page_of: Sequence[int]) -> dict[str, object]:
    """The plan in columns: worker, class and page of each instance, and the entries by instance number."""
    number_of = {name: number for number, name in enumerate(names)}
    class_of = {env: index for index, env in enumerate(plan.classes)}
    return {
        "schema": SCHEMA_VERSION,
        "planner": plan.planner,
        "classes": [env_row(env) for env in plan.classes],
        "workers": list(plan.workers),
        "worker_of": list(plan.worker_of),
        "env_of": list(plan.env_of),
        "page_of": list(page_of),
        "entries": [
            {
                "worker": entry.worker,
                "env": class_of[entry.env],
                "start": [number_of[name] for name in entry.start],
                "page": page_of[number_of[entry.start[0]]],
            }
            for entry in plan.entries
        ],
    }
