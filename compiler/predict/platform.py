"""What coordination, transfers and starts take, from the history of environments; where there is none, defaults.

Starts: a wait for an environment is no part of them where the service tells of it, but none is alone on its machine, so
the lower part of what was measured counts: the simulator adds queues and company itself. A launch may also wait for the
platform itself, which starts with a run where nobody keeps it: those starts are apart. Transfers: large values give the
bandwidth, small ones the round trip.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log

from compiler.predict.distribution import Distribution, around
from runtime.history.records import EnvironmentHistory, class_of
from runtime.history.relation import STEPS, bucket_of, merge_relations
from runtime.history.sketch import Sketch, merge_sketches
from runtime.links import DIRECT, NO_LINK, LinkShape

DEFAULT_START_S = {"cold": 0.3, "warm": 0.01}
DEFAULT_START_SPREAD = 0.5
DEFAULT_TRIP_S = 0.001
DEFAULT_CODE_S = 0.02
DEFAULT_INVOKE_S = 0.003
DEFAULT_WORK_S = 0.02
DEFAULT_SETUP_S = 0.01
DEFAULT_TASK_S = 5e-5
DEFAULT_LEAVE_S = 0.003
FEW = 3
LARGE = bucket_of(256 * 1024)
"""From here on the bytes of a value, and not its trip, are what takes the time."""

SERIALIZED = bucket_of(32 * 1024)
FEW_TASKS = bucket_of(3)
MANY_TASKS = bucket_of(64)
"""Of so many tasks what an invocation spends on each can be told from what it spends on itself."""

ALONE = 0.25
"""The part of what was measured that had no company: work takes longer while others share the cores, and the
simulator adds that itself."""

NO_WAIT = around(1e-6, 0.05, "default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What is known of where a plan runs. `source` says from how much.

    `link` lies between workers and the store. `starts` by class and state; `ready` is what a launch waits for a
    platform that starts with it. `code_load_s` is spent once in an environment, `start_work_s` is the part of a cold
    start that is work on a CPU; `setup_cold_s` or `setup_warm_s` and `leave_s` are spent once in an invocation,
    `task_s` and `decode_s` on each task.
    """

    starts: Mapping[tuple[str, str], Distribution]
    round_trip_s: float
    commit_s: float
    invoke_s: float
    code_load_s: float
    bytes_per_s: float
    source: str
    link: str = NO_LINK
    ready: Distribution = NO_WAIT
    start_work_s: float = 0.0
    setup_cold_s: float = 0.0
    setup_warm_s: float = 0.0
    leave_s: float = 0.0
    task_s: float = 0.0
    decode_s: float = 0.0
    serialize_bytes_per_s: float = inf

    def start(self, env: str, state: str) -> Distribution:
        """From the call to the handler's first line in a class of environments that is known, or any."""
        found = self.starts.get((env, state)) or self.starts.get(("", state))
        return found or around(DEFAULT_START_S[state], DEFAULT_START_SPREAD, "default")


def learn_platform(
    environments: Mapping[str, EnvironmentHistory],
    link: LinkShape = DIRECT,
    own: Mapping[str, EnvironmentHistory] | None = None,
) -> Platform:
    """From everything that environments of this deployment took; of trips, what they took over this link; from those
    that ran the same functions (`own`), if any did, what loading code takes.

    Where none was measured over it, its own figures are added to what trips take without any link.
    """
    every = list(environments.values())
    over = _over(every, link.text)
    source = over if _whole(over, "begin").count else _over(every, NO_LINK)
    begins, starts = _whole(source, "begin"), dict(_starts(environments))
    own_s = _trip(source, 0.0 if link.round_trip_s else DEFAULT_TRIP_S)
    connect_s = max(0.0, _usual(begins, 0.0) - own_s)
    added_s = 0.0 if source is over else link.round_trip_s
    loads = _over((own or environments).values(), link.text if source is over else NO_LINK)
    leave_s, task_s = _own(source)
    return Platform(
        starts=starts,
        ready=_ready(_whole(every, "start launch"), starts.get(("", "cold"))),
        round_trip_s=own_s + added_s,
        commit_s=max(0.0, _usual(_small(source, "commit"), 0.0) - own_s),
        invoke_s=_alone(_whole(every, "invoke"), DEFAULT_INVOKE_S),
        code_load_s=_alone(_whole(loads, "code cold"), DEFAULT_CODE_S) + added_s,
        start_work_s=_alone(_whole(every, "work cold"), DEFAULT_WORK_S),
        setup_cold_s=_alone(_whole(source, "setup cold"), DEFAULT_SETUP_S) + connect_s,
        setup_warm_s=_alone(_whole(source, "setup warm"), 0.0),
        leave_s=leave_s + added_s,
        task_s=task_s,
        decode_s=_alone(_whole(every, "decode"), 0.0),
        bytes_per_s=min(link.bytes_per_s, _rate(source, ("upload", "fetch store"), LARGE, own_s)),
        serialize_bytes_per_s=_rate(every, ("serialize",), SERIALIZED, 0.0),
        link=link.text,
        source=f"{begins.count:,} invocations" if begins.count else "default",
    )


def _trip(environments: Sequence[EnvironmentHistory], default: float) -> float:
    """The shortest of three that are a trip and something more: a connection, a script, a value."""
    found = [_whole(environments, "begin"), _small(environments, "commit"), _small(environments, "fetch store")]
    return min((_usual(sketch, default) for sketch in found if sketch.count), default=default)


def _starts(environments: Mapping[str, EnvironmentHistory]) -> Iterable[tuple[tuple[str, str], Distribution]]:
    for state in ("cold", "warm"):
        everywhere = _whole(environments.values(), f"start {state}")
        if everywhere.count:
            yield ("", state), _start(everywhere)
        elif state == "cold" and (launches := _whole(environments.values(), "start launch")).count:
            yield ("", state), _start(launches)
        for env, environment in environments.items():
            found = _whole([environment], f"start {state}")
            if found.count >= FEW:
                yield (class_of(env), state), _start(found)


def _start(sketch: Sketch) -> Distribution:
    """Around the lower quartile, as wide as what lies below the middle."""
    low, quartile = sketch.quantile(0.05), sketch.quantile(ALONE)
    spread = min(1.0, max(0.05, log(max(quartile, 1e-6) / max(low, 1e-6)) / 1.645))
    return around(quartile, spread, f"{sketch.count:,} samples", count=float(sketch.count))


def _ready(launches: Sketch, cold: Distribution | None) -> Distribution:
    """What starts of a launch took more than others."""
    if not launches.count or cold is None:
        return NO_WAIT
    low, middle, high = launches.quantiles((0.16, 0.5, 0.84))
    wait_s = middle - cold.median
    if wait_s <= 0.1 * middle:
        return NO_WAIT
    return around(wait_s, min(1.0, log(high / low) / 2), f"{launches.count:,} samples", count=float(launches.count))


def _own(environments: Iterable[EnvironmentHistory]) -> tuple[float, float]:
    """What a worker's own logic takes: once in an invocation, and for each task.

    Where all invocations had many tasks, only the sum is known: the usual is spent once, the rest on tasks.
    """
    whole = merge_relations([one.kinds["own"] for one in environments if "own" in one.kinds])
    found = whole.buckets
    few = merge_sketches([sketch for bucket, sketch in found.items() if bucket <= FEW_TASKS])
    if whole.count and min(found) >= MANY_TASKS:
        both_s, tasks = whole.whole().quantile(ALONE), 2.0 ** (whole.sums.x / whole.sums.n / STEPS)
        once_s = min(both_s, DEFAULT_LEAVE_S)
        return once_s, (both_s - once_s) / tasks
    once_s = _alone(few, min((sketch.quantile(ALONE) for sketch in found.values()), default=0.0))
    each = [
        (sketch.count, max(0.0, sketch.quantile(ALONE) - once_s) / _middle_bytes(bucket))
        for bucket, sketch in found.items()
        if bucket >= MANY_TASKS
    ]
    return once_s, _weighted(each, DEFAULT_TASK_S)


def _over(environments: Iterable[EnvironmentHistory], link: str) -> list[EnvironmentHistory]:
    return [one for one in environments if one.link == link]


def _whole(environments: Iterable[EnvironmentHistory], kind: str) -> Sketch:
    return merge_sketches([one.kinds[kind].whole() for one in environments if kind in one.kinds])


def _small(environments: Iterable[EnvironmentHistory], kind: str) -> Sketch:
    """Of what moved no more than a few KiB."""
    few = bucket_of(4096)
    return merge_sketches(
        [
            sketch
            for one in environments
            if kind in one.kinds
            for bucket, sketch in one.kinds[kind].buckets.items()
            if bucket <= few
        ]
    )


def _usual(sketch: Sketch, default: float) -> float:
    return sketch.quantile(0.5) if sketch.count else default


def _alone(sketch: Sketch, default: float) -> float:
    return sketch.quantile(ALONE) if sketch.count else default


def _rate(environments: Iterable[EnvironmentHistory], kinds: Sequence[str], least: int, trip_s: float) -> float:
    """Bytes a second of large values; without limit when there were none."""
    names = [f"{kind} per MB" for kind in kinds]
    parts = [one.kinds[name] for one in environments for name in names if name in one.kinds]
    moved = merge_relations(parts).buckets if parts else {}
    seconds = [
        (sketch.count, max(1e-6, sketch.quantile(0.5) - trip_s / (_middle_bytes(bucket) / 1e6)))
        for bucket, sketch in moved.items()
        if bucket >= least
    ]
    return 1e6 / _weighted(seconds, inf) if seconds else inf


def _weighted(values: Sequence[tuple[int, float]], default: float) -> float:
    count = sum(weight for weight, _ in values)
    return sum(weight * value for weight, value in values) / count if count else default


def _middle_bytes(bucket: int) -> float:
    """The geometric middle of a bucket of sizes, which is from 4^(n-1) to 4^n."""
    return float(4.0 ** (bucket - 0.5))
