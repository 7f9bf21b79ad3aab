"""An invocation on its way through the service, and how it can end.

The texts are Lambda's own: callers match on them.
"""

from __future__ import annotations

import json
import signal
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

DISPATCH_S = 0.001
"""What is shorter is the dispatcher's own work, and no wait."""
MAX_SYNC_BYTES = 6 * 1024 * 1024
MAX_ASYNC_BYTES = 1024 * 1024
MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an invocation returned. `is_error` makes the header X-Amz-Function-Error.

    The header's value is always `Unhandled`: Lambda says so of everything that a Python runtime reports, an
    exception of the handler included. `log` is the tail that LogType=Tail asks for.
    """

    body: bytes
    is_error: bool = False
    log: bytes = b""


@dataclass(slots=True, kw_only=True)
class Invocation:
    """One event to handle. `done` hears the outcome once; `attempts` counts deliveries of an asynchronous event, which
    waits for its next one since `queued_at`."""

    function: str
    arn: str
    body: bytes
    is_async: bool
    done: Callable[[Outcome], None]
    queued_at: float
    client_context: str | None = None
    trace_id: str | None = None
    wants_log: bool = False
    attempts: int = 0
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def queue_s(self, *, given_at: float, made_at: float | None) -> float:
        """How long it waited for an environment that it was given; `made_at` of a new one, whose start is no wait."""
        waited_s = (given_at if made_at is None else made_at) - self.queued_at
        return waited_s if waited_s >= DISPATCH_S else 0.0


def untraced(request_id: str) -> str:
    """The trace header of an event that came without one, as Lambda makes it: its root, and not sampled."""
    digits = request_id.replace("-", "")
    return f"Root=1-{digits[:8]}-{digits[8:]};Sampled=0"


def failure(kind: str, message: str) -> Outcome:
    return Outcome(body=json.dumps({"errorType": kind, "errorMessage": message}).encode(), is_error=True)


def timed_out(request_id: str, timeout_s: float) -> Outcome:
    return failure("Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {timeout_s:.2f} seconds")


def response_too_large(size: int) -> Outcome:
    return failure(
        "Function.ResponseSizeTooLarge",
        f"Response payload size ({size} bytes) exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes).",
    )


def exited(request_id: str, status: int | None, reason: str) -> Outcome:
    """The runtime process ended by itself: `status` is its exit code, or minus the signal's number."""
    if status is None:
        return failure("Runtime.StartError", f"RequestId: {request_id} Error: {reason}")
    if status == 0:
        detail = "Runtime exited without providing a reason"
    elif status > 0:
        detail = f"Runtime exited with error: exit status {status}"
    else:
        detail = f"Runtime exited with error: signal: {signal_text(-status)}"
    if reason:
        detail += f" ({reason})"
    return failure("Runtime.ExitError", f"RequestId: {request_id} Error: {detail}")


def signal_text(number: int) -> str:
    description = signal.strsignal(number)
    return description.lower() if description else str(number)
