"""The line before a gate, in memory: who of a family waits for a place, and who is let in next.

The same choices as in lua/gates.lua. A place is taken by a grant and given back by settling, so that a death, a
rebuild or a restart that forgets need nothing of their own: the state says who holds.

Who is let in: the caller's own next, if it holds no other place of the family, so that its process goes on without a
call; then the first that became ready of a worker that holds none, so that places do not queue up behind one process;
then the first that became ready.
"""

from __future__ import annotations

from collections.abc import Iterator

from runtime.backends.memory_state import MemoryState
from runtime.plan import EnvClass, Gate, flexible_worker, is_flexible
from runtime.ports import Waiter


def let_in(state: MemoryState, gate: Gate, caller: str, env: EnvClass) -> Iterator[tuple[Waiter, str]]:
    """Give every free place away: who gets it, and the worker that it is granted to."""
    held, line = state.held[gate.name], state.lines[gate.name]
    while line and len(held) < gate.places:
        waiter, worker = _next(line, set(held.values()), caller, env)
        line.remove(waiter)
        held[waiter.task] = worker
        yield waiter, worker


def _next(line: list[Waiter], busy: set[str], caller: str, env: EnvClass) -> tuple[Waiter, str]:
    def is_callers(waiter: Waiter) -> bool:
        return waiter.worker == caller if waiter.worker else is_flexible(caller) and waiter.env == env

    for waiter in line if caller not in busy else ():
        if is_callers(waiter):
            return waiter, caller
    first = next((waiter for waiter in line if waiter.worker not in busy), line[0])
    return first, first.worker or flexible_worker(first.task)
