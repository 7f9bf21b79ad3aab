"""Rebuild: the state of a run follows from the slots that can be read, whichever these are."""

from __future__ import annotations

import json
from random import Random

from runtime.ports import RunEvent, RunStatus
from runtime.watch import Move, RunWatch, next_move, rebuild_state
from tests.worker.graphs import bundle_of, random_bundle

DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


def test_at_launch_the_roots_are_granted_as_the_plan_says() -> None:
    bundle = bundle_of({"a": [], "b": [], "c": ["a", "b"]}, "wukong", concurrency=2)
    state = rebuild_state(bundle, fan_out=4)
    assert {worker: set(grants) for worker, grants in state.part.grants.items()} == {
        entry.worker: set(entry.start) for entry in bundle.entries
    }
    assert state.part.arrived == {} and state.part.done == ()


def test_what_can_be_read_is_done_and_what_it_completes_is_granted() -> None:
    bundle = bundle_of(DIAMOND, "wukong")
    state = rebuild_state(bundle, frozenset({"a", "b"}), fan_out=4)
    assert {task for _, task in state.part.done} == {"a", "b"}
    assert state.part.arrived == {"c": ("a",), "d": ("b",)}
    assert state.part.grants == {"~c": {"c": 0}}


def test_a_lost_output_is_made_again_only_when_something_still_needs_it() -> None:
    bundle = bundle_of(DIAMOND, "wukong")
    needless = rebuild_state(bundle, frozenset({"b", "c"}), frozenset({"a"}), fan_out=4)
    assert {task for _, task in needless.part.done} == {"a", "b", "c"}
    needed = rebuild_state(bundle, frozenset({"b"}), frozenset({"a"}), fan_out=4)
    assert {task for _, task in needed.part.done} == {"b"}
    assert needed.part.grants == {"~a": {"a": 0}}
    assert needed.part.dangling == ("a",)


def test_every_rebuild_grants_exactly_the_needed_tasks_whose_inputs_can_be_read() -> None:
    for seed in range(60):
        random = Random(seed)
        bundle = random_bundle(seed, random.choice(("simple", "wukong")), 20)
        graph = bundle.graph()
        readable = frozenset(name for name in graph.names if random.random() < 0.5)
        part = rebuild_state(bundle, readable, fan_out=3).part
        done = {task for _, task in part.done}
        granted = {task for grants in part.grants.values() for task in grants}
        for instance, name in enumerate(graph.names):
            inputs = {graph.slot(*edge) for edge in graph.in_edges[instance]}
            assert (name in granted) == (name not in done and inputs <= readable)
            if name not in done:
                assert set(part.arrived.get(name, ())) == inputs & readable
                producers = {graph.names[producer] for producer, _ in graph.in_edges[instance]}
                assert producers <= readable | {other for other in graph.names if other not in done}


def test_the_watch_counts_what_the_events_say() -> None:
    watch = RunWatch(total=3, targets=frozenset({"c"}))
    for kind, data in (
        ("begun", '{"worker": "w", "token": "t"}'),
        ("stored", '{"worker": "w", "slots": ["a"], "tasks": ["a"], "now": 1000000}'),
        ("stored", '{"worker": "w", "slots": ["c"], "tasks": ["b", "c"], "now": 2500000}'),
        ("left", '{"worker": "w", "handover": false}'),
        ("span", '{"worker": "w", "token": "t"}'),
    ):
        watch.take(RunEvent(id="1-0", kind=kind, data=data))
    assert watch.has_all_targets and watch.done == 3 and watch.last_commit == 2.5
    assert not watch.live and watch.begun == 1
    assert not watch.awaits_spans


def test_a_failure_event_is_kept() -> None:
    watch = RunWatch(total=1, targets=frozenset({"a"}))
    watch.take(RunEvent(id="1-0", kind="failed", data=json.dumps({"task": "a"})))
    assert watch.failure and not watch.has_all_targets


def told(kind: str, worker: str, token: str = "") -> RunEvent:
    return RunEvent(id="1-0", kind=kind, data=json.dumps({"worker": worker, "token": token}))


def test_last_words_are_awaited_of_workers_that_did_not_fall() -> None:
    watch = RunWatch(total=2, targets=frozenset({"a"}))
    watch.take(told("begun", "w", "first"))
    assert watch.awaits_spans
    watch.take(told("begun", "w", "second"))  # without leaving: the first incarnation is dead
    watch.take(told("left", "w"))
    assert watch.begun == 2 and watch.silent == {"second"}
    watch.take(told("span", "w", "first"))  # or it was only slow
    assert watch.awaits_spans
    watch.take(told("span", "w", "second"))
    assert not watch.awaits_spans
    watch.take(told("begun", "w", "third"))
    assert watch.awaits_spans
    watch.fence()
    assert not watch.awaits_spans and not watch.live


def status(meta: str, done: int = 0, active: int = 1, building_s: float = 60.0) -> RunStatus:
    return RunStatus(
        meta=meta, reason="", stored=0, done=done, active=active, errors={}, rebuild="r", building_s=building_s
    )


def test_a_run_whose_state_is_gone_half_written_or_marked_is_built_anew() -> None:
    watch = RunWatch(total=2, targets=frozenset({"b"}))
    for meta in ("", "building", "rewind"):
        assert next_move(status(meta), watch) is Move.REBUILD
    assert next_move(status("run", active=0), watch) is Move.REBUILD
    assert next_move(status("run"), watch) is Move.WATCH
    assert next_move(status("failed"), watch) is Move.FAIL


def test_a_run_that_somebody_builds_is_left_to_them_until_their_newest_step_is_old() -> None:
    watch = RunWatch(total=2, targets=frozenset({"b"}))
    assert next_move(status("building", building_s=1.0), watch) is Move.WATCH
    assert next_move(status("building", building_s=10.0), watch) is Move.REBUILD
    assert next_move(status("building", building_s=-3600.0), watch) is Move.REBUILD


def test_what_a_store_forgot_after_its_events_told_it_is_waited_for_again() -> None:
    watch = RunWatch(total=2, targets=frozenset({"b"}))
    watch.take(RunEvent(id="1-1", kind="stored", data='{"tasks": ["a", "b"], "slots": ["b"], "now": 1}'))
    assert next_move(status("run", done=1), watch) is Move.COLLECT
    assert not watch.is_value_gone(status("run", done=1))
    assert next_move(status("run", done=1), watch) is Move.WATCH
    assert watch.is_value_gone(status("run", done=2))
