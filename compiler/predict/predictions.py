"""Predictions for a planned graph: for each task its time and its outputs' sizes, and draws of whole runs from them.

Every task is looked at with the bytes that it would get (`flow`). Tasks of a family with about the same bytes share one
prediction: a hundred thousand instances are a handful of distributions.

Times of one run have something in common (the weather, the input): a draw of a run has a score that all executions of a
function share, which goes with those of other functions as far as their weather went together, and one that each has
alone, all in the proportions that the history shows. So the spread of a makespan comes out as it is, which percentiles
of single tasks, added up, would not give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil, sqrt

import numpy as np

from compiler.graph.model import Graph
from compiler.planner.model import Plan
from compiler.predict.distribution import Distribution
from compiler.predict.execution import Execution, predict_execution
from compiler.predict.flow import Flow, bytes_of_step, flow_through, step_of
from compiler.predict.platform import NO_WAIT, Platform, learn_platform
from compiler.simulate.conditions import Conditions, Draw
from compiler.simulate.estimate import Array, Draws
from runtime.history.records import FamilyHistory, RunRow
from runtime.history.relation import bucket_of
from runtime.history.sketch import Sketch, merge_sketches
from runtime.history.view import History
from runtime.links import DIRECT, LinkShape

ROOM = 2.0
MB_STEP = 64
LEAST_MB = 512
ENOUGH_PEAKS = 10
"""Where so many invocations were looked at, twice the most memory that was seen is enough, in steps, and `LEAST_MB` at
least: the next input may be larger, and who runs out of memory is killed."""

ENOUGH_OWN = 4
"""So many executions of a task are enough to look at it alone, and not at all that call its function."""

FEW_BESIDE = 3
MIDDLE_HALF = tuple(0.25 + (number + 0.5) / 32 for number in range(16))

FEW_RUNS = 5
UNKNOWN_COMMON = 0.3
"""How far the weather of functions goes together where no run had two of them."""


@dataclass(kw_only=True, eq=False)
class Predictions:
    """What a graph is expected to take, whatever the plan. `fingerprints` are by family, and so is `known`: the
    executions that speak for it, by class of environments.

    `own_runs` are the newest of this very graph.
    """

    graph: Graph
    fingerprints: Sequence[str]
    known: Sequence[Mapping[str, FamilyHistory]]
    history: History
    platform: Platform
    flow: Flow
    own_runs: Sequence[RunRow] = ()
    _executions: dict[tuple[int, int, int], Execution] = field(default_factory=dict)
    _attempts: dict[tuple[int, float], Execution] = field(default_factory=dict)

    def execution(self, instance: int, memory_mb: int) -> Execution:
        """The time of an attempt at an instance in an environment with so much memory: none lasts longer than its
        timeout, however little is known of it."""
        whole, timeout_s = self.untimed(instance, memory_mb), self.graph.option_of(instance).timeout_s
        key = id(whole), timeout_s
        if key not in self._attempts:
            seconds = whole.seconds.at_most(timeout_s)
            self._attempts[key] = whole if seconds is whole.seconds else replace(whole, seconds=seconds)
        return self._attempts[key]

    def untimed(self, instance: int, memory_mb: int) -> Execution:
        """The same if there was no timeout."""
        family = self.graph.family_of[instance]
        step = step_of(self.flow.input_bytes[instance])
        key = (family, memory_mb, step)
        if key not in self._executions:
            self._executions[key] = predict_execution(
                self.known[family],
                self.history.environments,
                memory_mb=memory_mb,
                input_bytes=bytes_of_step(step),
            )
        return self._executions[key]

    def seconds(self, instance: int, memory_mb: int) -> Distribution:
        return self.execution(instance, memory_mb).seconds

    @cached_property
    def samples(self) -> int:
        """The fewest executions that any function's prediction rests on: 0 when one has never run."""
        counts = (
            sum(family.count for family in self.history.functions(mark).values()) for mark in set(self.fingerprints)
        )
        return min(counts, default=0)

    @cached_property
    def runs(self) -> int:
        """Runs, of this graph or others, that any of its functions was seen in."""
        known = set(self.fingerprints)
        return sum(graph.run_count for graph in self.history.graphs.values() if graph.fingerprints & known)

    def needed_mb(self, family: int) -> int | None:
        """The memory that environments which ran this function were seen to need, with room to spare; None when nobody
        measured it, or never with as many bytes in as are to come."""
        ran_in = self.history.functions(self.fingerprints[family])
        seen = {bucket for one in ran_in.values() for part in (one.execs, one.first_execs) for bucket in part.buckets}
        if bucket_of(self._most_bytes.get(family, 0)) > max(seen, default=-1):
            return None
        peaks = [self.history.environments[env].peak_memory_mb for env in ran_in if env in self.history.environments]
        if sum(peak.count for peak in peaks) < ENOUGH_PEAKS:
            return None
        highest = max(peak.quantile(1.0) for peak in peaks if peak.count)
        return max(LEAST_MB, ceil(highest * ROOM / MB_STEP) * MB_STEP)

    @cached_property
    def _most_bytes(self) -> Mapping[int, int]:
        """By family the most that an instance takes in."""
        found: dict[int, int] = {}
        for family, size in zip(self.graph.family_of, self.flow.input_bytes, strict=True):
            found[family] = max(size, found.get(family, 0))
        return found

    def bytes_of(self, instance: int, output: int) -> int:
        """The size of an output (-1: the only one, or all of them)."""
        return self.flow.bytes_of(instance, output)

    def draws(self, plan: Plan, count: int, seed: int = 0) -> Draws:
        """So many runs of a plan, drawn at once; the same for the same seed."""
        random = np.random.default_rng(seed)
        together = self._weather(plan, count, random)
        exec_s, cpu_share = np.empty((len(self.graph), count)), np.empty(len(self.graph))
        for instance in range(len(self.graph)):
            execution = self.execution(instance, plan.env(instance).memory_mb)
            own = random.standard_normal(count)
            common = together[self.fingerprints[self.graph.family_of[instance]]]
            shared = execution.shared
            exec_s[instance] = execution.seconds.values(sqrt(shared) * common + sqrt(1 - shared) * own)
            cpu_share[instance] = execution.cpu_share
        return Draws(
            exec_s=exec_s,
            cpu_share=cpu_share,
            bytes_of=self.flow.bytes_of,
            cold_s={env.name: self._start(env.name, "cold", random.standard_normal(count)) for env in plan.classes},
            warm_s={env.name: self._start(env.name, "warm", random.standard_normal(count)) for env in plan.classes},
            code_load_s=lambda module: self.platform.code_load_s,
            ready_s=self.platform.ready.values(random.standard_normal(count)),
            hold_s=self.hold_s,
        )

    def middle(self, plan: Plan) -> Draw:
        """A run in which everything takes what it takes in the middle."""
        known = [self.execution(instance, plan.env(instance).memory_mb) for instance in range(len(self.graph))]
        exec_s = [one.seconds.median for one in known]
        return Draw(
            exec_s=exec_s,
            cpu_s=[seconds * one.cpu_share for seconds, one in zip(exec_s, known, strict=True)],
            bytes_of=self.flow.bytes_of,
            cold_s=lambda env: self.platform.start(env.name, "cold").median,
            warm_s=lambda env: self.platform.start(env.name, "warm").median,
            code_load_s=lambda module: self.platform.code_load_s,
            ready_s=self.platform.ready.median,
            hold_s=self.hold_s,
        )

    def hold_s(self, instance: int) -> float:
        """How much longer a trip takes beside an instance; as beside all others where nobody has seen one."""
        return self._holds[self.graph.family_of[instance]]

    @cached_property
    def _holds(self) -> Sequence[float]:
        """By family. The middle half of what was measured: one that was held up by chance says nothing."""
        alone_s = self.platform.round_trip_s + self.platform.commit_s
        own = [merge_sketches(family.beside for family in families.values()) for families in self.known]
        every = merge_sketches(own)
        chosen = [sketch if sketch.count >= FEW_BESIDE else every for sketch in own]
        return [max(0.0, _middle_mean(sketch) - alone_s) if sketch.count else 0.0 for sketch in chosen]

    def _weather(self, plan: Plan, count: int, random: np.random.Generator) -> dict[str, Array]:
        """For each function a score of each run, going together as far as they did in runs that had both."""
        families = [one for one in enumerate(self.graph.families) if one[1].count]
        first = {self.fingerprints[number]: family.first for number, family in reversed(families)}
        functions = sorted(first)
        known = [self.execution(first[name], plan.env(first[name]).memory_mb).weather for name in functions]
        part = common_part(known)
        whole = random.standard_normal(count)
        return {name: sqrt(part) * whole + sqrt(1 - part) * random.standard_normal(count) for name in functions}

    def _start(self, env: str, state: str, scores: Array) -> Array:
        return self.platform.start(env, state).values(scores)

    def on_a_kept_platform(self) -> Predictions:
        """The same where nobody has to wait for the platform itself."""
        return replace(self, platform=replace(self.platform, ready=NO_WAIT))

    def conditions(
        self,
        *,
        concurrency: int,
        idle_expiry_s: float = 300.0,
        cores: float = float("inf"),
        warm: Mapping[str, int] | None = None,
        warm_since: float = 0.0,
    ) -> Conditions:
        """What the plan meets, with the limits that the caller knows, and the environments that wait for it."""
        platform = self.platform
        return Conditions(
            concurrency=concurrency,
            idle_expiry_s=idle_expiry_s,
            round_trip_s=platform.round_trip_s,
            environment_bytes_per_s=platform.bytes_per_s,
            invoke_s=platform.invoke_s,
            commit_s=platform.commit_s,
            start_work_s=platform.start_work_s,
            setup_cold_s=platform.setup_cold_s,
            setup_warm_s=platform.setup_warm_s,
            leave_s=platform.leave_s,
            task_s=platform.task_s,
            decode_s=platform.decode_s,
            serialize_bytes_per_s=platform.serialize_bytes_per_s,
            cores=cores,
            link=platform.link,
            warm=warm or {},
            is_code_loaded=any(run.at + run.makespan_s >= warm_since for run in self.own_runs),
        )


def _middle_mean(sketch: Sketch) -> float:
    return sum(sketch.quantiles(MIDDLE_HALF)) / len(MIDDLE_HALF)


def common_part(weathers: Sequence[Mapping[str, float]]) -> float:
    """How far the weather of functions went together: the mean correlation of each pair, over the runs of both."""
    found: list[tuple[float, int]] = []
    for number, one in enumerate(weathers):
        for other in weathers[number + 1 :]:
            runs = sorted(one.keys() & other.keys())
            left, right = np.array([one[run] for run in runs]), np.array([other[run] for run in runs])
            if len(runs) >= FEW_RUNS and left.std() > 0 and right.std() > 0:
                found.append((float(np.corrcoef(left, right)[0, 1]), len(runs)))
    weight = sum(runs for _, runs in found)
    return min(1.0, max(0.0, sum(value * runs for value, runs in found) / weight)) if weight else UNKNOWN_COMMON


def predict(
    graph: Graph, fingerprints: Sequence[str], history: History, link: LinkShape = DIRECT, signature: str = ""
) -> Predictions:
    """Predictions for every instance. `fingerprints` are those of the functions, by family; `link` lies between
    workers and the store; by its `signature` earlier runs of the graph are found."""
    known = _known(graph, fingerprints, history)
    return Predictions(
        graph=graph,
        fingerprints=fingerprints,
        known=known,
        history=history,
        platform=learn_platform(history.environments, link, history.environments_of(fingerprints)),
        flow=flow_through(graph, known),
        own_runs=history.runs(signature),
    )


def _known(graph: Graph, fingerprints: Sequence[str], history: History) -> list[Mapping[str, FamilyHistory]]:
    """By family its own executions when there are enough, for what they are given is theirs; else its function's."""
    found = []
    for family, fingerprint in zip(graph.families, fingerprints, strict=True):
        own = history.functions(fingerprint, family.task)
        is_enough = sum(one.count for one in own.values()) >= ENOUGH_OWN
        found.append(own if is_enough else history.functions(fingerprint))
    return found
