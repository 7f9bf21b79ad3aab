"""What is remembered of a workflow's runs: per task, per class of environments, and of its newest runs.

One type, `GraphHistory`, holds what one run adds and what ten thousand have left: `merge_graphs` is the only operation
on it, commutative and associative, and its size is bounded by the tasks and classes of the graph, not by the runs.
Nothing here knows where a history lies, how it is written, or what a planner makes of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from runtime.history.relation import Relation, merge_relations
from runtime.history.sketch import Sketch, merge_sketches
from runtime.links import NO_LINK

KEPT_RUNS = 256
KEPT_FAMILY_RUNS = 64
SAMPLES_PER_RUN = 4
MOST_SAMPLES = 64
"""Of one run, where tasks are put together."""

KEPT_ENVIRONMENTS = 24
"""Classes of environments per graph; those that were not seen for the longest time are forgotten beyond."""

EXPONENT_MARK, LINK_MARK = "^", "~"
"""What stands before the other parts of a key of environments, which begins with the class: `…^1~1ms,78MB/s`."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
FamilyKey = tuple[str, str]
"""The task (without keys) and the class of environments that it ran in."""

MakespanKey = tuple[str, str, str]
"""Planner, SLA, and the link between workers and store."""


RanksKey = tuple[str, str, bool]
"""Planner, link, and whether the promises were settled: set right by enough earlier runs."""


def class_of(env: str) -> str:
    """The name of the environment class in the key under which a history has its environments."""
    return env.partition(LINK_MARK)[0].partition(EXPONENT_MARK)[0]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Sample:
    """One good execution: raw seconds beside the bytes that went in and came out."""

    input_bytes: int
    exec_s: float
    output_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class FamilyRun:
    """A family in one run: how much its executions of that run have in common, and some of them.

    `count` executions, `log_mean` and `log_square` the means of ln(exec_s) and of its square; `samples` are
    `SAMPLES_PER_RUN` at most, chosen by the names of the instances alone.
    """

    at: float
    run: str
    count: int
    log_mean: float
    log_square: float
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyHistory:
    """A task in one class of environments. Good executions are `execs`, seconds by input bytes, without those that they
    waited for a core which others had.

    `first_execs` are those that came first in a new environment, which pay for what code does once. What failed or was
    cut is apart. `cpu` has the work that executions did on CPUs, over their time, without short ones, which are all
    work. `outputs` has output bytes by input bytes for each output, "" for one without a name. `recent` are the newest
    runs, so that a reader may weigh by age and tell what varies with a run from what varies within.
    `beside` has what commits took that went on beside one of them: code that keeps the interpreter holds them up.
    """

    fingerprint: str
    execs: Relation = field(default_factory=Relation)
    first_execs: Relation = field(default_factory=Relation)
    failed: Sketch = field(default_factory=Sketch)
    cut: Sketch = field(default_factory=Sketch)
    skipped: int = 0
    cpu: Sketch = field(default_factory=Sketch)
    beside: Sketch = field(default_factory=Sketch)
    outputs: Mapping[str, Relation] = field(default_factory=dict)
    recent: tuple[FamilyRun, ...] = ()
    seen_at: float = 0.0

    @property
    def count(self) -> int:
        """Good executions, first ones included."""
        return self.execs.count + self.first_execs.count


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentHistory:
    """What environments of one class took, by kind. `bytes` is what each kind goes with.

        queue                     a wait for an environment              none
        start cold, start warm    from there to the first line           bytes of the code
        start launch              a cold one that the launcher called    bytes of the code
        code cold, code warm      loading the user's code                bytes of the code
        setup cold, setup warm    from the first line to the records     none
        work cold                 of a cold start, on CPUs               none
        own                       of an invocation, what nothing else    tasks in it
                                  of it explains: the worker's logic
        fetch, hint …             an input's trip, by its source         bytes that the trip brought
        upload, serialize         a large value's put, a value's bytes   bytes of the value
        upload per MB …           what a million of these bytes took     bytes that took it
        commit                    a commit that stored an output         bytes of the output
        begin, subdag             once in an invocation                  none
        decode, invoke            per record; per call                   none

    What an invocation waited for a core before its begin is in none of the times that it took until then.

    `memory_mb`, and the exponent with which time goes with it: seconds at 512 MB are
    seconds · (min(memory_mb, 1769) / 512) ** exponent, so a quantile at 512 MB is the raw one times that.
    `link` is what lay between them and the store (`runtime.links`): environments over another one are a class apart.
    """

    memory_mb: int
    exponent: float
    link: str = NO_LINK
    kinds: Mapping[str, Relation] = field(default_factory=dict)
    peak_memory_mb: Sketch = field(default_factory=Sketch)
    seen_at: float = 0.0

    @property
    def to_512(self) -> float:
        """What turns raw seconds into seconds at 512 MB."""
        return float((min(self.memory_mb, 1769) / 512) ** self.exponent)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RunRow:
    """One run. `run` is its id with the launch; `state` succeeded, resumed (and succeeded), failed or cancelled.

    `model_s` is the middle that simulation alone had given for its makespan, 0 where it had promised nothing.
    """

    at: float
    run: str
    state: str
    planner: str
    sla: str
    makespan_s: float
    tasks: int
    cold: int
    warm: int
    link: str = NO_LINK
    model_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphHistory:
    """Everything of one graph signature. `makespans` by planner, SLA and link, of runs that succeeded at once.

    `states` counts the runs by how they ended; `runs` are the newest, the newest first. `ranks` counts those that
    had promised something and succeeded at once, by `Promise.rank`: 0 to 99.
    """

    signature: str
    workflow: str
    families: Mapping[FamilyKey, FamilyHistory] = field(default_factory=dict)
    environments: Mapping[str, EnvironmentHistory] = field(default_factory=dict)
    makespans: Mapping[MakespanKey, Sketch] = field(default_factory=dict)
    states: Mapping[str, int] = field(default_factory=dict)
    ranks: Mapping[RanksKey, Mapping[int, int]] = field(default_factory=dict)
    runs: tuple[RunRow, ...] = ()
    seen_at: float = 0.0

    @property
    def run_count(self) -> int:
        return sum(self.states.values())

    @property
    def fingerprints(self) -> frozenset[str]:
        return frozenset(family.fingerprint for family in self.families.values())


def merge_graphs(graphs: Sequence[GraphHistory]) -> GraphHistory:
    """One history of everything that any of them, all of one signature, remembers. Raises ValueError of none."""
    if len({graph.signature for graph in graphs}) != 1:
        raise ValueError("histories of different graphs do not merge")
    newest = max(graphs, key=lambda graph: (graph.seen_at, graph.workflow))
    environments = merged((graph.environments for graph in graphs), merge_environments)
    kept = frozenset(sorted(environments, key=lambda env: (-environments[env].seen_at, env))[:KEPT_ENVIRONMENTS])
    states: Counter[str] = Counter()
    for graph in graphs:
        states.update(graph.states)
    families = merged((graph.families for graph in graphs), merge_families)
    return GraphHistory(
        signature=newest.signature,
        workflow=newest.workflow,
        families={key: family for key, family in families.items() if key[1] in kept},
        environments={env: environments[env] for env in sorted(kept)},
        makespans=merged((graph.makespans for graph in graphs), merge_sketches),
        states=dict(sorted(states.items())),
        ranks=merged((graph.ranks for graph in graphs), _counted),
        runs=_newest([graph.runs for graph in graphs], KEPT_RUNS),
        seen_at=newest.seen_at,
    )


def _counted(tables: Sequence[Mapping[int, int]]) -> Mapping[int, int]:
    return merged(tables, sum)


def merge_families(families: Sequence[FamilyHistory]) -> FamilyHistory:
    """One history of one task. Of another fingerprint, which a graph's signature rules out, the newest alone counts."""
    newest = max(families, key=lambda family: (family.seen_at, family.fingerprint))
    parts = [family for family in families if family.fingerprint == newest.fingerprint]
    return FamilyHistory(
        fingerprint=newest.fingerprint,
        execs=merge_relations(part.execs for part in parts),
        first_execs=merge_relations(part.first_execs for part in parts),
        failed=merge_sketches(part.failed for part in parts),
        cut=merge_sketches(part.cut for part in parts),
        skipped=sum(part.skipped for part in parts),
        cpu=merge_sketches(part.cpu for part in parts),
        beside=merge_sketches(part.beside for part in parts),
        outputs=merged((part.outputs for part in parts), merge_relations),
        recent=_newest([part.recent for part in parts], KEPT_FAMILY_RUNS),
        seen_at=newest.seen_at,
    )


def merge_tasks(families: Sequence[FamilyHistory]) -> FamilyHistory:
    """One history of one function, which several tasks call: what they did in one run is one row of it."""
    if len(families) == 1:
        return families[0]
    runs: defaultdict[tuple[float, str], list[FamilyRun]] = defaultdict(list)
    for family in families:
        for row in family.recent:
            runs[row.at, row.run].append(row)
    newest = sorted(runs, reverse=True)[:KEPT_FAMILY_RUNS]
    return replace(merge_families(families), recent=tuple([_one_row(sorted(runs[key])) for key in newest]))


def _one_row(rows: Sequence[FamilyRun]) -> FamilyRun:
    """What several families did in one run; its samples are as many from each as there is room for."""
    if len(rows) == 1:
        return rows[0]
    count = sum(row.count for row in rows)
    samples = [sample for row in rows for sample in row.samples]
    return FamilyRun(
        at=rows[0].at,
        run=rows[0].run,
        count=count,
        log_mean=sum(row.log_mean * row.count for row in rows) / count,
        log_square=sum(row.log_square * row.count for row in rows) / count,
        samples=tuple(samples[:: max(1, -(-len(samples) // MOST_SAMPLES))]),
    )


def merge_environments(environments: Sequence[EnvironmentHistory]) -> EnvironmentHistory:
    """One history of one class of environments."""
    newest = max(environments, key=lambda environment: (environment.seen_at, environment.exponent))
    return EnvironmentHistory(
        memory_mb=newest.memory_mb,
        exponent=newest.exponent,
        link=newest.link,
        kinds=merged((environment.kinds for environment in environments), merge_relations),
        peak_memory_mb=merge_sketches(environment.peak_memory_mb for environment in environments),
        seen_at=newest.seen_at,
    )


def merged(tables: Iterable[Mapping[K, V]], join: Callable[[Sequence[V]], V]) -> dict[K, V]:
    """One table of all keys, sorted; the values of a key that several have are joined."""
    found: dict[K, list[V]] = {}
    for table in tables:
        for key, value in table.items():
            found.setdefault(key, []).append(value)
    return {key: found[key][0] if len(found[key]) == 1 else join(found[key]) for key in sorted(found)}  # type: ignore[type-var]


Row = TypeVar("Row", RunRow, FamilyRun)


def _newest(tables: Sequence[tuple[Row, ...]], limit: int) -> tuple[Row, ...]:
    if len(tables) == 1:
        return tables[0]
    return tuple(sorted({row for rows in tables for row in rows}, reverse=True)[:limit])
