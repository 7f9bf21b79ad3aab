"""The launcher: publishes a bundle, invokes its entry workers, follows the run, reads its outputs and cleans up.

It schedules nothing: who runs what is in the bundle, who goes on is decided by the workers. The launcher only
watches (`runtime.watch`): it calls again what died, rebuilds what was lost, and ends the run.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from runtime.backends.awslambda import LambdaInvoker, ensure_functions, make_client
from runtime.backends.redis import RedisBackend
from runtime.bundle import LoadedBundle
from runtime.config import WorkerSettings
from runtime.envelope import Signer, default_key_path, load_or_create_key
from runtime.errors import RebuildSuperseded, RunCancelled, RunFailed, RuntimeFault, Throttled
from runtime.failures import whole_records
from runtime.given_inputs import resolve_inputs
from runtime.payload import Payload, make_payload
from runtime.ports import Call, Reference, RunEnd, RunStatus
from runtime.results import Progress, RunResult, Sources, assemble, result_slots
from runtime.run_inputs import publish_inputs
from runtime.trust import Trust
from runtime.watch import Move, RunWatch, next_move, rebuild_state

SLOTS_PER_FETCH = 500
GRACE_S = 2.0
INVOKE_TRIES = 6
PAGE_PREFIX = "page:"
PROGRESS_EVERY_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a bundle runs. `lambda_endpoint` None is AWS itself."""

    redis_url: str
    lambda_endpoint: str | None = None
    region: str = "us-east-1"
    deployment: str = "local"
    role: str = "arn:aws:iam::000000000000:role/local"

    @property
    def function_prefix(self) -> str:
        return f"treadle-{self.deployment}-"


def launch(
    bundle: LoadedBundle,
    target: Target,
    settings: WorkerSettings,
    *,
    inputs: Mapping[str, object] | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    keep: bool = False,
) -> RunResult:
    """Run the bundle with these inputs on the target to its end and return what it gave.

    Raises `InputsInvalid` before anything is sent, `RunFailed` with the error records of tasks, `RunCancelled` after
    Ctrl-C, and the faults of Redis and Lambda. Whatever happens, no key of the run stays in Redis, unless `keep` is
    set or Redis is gone.
    """
    run = _Run(bundle, target, settings, resolve_inputs(bundle.inputs, inputs or {}), progress)
    try:
        return run.to_its_end()
    except KeyboardInterrupt:
        run.cancel()
        raise RunCancelled(f"the run {run.id} was cancelled") from None
    finally:
        run.close(keep=keep)


@dataclass(slots=True)
class _Clock:
    """The store's clock, read through the client's monotonic one since the last answer."""

    store_time: float = 0.0
    read_at: float = field(default_factory=time.monotonic)

    def now(self) -> float:
        return self.store_time + time.monotonic() - self.read_at


@dataclass(frozen=True, slots=True)
class _Found:
    """The value of a run that is over, which may be None."""

    value: object


class _TargetGone(Exception):
    """A target was stored and cannot be read any more."""


class _Run:
    """One run, from publishing to cleaning."""

    def __init__(
        self,
        bundle: LoadedBundle,
        target: Target,
        settings: WorkerSettings,
        inputs: Mapping[str, object],
        progress: Callable[[Progress], None],
    ) -> None:
        self._began = time.monotonic()
        self.id = f"{int(time.time() * 1000)}_{bundle.name}_{uuid.uuid4().hex[:8]}_{bundle.graph_signature}"
        self._bundle = bundle
        self._target = target
        self._settings = settings
        self._inputs = inputs
        self._sealed_inputs: Mapping[str, bytes] = {}
        self._progress = progress
        self._told_at = 0.0
        self._backend = RedisBackend(target.redis_url, target.deployment, self.id, settings)
        self._invoker = LambdaInvoker(
            endpoint_url=target.lambda_endpoint, region=target.region, function_prefix=target.function_prefix
        )
        key = load_or_create_key(default_key_path(target.deployment))
        self._key = key
        self._trust = Trust(signer=Signer(key), deployment=target.deployment, run=self.id)
        graph = bundle.graph()
        self._targets = [
            slot for instance, is_target in enumerate(graph.targets) if is_target for slot in graph.slots(instance)
        ]
        self._watch = RunWatch(total=len(graph), targets=frozenset(self._targets))
        self._clock = _Clock()
        self._invoked_at = 0.0
        self._after = "0"

    def to_its_end(self) -> RunResult:
        self._tell("starting", force=True)
        self._prepare_functions()
        self._publish()
        calls = self._rebuild(first=True)
        payloads = [(call, self._payload(call)) for call in calls]
        for call, payload in payloads:
            self._invoked_at = self._invoked_at or self._clock.now()
            self._invoke(call, payload)
        value = self._follow()
        self._await_workers()
        return self._result(value)

    def cancel(self) -> None:
        self._backend.coordinator.end(RunEnd.CANCELLED, "cancelled by the user")

    def close(self, *, keep: bool) -> None:
        """Clean up; a store that is gone has nothing to clean."""
        try:
            if not keep:
                self._backend.coordinator.finish()
        finally:
            self._backend.close()
            self._invoker.close()

    # ---- start ------------------------------------------------------------------------------------------

    def _prepare_functions(self) -> None:
        target = self._target
        variables = {
            "TREADLE_REDIS_URL": target.redis_url,
            "TREADLE_DEPLOYMENT": target.deployment,
            "TREADLE_KEY": self._key.hex(),
            "TREADLE_FUNCTION_PREFIX": target.function_prefix,
        }
        if target.lambda_endpoint is not None:
            variables["AWS_ENDPOINT_URL_LAMBDA"] = target.lambda_endpoint
        ensure_functions(
            make_client(target.lambda_endpoint, target.region),
            self._bundle.classes,
            self._bundle.blob(self._bundle.closure),
            variables,
            function_prefix=target.function_prefix,
            role=target.role,
        )

    def _publish(self) -> None:
        """Put what workers may fetch: code, files, literals and SubDags of the deployment, the run's pages, inputs."""
        bundle, values = self._bundle, self._backend.values
        digests = [*bundle.units, *bundle.literals, *bundle.files, *(row.subdag for row in bundle.workers.values())]
        values.put_blobs({digest: self._trust.seal_blob(digest, bundle.blob(digest)) for digest in digests})
        if bundle.pages:
            pages = range(len(bundle.pages))
            values.put_pages({number: self._trust.seal_page(number, bundle.page(number)) for number in pages})

        self._sealed_inputs = publish_inputs(self._inputs, values, self._trust, self._settings.store_value_bytes)

    def _rebuild(self, *, first: bool = False) -> tuple[Call, ...]:
        """Write the run's state from what can be read; returns whom to invoke: nobody when another rebuilds it."""
        coordinator = self._backend.coordinator
        coordinator.rebuild_start()
        self._watch.fence()
        readable, dangling = (frozenset[str](), frozenset[str]()) if first else self._backend.values.readable()
        state = rebuild_state(self._bundle, readable, dangling, fan_out=self._settings.fan_out)
        try:
            coordinator.rebuild_part(state.part)
            calls = coordinator.rebuild_end(state.rows)
        except RebuildSuperseded:
            return ()
        if calls:
            self._clock = _Clock(store_time=calls[0].called_at)
        return calls

    def _payload(self, call: Call) -> bytes:
        """The payload of a call: its records travel inside while they fit."""
        bundle = self._bundle
        pages: Mapping[int, bytes] = {}
        subdag, digest = b"", ""
        if call.subdag.startswith(PAGE_PREFIX):
            pages = {number: bundle.page(number) for number in self._pages_of(call)}
        else:
            subdag, digest = bundle.subdag(call.worker), call.subdag
        return make_payload(
            Payload(
                run=self.id,
                worker=call.worker,
                env=call.env,
                at=call.called_at,
                start=call.start,
                subdag=subdag,
                digest=digest,
                pages=pages,
                inputs=self._sealed_inputs,
                settings=self._settings,
            ),
            seal=self._trust.seal_subdag,
        )

    def _pages_of(self, call: Call) -> Iterable[int]:
        for entry in self._bundle.entries:
            if entry.worker == call.worker:
                return self._bundle.entry_pages(entry)
        return (int(call.subdag.removeprefix(PAGE_PREFIX)),)

    def _invoke(self, call: Call, payload: bytes) -> None:
        """Invoke with patience: what is refused for now is repeated by the watch."""
        pause = 0.05
        for _ in range(INVOKE_TRIES):
            try:
                self._invoker.invoke(call.env, payload)
            except Throttled:
                time.sleep(pause)
                pause *= 2
                continue
            self._backend.coordinator.confirm(call.worker, call.called_at)
            return

    # ---- follow -----------------------------------------------------------------------------------------

    def _follow(self) -> object:
        """Until every target can be read: the result. Every wait has an end: the watch looks at the state itself."""
        every_s = max(0.05, min(1.0, self._settings.lease_s / 4))
        look_at = time.monotonic() + every_s
        deadline = self._began + self._settings.deadline_s
        while True:
            self._read_events(max(0.0, look_at - time.monotonic()))
            self._tell("running")
            if self._watch.failure or self._watch.has_all_targets or time.monotonic() >= look_at:
                if (found := self._look()) is not None:
                    return found.value
                look_at = time.monotonic() + every_s
            if time.monotonic() > deadline:
                self._backend.coordinator.end(RunEnd.FAILED, "deadline")
                raise RunFailed(f"the run did not end within its deadline of {self._settings.deadline_s:g} s")

    def _look(self) -> _Found | None:
        """Read the state; call again what is due. The result, when every target can be read."""
        status = self._backend.coordinator.status()
        match next_move(status, self._watch):
            case Move.FAIL:
                raise self._failure(status)
            case Move.REBUILD:
                if not status.meta:
                    self._publish()
                self._call_all(self._rebuild())
            case Move.WATCH:
                self._call_all(self._backend.coordinator.watch(self._settings.fan_out))
            case Move.COLLECT:
                return self._find(status)
        return None

    def _find(self, status: RunStatus) -> _Found | None:
        """The result; None when a target is gone, which the workers or a rebuild will bring back."""
        self._tell("collecting", force=True)
        try:
            return _Found(self._collect())
        except _TargetGone:
            if self._watch.is_value_gone(status):
                self._call_all(self._rebuild())
        return None

    def _call_all(self, calls: Iterable[Call]) -> None:
        for call in calls:
            self._invoke(call, self._payload(call))

    def _failure(self, status: RunStatus) -> RuntimeFault:
        if status.meta == "cancelled":
            return RunCancelled(f"the run {self.id} was cancelled: {status.reason}")
        return RunFailed(status.reason or "the run failed", records=whole_records(status))

    def _read_events(self, timeout_s: float) -> None:
        events = self._backend.signals.wait_events(self._after, timeout_s)
        for event in events:
            self._watch.take(event)
        if events:
            self._after = events[-1].id

    def _tell(self, state: str, *, force: bool = False) -> None:
        if force or time.monotonic() - self._told_at > PROGRESS_EVERY_S:
            self._told_at = time.monotonic()
            watch = self._watch
            self._progress(Progress(state=state, done=watch.done, total=watch.total, workers=len(watch.live)))

    # ---- end --------------------------------------------------------------------------------------------

    def _collect(self) -> object:
        """The outputs in the manifest's shape."""
        bundle = self._bundle
        if bundle.result_kind == "sinks":
            return self._values(self._targets)
        slots = result_slots(bundle.result_edges)
        literals = {digest: json.loads(bundle.blob(digest)) for digest in bundle.literals}
        sources = Sources(values=self._values(slots), literals=literals, inputs=self._inputs)
        return assemble(bundle.result, slots, sources)

    def _values(self, slots: list[str]) -> dict[str, object]:
        unique = list(dict.fromkeys(slots))
        found: dict[str, object] = {}
        for first in range(0, len(unique), SLOTS_PER_FETCH):
            part = unique[first : first + SLOTS_PER_FETCH]
            for slot, stored in zip(part, self._backend.values.fetch(part), strict=True):
                sealed = self._backend.values.get_large(stored.key) if isinstance(stored, Reference) else stored
                if sealed is None:
                    raise _TargetGone(slot)
                found[slot] = self._trust.open_value(slot, sealed)
        return found

    def _await_workers(self) -> None:
        """Wait for the workers' last words (their spans), for a little while."""
        give_up = time.monotonic() + GRACE_S
        while self._watch.awaits_spans and time.monotonic() < give_up:
            self._read_events(min(0.05, give_up - time.monotonic()))

    def _result(self, value: object) -> RunResult:
        watch = self._watch
        starts = watch.start_ups
        cold = sum(span.state == "cold" for span in starts)
        return RunResult(
            run=self.id,
            result=value,
            result_kind=self._bundle.result_kind,
            planner=self._bundle.planner,
            makespan_s=max(0.0, watch.last_commit - self._invoked_at),
            wall_s=time.monotonic() - self._began,
            tasks=len(self._bundle.graph()),
            workers=len(watch.workers),
            invocations=watch.begun,
            cold_starts=cold,
            warm_starts=len(starts) - cold,
            bytes_moved=sum(span.bytes_in + span.bytes_out for span in starts),
        )
