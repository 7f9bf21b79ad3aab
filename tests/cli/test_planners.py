"""Planners by name on the command line: their help, their rounds, what is not optimized yet."""

from __future__ import annotations

from argparse import ArgumentParser

import pytest

from compiler.cli.arguments import add_planning
from compiler.cli.verbs.plan import EPILOG
from compiler.planner.strategies import STRATEGIES
from tests.cli.conftest import MANIFESTS, Treadle

TREE = MANIFESTS / "tree_reduction" / "workflow.yaml"


def test_help_tells_every_planner_apart() -> None:
    listed = EPILOG.partition("planners:")[2].partition("examples:")[0]
    assert {line.split()[0] for line in listed.splitlines() if line.strip()} == set(STRATEGIES)
    parser = ArgumentParser()
    add_planning(parser)
    (option,) = [one for one in parser._actions if one.dest == "planner"]
    assert all(name in (option.help or "") for name in STRATEGIES)


@pytest.mark.parametrize("planner", sorted(STRATEGIES))
def test_every_planner_plans_an_example(treadle: Treadle, planner: str) -> None:
    called = treadle("plan", TREE, "--set", "leaves=8", "--planner", planner, "--rounds", "2", "--no-outlook", "--json")
    assert called.code == 0
    assert called.json["planner"] == planner and len(called.json["instances"]) == 15


@pytest.mark.parametrize("verb", ["plan", "build", "run"])
def test_what_is_not_optimized_yet_is_refused(treadle: Treadle, verb: str) -> None:
    called = treadle(verb, TREE, "--optimize", "preload,stream")
    assert called.code == 1
    assert "E513" in called.err and "`preload,stream`" in called.err


@pytest.mark.parametrize(
    ("option", "value", "said"), [("--optimize", "prelaod", "`prelaod`"), ("--rounds", "-1", "negative")]
)
def test_a_wrong_option_is_said(treadle: Treadle, option: str, value: str, said: str) -> None:
    called = treadle("plan", TREE, option, value)
    assert called.code == 2 and said in called.err


def test_a_kept_plan_and_a_planners_options_exclude_one_another(treadle: Treadle) -> None:
    for option in (("--rounds", "3"), ("--optimize", "none")):
        called = treadle("plan", TREE, "--plan", "plan.json", *option)
        assert called.code == 2 and option[0] in called.err


@pytest.mark.parametrize(
    ("options", "deaf"),
    [
        (("--planner", "wukong", "--workers", "3"), {"workers": "`wukong`"}),
        (("--planner", "simple", "--workers", "3", "--rounds", "2"), {"rounds": "`simple`"}),
        (("--workers", "3", "--rounds", "2"), {}),
        (
            ("--compare", "simple,wukong", "--workers", "3", "--rounds", "2"),
            {"workers": "`wukong`", "rounds": "`simple`, `wukong`"},
        ),
    ],
)
def test_what_planners_have_no_use_for_is_said(
    treadle: Treadle, options: tuple[str, ...], deaf: dict[str, str]
) -> None:
    called = treadle("plan", TREE, "--set", "leaves=4", *options)
    assert called.code == 0
    warnings = [line for line in called.err.splitlines() if line.startswith("warning")]
    assert warnings == [
        f"warning: command line: `{name}` has no effect on a plan of {planners}" for name, planners in deaf.items()
    ]


def test_a_plan_meets_the_limits_of_the_kept_service(treadle: Treadle, caplog: pytest.LogCaptureFixture) -> None:
    def workers(*options: str) -> int:
        called = treadle("plan", TREE, "--planner", "simple", "--json", *options)
        return len(called.json["workers"])

    started = treadle("local", "start", "--deployment", "limited", "--config", "concurrency_limit=2")
    assert started.code == 0, started.err
    try:
        assert workers("--config", "deployment=limited") == 2
        assert not caplog.records
        assert workers("--config", "deployment=limited", "--config", "concurrency_limit=5") == 2
        assert [record.getMessage() for record in caplog.records] == [
            "warning: of the kept service concurrency_limit is 2, not 5: treadle local stop && treadle local start"
        ]
        assert workers("--config", "deployment=another", "--config", "concurrency_limit=5") == 5
    finally:
        treadle("local", "stop", "--deployment", "limited")
