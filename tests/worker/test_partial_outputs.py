"""A task of several outputs of which some are stored and some were in the memory of a worker that died."""

from __future__ import annotations

from runtime import events as ev
from runtime.config import WorkerSettings
from runtime.pages import decode_subdag
from runtime.ports import Begin, Status
from runtime.worker import Worker
from tests.worker.graphs import bundle_of

INPUTS = {"a": [], "near": ["a.y"], "far": ["a.x"]}
PINS = {"a": "p", "near": "p", "far": "q"}


def begun(done: frozenset[str]) -> list[ev.Effect]:
    """The effects of the worker `p` that begins with `a.x` stored and `a` granted."""
    bundle = bundle_of(INPUTS, "simple", pins=PINS, outputs={"a": ("x", "y")})
    tasks = decode_subdag(bundle.subdag("p")).tasks
    worker = Worker(worker="p", token="t", env=tasks["a"].env, settings=WorkerSettings(), tasks=tasks)
    begin = Begin(status=Status.GO, todo={"a": -1}, done=done, stored=frozenset({"a.x"}))
    return worker.step(ev.Begun(begin), 0.0)


def test_task_runs_again_when_a_consumer_still_needs_an_output_that_was_not_stored() -> None:
    assert ev.RunTask("a", 1) in begun(done=frozenset())


def test_task_is_not_run_when_only_its_stored_outputs_are_needed() -> None:
    effects = begun(done=frozenset({"near"}))
    assert not any(isinstance(effect, ev.RunTask) for effect in effects)
    assert any(isinstance(effect, ev.SendCommit) for effect in effects)


def test_task_whose_output_an_earlier_incarnation_stored_is_not_run_though_this_one_would_have_kept_it() -> None:
    bundle = bundle_of({"a": [], "b": ["a"]}, "simple", pins={"a": "p", "b": "p"})
    tasks = decode_subdag(bundle.subdag("p")).tasks
    worker = Worker(worker="p", token="t", env=tasks["a"].env, settings=WorkerSettings(), tasks=tasks)
    begin = Begin(status=Status.GO, todo={"a": -1}, stored=frozenset({"a"}))
    effects = worker.step(ev.Begun(begin), 0.0)
    assert not any(isinstance(effect, ev.RunTask) for effect in effects)
    assert any(isinstance(effect, ev.SendCommit) for effect in effects)
