"""A whole workflow in this process, one task after another, for a debugger: the real worker over memory.

One pinned worker holds every task and sits out every wait, so nothing is invoked and only outputs are stored. User
code runs on the caller's thread; what is written and read goes through the same envelopes as elsewhere.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from secrets import token_bytes, token_hex

from runtime.backends.memory import MemoryBackend
from runtime.bundle import LoadedBundle
from runtime.calls.calling import Outgoing
from runtime.code import CodeLoader
from runtime.config import WorkerSettings
from runtime.driver import Driver, Invocation
from runtime.errors import RunFailed
from runtime.exchange import Ports
from runtime.failures import whole_records
from runtime.given_inputs import resolve_inputs
from runtime.measures.measuring import Beginning
from runtime.pages import decode_subdag
from runtime.plan import EnvClass, InEdge, OutEdge, Task
from runtime.ports import Call, RebuildPart, WorkerRow
from runtime.results import Progress, RunResult, Sources, assemble, result_slots
from runtime.run_inputs import RunInputs, publish_inputs
from runtime.secrecy.log import Log
from runtime.secrecy.masking import Masks
from runtime.secrecy.reading import Known, RunSecrets
from runtime.secrecy.streams import hiding_streams
from runtime.timeline import Timeline, gather, make_timeline
from runtime.values.envelope import Signer
from runtime.values.reading import read_stored
from runtime.values.trust import Trust, unpickled
from runtime.watch import RunWatch
from runtime.worker import Worker

WORKER = "inline"


def run_inline(
    bundle: LoadedBundle,
    settings: WorkerSettings,
    *,
    inputs: Mapping[str, object] | None = None,
    source_root: str = "",
    progress: Callable[[Progress], None] = lambda _: None,
) -> RunResult:
    """Run the bundle here and now. `source_root`: where the user's files are, so that breakpoints in them work.

    Raises `InputsInvalid` before anything runs, `RunFailed` with the error records of tasks.
    """
    given = resolve_inputs(bundle.inputs, inputs or {})
    began = time.monotonic()
    run = f"{int(time.time() * 1000)}_{bundle.name}_inline_{bundle.graph_signature}"
    tasks = _all_tasks(bundle)
    env = bundle.classes[0] if bundle.classes else EnvClass(memory_mb=1769)
    backend = MemoryBackend(settings)
    (call,) = _start(backend, tasks, env)
    trust = Trust(signer=Signer(token_bytes(32)), deployment=WORKER, run=run)
    loader = CodeLoader(lambda digests: [bundle.blob(digest) for digest in digests], source_root=source_root)
    publish_inputs(given, backend.values, trust, settings.store_value_bytes)
    log = Log()
    masks = Masks(log.hide)
    literals = {digest: json.loads(bundle.blob(digest)) for digest in bundle.literals}
    progress(Progress(state="running", done=0, total=len(tasks), workers=1))
    try:
        loader.activate(bundle.units)
        token = token_hex(8)
        worker = Worker(worker=WORKER, token=token, env=env, settings=settings, tasks=tasks, hold_s=math.inf)
        ports = Ports(
            coordinator=backend.coordinator, values=backend.values, signals=backend.signals, invoke=_invoke_nobody
        )
        beginning = Beginning(sent_at=call.called_at, is_cold=True)
        invocation = Invocation(worker=worker, run=run, trust=trust, called_at=call.called_at, beginning=beginning)
        run_inputs = RunInputs(trust, backend.values, {}, {})
        secrets = RunSecrets(lambda: os.environ, masks, Known(), is_confided=False)
        with hiding_streams(masks):
            Driver(invocation, ports, loader, literals.__getitem__, run_inputs.value, secrets=secrets, log=log).run()
        value = _collect(bundle, backend, trust, literals, given)
    finally:
        loader.close()
        log.close()
    timeline = _timeline(bundle, backend, run)
    progress(Progress(state="collecting", done=len(tasks), total=len(tasks)))
    return RunResult(
        run=run,
        result=value,
        result_kind=bundle.result_kind,
        planner=WORKER,
        makespan_s=timeline.makespan_s,
        wall_s=time.monotonic() - began,
        tasks=len(tasks),
        workers=1,
        invocations=0,
        cold_starts=0,
        warm_starts=0,
        bytes_moved=0,
        passed=whole_records(backend.coordinator.status(), passed=True),
        timeline=timeline,
    )


def _timeline(bundle: LoadedBundle, backend: MemoryBackend, run: str) -> Timeline:
    watch = RunWatch(total=len(bundle.graph()), targets=frozenset())
    for event in backend.signals.wait_events("0", 0.0):
        watch.take(event)
    return make_timeline(
        gather(backend.signals.read_spans()), bundle, run=run, planner=WORKER, last_commit=watch.last_commit
    )


def _all_tasks(bundle: LoadedBundle) -> dict[str, Task]:
    records: dict[str, Task] = {}
    for blob in (*map(bundle.subdag, bundle.workers), *map(bundle.page, range(len(bundle.pages)))):
        records.update(decode_subdag(blob).tasks)
    return {name: _brought_here(record) for name, record in records.items()}


def _brought_here(task: Task) -> Task:
    """The same task, pinned to the one worker there is, which runs one at a time."""

    def in_edge(edge: InEdge) -> InEdge:
        return edge if edge.worker == WORKER else replace(edge, worker=WORKER)

    def out_edge(edge: OutEdge) -> OutEdge:
        return replace(edge, worker=WORKER, page=-1, gate=None)

    return replace(
        task,
        worker=WORKER,
        page=-1,
        gate=None,
        in_edges=tuple(map(in_edge, task.in_edges)),
        out_edges=tuple(map(out_edge, task.out_edges)),
    )


def _start(backend: MemoryBackend, tasks: Mapping[str, Task], env: EnvClass) -> Sequence[Call]:
    roots = {name: -1 for name, task in tasks.items() if not task.in_edges}
    backend.coordinator.rebuild_start()
    backend.coordinator.rebuild_part(RebuildPart(arrived={}, grants={WORKER: roots}, done=()))
    return backend.coordinator.rebuild_end([WorkerRow(worker=WORKER, env=env, subdag="", has_todo=True)])


def _invoke_nobody(outgoing: Sequence[Outgoing]) -> None:
    raise AssertionError(f"an inline run has one worker, but {outgoing[0].call.worker} was called")


def _collect(
    bundle: LoadedBundle,
    backend: MemoryBackend,
    trust: Trust,
    literals: Mapping[str, object],
    inputs: Mapping[str, object],
) -> object:
    status = backend.coordinator.status()
    if status.meta == "failed":
        raise RunFailed(status.reason, records=whole_records(status))
    graph = bundle.graph()
    if bundle.result_kind == "sinks":
        flagged = enumerate(graph.targets)
        slots = [slot for instance, is_target in flagged if is_target for slot in graph.slots(instance)]
        return _values(slots, backend, trust)
    slots = result_slots(bundle.result_edges)
    sources = Sources(values=_values(slots, backend, trust), literals=literals, inputs=inputs)
    return assemble(bundle.result, slots, sources)


def _values(slots: list[str], backend: MemoryBackend, trust: Trust) -> dict[str, object]:
    found: dict[str, object] = {}
    for slot, stored in zip(slots, backend.values.fetch(slots), strict=True):
        packed = read_stored(backend.values, trust, slot, stored)
        assert packed is not None, f"{slot} was not stored, though the run did not fail"
        found[slot] = unpickled(slot, packed.unpack)
    return found
