"""A planner's bug is found right after planning, whatever it broke."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.planner.model import FLEXIBLE
from compiler.planner.problem import Problem
from compiler.planner.simple import plan_simple
from compiler.planner.validate import validate_plan
from compiler.planner.wukong import plan_wukong
from runtime.plan import EnvClass
from tests.factories import make_graph

PROBLEM = Problem(graph=make_graph("a->b a->c b,c->d", pins={"b": "mine"}, memory_mb={"d": 2048}))
PLAN = plan_simple(PROBLEM)


def other_env(plan, instance, env):
    env_of = list(plan.env_of)
    env_of[instance] = len(plan.classes)
    return replace(plan, classes=(*plan.classes, env), env_of=env_of)


@pytest.mark.parametrize("make", [plan_simple, plan_wukong])
def test_a_sound_plan_passes(make):
    validate_plan(PROBLEM, make(PROBLEM))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (replace(PLAN, worker_of=PLAN.worker_of[:3]), "not every instance"),
        (replace(PLAN, workers=("mine", "w0", "w0")), "two workers have one name"),
        (replace(PLAN, worker_of=[9, *PLAN.worker_of[1:]]), "a on no worker"),
        (replace(PLAN, order=[0, 0, 2, 3]), "every instance once"),
        (replace(PLAN, order=[3, 0, 1, 2]), "d before what it takes"),
        (replace(PLAN, worker_of=[PLAN.worker_of[0], FLEXIBLE, *PLAN.worker_of[2:]]), "b is pinned to mine"),
        (other_env(PLAN, 1, EnvClass(memory_mb=4096)), "mine has another class"),
        (other_env(PLAN, 2, EnvClass(memory_mb=4096)), "has two classes"),
        (other_env(PLAN, 3, EnvClass(memory_mb=2047)), "d gets 2047 MB"),
        (other_env(PLAN, 3, EnvClass(memory_mb=2048, arch="arm64")), "d gets 2048-arm64"),
        (replace(PLAN, entries=()), "every root once"),
        (replace(PLAN, entries=(replace(PLAN.entries[0], worker="mine"),)), "a starts on mine"),
        (replace(PLAN, entries=(replace(PLAN.entries[0], env=EnvClass(memory_mb=1)),)), "another class"),
    ],
)
def test_a_broken_plan_is_a_bug_with_its_place(broken, says):
    with pytest.raises(AssertionError, match=says):
        validate_plan(PROBLEM, broken)
