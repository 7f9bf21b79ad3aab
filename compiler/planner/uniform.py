"""The planner `uniform`: one size for all, worker ids by clustering that knows what tasks and transfers take.

Clusters come from list scheduling (`compiler.planner.lists`): the critical path has first claim, successors stay,
fan-ins go where most bytes lie, starts of workers count. How many workers, and which size, is tried: each candidate is
estimated, the promising ones in the weather of several runs, the last few are simulated, and the objective chooses.

For each number of workers there are two clusterings: one that ends each task first, and one of contiguous blocks
(`compiler.planner.blocks`), which moves less where the graph is a tree or many chains. Numbers of workers are tried
downwards from what may live at once, by half, until that makes the workflow clearly longer; one more try has twice as
many, since workers that have left make room for others.
A task that needs more than the size chosen, or allows less, gets what it states.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compiler.planner.assembly import assemble
from compiler.planner.clusters import clusterings
from compiler.planner.judging import Judge, Judged, best
from compiler.planner.model import Plan
from compiler.planner.problem import Problem

NAME = "uniform"
CLEARLY = 1.3
"""When so many workers make the workflow longer by this factor, fewer are not tried."""

PROMISING = 6
FINALISTS = 3
"""Candidates that are judged in several runs, and those of them that are simulated."""

QUICKER = 0.98
"""A larger size is worth a look when it brings the work down by this factor."""

MANY_TASKS = 20_000
"""Of so large a graph the numbers of workers are tried by quarter, and not above what may live at once."""


def plan_uniform(problem: Problem) -> Plan:
    """The strategy."""
    found = cluster(problem, Judge(problem))
    return assemble(problem, NAME, found.candidate.worker_of, found.candidate.memory_mb, reasons(problem, found))


def cluster(problem: Problem, judge: Judge) -> Judged:
    """The best assignment of one size; looked for once."""
    if NAME not in problem.assignments:
        problem.assignments[NAME] = _cluster(problem, judge, candidate_sizes(problem))
    return problem.assignments[NAME]


def _cluster(problem: Problem, judge: Judge, sizes: Sequence[int]) -> Judged:
    """The best assignment of one of the sizes, the largest of which is tried with any number of workers."""
    glanced = list(_by_workers(problem, judge, sizes[-1]))
    winner = best(glanced, problem.objective)
    workers = len(set(winner.candidate.worker_of))
    for size in sizes[:-1]:
        glanced += [judge.glance(one) for one in clusterings(judge.quick.figures, _size_of(problem, size), workers)]
    promising = sorted(glanced, key=_quickest)[:PROMISING]
    finalists = sorted(map(judge.judge, promising), key=_quickest)[: FINALISTS - 1]
    if all(one.candidate is not winner.candidate for one in finalists):
        finalists.append(judge.judge(winner))
    if problem.objective.deadline_s is not None or problem.objective.budget_usd is not None:
        finalists.append(judge.judge(min(glanced, key=lambda one: (one.cost_usd, one.statistic_s))))
    return best([judge.simulate(one) for one in finalists], problem.objective)


def _quickest(judged: Judged) -> tuple[float, float]:
    return judged.statistic_s, judged.cost_usd


def _by_workers(problem: Problem, judge: Judge, size: int) -> Iterator[Judged]:
    """Candidates of one size with more and fewer workers, as long as that is worth it."""
    least_s = None
    for workers in worker_counts(problem):
        glanced = [judge.glance(one) for one in clusterings(judge.quick.figures, _size_of(problem, size), workers)]
        yield from glanced
        quickest = min(one.statistic_s for one in glanced)
        if workers <= problem.options.concurrency and least_s is not None and quickest > CLEARLY * least_s:
            return
        least_s = quickest if least_s is None else min(least_s, quickest)


def worker_counts(problem: Problem) -> list[int]:
    """How many workers besides the user's may be tried, the most first."""
    asked, concurrency = problem.options.workers, problem.options.concurrency
    if asked is not None:
        return [asked]
    is_large = len(problem.graph) > MANY_TASKS
    counts = [] if is_large else [2 * concurrency]
    most = concurrency
    while most >= 1:
        counts.append(most)
        most //= 4 if is_large else 2
    return counts


def candidate_sizes(problem: Problem) -> list[int]:
    """Sizes of the profile that every task may have, and the least of all, as far as larger ones are quicker."""
    free = [instance for instance in range(len(problem.graph)) if not problem.is_pinned(instance)]
    if not free:
        return [problem.profile.sizes_mb[0]]
    least = max(problem.least_mb(instance) for instance in free)
    most = min(problem.most_mb(instance) for instance in free)
    sizes = sorted({least, *(size for size in problem.profile.sizes_mb if least <= size <= most)})
    kept: list[int] = []
    before = 0.0
    for size in sizes:
        work_s = sum(problem.predictions.seconds(instance, size).median for instance in sample(free))
        if not kept or work_s < QUICKER * before:
            kept.append(size)
            before = work_s
    return kept


def sample(instances: Sequence[int], most: int = 1000) -> Sequence[int]:
    """Some of the instances, evenly spread."""
    return instances[:: max(1, len(instances) // most)]


def _size_of(problem: Problem, size: int) -> list[int]:
    """By instance that size, as far as it may have it."""
    return [min(max(size, problem.least_mb(one)), problem.most_mb(one)) for one in range(len(problem.graph))]


def reasons(problem: Problem, judged: Judged) -> list[str]:
    """Why each instance is where it is."""
    critical = set(judged.middle.critical())
    worker_of = judged.candidate.worker_of
    texts = []
    for instance, sources in enumerate(problem.graph.in_edges):
        if problem.is_pinned(instance):
            texts.append("pinned by the manifest")
            continue
        here = sum(worker_of[producer] == worker_of[instance] for producer, _ in sources)
        where = "starts here" if not sources else f"{here:,} of {len(sources):,} inputs are here"
        if sources and not here:
            where = "none of its inputs is here, but it begins sooner"
        texts.append(f"on the critical path, {where}" if instance in critical else where)
    return texts
