"""By which names `retry.on` may call a failure: an exception's classes, and the kinds that have a word of their own.

An exception goes by each of its classes, the bases included: by the class's own name, by `module.Class`, and by any
other dotted name of a loaded module under which that very class is found (`requests.ConnectionError` lives in
`requests.exceptions`). Whatever is asked of an exception or its class is user code and may raise
anything: the caller minds it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from runtime.machine.retries import OUT_OF_MEMORY

THROTTLED = "Throttled"
TOO_MANY_REQUESTS = 429
THROTTLING_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""Error codes of AWS that its own clients repeat as throttling (botocore's retry handlers)."""


def names_of(err: BaseException, wanted: Iterable[str]) -> tuple[str, ...]:
    """Every name of `err`; of its aliases only those in `wanted`."""
    classes = [one for one in type(err).__mro__ if one is not object]
    names = dict.fromkeys(name for one in classes for name in _own_names(one))
    names.update(dict.fromkeys(name for name in wanted if "." in name and _found(name) in classes))
    if MemoryError in classes:
        names[OUT_OF_MEMORY] = None
    if _is_throttling(err):
        names[THROTTLED] = None
    return tuple(names)


def _own_names(one: type) -> Iterator[str]:
    module, qualname = str(one.__module__), one.__qualname__.replace("<locals>.", "")
    yield one.__name__
    yield qualname
    yield f"{module}.{qualname}"
    yield f"{module}.{one.__name__}"


def _found(name: str) -> object:
    """What a dotted name of a loaded module says, or None."""
    module, _, attribute = name.rpartition(".")
    return vars(sys.modules[module]).get(attribute) if module in sys.modules else None


def _is_throttling(err: BaseException) -> bool:
    """The answer of a service that had too many requests: botocore's, or any client's that keeps status 429."""
    try:
        response = getattr(err, "response", None)
        if isinstance(response, dict):
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            return status == TOO_MANY_REQUESTS or response.get("Error", {}).get("Code") in THROTTLING_CODES
        statuses = (getattr(response, "status_code", None), getattr(err, "status", None), getattr(err, "code", None))
        return any(type(status) is int and status == TOO_MANY_REQUESTS for status in statuses)
    except Exception:  # noqa: BLE001  attributes of the user's exception are user code
        return False
