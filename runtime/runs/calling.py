"""The launcher's invocations: the payload of a call, and patience with a Lambda that is throttled."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from runtime.errors import Throttled
from runtime.payload import Payload, make_payload
from runtime.ports import Call
from runtime.runs.session import Session

INVOKE_TRIES = 6
PAGE_PREFIX = "page:"


class Caller:
    """Invokes workers of one run. `inputs` are the run's sealed inputs that may travel in a payload.

    `first_at` is the monotonic time at which the first invocation was sent, 0 before.
    """

    def __init__(self, session: Session, inputs: Mapping[str, bytes]) -> None:
        self._session = session
        self._inputs = inputs
        self.first_at = 0.0

    def call_all(self, calls: Iterable[Call]) -> None:
        """Make every payload, then send them."""
        for call, payload in [(call, self._payload(call)) for call in calls]:
            self.first_at = self.first_at or time.monotonic()
            self._invoke(call, payload)

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
            ),
            seal=session.trust.seal_subdag,
        )

    def _pages_of(self, call: Call) -> Iterable[int]:
        bundle = self._session.bundle
        for entry in bundle.entries:
            if entry.worker == call.worker:
                return bundle.entry_pages(entry)
        return (int(call.subdag.removeprefix(PAGE_PREFIX)),)

    def _invoke(self, call: Call, payload: bytes) -> None:
        """Invoke with patience: what is refused for now is repeated by the watch."""
        pause = 0.05
        for _ in range(INVOKE_TRIES):
            try:
                self._session.invoker.invoke(call.env, payload)
            except Throttled:
                time.sleep(pause)
                pause *= 2
                continue
            self._session.backend.coordinator.confirm(call.worker, call.called_at)
            return
