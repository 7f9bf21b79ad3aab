"""The launcher's invocations: the payload of a call, and patience with a Lambda that is throttled."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from runtime.calls.calling import patience_s
from runtime.calls.sending import Sending
from runtime.errors import RuntimeFault
from runtime.measures.clocks import StoreClock
from runtime.payload import Payload, make_payload, stamped
from runtime.ports import Call
from runtime.runs.session import Session

PAGE_PREFIX = "page:"
CALLS_AT_ONCE = 100


class Caller:
    """Invokes workers of one run. `inputs` are the run's sealed inputs that may travel in a payload; `clock` is the
    store's as this process knows it.

    `first_at` is the monotonic time at which the first invocation was sent, 0 before. `while_sending` is called now
    and then while there is something to send.
    """

    def __init__(
        self, session: Session, inputs: Mapping[str, bytes], clock: StoreClock, while_sending: Callable[[], None]
    ) -> None:
        self._session = session
        self._inputs = inputs
        self._clock = clock
        self._while_sending = while_sending
        self._sender = session.sender
        self.first_at = 0.0

    def call_all(self, calls: Sequence[Call]) -> None:
        """Send all calls, some side by side, for as long as patience lasts: the watch repeats what is left.

        Raises what Lambda or Redis said when they did more than refuse for now.
        """
        payloads = [self._payload(call) for call in calls]
        now = time.monotonic()
        self.first_at = self.first_at or now
        faults: list[RuntimeFault] = []
        until = now + patience_s(self._session.settings)
        confirm = self._session.backend.coordinator.confirm
        self._sender.send(
            [
                Sending(
                    env=call.env,
                    payload=partial(stamped, payload, self._clock),
                    until=until,
                    accepted=partial(confirm, call.worker, call.called_at),
                    failed=faults.append,
                )
                for call, payload in zip(calls, payloads, strict=True)
            ]
        )
        self._sender.wait(self._while_sending)
        if faults:
            raise faults[0]

    @property
    def room(self) -> int:
        """How many calls are worth asking for: what cannot be sent in time would have to wait longer than before."""
        half = self._sender.room(patience_s(self._session.settings) / 2)
        return int(min(CALLS_AT_ONCE, max(1, half)))

    def _payload(self, call: Call) -> bytes:
        """The payload of a call: its records travel inside while they fit."""
        session, bundle = self._session, self._session.bundle
        pages: Mapping[int, bytes] = {}
        subdag, digest = b"", ""
        if call.subdag.startswith(PAGE_PREFIX):
            pages = {number: bundle.page(number) for number in self._pages_of(call)}
        else:
            subdag, digest = bundle.subdag(call.worker), call.subdag
        return make_payload(
            Payload(
                run=session.run,
                worker=call.worker,
                env=call.env,
                at=call.called_at,
                start=call.start,
                subdag=subdag,
                digest=digest,
                pages=pages,
                inputs=self._inputs,
                settings=session.settings,
                key=session.trust.signer.id,
            ),
            seal=session.trust.seal_subdag,
        )

    def _pages_of(self, call: Call) -> Iterable[int]:
        bundle = self._session.bundle
        for entry in bundle.entries:
            if entry.worker == call.worker:
                return bundle.entry_pages(entry)
        return (int(call.subdag.removeprefix(PAGE_PREFIX)),)
