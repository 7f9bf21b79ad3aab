"""What a simulation is told: the conditions on the platform, and what one run draws from the predictions.

Both are plain numbers: where they come from (a target profile, a history, a hint, a default) is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from runtime.links import NO_LINK
from runtime.plan import EnvClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Where workers run, and what coordination costs there. Seconds, bytes, bytes per second.

    `round_trip_s` is that of the store, `environment_bytes_per_s` the link of one environment to it, and
    `store_bytes_per_s` what the store gives to all. `invoke_s` is the answer of the Invoke API, `deliver_s` the way of
    an accepted event to an environment that is free.
    `cores` bound how many environments run at full speed at one time: inf where each has CPUs of its own. Work on them
    is what user code computes, a call, the last `start_work_s` of a cold start, and all that follows here:
    `setup_cold_s` and `setup_warm_s` go from the handler's first line to the worker's begin, `leave_s` from its last
    word to the end of the invocation. `task_s` is what the worker itself spends on a task, `decode_s` on a task's
    record, `serialize_bytes_per_s` on packing and signing a value that leaves it. `commit_s` is what a commit takes
    besides the trip. `link` is the name of it all.
    `warm` counts by class the environments that are there when the run begins; `is_code_loaded`: the workflow's code is
    loaded in them.
    """

    concurrency: int
    idle_expiry_s: float = 300.0
    round_trip_s: float = 0.0
    environment_bytes_per_s: float = inf
    store_bytes_per_s: float = inf
    invoke_s: float = 0.0
    deliver_s: float = 0.0
    cores: float = inf
    start_work_s: float = 0.0
    setup_cold_s: float = 0.0
    setup_warm_s: float = 0.0
    leave_s: float = 0.0
    task_s: float = 0.0
    commit_s: float = 0.0
    decode_s: float = 0.0
    serialize_bytes_per_s: float = inf
    link: str = NO_LINK
    warm: Mapping[str, int] = field(default_factory=dict)
    is_code_loaded: bool = False


def nothing(_: int) -> float:
    """No time at all."""
    return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One run's durations and sizes. By instance: `exec_s` on the class that the plan gives it, alone on its CPU, of
    which `cpu_s` is work and the rest waiting.

    `bytes_of(instance, output)` is the serialised size of an output (-1: the only one). `cold_s` goes from the decision
    to make an environment, `warm_s` from the delivery of an event to one that is ready, both to the handler's first
    line; `code_load_s(module)` is spent once in an environment. `hold_s(instance)` is how much longer an errand takes
    beside an execution, whose code keeps the interpreter. Before `ready_s` after the launch no environment begins to
    be made: a platform of its own starts with a run.
    """

    exec_s: Sequence[float]
    cpu_s: Sequence[float]
    bytes_of: Callable[[int, int], int]
    cold_s: Callable[[EnvClass], float]
    warm_s: Callable[[EnvClass], float]
    code_load_s: Callable[[str], float]
    hold_s: Callable[[int], float] = nothing
    ready_s: float = 0.0
