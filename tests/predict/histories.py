"""Histories made by hand: what functions took, run after run."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from math import log

from runtime.history.records import EnvironmentHistory, FamilyHistory, FamilyRun, GraphHistory, Sample, merge_families
from runtime.history.relation import Relation
from runtime.history.view import History


def environment(memory_mb: int, exponent: float = 0.0) -> EnvironmentHistory:
    return EnvironmentHistory(memory_mb=memory_mb, exponent=exponent)


def family(
    runs: Sequence[Sequence[float]],
    *,
    input_bytes: int = 1000,
    output: Iterable[tuple[float, float]] = (),
    fingerprint: str = "f",
) -> FamilyHistory:
    """One run after another, each with its execution times in seconds."""
    parts = [_run(number, times, input_bytes, fingerprint) for number, times in enumerate(runs)]
    given = list(output)
    if given:
        parts.append(FamilyHistory(fingerprint=fingerprint, outputs={"": Relation.of(given)}))
    return merge_families(parts)


def _run(number: int, times: Sequence[float], input_bytes: int, fingerprint: str) -> FamilyHistory:
    logs = [log(seconds) for seconds in times]
    recent = FamilyRun(
        at=float(number),
        run=f"run{number}",
        count=len(times),
        log_mean=sum(logs) / len(logs),
        log_square=sum(value * value for value in logs) / len(logs),
        samples=tuple([Sample(input_bytes=input_bytes, exec_s=one, output_bytes=0) for one in times[:4]]),
    )
    return FamilyHistory(
        fingerprint=fingerprint,
        execs=Relation.of([(input_bytes, seconds) for seconds in times]),
        recent=(recent,),
        seen_at=float(number),
    )


def history(families: dict[str, FamilyHistory], environments: dict[str, EnvironmentHistory]) -> History:
    """Of one graph: families by task, all in the first of the environments."""
    env = next(iter(environments))
    graph = GraphHistory(
        signature=f"{zlib.crc32(repr(sorted(families)).encode()):x}",
        workflow="test",
        families={(task, env): known for task, known in families.items()},
        environments=environments,
    )
    return History(graphs={graph.signature: graph})
