"""What a strategy is asked: a graph, options, an objective, and what is known of all that the plan will meet.

Predictions are made when somebody looks at them: `simple` and `wukong` never do, and stay as quick as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from compiler.graph.depth_first import depth_first_order
from compiler.graph.model import Graph
from compiler.manifest.model import Sla
from compiler.planner.classes import environment_classes
from compiler.planner.model import FLEXIBLE, PlanOptions
from compiler.planner.pins import user_pins
from compiler.planner.profile import TargetProfile, load_profile
from runtime.plan import EnvClass

if TYPE_CHECKING:
    from compiler.planner.judging import Judged
    from compiler.planner.model import Plan
    from compiler.planner.outlook import Outlook
    from compiler.predict.predictions import Predictions
    from compiler.simulate.conditions import Conditions

Learn = Callable[[Graph], "Predictions"]


def know_nothing(graph: Graph) -> Predictions:
    """Predictions without any history: hints and defaults."""
    from compiler.predict.predictions import predict
    from runtime.history.view import History

    return predict(graph, [""] * len(graph.families), History())


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """One planning problem. `learn` gives the predictions; it is called once, when they are first looked at."""

    graph: Graph
    options: PlanOptions = field(default_factory=PlanOptions)
    profile: TargetProfile = field(default_factory=load_profile)
    learn: Learn = know_nothing

    @property
    def objective(self) -> Sla:
        """What the plan is judged by: a percentile or the average, a deadline, a budget."""
        return self.graph.manifest.sla

    @cached_property
    def predictions(self) -> Predictions:
        return self.learn(self.graph)

    @property
    def is_learnt(self) -> bool:
        """Whether somebody has looked at the predictions."""
        return "predictions" in vars(self)

    @cached_property
    def outlooks(self) -> dict[Plan, Outlook]:
        """What a strategy has looked at closely on its way: nobody has to look again."""
        return {}

    @cached_property
    def assignments(self) -> dict[str, Judged]:
        """What a strategy has found, by its name: another one that begins with it need not look for it again."""
        return {}

    @cached_property
    def conditions(self) -> Conditions:
        """What a run of any plan meets."""
        options = self.options
        return self.predictions.conditions(
            concurrency=options.concurrency,
            idle_expiry_s=options.idle_expiry_s,
            cores=options.cores,
            warm=options.warm,
            warm_since=options.warm_since,
        )

    @cached_property
    def order(self) -> Sequence[int]:
        """Every instance once, producers first, subtrees side by side."""
        return depth_first_order(self.graph)

    @cached_property
    def classes(self) -> tuple[tuple[EnvClass, ...], Sequence[int]]:
        """The classes that the manifest's words give, and the number of each instance's: the least of memory, or the
        default; architecture, Python and layer are final."""
        return environment_classes(self.graph, python=self.options.python)

    @cached_property
    def pins(self) -> tuple[tuple[str, ...], Sequence[int]]:
        """The user's workers, and by instance the number of its own, or FLEXIBLE."""
        return user_pins(self.graph)

    @cached_property
    def class_of_pin(self) -> Sequence[int]:
        """By worker of the user's the number of its class."""
        found = dict(zip(self.pins[1], self.classes[1], strict=True))
        return [found.get(worker, FLEXIBLE) for worker in range(len(self.pins[0]))]

    def base_env(self, instance: int) -> EnvClass:
        """The class that an instance has when no planner chooses a size."""
        classes, env_of = self.classes
        return classes[env_of[instance]]

    def kind(self, instance: int) -> tuple[str, str, str]:
        """What tasks must have in common to share an environment, beside a size: architecture, Python, layer."""
        env = self.base_env(instance)
        return env.arch, env.python, env.layer

    def is_pinned(self, instance: int) -> bool:
        """The user said which worker."""
        return self.pins[1][instance] != FLEXIBLE

    def least_mb(self, instance: int) -> int:
        """The least memory that an instance may get. What nobody stated is safe to shrink only where it was measured
        what the function needs; else it is what the class gives."""
        stated = self.graph.option_of(instance).resources.memory_min_mb
        if stated is not None:
            return stated
        needed = self._needed_mb[self.graph.family_of[instance]]
        base = self.base_env(instance).memory_mb
        return base if needed is None else min(base, max(self.profile.memory_min_mb, needed))

    def most_mb(self, instance: int) -> int:
        """The most memory that an instance may get."""
        stated = self.graph.option_of(instance).resources.memory_max_mb
        return self.profile.memory_max_mb if stated is None else min(stated, self.profile.memory_max_mb)

    @cached_property
    def _needed_mb(self) -> Sequence[int | None]:
        """By family what it was seen to need, with room to spare; None when nobody measured it."""
        return [self.predictions.needed_mb(family) for family in range(len(self.graph.families))]
