"""What a plan promises, set right by how far off earlier promises of the same workflow and planner were.

A simulation leaves something out, and it is the same something run after run. Each run's ln(real / simulated middle) is
a residual. Machines have moods, so neighbours among residuals are alike: their level is followed by exponential
smoothing (Brown 1956), and what each run was off the level before it is a surprise. With `SETTLED_RUNS` residuals the
promise is the simulated middle at today's level, spread by the surprises: split conformal prediction (Vovk et al. 2005;
with weights: Tibshirani et al. 2019), whose coverage holds whatever simulation and smoothing get wrong, as long as
surprises are alike. The pace of smoothing is the one that would have been surprised least: slow where runs vary by
chance, quick where they drift. With fewer residuals the simulated distribution stays, moved by their middle and
widened as far as they are to be trusted; those of the other planners count then, too, so that planners that are
compared before they have run are off by the same.
"""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from statistics import median

import numpy as np
from numpy.typing import NDArray

from compiler.planner.outlook import Outlook
from compiler.planner.problem import Problem
from runtime.moments import Part
from runtime.promise import PERCENTILES, SETTLED_RUNS, Promise
from runtime.runs.summary import summarize

Array = NDArray[np.float64]

HALF_LIFE = 60
"""Runs after which a surprise weighs half."""

PACES = (0.05, 0.15, 0.3, 0.5)
"""How much of the level the newest residual may make up."""

DOUBT = 5
"""Runs that count against the few that there are."""

USUAL = 0.1
"""How far ln(real / simulated) is off as a rule, from one run to the next."""

LEAST = 1e-3
"""A simulated spread below which nothing is told apart."""

TAIL = 0.05
"""How much of the spread between the middle and the last residual a percentile beyond that adds."""


def recalibrated(problem: Problem, planner: str, outlook: Outlook) -> Outlook:
    """The outlook of a planner's plan as earlier runs of the same workflow let expect it."""
    residuals = residuals_of(problem, planner)
    if len(residuals) < SETTLED_RUNS:
        every = residuals_of(problem)
        return (
            replace(outlook, makespans=_moved(outlook.makespans, every), runs=len(residuals)) if len(every) else outlook
        )
    parts = (np.arange(len(outlook.makespans)) + 0.5) / len(outlook.makespans)
    makespans = outlook.model_s * np.exp(next_residual(residuals, parts))
    return replace(outlook, makespans=makespans, runs=len(residuals))


def _moved(makespans: Array, residuals: Array) -> Array:
    """What was simulated, moved as far as a few residuals are to be trusted, and at least as wide as they let expect:
    `DOUBT` runs as far off as is usual count beside them."""
    count = len(residuals)
    level = median(residuals.tolist()) * count / (count + DOUBT)
    off = float(np.sum((residuals - level) ** 2))
    wide = sqrt((DOUBT * USUAL**2 + off) / (DOUBT + count))
    logs = np.log(makespans)
    middle, own = median(logs.tolist()), float(logs.std())
    moved: Array = np.exp(middle + level + (logs - middle) * max(1.0, wide / max(own, LEAST)))
    return moved


def next_residual(residuals: Array, parts: Array) -> Array:
    """The values below which the next residual lies with these probabilities; `residuals` are the newest first."""
    weights = 0.5 ** (np.arange(len(residuals) - 1) / HALF_LIFE)
    smoothed = [_smoothed(residuals[::-1], pace) for pace in PACES]
    level, surprises = min(smoothed, key=lambda one: float(np.average(np.abs(one[1]), weights=weights)))
    return level + conformal_quantiles(surprises, weights, parts)


def _smoothed(values: Array, pace: float) -> tuple[float, Array]:
    """The level after all values, which are the oldest first; what each but the first was off it, the newest first."""
    level, weight, surprises = 0.0, 0.0, np.empty(len(values))
    for number, value in enumerate(values):
        surprises[number] = value - level
        weight = 1 - (1 - pace) * (1 - weight)
        level += pace / weight * (value - level)
    return level, surprises[:0:-1]


def residuals_of(problem: Problem, planner: str = "") -> Array:
    """ln(real / simulated) of this workflow's runs by this planner ("": any), over the link that is planned for, newest
    first; of those that had promised something."""
    link = problem.predictions.platform.link
    known = [run for run in problem.predictions.own_runs if planner in ("", run.planner) and run.link == link]
    told = [run.makespan_s / run.model_s for run in known if run.model_s > 0 and run.makespan_s > 0]
    return np.log(np.array(told, dtype=np.float64))


def conformal_quantiles(values: Array, weights: Array, parts: Array) -> Array:
    """The values below which the next one lies with these probabilities, all as likely as their weights.

    The next one weighs as much as the newest, and might lie beyond them all: there quantiles go on at the pace of the
    outermost ones.
    """
    order = np.argsort(values, kind="stable")
    ranked, share = values[order], weights[order] / (weights.sum() + weights.max())
    places = np.cumsum(share)
    middle = float(np.interp(0.5, places, ranked))
    found = np.interp(parts, places, ranked)
    above, below = parts > places[-1], parts < places[0]
    found[above] += TAIL * (ranked[-1] - middle) * (parts[above] - places[-1]) / (1 - places[-1])
    found[below] -= TAIL * (middle - ranked[0]) * (places[0] - parts[below]) / places[0]
    return np.maximum.accumulate(found)


def promise_from(outlook: Outlook) -> Promise:
    """What a run is promised to do."""
    seconds = summarize(outlook.timeline).seconds
    return Promise(
        makespans_s=tuple([round(outlook.quantile(percentile), 6) for percentile in range(1, PERCENTILES + 1)]),
        mean_s=round(outlook.mean, 6),
        model_s=round(outlook.model_s, 6),
        cost_usd=float(f"{outlook.cost.usd:.6g}"),
        seconds={part.value: round(seconds.get(part, 0.0), 6) for part in Part},
        cold=outlook.cold,
        warm=outlook.warm,
        samples=outlook.samples,
        runs=outlook.runs,
    )
