"""Local search: small changes of an assignment, kept when the objective likes them better.

What is changed is where the time goes: along the critical path, the chain of waits that makes the makespan. A task
that waits for another worker's output goes there, or brings it here; one that waits for its turn goes away. Besides,
workers are merged (a start less, nothing to move), split, made larger or smaller, and whole subtrees move. One
change, one quick estimate: so many rounds, whatever they bring.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from random import Random

from compiler.planner.quick_run import Rough
from compiler.planner.search.estimates import Estimates, Found
from compiler.planner.search.limits import Limits
from compiler.planner.search.objective import Figures

KINDLY = 0.95
"""Of what the run in the middle lets expect, the statistic over drawn runs is hardly less."""

Worth = Callable[[Figures], tuple[float, ...]]
"""What an estimate is worth: the less, the better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terrain:
    """What searches of one problem have in common."""

    limits: Limits
    estimates: Estimates
    random: Random


def improve(terrain: Terrain, start: Found, worth: Worth, rounds: int) -> Found:
    """The best that so many rounds of changes lead to; `start` is pinned throughout."""
    return _Search(terrain, start, worth).run(rounds)


class _Search:
    def __init__(self, terrain: Terrain, start: Found, worth: Worth) -> None:
        limits, estimates = terrain.limits, terrain.estimates
        self.limits, self.estimates, self.random = limits, estimates, terrain.random
        self.best, self.worth = start, worth
        self.value = worth(start.figures)
        self.pins = limits.problem.pins
        self.inputs, self.outputs = estimates.quick.figures.inputs, estimates.quick.figures.outputs
        asked = limits.problem.options.workers
        self.most = inf if asked is None else max(asked, len(set(start.candidate.worker_of)) - len(self.pins[0]))
        self.free = [n for n in range(len(self.pins[1])) if not limits.problem.is_pinned(n)]
        self._look()

    def run(self, rounds: int) -> Found:
        if self.free:
            for _ in range(rounds):
                self._round()
        return self.best

    def _look(self) -> None:
        """What changes start from: who runs what, and where the time goes."""
        self.worker_of = list(self.best.candidate.worker_of)
        self.memory_mb = dict(self.best.candidate.memory_mb)
        self.members: dict[int, list[int]] = {}
        for instance in self.limits.problem.order:
            self.members.setdefault(self.worker_of[instance], []).append(instance)
        self.own = [worker for worker in self.members if worker >= len(self.pins[0])]
        self.path = self.best.rough.critical()
        self.fresh = max(self.members, default=0) + 1 + len(self.pins[0])

    def _round(self) -> None:
        change = self.random.choice(CHANGES)(self)
        if change is None:
            return
        worker_of, memory_mb = list(self.worker_of), dict(self.memory_mb)
        for instance, worker in change.moved:
            worker_of[instance] = worker
        memory_mb.update(change.sizes)
        used = set(worker_of)
        memory_mb = {worker: size for worker, size in memory_mb.items() if worker in used}
        candidate = replace(self.best.candidate, worker_of=worker_of, memory_mb=memory_mb, plan=None)
        rough = self.estimates.glance(candidate)
        if self._is_hopeless(rough):
            return
        found = self.estimates.completed(candidate, rough)
        if (value := self.worth(found.figures)) < self.value:
            self.best, self.value = found, value
            self._look()

    def _is_hopeless(self, rough: Rough) -> bool:
        """It would be worse even if the drawn runs took to it much more kindly than to the best."""
        kindly = KINDLY * self.best.figures.seconds / max(self.best.rough.makespan_s, 1e-9)
        return self.worth(Figures(seconds=rough.makespan_s * kindly, usd=rough.cost_usd)) >= self.value

    # ---- who may go where -------------------------------------------------------------------------------

    def fits(self, instance: int, worker: int) -> bool:
        """The instance may run there as it is."""
        members = self.members.get(worker)
        if not members or worker < len(self.pins[0]) or self.limits.problem.is_pinned(instance):
            return False
        least, most = self.limits.bounds[instance]
        same = self.limits.kinds[members[0]] == self.limits.kinds[instance]
        return same and least <= self.memory_mb[worker] <= most

    def moved(self, instances: Sequence[int], worker: int) -> _Change | None:
        """A change that brings these there, those of them that fit; None when there is none."""
        going = [(one, worker) for one in instances if self.worker_of[one] != worker and self.fits(one, worker)]
        return _Change(moved=tuple(going)) if going else None

    def opened(self, instances: Sequence[int], like: int) -> _Change | None:
        """A change that brings these, all of one worker, to a new one of its size."""
        going = [one for one in instances if not self.limits.problem.is_pinned(one)]
        if not going or like < len(self.pins[0]) or len(self.own) >= self.most:
            return None
        return _Change(moved=tuple((one, self.fresh) for one in going), sizes=((self.fresh, self.memory_mb[like]),))

    def cluster(self, instance: int) -> list[int]:
        """The instance with what comes before it on its worker for it alone, as much as there is."""
        worker, found, waiting = self.worker_of[instance], list[int](), [instance]
        seen = {instance}
        while waiting:
            one = waiting.pop()
            found.append(one)
            for producer, _ in self.inputs[one]:
                is_here = self.worker_of[producer] == worker and producer not in seen
                if is_here and len({c for c, _ in self.outputs[producer]}) == 1:
                    seen.add(producer)
                    waiting.append(producer)
        return found

    def chosen(self, instance: int) -> list[int]:
        """The instance alone, or with what is its own."""
        return self.cluster(instance) if self.random.random() < 0.5 else [instance]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    moved: tuple[tuple[int, int], ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()


def _follow(search: _Search) -> _Change | None:
    """One of the critical path that waits for another worker goes there, or what it waits for comes here."""
    pairs = [
        (before, after)
        for before, after in zip(search.path, search.path[1:], strict=False)
        if search.worker_of[before] != search.worker_of[after]
    ]
    if not pairs:
        return None
    before, after = search.random.choice(pairs)
    if search.random.random() < 0.5:
        return search.moved(search.chosen(after), search.worker_of[before])
    return search.moved(search.chosen(before), search.worker_of[after])


def _evade(search: _Search) -> _Change | None:
    """One of the critical path that waits for its turn goes elsewhere, or the one before it does."""
    pairs = [
        (before, after)
        for before, after in zip(search.path, search.path[1:], strict=False)
        if search.worker_of[before] == search.worker_of[after]
    ]
    if not pairs:
        return None
    pair = search.random.choice(pairs)
    return _elsewhere(search, search.chosen(pair[search.random.random() < 0.5]))


def _elsewhere(search: _Search, instances: Sequence[int]) -> _Change | None:
    """To a worker that holds inputs of these, any other, or a new one."""
    here = search.worker_of[instances[0]]
    holders = sorted({search.worker_of[producer] for one in instances for producer, _ in search.inputs[one]})
    places = [worker for worker in holders if worker != here]
    lot = search.random.random()
    if lot < 0.3 or (lot < 0.6 and not places):
        return search.opened(instances, here)
    if lot < 0.6:
        return search.moved(instances, search.random.choice(places))
    return search.moved(instances, search.random.choice(search.own)) if search.own else None


def _wander(search: _Search) -> _Change | None:
    """Any task, alone or with its own, goes anywhere."""
    return _elsewhere(search, search.chosen(search.random.choice(search.free)))


def _merge(search: _Search) -> _Change | None:
    """Two workers become one; rather small ones than large ones."""
    if len(search.own) < 2:
        return None
    tried = search.random.sample(search.own, min(4, len(search.own)))
    tried.sort(key=lambda worker: len(search.members[worker]))
    return search.moved(search.members[tried[0]], search.random.choice(tried[1:]))


def _merge_neighbours(search: _Search) -> _Change | None:
    """A worker joins one that its tasks take something from."""
    if not search.own:
        return None
    worker = search.random.choice(search.own)
    holders = {search.worker_of[producer] for one in search.members[worker] for producer, _ in search.inputs[one]}
    others = sorted(holders - {worker})
    return search.moved(search.members[worker], search.random.choice(others)) if others else None


def _split(search: _Search) -> _Change | None:
    """What of a worker lies together in depth-first order gets one of its own."""
    if not search.own:
        return None
    worker = search.random.choice(search.own)
    members = search.members[worker]
    if len(members) < 2:
        return None
    cut = search.random.randrange(1, len(members))
    return search.opened(members[cut:] if search.random.random() < 0.5 else members[:cut], worker)


def _swap(search: _Search) -> _Change | None:
    """Two tasks change places."""
    one = search.random.choice(search.path) if search.path else search.random.choice(search.free)
    other = search.random.choice(search.free)
    here, there = search.worker_of[one], search.worker_of[other]
    if here == there or not (search.fits(one, there) and search.fits(other, here)):
        return None
    return _Change(moved=((one, there), (other, here)))


def _resize(search: _Search) -> _Change | None:
    """A worker gets another size: one on the critical path, or any."""
    sizes = search.limits.sizes
    if len(sizes) < 2 or not search.own:
        return None
    on_path = sorted({search.worker_of[one] for one in search.path} & set(search.own))
    worker = search.random.choice(on_path if on_path and search.random.random() < 0.5 else search.own)
    bounds = [search.limits.bounds[one] for one in search.members[worker]]
    least, most = max(low for low, _ in bounds), min(high for _, high in bounds)
    size = min(max(search.random.choice(sizes), least), most)
    return None if size == search.memory_mb[worker] else _Change(sizes=((worker, size),))


def _resize_all(search: _Search) -> _Change | None:
    """All workers of one size get another one."""
    sizes = search.limits.sizes
    if len(sizes) < 2 or not search.own:
        return None
    before, size = search.memory_mb[search.random.choice(search.own)], search.random.choice(sizes)
    changed = []
    for worker in search.own:
        bounds = [search.limits.bounds[one] for one in search.members[worker]]
        if search.memory_mb[worker] == before and all(low <= size <= high for low, high in bounds):
            changed.append((worker, size))
    return _Change(sizes=tuple(changed)) if changed and size != before else None


Change = Callable[[_Search], _Change | None]

CHANGES: tuple[Change, ...] = (
    _follow,
    _follow,
    _follow,
    _evade,
    _evade,
    _evade,
    _wander,
    _merge,
    _merge_neighbours,
    _split,
    _swap,
    _resize,
    _resize_all,
)
