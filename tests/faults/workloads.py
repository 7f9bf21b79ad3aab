"""What the campaigns run: four shapes of slow tasks, each with the value that it must give.

The tasks sleep a little, so that a run lasts half a second or more on four environments and whatever happens at a
random moment happens in its middle. Values are exact, so that a lost or doubled input shows.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from compiler.emit.bundle import Build
from runtime.config import LocalSettings, WorkerSettings
from runtime.local.stack import ensure_stack
from tests.integration.running import DEPLOYMENT, Bench, compile_at, write_workflow

SHORT_LEASES = WorkerSettings(lease_s=1.0, renew_s=0.25, call_limit_s=0.5, deadline_s=60.0, fan_out=4)
ENVIRONMENTS = 4
PRIME = 1_000_003

FUNCTIONS = """
import time


def load(i):
    time.sleep(0.03)
    return i


def add(*terms):
    time.sleep(0.03)
    return sum(terms)


def total(terms):
    time.sleep(0.03)
    return sum(terms)


def mix(salt, *terms):
    time.sleep(0.01 + salt % 5 / 100)
    return (salt + sum((place + 2) * term for place, term in enumerate(terms))) % 1_000_003
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """One shape: the manifest's text after its head, and the run's result."""

    name: str
    body: str
    expected: object

    def build(self, folder: Path, planner: str) -> Build:
        """The compiled workflow, for four environments."""
        path = write_workflow(folder / f"{self.name}-{planner}", self.body, FUNCTIONS, name=self.name)
        return compile_at(path, planner, workers=ENVIRONMENTS)


TREE = Workload(
    "tree",
    """
tasks:
  leaf: {call: "functions:load", foreach: {i: "${{ range(32) }}"}, args: ["${{ i }}"]}
  add:
    call: functions:add
    foreach: {l: "${{ range(1, 6) }}", i: "${{ range(32 // 2 ** l) }}"}
    args:
      - ${{ tasks.leaf[2*i]   if l == 1 else tasks.add[l-1][2*i]   }}
      - ${{ tasks.leaf[2*i+1] if l == 1 else tasks.add[l-1][2*i+1] }}
result: ${{ tasks.add[5][0] }}
""",
    32 * 31 // 2,
)

FAN = Workload(
    "fan",
    """
tasks:
  top: {call: "functions:load", args: [7]}
  middle: {call: "functions:add", foreach: {i: "${{ range(60) }}"}, args: ["${{ tasks.top }}", "${{ i }}"]}
  end: {call: "functions:total", args: ["${{ tasks.middle }}"]}
result: ${{ tasks.end }}
""",
    60 * 7 + 60 * 59 // 2,
)

CHAIN = Workload(
    "chain",
    """
tasks:
  link:
    call: functions:add
    foreach: {i: "${{ range(24) }}"}
    args: ["${{ 0 if i == 0 else tasks.link[i-1] }}", "${{ i }}"]
result: ${{ tasks.link[23] }}
""",
    24 * 23 // 2,
)


def random_layers(seed: int, *, layers: int = 6, width: int = 10) -> Workload:
    """Layers of random width; each task takes up to three values of the two layers above, one in five is pinned."""
    chance = random.Random(seed)
    above: list[list[str]] = []
    values: dict[str, int] = {}
    lines: list[str] = []
    for layer in range(layers):
        names = [f"t{layer}x{i}" for i in range(chance.randint(2, width))]
        known = [name for names in above[-2:] for name in names]
        for name in names:
            inputs = chance.sample(known, min(len(known), chance.randint(1, 3)))
            salt = chance.randrange(1000)
            values[name] = (salt + sum((at + 2) * values[one] for at, one in enumerate(inputs))) % PRIME
            args = ", ".join([str(salt), *(f'"${{{{ tasks.{one} }}}}"' for one in inputs)])
            pin = f", worker: p{chance.randrange(3)}" if chance.random() < 0.2 else ""
            lines.append(f'  {name}: {{call: "functions:mix", args: [{args}]{pin}}}')
        above.append(names)
    last = [f'"${{{{ tasks.{name} }}}}"' for name in above[-1]]
    body = "\n".join(["tasks:", *lines, f"result: [{', '.join(last)}]", ""])
    return Workload("random", body, [values[name] for name in above[-1]])


WORKLOADS = {one.name: one for one in (TREE, FAN, CHAIN, random_layers(4))}


@contextmanager
def own_home() -> Iterator[None]:
    """No setting, key or state of the user's is read or written."""
    with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("TREADLE_", "XDG_", "AWS_")):
                patch.delenv(name)
        patch.setenv("HOME", home)
        yield


@contextmanager
def small_bench(redis_url: str | None = None) -> Iterator[Bench]:
    """Four environments, so that each has a good part of the run; `redis_url` None starts a Redis, too."""
    settings = LocalSettings(deployment=DEPLOYMENT, concurrency_limit=ENVIRONMENTS, redis_url=redis_url)
    with ensure_stack(settings) as stack, redis.Redis.from_url(stack.redis_url) as client:
        yield Bench(stack, client)
