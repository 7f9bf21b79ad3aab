"""Settings: frozen types with their defaults. Where values come from (command line, environment, file) is resolved by `resolve`.

One type per backend, each with only its own fields, and one `WorkerSettings` shared by all.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What every worker of a run shares. Times in seconds, sizes in bytes.

    `call_limit_s`: a called worker that has not begun by then is called again (rule 8 of the protocol).
    `max_tries`: begins of one worker without a new stored output before the run fails.
    `life_s`: how long keys of a run live (deadline + 24 h). `store_value_bytes`: larger values get a key of their own.
    `time_margin_s`: a worker hands its tasks over when less than this is left of its invocation.
    """

    lease_s: float = 10.0
    renew_s: float = 2.5
    linger_s: float = 0.05
    call_limit_s: float = 10.0
    max_tries: int = 5
    deadline_s: float = 24 * 3600.0
    life_s: float = 48 * 3600.0
    store_value_bytes: int = 64 * KIB
    inline_subdag_bytes: int = 128 * KIB
    inline_value_bytes: int = 32 * KIB
    inline_values_bytes: int = 128 * KIB
    time_margin_s: float = 2.0
    fan_out: int = 8
    """Flexible workers that one commit may call anew (the concurrency limit of the target, at least 1)."""
