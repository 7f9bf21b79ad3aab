"""The Lambda function of every environment class: one event is one invocation of one worker.

Composes the worker with its backends; here, in the launcher and in the command line, and nowhere else. The
one module-level state is the environment itself: absent in a cold start, reused by every later event.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from time import monotonic, process_time
from typing import Any

from runtime.backends.awslambda import LambdaInvoker
from runtime.backends.redis import Link, RedisBackend
from runtime.calls.calling import Outgoing, patience_s
from runtime.calls.sending import Sender, Sending
from runtime.code import CodeLoader
from runtime.config import WorkerSettings
from runtime.driver import Driver, Invocation
from runtime.errors import BundleInvalid, RuntimeFault, StoreUnavailable
from runtime.exchange import Ports
from runtime.machine.remaining import Deadline, deadline_in
from runtime.measures.cpu_time import thread_delay_s
from runtime.measures.measuring import Beginning, cpu_exponent
from runtime.measures.queueing import VARIABLE as TRACE_VARIABLE
from runtime.measures.queueing import queue_s_of
from runtime.pages import decode_subdag
from runtime.payload import Payload, make_payload, read_payload, stamped
from runtime.plan import Task
from runtime.ports import Coordinator
from runtime.run_inputs import RunInputs
from runtime.secrecy.confided import VARIABLE as VAULT_VARIABLE
from runtime.secrecy.confided import confided
from runtime.secrecy.log import Log
from runtime.secrecy.masking import Masks
from runtime.secrecy.reading import Known, RunSecrets
from runtime.tasks.endings import end_environment
from runtime.tasks.working_folder import enter_own_folder
from runtime.values.envelope import Signer
from runtime.values.trust import Trust
from runtime.worker import Worker

FIRST_PAGES = 4
"""Pages of a payload that are decoded before the worker begins; it asks for the others as for any page."""

PARTS_KEPT = 4
PAGE_PREFIX = "page:"


class Environment:
    """What outlives an invocation: connections, the loaded code and the blobs of this deployment.

    `variables` are the function's: TREADLE_REDIS_URL, TREADLE_DEPLOYMENT, TREADLE_KEYS (the signing keys in hex, with
    commas between), TREADLE_FUNCTION_PREFIX, at a local service TREADLE_VAULT, and AWS's own.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.deployment = variables["TREADLE_DEPLOYMENT"]
        self._signer = Signer(*map(bytes.fromhex, variables["TREADLE_KEYS"].split(",")))
        self._link = Link.to(variables["TREADLE_REDIS_URL"])
        self._link.know("begin", "commit")
        invoker = LambdaInvoker(
            endpoint_url=variables.get("AWS_ENDPOINT_URL_LAMBDA"),
            region=variables.get("AWS_REGION", "us-east-1"),
            function_prefix=variables["TREADLE_FUNCTION_PREFIX"],
        )
        self._sender = Sender(invoker.invoke, invoker.close)
        self._blobs: dict[str, bytes] = {}
        self._literals: dict[str, object] = {}
        self._loader = CodeLoader(self._units)
        self._inputs_of: str = ""
        self._inputs: dict[str, object] = {}
        self._parts: dict[bytes, Mapping[str, Task]] = {}
        self._secrets = Known()
        self._variables = dict(variables)
        self._log = Log()
        self._masks = Masks(self._hide)
        self._backend: RedisBackend | None = None
        self._exponent = cpu_exponent(variables)
        self._trust = Trust(signer=self._signer, deployment=self.deployment, run="")

    def serve(self, event: Mapping[str, Any], remaining_s: float, beginning: Beginning) -> dict[str, object]:
        """Run the worker of one payload to its end; returns what the invocation answers.

        `beginning` is what the handler measured at its first line; its `delay_s` that of the thread so far.

        A fault fails the run if this invocation is its worker. One that has not begun by then begins for that: who
        may not begin, because another lives or the run is over, has no say.
        """
        token = secrets.token_hex(8)
        run, name = str(event.get("run", "")), str(event.get("worker", ""))
        trust = Trust(signer=self._signer, deployment=self.deployment, run=run)
        coordinator = RedisBackend(self._link, self.deployment, run, WorkerSettings()).coordinator
        failing = partial(_failing, coordinator, name, token, self._masks.hide)
        with failing(called_at=event.get("at")):
            payload = read_payload(event, unseal=trust.open_subdag)
            if payload.key:
                trust = replace(trust, signer=self._signer.using(payload.key))
            backend = RedisBackend(self._link, self.deployment, run, payload.settings)
            self._backend, self._trust = backend, trust
            deadline = deadline_in(remaining_s, time.monotonic(), payload.settings.time_margin_s)
            beginning = replace(beginning, sent_at=payload.sent_at or payload.at, exponent=self._exponent)
            invocation = self._invocation(payload, trust, token, deadline, beginning)
        with failing():
            reason = self._drive(payload, invocation, backend)
        return {"run": run, "worker": name, "reason": reason}

    def _invocation(
        self, payload: Payload, trust: Trust, token: str, deadline: Deadline, beginning: Beginning
    ) -> Invocation:
        asked_at = monotonic()
        data = self._subdags(payload)
        came_at = monotonic()
        self._forget_others(payload.run)
        tasks = self._decoded(data[0]) if payload.subdag or payload.digest else _records(data)
        decoded_at, loaded_s = monotonic(), self._loader.load_s
        self._loader.activate(sorted({task.function.unit for task in tasks.values() if task.function.kind == "module"}))
        worker = Worker(
            worker=payload.worker,
            token=token,
            env=payload.env,
            settings=payload.settings,
            tasks=tasks,
            pages={task.page for task in tasks.values()},
            until=deadline.until,
        )
        return Invocation(
            worker=worker,
            run=payload.run,
            trust=trust,
            called_at=payload.at,
            values=payload.values,
            pages=dict(list(payload.pages.items())[FIRST_PAGES:]),
            forward=payload.forward,
            deadline=deadline,
            beginning=replace(
                beginning,
                setup_s=asked_at - beginning.first_line,
                subdag_fetch_s=came_at - asked_at if payload.digest else 0.0,
                subdag_decode_s=decoded_at - came_at,
                code_load_s=self._loader.load_s - loaded_s,
                delay_s=max(0.0, thread_delay_s() - beginning.delay_s),
            ),
            may_exit=True,
        )

    def _drive(self, payload: Payload, invocation: Invocation, backend: RedisBackend) -> str:
        trust = invocation.trust
        assert invocation.deadline is not None, "every invocation has an end"
        last_call_at = invocation.deadline.last_call_at

        def invoke(outgoing: Sequence[Outgoing]) -> None:
            until = min(time.monotonic() + patience_s(payload.settings), last_call_at)
            self._sender.send(
                [
                    Sending(
                        env=one.call.env,
                        payload=partial(stamped, self._payload_of(one, payload, trust), invocation.clock),
                        until=until,
                        accepted=one.accepted,
                        failed=_left_to_the_watch,
                    )
                    for one in outgoing
                ]
            )

        ports = Ports(coordinator=backend.coordinator, values=backend.values, signals=backend.signals, invoke=invoke)
        inputs = RunInputs(trust, backend.values, payload.inputs, self._inputs)
        secrets = self._run_secrets(payload.run)
        driver = Driver(invocation, ports, self._loader, self._literal, inputs.value, secrets=secrets, log=self._log)
        try:
            reason = driver.run()
        finally:
            self._sender.wait()
            self._log.flush()
        if driver.unfit:
            end_environment(driver.unfit)
        return reason

    def _hide(self, spelled: frozenset[str]) -> None:
        from runtime.secrecy.streams import hide_in_logging  # `logging` is not loaded for who knows no secret

        hide_in_logging(self._masks)
        self._log.hide(spelled)

    def _forget_others(self, run: str) -> None:
        """What this environment has read in another run is forgotten; what hides secrets stays."""
        if self._inputs_of != run:
            self._inputs_of, self._inputs, self._secrets = run, {}, Known()
            self._parts.clear()

    def _run_secrets(self, run: str) -> RunSecrets:
        vault = self._variables.get(VAULT_VARIABLE)
        if vault is None:
            return RunSecrets(lambda: self._variables, self._masks, self._secrets, is_confided=False)
        return RunSecrets(partial(confided, vault, run), self._masks, self._secrets, is_confided=True)

    def _subdags(self, payload: Payload) -> Sequence[bytes]:
        """The encoded records at hand; those that did not travel inside are fetched."""
        if payload.subdag:
            return (payload.subdag,)
        return (self._blob(payload.digest),) if payload.digest else tuple(payload.pages.values())[:FIRST_PAGES]

    def _decoded(self, subdag: bytes) -> Mapping[str, Task]:
        """The records of a pinned worker, which may be invoked here again and again."""
        if subdag not in self._parts:
            while len(self._parts) >= PARTS_KEPT:
                del self._parts[next(iter(self._parts))]
            self._parts[subdag] = decode_subdag(subdag).tasks
        return self._parts[subdag]

    def _payload_of(self, outgoing: Outgoing, payload: Payload, trust: Trust) -> bytes:
        """What a called worker is told: how to find its records, and small inputs of its start tasks."""
        call = outgoing.call
        is_page = call.subdag.startswith(PAGE_PREFIX)
        return make_payload(
            Payload(
                run=payload.run,
                worker=call.worker,
                env=call.env,
                at=call.called_at,
                start=call.start,
                digest="" if is_page else call.subdag,
                values=outgoing.values,
                inputs=payload.inputs,
                settings=payload.settings,
                forward=outgoing.forward,
                key=payload.key,
            ),
            seal=trust.seal_subdag,
        )

    def _units(self, digests: Sequence[str]) -> list[bytes]:
        assert self._backend is not None, "code is loaded only while an invocation is served"
        found: list[bytes] = []
        for digest, sealed in zip(digests, self._backend.values.get_blobs(digests), strict=True):
            if sealed is None:
                raise BundleInvalid(f"blob {digest[:12]}… is not in the store", hint="launch the run again")
            found.append(self._trust.open_blob(digest, sealed))
        return found

    def _blob(self, digest: str) -> bytes:
        if digest not in self._blobs:
            (self._blobs[digest],) = self._units((digest,))
        return self._blobs[digest]

    def _literal(self, digest: str) -> object:
        if digest not in self._literals:
            self._literals[digest] = json.loads(self._blob(digest))
        return self._literals[digest]


def _records(pages: Sequence[bytes]) -> Mapping[str, Task]:
    return {name: task for page in pages for name, task in decode_subdag(page).tasks.items()}


def _left_to_the_watch(fault: RuntimeFault) -> None:
    """A call that met a fault is not confirmed, so the watch repeats it."""


@contextmanager
def _failing(
    coordinator: Coordinator, worker: str, token: str, hide: Callable[[str], str], called_at: float | None = None
) -> Iterator[None]:
    """A fault in this block fails the run, if `token` holds the worker; with `called_at` it begins as it first."""
    try:
        yield
    except StoreUnavailable:
        raise
    except Exception as err:
        text = f"{err.code}: {err.message}" if isinstance(err, RuntimeFault) else f"internal error: {err!r}"
        if called_at is not None:
            coordinator.begin(worker, token, called_at)
        coordinator.fail(worker, token, hide(f"worker {worker}: {text}"))
        raise


CONFIDED = ("TREADLE_KEYS", "TREADLE_REDIS_URL")
"""Variables that tasks, their child processes and what these log shall not come upon."""

_environment: Environment | None = None


def handler(event: Mapping[str, Any], context: Any) -> dict[str, object]:
    """Lambda's entry point. An event {"prewarm": …} makes the environment ready and does nothing more."""
    global _environment  # noqa: PLW0603  the environment's life is the module's
    first_line, delay_s = monotonic(), thread_delay_s()
    is_cold = _environment is None
    start_cpu_s = process_time() if is_cold else 0.0
    if _environment is None:
        enter_own_folder(os.environ)
        _environment = Environment(os.environ)
        for name in CONFIDED:
            os.environ.pop(name, None)
    if "prewarm" in event:
        return {"prewarm": event["prewarm"], "cold": is_cold}
    beginning = Beginning(
        first_line=first_line,
        is_cold=is_cold,
        start_cpu_s=start_cpu_s,
        delay_s=delay_s,
        queue_s=queue_s_of(os.environ.get(TRACE_VARIABLE)),
    )
    return _environment.serve(event, context.get_remaining_time_in_millis() / 1000, beginning)
