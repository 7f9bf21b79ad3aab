"""A kept plan on a graph: the same plan again, or everything that is wrong with it, each with its place in the file.

What a planner would never do, a file may say: an instance that is not there, a worker that the manifest pins elsewhere,
a size that the manifest forbids. All of it is E514, found at once. Code that has changed since is none of it: the plan
still says where everything runs, only its figures are old (W514).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from compiler.diagnostics import Diagnostic, ManifestError, Related
from compiler.planner.kept import AGAIN, KeptEntry, KeptInstance, KeptPlan
from compiler.planner.model import FLEXIBLE, Plan
from compiler.planner.problem import Problem
from runtime.plan import Entry, EnvClass, flexible_worker

SHOWN_TASKS = 3
WORKER_ID = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
"""As in a manifest."""


def restore_plan(problem: Problem, kept: KeptPlan) -> Plan:
    """The plan that was kept, for this graph. Raises ManifestError (E514) with everything that does not fit."""
    check = _Check(problem, kept)
    check.everything()
    if check.found:
        raise ManifestError(tuple(check.found.values()))
    graph = problem.graph
    names = [graph.name_of(instance) for instance in range(len(graph))]
    rows = [kept.instances[name] for name in names]
    number_of = {worker: number for number, worker in enumerate(kept.workers)}
    index = {name: number for number, name in enumerate(kept.classes)}
    return Plan(
        planner=kept.planner,
        workers=tuple(kept.workers),
        worker_of=[FLEXIBLE if row.worker is None else number_of[row.worker] for row in rows],
        classes=tuple(kept.classes.values()),
        env_of=[index[row.env] for row in rows],
        order=problem.order,
        entries=tuple([Entry(worker=one.worker, env=kept.classes[one.env], start=one.start) for one in kept.entries]),
        reasons=[row.reason for row in rows],
    )


def staleness(
    problem: Problem, kept: KeptPlan, *, signature: str, fingerprints: Sequence[str]
) -> tuple[Diagnostic, ...]:
    """W514 where the code or the edges are others than those that the plan was made for."""
    if kept.signature == signature:
        return ()
    now = dict(zip((family.task for family in problem.graph.families), fingerprints, strict=True))
    changed = [task for task, mark in now.items() if kept.functions.get(task, mark) != mark]
    if changed:
        more = f" and {len(changed) - SHOWN_TASKS:,} more" if len(changed) > SHOWN_TASKS else ""
        what = f"the code of {', '.join(f'`{task}`' for task in changed[:SHOWN_TASKS])}{more} has changed"
    else:
        what = "what tasks wait for has changed"
    return (
        Diagnostic(
            code="W514",
            message=f"{what} since the plan was made",
            span=kept.section("graph_signature"),
            hint=AGAIN,
            notes=("everything runs where the plan says; whether that is still a good place is not known",),
        ),
    )


@dataclass
class _Check:
    """Collects what does not fit; mistakes of one kind in one family are one, with their number."""

    problem: Problem
    kept: KeptPlan
    found: dict[tuple[str, str], Diagnostic] = field(default_factory=dict)

    def everything(self) -> None:
        graph, kept = self.problem.graph, self.kept
        if kept.name != graph.name:
            message = f"the plan is one of `{kept.name}`, the workflow is `{graph.name}`"
            self._add("name", "", message, "name")
            return
        for worker in (worker for worker in kept.workers if not WORKER_ID.fullmatch(worker)):
            message = f"`{worker}` is no worker id: it is of letters, digits, `.`, `_` and `-`"
            self._add("id", "", message, worker)
        number_of = {graph.name_of(instance): instance for instance in range(len(graph))}
        for name in (name for name in kept.instances if name not in number_of):
            message = f"the workflow has no instance `{name}`"
            self._add("unknown", _family(name), message, name)
        for name in (name for name in number_of if name not in kept.instances):
            message = f"`{name}` has no place in the plan"
            self._add("missing", _family(name), message, "instances")
        for name, instance in number_of.items():
            if (row := kept.instances.get(name)) is not None:
                self._instance(name, instance, row)
        if not self.found:
            self._entries(number_of)

    def _instance(self, name: str, instance: int, row: KeptInstance) -> None:
        problem, kept, family = self.problem, self.kept, _family(name)
        env = kept.classes.get(row.env)
        names, pin_of = problem.pins
        pin = None if pin_of[instance] == FLEXIBLE else names[pin_of[instance]]
        if env is None:
            self._add("class", family, f"`{name}` has class {row.env}, which is not among `classes`", name)
        elif row.worker is not None and row.worker not in kept.workers:
            self._add("worker", family, f"`{name}` is on {row.worker}, which is not among `workers`", name)
        elif pin is not None and row.worker != pin:
            message = f"`{name}` is on {row.worker or 'any worker'}, the manifest pins it to {pin}"
            self._add("pin", family, message, name, instance)
        elif row.worker is not None and kept.workers[row.worker] != row.env:
            message = f"{row.worker} is {kept.workers[row.worker] or 'of no class'}, `{name}` on it is {row.env}"
            self._add("size", row.worker, message, name)
        elif trouble := self._against(instance, env, is_pinned=pin is not None):
            self._add("bounds", family, f"`{name}` {trouble}", name)

    def _against(self, instance: int, env: EnvClass, *, is_pinned: bool) -> str:
        """What the manifest and the target say against a class for an instance; "" for nothing."""
        problem = self.problem
        base, stated, profile = problem.base_env(instance), problem.graph.option_of(instance).resources, problem.profile
        if env.arch != base.arch:
            return f"gets {env.arch}, it needs {base.arch}"
        if env.python != base.python:
            return f"gets Python {env.python}, here is {base.python}"
        if env.layer != base.layer:
            return "gets another layer than its requirements make"
        if is_pinned and env.memory_mb != base.memory_mb:
            return f"gets {env.memory_mb:,} MB, its worker has {base.memory_mb:,} MB by the manifest"
        least = stated.memory_min_mb or profile.memory_min_mb
        most = stated.memory_max_mb or profile.memory_max_mb
        if not is_pinned and not least <= env.memory_mb <= most:
            return f"gets {env.memory_mb:,} MB, it may have {least:,} to {most:,} MB"
        return ""

    def _pinned_at(self, instance: int) -> tuple[Related, ...]:
        family = self.problem.graph.families[self.problem.graph.family_of[instance]]
        node = None if family.source is None else family.source.task.worker
        return () if node is None else (Related(span=node.span, message="the manifest's word"),)

    def _entries(self, number_of: Mapping[str, int]) -> None:
        """Every root starts once, in an entry of its worker and class."""
        graph, kept = self.problem.graph, self.kept
        started = Counter(name for entry in kept.entries for name in entry.start)
        roots = {name for name, instance in number_of.items() if not graph.in_edges[instance]}
        for name in sorted(started.keys() - roots):
            message = f"`{name}` is no task that the workflow begins with"
            self._add("entry", _family(name), message, "entries")
        for name in sorted(name for name in roots if started[name] != 1):
            how_often = "in no entry" if not started[name] else f"in {started[name]} entries"
            self._add("root", _family(name), f"`{name}` starts {how_often}, not in one", "entries")
        if not self.found:
            for entry in kept.entries:
                for trouble in self._entry(entry):
                    self._add("start", entry.worker, trouble, "entries")

    def _entry(self, entry: KeptEntry) -> Iterator[str]:
        if not entry.start:
            yield f"the entry of {entry.worker} starts nothing"
            return
        flexible = flexible_worker(entry.start[0])
        for name in entry.start:
            row = self.kept.instances[name]
            if entry.worker != (row.worker or flexible):
                yield f"`{name}` starts on {entry.worker}, the plan has it on {row.worker or 'any worker'}"
            elif entry.env != row.env:
                yield f"`{name}` starts in {entry.env}, the plan has it in {row.env}"

    def _add(self, kind: str, where: str, message: str, at: str, pinned: int | None = None) -> None:
        """`at` is an instance, or else a section of the file."""
        key = kind, where
        if (known := self.found.get(key)) is not None:
            self.found[key] = replace(known, more=known.more + 1)
            return
        is_section = kind in ("name", "missing", "entry", "root", "start")
        span = self.kept.section(at) if is_section else self.kept.place(at)
        related = () if pinned is None else self._pinned_at(pinned)
        self.found[key] = Diagnostic(code="E514", message=message, span=span, hint=AGAIN, related=related)


def _family(name: str) -> str:
    return name.partition("[")[0]
