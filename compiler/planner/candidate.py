"""A candidate of a planner that compares: an assignment, or a plan that is none because workers of it are found at run
time.

What a candidate is worth is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from compiler.planner.assembly import assemble
from compiler.planner.model import FLEXIBLE, Plan
from compiler.planner.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """Instance n runs on worker `worker_of[n]` with `memory_mb[worker]`, as `assemble` takes them.

    `origin` says in a few words who thought of it. `plan` is there where another planner made it, or where it leaves
    workers open: then it is that plan, to the order of its entries.
    """

    worker_of: Sequence[int]
    memory_mb: Mapping[int, int]
    origin: str = ""
    plan: Plan | None = None

    @property
    def is_pinned(self) -> bool:
        """Every instance has its worker, so that the quick estimate can be asked."""
        return FLEXIBLE not in self.worker_of

    def key(self) -> tuple[object, ...]:
        """The same for candidates that are the same but for their workers' numbers."""
        if self.plan is not None and not self.is_pinned:
            plan = self.plan
            return tuple(plan.worker_of), tuple(plan.env_of), plan.classes, plan.entries
        number: dict[int, int] = {}
        return tuple([(number.setdefault(one, len(number)), self.memory_mb.get(one)) for one in self.worker_of])


def plan_of(problem: Problem, planner: str, candidate: Candidate) -> Plan:
    """The plan of a candidate."""
    if candidate.plan is not None:
        return candidate.plan
    pins = problem.pins[1]
    reasons = [candidate.origin if pin == FLEXIBLE else "pinned by the manifest" for pin in pins]
    return assemble(problem, planner, candidate.worker_of, candidate.memory_mb, reasons)


def candidate_of(problem: Problem, planner: str, plan: Plan, origin: str) -> Candidate:
    """A plan that another planner made, as a candidate of this one."""
    pins = problem.pins[1]
    reasons = [origin if pin == FLEXIBLE else reason for pin, reason in zip(pins, plan.reasons, strict=True)]
    memory_mb = {worker: plan.env(instance).memory_mb for instance, worker in enumerate(plan.worker_of)}
    own = replace(plan, planner=planner, reasons=reasons)
    return Candidate(worker_of=plan.worker_of, memory_mb=memory_mb, origin=origin, plan=own)
