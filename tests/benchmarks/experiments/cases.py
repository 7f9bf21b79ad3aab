"""What is to be run: every combination of what the user named, in an order that treats all alike.

Repetitions are the outermost loop, and each shuffles the combinations anew: what the machine's weather does to one of
them it does to all. The same options always give the same order.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, product

AS_WRITTEN = ""
"""The memory of a case that leaves the manifest's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What all cases of one invocation have in common. `start` is "cold" or "warm"."""

    start: str
    link: str
    environments: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run. `workflow` is as the user wrote it, with its params; `memory_mb` is a number or `AS_WRITTEN`.

    `purpose`: a "measure" is reported; a "learn" comes first, so that planners have a history to plan from.
    """

    workflow: str
    planner: str
    sla: str
    memory_mb: str
    purpose: str
    repetition: int
    settings: Settings

    @property
    def key(self) -> tuple[str, ...]:
        """By which a row of the file is told to be this run's."""
        settings = self.settings
        return (
            self.workflow,
            self.planner,
            self.sla,
            self.memory_mb,
            settings.start,
            settings.link,
            str(settings.environments),
            self.purpose,
            str(self.repetition),
        )

    def __str__(self) -> str:
        memory = f" {self.memory_mb} MB" if self.memory_mb else ""
        return (
            f"{self.workflow} {self.planner} {self.sla}{memory} {self.settings.start} {self.purpose} {self.repetition}"
        )


KEY = ("workflow", "planner", "sla", "memory_mb", "start", "link", "environments", "purpose", "repetition")
"""The columns of a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user named. `learn` is the number of runs, for each workflow and memory, that only make history."""

    workflows: Sequence[str]
    planners: Sequence[str]
    slas: Sequence[str]
    memories_mb: Sequence[str]
    repetitions: int
    learn: int
    only: Sequence[str]
    settings: Settings


def cases(wanted: Wanted) -> list[Case]:
    """All runs in their order: those to learn from, then the measured ones."""
    first, planners = wanted.slas[0], wanted.planners
    learned = (
        (workflow, planners[number % len(planners)], first, memory, "learn", number)
        for number in range(wanted.learn)
        for workflow, memory in _shuffled(product(wanted.workflows, wanted.memories_mb), number)
    )
    measured = (
        (workflow, planner, sla, memory, "measure", number)
        for number in range(wanted.repetitions)
        for workflow, planner, sla, memory in _shuffled(
            product(wanted.workflows, planners, wanted.slas, wanted.memories_mb), number
        )
    )
    found = [
        Case(
            workflow=workflow,
            planner=planner,
            sla=sla,
            memory_mb=memory,
            purpose=purpose,
            repetition=number,
            settings=wanted.settings,
        )
        for workflow, planner, sla, memory, purpose, number in chain(learned, measured)
    ]
    return [case for case in found if _is_chosen(case, wanted.only)]


def _shuffled(combinations: Iterable[tuple[str, ...]], number: int) -> list[tuple[str, ...]]:
    found = list(combinations)
    random.Random(number).shuffle(found)
    return found


def _is_chosen(case: Case, only: Sequence[str]) -> bool:
    """Whether all words of one of these texts are in the case's name."""
    words = set(str(case).split())
    return not only or any(set(text.split()) <= words for text in only)
