"""Which slots a worker has in memory, which its tasks still lack, and which it shall fetch or forget.

Names only: the values are the driver's. A slot is *in memory* when it was produced, fetched or hinted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from runtime.plan import Condition, Ref, Task, iter_refs


def argument_slots(task: Task) -> frozenset[str]:
    """The slots whose values the task's arguments and its `when` need (an `after` edge needs none)."""
    edges: set[int] = {0} if task.is_handler else set()
    for value in (*task.args, *task.kwargs.values(), task.when):
        if type(value) is Ref:
            edges.update(value.edges)
        elif isinstance(value, (list, dict, Condition)):
            edges.update(edge for ref in iter_refs(value) for edge in ref.edges)
    return frozenset([task.in_edges[edge].slot for edge in edges])


class Inputs:
    """Slots in memory and tasks that wait for slots."""

    def __init__(self) -> None:
        self.in_memory: set[str] = set()
        self._needs: dict[str, dict[str, None]] = {}
        self._lacking: dict[str, set[str]] = {}
        self._made_here: dict[str, set[str]] = {}
        self._held: set[str] = set()
        self._required: set[str] = set()
        self._wanted: dict[str, None] = {}
        self._fetching: set[str] = set()
        self._asked_too_early: set[str] = set()
        self._told: set[str] = set()

    @property
    def is_fetching(self) -> bool:
        return bool(self._fetching or self._wanted)

    def register(self, task: Task) -> None:
        """`task` will run here: its inputs stay in memory until it has."""
        for edge in task.in_edges:
            self._needs.setdefault(edge.slot, {})[task.name] = None

    def waiters(self, slot: str) -> tuple[str, ...]:
        """The registered tasks that need `slot` and have not run."""
        return tuple(self._needs.get(slot, ()))

    def is_for_one(self, slot: str) -> bool:
        """At most one registered task will take `slot`, and nothing else keeps it in memory."""
        return len(self._needs.get(slot, ())) < 2 and slot not in self._held and slot not in self._fetching

    def lacking(self, task: Task) -> set[str]:
        """The slots that `task` waits for; from its first asking on it is kept up to date by `arrived`."""
        found = self._lacking.get(task.name)
        if found is None:
            found = {edge.slot for edge in task.in_edges} - self.in_memory
            self._lacking[task.name] = found
        return found

    def all_lacking(self) -> dict[str, tuple[str, ...]]:
        return {task: tuple(sorted(slots)) for task, slots in self._lacking.items() if slots}

    def complete(self, task: Task) -> set[str]:
        """All in-edges of `task` have arrived: it waits for nothing but values; returns those to be fetched."""
        lacking = set(argument_slots(task)) - self.in_memory
        self._lacking[task.name] = lacking
        self._asked_too_early |= (lacking & self._fetching) - self._required
        self._required |= lacking
        return lacking

    def want(self, slots: Iterable[str]) -> None:
        for slot in sorted(slots):
            if slot not in self._fetching and slot not in self.in_memory:
                self._wanted[slot] = None

    def take_wanted(self) -> tuple[str, ...]:
        """The slots to fetch now, each once."""
        slots = tuple(self._wanted)
        self._fetching.update(slots)
        self._wanted.clear()
        return slots

    def fetched(self, found: Iterable[str], missing: Iterable[str]) -> list[str]:
        """Returns the missing slots that some task cannot do without.

        One that was asked for before its task was known to be complete may have been stored since: it is asked again.
        """
        self._fetching.difference_update(found)
        self._fetching.difference_update(missing)
        required = [slot for slot in missing if slot in self._required and self._needs.get(slot)]
        again = self._asked_too_early.intersection(required)
        self._asked_too_early.difference_update(found, missing)
        self.want(again)
        return [slot for slot in required if slot not in again]

    def arrived(self, slots: Iterable[str]) -> list[str]:
        """These slots are in memory now; returns the registered tasks that they feed, each once, in order."""
        fed: dict[str, None] = {}
        for slot in slots:
            self.in_memory.add(slot)
            self._wanted.pop(slot, None)
            for task in self._needs.get(slot, ()):
                fed[task] = None
                lacking = self._lacking.get(task)
                if lacking is not None:
                    lacking.discard(slot)
                made_here = self._made_here.get(task)
                if made_here is not None:
                    made_here.discard(slot)
        return list(fed)

    def told(self, slots: Iterable[str]) -> bool:
        """These slots have arrived somewhere; True when some task lacks nothing but what it was told of."""
        feeding = [slot for slot in slots if slot in self._needs]
        self._told.update(feeding)
        waiting = {name for slot in feeding for name in self._needs[slot]}
        lacking = [found for name in waiting if (found := self._lacking.get(name))]
        return any(found <= self._told for found in lacking)

    def made_here(self, task: Task, is_made_here: Callable[[str], bool]) -> set[str]:
        """The slots that `task` lacks and this worker will produce itself; kept up to date once asked for."""
        found = self._made_here.get(task.name)
        if found is None:
            lacking = self.lacking(task)
            found = {edge.slot for edge in task.in_edges if edge.slot in lacking and is_made_here(edge.producer)}
            self._made_here[task.name] = found
        return found

    def not_made_here(self, slot: str) -> tuple[str, ...]:
        """`slot` lies in the store already; returns the tasks that need it."""
        waiting = self.waiters(slot)
        for task in waiting:
            if task in self._made_here:
                self._made_here[task].discard(slot)
        return waiting

    def hold(self, slots: Iterable[str]) -> None:
        """Keep these slots although nobody needs them: they are on their way to the store."""
        self._held.update(slots)

    def release(self, slots: Iterable[str]) -> tuple[str, ...]:
        """These slots are stored; returns those that nobody here needs any more."""
        slots = tuple(slots)
        self._held.difference_update(slots)
        return self.forget(slots)

    def ran(self, task: Task) -> tuple[str, ...]:
        """`task` has run; returns the slots that nobody here needs any more."""
        self._lacking.pop(task.name, None)
        self._made_here.pop(task.name, None)
        slots = tuple(dict.fromkeys(edge.slot for edge in task.in_edges))
        for slot in slots:
            needs = self._needs.get(slot)
            if needs is not None:
                needs.pop(task.name, None)
                if not needs:
                    del self._needs[slot]
                    self._told.discard(slot)
        return self.forget(slots)

    def forget(self, slots: Iterable[str]) -> tuple[str, ...]:
        """Returns those of `slots` that nobody here needs; one that is being fetched as well stays until it came."""
        gone = tuple(
            slot
            for slot in slots
            if slot in self.in_memory and not (slot in self._held or slot in self._needs or slot in self._fetching)
        )
        self.in_memory.difference_update(gone)
        return gone
