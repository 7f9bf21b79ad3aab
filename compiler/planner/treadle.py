"""The planner `treadle`: the best makespan, or the cheapest plan that meets `deadline` and `budget`.

1. **Candidates** by rule (`search.seeds`): list schedules and blocks for several numbers of workers and memory sizes,
   flexible plans, hybrids; and the plans of the other planners.
2. **A quick estimate** of each assignment; the best of them, and those that nothing is both faster and cheaper than,
   are **simulated** (`search.judge`).
3. **Local search** (`search.moves`) on the quick estimate and the drawn runs beside it (`search.estimates`), brought
   to scale by a simulation of where it starts, guided by the critical path, from several starts, `ROUNDS` rounds in
   all at most or as many as the options say. On its way it may exceed a bound, at a price that rises leg by leg; where
   no money is spoken of, the fastest is made cheaper.
4. What it found is simulated; the best of everything that was is looked at as closely as any plan, and of these the
   objective chooses (`search.objective`), by the same draws for all.

The other planners' plans are among the candidates, so that none of them is better by what is predicted; the search
does not live on them (`python -m tests.benchmarks.planners` shows it without). How far each stage goes is a matter of
proportion (`search.effort`): the longer the run and the smaller the graph, the further. Unknown times are defaults:
what comes out then is a plan for the shape of the graph, after a first look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from math import inf
from random import Random

from compiler.planner.candidate import Candidate, candidate_of
from compiler.planner.model import Plan
from compiler.planner.problem import Problem
from compiler.planner.registry import STRATEGIES
from compiler.planner.search.effort import SEARCH, SEEDS, effort_for
from compiler.planner.search.estimates import Estimates, Found
from compiler.planner.search.judge import Judge, Judged, Scale
from compiler.planner.search.limits import Limits
from compiler.planner.search.moves import Terrain, improve
from compiler.planner.search.objective import NOISE, Figures, choose, is_bounded, priced, tightened, undominated
from compiler.planner.search.seeds import flexible_seeds, pinned_seeds

NAME = "treadle"
ROUNDS = 5_000
FIRST_SEEDS, LEAST_SEEDS, MOST_SEEDS = 3, 24, 400

STARTS = 4
LEGS = (10.0, 30.0, 100.0, 300.0, 1_000.0)
"""Assignments from which a local search starts, where there are `FEW_ROUNDS` for each of its legs, and what in each leg
a plan pays for what it lacks: so a way may lead through plans that are a little too dear or too late."""

FEW_ROUNDS = 30
MARGIN = 1e-4
"""By so much less than a bound is aimed at: estimates are not exact."""

QUICK_PLANNERS = ("simple", "wukong")
"""These are asked about any graph."""

SMALL, SMALL_GUESS = 3_000, 250
"""Tasks up to which every other planner is asked and its plan looked at; the second where nothing has run."""


def plan_treadle(problem: Problem) -> Plan:
    """The strategy."""
    return search(problem, [name for name in sorted(STRATEGIES) if name != NAME])


def search(problem: Problem, rivals: Sequence[str]) -> Plan:
    """The plan, with the plans of these planners among its candidates."""
    found = _Search(problem, rivals).run()
    if found.outlook is not None:
        problem.outlooks[found.plan] = found.outlook
    return found.plan


def _freed(problem: Problem) -> Problem:
    """The same, where nothing is said of time and money."""
    manifest = problem.graph.manifest
    free = replace(manifest, sla=replace(problem.objective, deadline_s=None, budget_usd=None))
    return replace(problem, graph=replace(problem.graph, manifest=free), learn=lambda graph: problem.predictions)


class _Search:
    def __init__(self, problem: Problem, rivals: Sequence[str]) -> None:
        self.problem = problem
        self.sla = problem.objective
        self.estimates = Estimates(problem)
        self.limits = Limits(problem=problem, quick=self.estimates.quick)
        self.found: dict[tuple[object, ...], Found] = {}
        self.terrain = Terrain(limits=self.limits, estimates=self.estimates, random=Random(problem.options.seed))
        self.theirs = list(self._asked(rivals))
        self.seeds = pinned_seeds(self.limits)
        self._estimate([*islice(self.seeds, FIRST_SEEDS), *(one for one in self.theirs if one.is_pinned)])
        quickest = min(one.rough.makespan_s for one in self.found.values())
        self.effort = effort_for(problem, quickest)
        self.judge = Judge(problem, NAME, self.effort)
        rounds = problem.options.rounds
        self.rounds = self.effort.estimates(SEARCH, 0, ROUNDS) if rounds is None else rounds

    def run(self) -> Judged:
        judge = self.judge
        self._estimate(
            islice(self.seeds, self.effort.estimates(SEEDS, LEAST_SEEDS if self.is_small else 0, MOST_SEEDS))
        )
        judge.look([one for one in self.theirs if self.is_small or not one.is_pinned], len(self.theirs))
        judge.look(self._promising(Scale()), max(3, judge.left // 4))
        judge.look(list(flexible_seeds(self.limits, NAME)), max(1, judge.left // 4))
        if self.rounds:
            self._search_on()
            self._save()
        judge.look(self._promising(self._scale()), judge.left)
        finals = judge.finals(lambda figures: priced(figures, self.sla), self.theirs)
        assert finals, "no candidate can end"
        return choose(finals, lambda one: one.figures, self.sla)

    @property
    def is_small(self) -> bool:
        return len(self.problem.graph) <= (SMALL if self.problem.predictions.samples else SMALL_GUESS)

    def _asked(self, rivals: Sequence[str]) -> Iterator[Candidate]:
        """What others plan, within bounds and, since theirs may be too careful of them, without; nothing flexible where
        the number of workers is given."""
        for name in rivals:
            if self.is_small or name in QUICK_PLANNERS:
                found = self._theirs(name, self.problem)
                if found.is_pinned or self.problem.options.workers is None:
                    yield found
                if is_bounded(self.sla) and found.is_pinned:
                    yield replace(self._theirs(name, _freed(self.problem)), plan=None)

    def _theirs(self, name: str, problem: Problem) -> Candidate:
        return candidate_of(self.problem, NAME, STRATEGIES[name](problem), f"as {name} plans it")

    # ---- estimates --------------------------------------------------------------------------------------

    def _estimate(self, candidates: Iterable[Candidate]) -> None:
        for one in candidates:
            if (key := one.key()) not in self.found:
                self.found[key] = self.estimates.of(one)

    def _promising(self, scale: Scale) -> list[Candidate]:
        """What was estimated: the best by the objective, the best if what they lack had a price, those that nothing
        beats in both figures, and the best with more workers than may live at once, in turn. The middle of everything
        says little of what these are good for.
        """

        def figures(one: Found) -> Figures:
            return scale(one.figures)

        known = list(self.found.values())
        by_wish = sorted(known, key=lambda one: priced(figures(one), self.sla))
        front = undominated(known, figures)
        concurrency = self.problem.options.concurrency
        crowds = [one for one in by_wish if len(set(one.candidate.worker_of)) > concurrency]
        bargains = sorted(known, key=lambda one: priced(figures(one), self.sla, LEGS[-1]))
        rows = zip(by_wish, bargains, [*front, *by_wish], [*crowds, *by_wish], strict=False)
        return [one.candidate for one in dict.fromkeys([*(one for row in rows for one in row), *by_wish])]

    def _scale(self) -> Scale:
        """How far the estimates are off where the judge has seen both."""
        pairs = [
            (self.found[key].figures, one.figures)
            for one in self.judge.found
            if (key := one.candidate.key()) in self.found
        ]
        return Scale.of(pairs)

    # ---- search -----------------------------------------------------------------------------------------

    def _search_on(self) -> None:
        """Local search from several starts, in legs: each by the scale of a simulation of where it begins. After each
        the way that has come least far is given up."""
        ways = self._starts(max(1, min(STARTS, self.rounds // (len(LEGS) * FEW_ROUNDS))))
        aim = tightened(self.sla, MARGIN)
        for price in LEGS:
            wish = partial(priced, sla=aim, price=price)
            rounds = self.rounds // (len(LEGS) * len(ways))
            ways = [self._improved(at, wish, rounds) for at in ways]
            worth = {at: wish(self._look(at)) for at in ways}
            ways = sorted(worth, key=worth.__getitem__)[: max(1, len(ways) - 1)]

    def _save(self) -> None:
        """Where nothing is said of money: the cheapest on from the fastest, as long as that takes no longer."""
        best = choose(self.judge.found, lambda one: one.figures, self.sla)
        found = self.found.get(best.candidate.key())
        if is_bounded(self.sla) or found is None:
            return
        bounded = replace(self.sla, deadline_s=best.figures.seconds * (1 + NOISE / 2))
        self._look(self._improved(found, partial(priced, sla=bounded), self.rounds // 2))

    def _starts(self, count: int) -> list[Found]:
        """The best by the objective, and the best if what they lack had a price, in turn, that differ in what is
        thought of them. Simulated ones as they were judged."""
        scale = self._scale()

        def figures(one: Found) -> Figures:
            judged = self.judge.of(one.candidate)
            return scale(one.figures) if judged is None else judged.figures

        known = [
            sorted(self.found.values(), key=lambda one: priced(figures(one), self.sla, price))
            for price in (inf, LEGS[1], LEGS[0])
        ]
        apart: dict[tuple[float, float], Found] = {}
        for one in chain.from_iterable(zip(*known, strict=True)):
            apart.setdefault((round(one.figures.seconds, 3), round(one.figures.usd, 7)), one)
        return list(apart.values())[:count]

    def _improved(self, start: Found, wish: Callable[[Figures], tuple[float, ...]], rounds: int) -> Found:
        """What a local search makes of it, by the scale of its own simulation."""
        self._look(start)
        judged = self.judge.of(start.candidate)
        scale = self._scale() if judged is None else Scale.of([(start.figures, judged.figures)])

        def worth(figures: Figures) -> tuple[float, ...]:
            return wish(scale(figures))

        better = improve(self.terrain, start, worth, rounds)
        return self.found.setdefault(better.candidate.key(), better)

    def _look(self, found: Found) -> Figures:
        """What a simulation says of it; where there is no more work left, what is thought of it."""
        self.judge.look([found.candidate], 1)
        judged = self.judge.of(found.candidate)
        return self._scale()(found.figures) if judged is None else judged.figures
