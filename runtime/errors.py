"""Faults of the environment: every expected failure outside the user's manifest has a type and a stable code.

A user's mistake in a manifest is a `compiler.diagnostics.Diagnostic`, not one of these. A bug of
treadle's own is an `AssertionError` or any other uncaught exception.
"""

from __future__ import annotations


class RuntimeFault(Exception):
    """A fault that the user can act upon. `code` is stable, `hint` is one imperative line or empty.

    `exit_code` follows the command line's table: 1 the run failed, 2 usage, 4 input/output or environment.
    """

    code = "runtime-fault"
    exit_code = 4

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class StoreUnavailable(RuntimeFault):
    """Redis cannot be reached, went away, or refuses what it is asked."""

    code = "store-unavailable"


class ObjectStoreUnavailable(RuntimeFault):
    """The object store for large values is not there, is full, or refuses what it is asked."""

    code = "object-store-unavailable"


class RebuildSuperseded(RuntimeFault):
    """What this launcher was building is not what the store holds now: another rebuilds, or the store restarted."""

    code = "rebuild-superseded"


class LambdaUnavailable(RuntimeFault):
    """The Lambda endpoint cannot be reached or refuses what it is asked."""

    code = "lambda-unavailable"


class LambdaFaltered(LambdaUnavailable):
    """The Lambda endpoint failed this once (5xx), or the connection to it did: worth another try."""


class Throttled(LambdaUnavailable):
    """The Lambda endpoint answered 429: too many requests, or no place. `retry_after_s` is its wish, 0 for none."""

    code = "throttled"

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BundleInvalid(RuntimeFault):
    """E603: a blob's bytes do not have the digest that names them, or a blob is missing."""

    code = "E603"


class SchemaVersionUnsupported(RuntimeFault):
    """E605: an artifact of another major schema version."""

    code = "E605"


class SignatureInvalid(RuntimeFault):
    """E606: an envelope was not signed by this deployment, or not for this place."""

    code = "E606"


class RequirementMissing(RuntimeFault):
    """The interpreter of the local service lacks a declared requirement."""

    code = "E404"


class NotSerializable(RuntimeFault):
    """A value or a callable cannot be shipped; the message names the part that cannot and why."""

    code = "not-serializable"
    exit_code = 1


class ValueUnreadable(RuntimeFault):
    """A stored value is genuine and cannot be unpickled here: its class is missing, or raises."""

    code = "value-unreadable"
    exit_code = 1


class RunFailed(RuntimeFault):
    """The run ended with an error of the user's code or over a bound; `records` say which."""

    code = "run-failed"
    exit_code = 1

    def __init__(self, message: str, *, records: tuple[dict[str, object], ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.records = records


class RunCancelled(RuntimeFault):
    """The run was cancelled; nothing of it is left."""

    code = "run-cancelled"
    exit_code = 130
