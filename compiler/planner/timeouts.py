"""W502: a task that is predicted to take longer than its timeout, by what was measured of it.

Predictions end at the timeout as attempts do (`Predictions.execution`), so that the figures of a plan alone would not
show that its run fails. Nothing is said of tasks that have never run, nor of handlers, which seldom do. The percentile
of the objective counts where samples are enough for it, else the middle: what is rare is not known from a few.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from compiler.diagnostics import Diagnostic
from compiler.graph.model import Family
from compiler.planner.model import Plan
from compiler.planner.problem import Problem
from compiler.planner.promises import samples_wanted
from compiler.predict.distribution import Distribution
from runtime.quantities import format_duration, seconds_text

ROOM = 2.0
"""A timeout that is proposed is so many times what is predicted."""

MINUTE = 60


def check_timeouts(problem: Problem, plan: Plan) -> tuple[Diagnostic, ...]:
    """One for each family, at its `timeout:` or its name, with the instance that is furthest beyond its own."""
    families = enumerate(problem.graph.families)
    return tuple([one for number, family in families for one in _check(problem, plan, number, family)])


def _check(problem: Problem, plan: Plan, number: int, family: Family) -> Iterator[Diagnostic]:
    if family.handles or not problem.predictions.known[number]:
        return
    late = _late(problem, plan, range(family.first, family.first + family.count))
    if not late:
        return
    excess, instance, seconds = max(late, key=lambda one: (one[0], -one[1]))
    timeout_s = problem.graph.option_of(instance).timeout_s
    written = None if family.source is None else family.source.options.get("timeout")
    yield Diagnostic(
        code="W502",
        message=f"`{family.task}` is predicted to take {seconds_text(excess * timeout_s)}, and its timeout is "
        f"{format_duration(timeout_s)}",
        span=family.span if written is None else written.span,
        label=f"known from {seconds.source}",
        hint=_way_out(excess * timeout_s, problem.profile.timeout_max_s),
        instance=problem.graph.name_of(instance) if problem.graph.keys[instance] else "",
        more=len(late) - 1,
    )


def _late(problem: Problem, plan: Plan, instances: Sequence[int]) -> list[tuple[float, int, Distribution]]:
    """How many times its timeout each takes that takes longer."""
    found: list[tuple[float, int, Distribution]] = []
    predicted: dict[int, float] = {}
    for instance in instances:
        seconds = problem.predictions.untimed(instance, plan.env(instance).memory_mb).seconds
        if id(seconds) not in predicted:
            predicted[id(seconds)] = _predicted_s(problem, seconds)
        excess = predicted[id(seconds)] / problem.graph.option_of(instance).timeout_s
        if excess > 1:
            found.append((excess, instance, seconds))
    return found


def _predicted_s(problem: Problem, seconds: Distribution) -> float:
    """0 when nobody has measured it."""
    if not seconds.count:
        return 0.0
    percentile = problem.objective.percentile
    if percentile is None or percentile >= 100 or seconds.count < samples_wanted(percentile):
        return seconds.median
    return seconds.quantile(percentile / 100)


def _way_out(predicted_s: float, longest_s: float) -> str:
    longest = format_duration(longest_s)
    if predicted_s >= longest_s:
        return f"split it: no invocation lasts longer than {longest}"
    proposed_s = min(longest_s, ceil(ROOM * predicted_s / MINUTE) * MINUTE)
    return f"give it time enough, such as `timeout: {format_duration(proposed_s)}`"
