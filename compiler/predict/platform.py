"""What coordination, transfers and starts take, from the history of environments; where there is none, defaults.

Starts: who had to wait for an environment was late for another reason than its start, so the lower part of what was
measured counts. Transfers: large values give the bandwidth, small ones the round trip.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf, log

from compiler.predict.distribution import Distribution, around
from runtime.history.records import EnvironmentHistory, class_of
from runtime.history.relation import bucket_of, merge_relations
from runtime.history.sketch import Sketch, merge_sketches
from runtime.links import DIRECT, NO_LINK, LinkShape

DEFAULT_START_S = {"cold": 0.3, "warm": 0.01}
DEFAULT_START_SPREAD = 0.5
DEFAULT_TRIP_S = 0.001
DEFAULT_CODE_S = 0.02
DEFAULT_INVOKE_S = 0.003
FEW = 3
LARGE = bucket_of(256 * 1024)
"""From here on the bytes of a value, and not its trip, are what takes the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What is known of where a plan runs. `source` says from how much.

    `link` lies between workers and the store. `starts` by class and state; `code_load_s` is spent once in an
    environment, `decode_s` once in an invocation.
    """

    starts: Mapping[tuple[str, str], Distribution]
    round_trip_s: float
    commit_s: float
    invoke_s: float
    code_load_s: float
    bytes_per_s: float
    source: str
    link: str = NO_LINK

    def start(self, env: str, state: str) -> Distribution:
        """From the call to the handler's first line in a class of environments that is known, or any."""
        found = self.starts.get((env, state)) or self.starts.get(("", state))
        return found or around(DEFAULT_START_S[state], DEFAULT_START_SPREAD, "default")


def learn_platform(environments: Mapping[str, EnvironmentHistory], link: LinkShape = DIRECT) -> Platform:
    """From everything that environments of this deployment took; of trips, what they took over this link.

    Where none was measured over it, its own figures are added to what trips take without any link.
    """
    every = list(environments.values())
    over = [one for one in every if one.link == link.text]
    source = over if _whole(over, "begin").count else [one for one in every if one.link == NO_LINK]
    begins, commits = _whole(source, "begin"), _small(source, "commit")
    own_s = _middle(begins, 0.0 if link.round_trip_s else DEFAULT_TRIP_S)
    added_s = 0.0 if source is over else link.round_trip_s
    return Platform(
        starts=dict(_starts(environments)),
        round_trip_s=own_s + added_s,
        commit_s=max(0.0, commits.quantile(0.5) - own_s) if commits.count else 0.0,
        invoke_s=_middle(_whole(every, "invoke"), DEFAULT_INVOKE_S),
        code_load_s=_middle(_whole(source, "code cold"), DEFAULT_CODE_S) + added_s,
        bytes_per_s=min(link.bytes_per_s, _bandwidth(source, own_s)),
        link=link.text,
        source=f"{begins.count:,} invocations" if begins.count else "default",
    )


def _starts(environments: Mapping[str, EnvironmentHistory]) -> Iterable[tuple[tuple[str, str], Distribution]]:
    for state in ("cold", "warm"):
        everywhere = _whole(environments.values(), f"start {state}")
        if everywhere.count:
            yield ("", state), _start(everywhere)
        for env, environment in environments.items():
            found = _whole([environment], f"start {state}")
            if found.count >= FEW:
                yield (class_of(env), state), _start(found)


def _start(sketch: Sketch) -> Distribution:
    """Around the lower quartile, as wide as what lies below the middle."""
    low, quartile = sketch.quantile(0.05), sketch.quantile(0.25)
    spread = min(1.0, max(0.05, log(max(quartile, 1e-6) / max(low, 1e-6)) / 1.645))
    return around(quartile, spread, f"{sketch.count:,} samples", count=float(sketch.count))


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


def _middle(sketch: Sketch, default: float) -> float:
    return sketch.quantile(0.5) if sketch.count else default


def _bandwidth(environments: Iterable[EnvironmentHistory], trip_s: float) -> float:
    """Bytes a second of large values, both ways; without limit when none was moved."""
    parts = [one.kinds[kind] for one in environments for kind in ("upload", "fetch store") if kind in one.kinds]
    moved = merge_relations(parts).buckets if parts else {}
    rates = [
        (sketch.count, _middle_bytes(bucket) / max(1e-6, sketch.quantile(0.5) - trip_s))
        for bucket, sketch in moved.items()
        if bucket >= LARGE
    ]
    count = sum(weight for weight, _ in rates)
    return sum(weight * rate for weight, rate in rates) / count if count else inf


def _middle_bytes(bucket: int) -> float:
    """The geometric middle of a bucket of sizes, which is from 4^(n-1) to 4^n."""
    return float(4.0 ** (bucket - 0.5))
