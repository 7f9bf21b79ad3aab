"""What must hold of a run's state after every write, on whichever store it lies.

- No granted task with an absent input.
- Whoever holds grants is called, running or asleep: somebody will look at them.
- Ready and unsettled means granted: every script keeps it, and a restart that forgets the last scripts keeps it too.
- Ready and unsettled of a family with a gate: granted with a place, or in line for one; no more places than there are,
  and nobody waits while one is free.
- The count of called workers is the number of called workers.

A run that is not going on (being built, ended, gone) promises none of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from runtime.plan import Gate

IDLE, CALLED = "idle", "called"
NO_GATES: Mapping[str, Gate] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A run's state at one moment. `readable`: stored slots whose values can be read. `called` is the count kept.

    `held`: gate → task → worker. `lines`: gate → who waits.
    """

    states: Mapping[str, str]
    grants: Mapping[str, Collection[str]]
    done: Collection[str]
    readable: Collection[str]
    arrived: Mapping[str, Collection[str]]
    called: int
    held: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lines: Mapping[str, Collection[str]] = field(default_factory=dict)


def audit(
    state: Snapshot,
    in_slots: Mapping[str, tuple[str, ...]],
    gates: Mapping[str, Gate] = NO_GATES,
    *,
    is_value_lost: bool = False,
) -> str:
    """What does not hold, or ""; `in_slots` are the inputs of each task, `gates` those of tasks.

    A store that lost a value may lack inputs.
    """
    return (
        ("" if is_value_lost else _lacks_input(state, in_slots))
        or _holds_unseen(state)
        or _ready_and_not_granted(state, in_slots)
        or _crowded(state, gates)
        or _miscounted(state)
    )


def _lacks_input(state: Snapshot, in_slots: Mapping[str, tuple[str, ...]]) -> str:
    for worker, tasks in state.grants.items():
        for task in tasks:
            if task not in state.done:
                for slot in in_slots[task]:
                    if slot not in state.readable:
                        return f"{task} is granted to {worker} and {slot} is absent"
    return ""


def _holds_unseen(state: Snapshot) -> str:
    for worker, tasks in state.grants.items():
        if tasks and state.states.get(worker, IDLE) == IDLE:
            return f"{worker} is idle and holds {sorted(tasks)}"
    return ""


def _ready_and_not_granted(state: Snapshot, in_slots: Mapping[str, tuple[str, ...]]) -> str:
    granted = {task for tasks in state.grants.values() for task in tasks}
    granted.update(task for line in state.lines.values() for task in line)
    for task, slots in in_slots.items():
        is_ready = not slots or len(state.arrived.get(task, ())) >= len(set(slots))
        if is_ready and task not in state.done and task not in granted:
            return f"{task} is ready and nobody holds it"
    return ""


def _crowded(state: Snapshot, gates: Mapping[str, Gate]) -> str:
    holders = {(worker, task) for held in state.held.values() for task, worker in held.items()}
    granted = {(worker, task) for worker, tasks in state.grants.items() for task in tasks if task in gates}
    if holders - granted:
        return f"places of families with a gate are held without a grant: {sorted(holders - granted)}"
    for gate in set(gates.values()):
        taken = len(state.held.get(gate.name, ()))
        line = state.lines.get(gate.name, {})
        if taken > gate.places:
            return f"{taken} places of {gate.name} are taken, and there are {gate.places}"
        if taken < gate.places and line:
            return f"a place of {gate.name} is free, and {sorted(line)} wait"
    return ""


def _miscounted(state: Snapshot) -> str:
    called = sum(one == CALLED for one in state.states.values())
    return f"{called} workers are called and the count says {state.called}" if called != state.called else ""
