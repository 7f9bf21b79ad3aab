"""The concurrency limit, the asynchronous queue, reserved concurrency and Lambda's own retries."""

from __future__ import annotations

import pytest

from tests.local.harness import wait_for


def test_a_synchronous_invocation_over_the_limit_is_throttled(run_service, tmp_path):
    service = run_service(limit=1)
    service.create(Timeout=60)
    gate = tmp_path / "gate"
    thread, answer = service.invoke_in_thread({"await": str(gate)})
    wait_for(lambda: service.environments("busy"))
    with pytest.raises(service.client.exceptions.TooManyRequestsException):
        service.invoke(1)
    gate.touch()
    thread.join()
    assert "pid" in answer["json"]
    assert service.invoke(1)["json"]["event"] == 1
    assert service.function()["throttles"] == 1


def test_asynchronous_events_over_the_limit_wait_and_all_run(run_service, tmp_path):
    service = run_service(limit=2)
    service.create(Timeout=60)
    marks = tmp_path / "marks"
    for _ in range(50):
        service.send({"touch": str(marks)})
    wait_for(lambda: marks.exists() and len(marks.read_text().split()) == 50)
    assert service.status()["peak_environments"] <= 2
    assert len(set(marks.read_text().split())) <= 2


def test_idle_environments_of_another_function_make_place(run_service):
    service = run_service(limit=1)
    service.create("one")
    service.create("two")
    first = service.invoke(1, name="one")["json"]["pid"]
    assert service.invoke(2, name="two")["json"]["event"] == 2
    assert service.invoke(3, name="one")["json"]["pid"] != first
    assert service.status()["peak_environments"] == 1


def test_no_function_starves_behind_the_queue_of_another(run_service, tmp_path):
    service = run_service(limit=1)
    service.create("busy", Timeout=60)
    service.create("late", Timeout=60)
    gate, order = tmp_path / "gate", tmp_path / "order"
    service.send({"await": str(gate)}, name="busy")
    wait_for(lambda: service.environments("busy"))
    service.send({"touch": str(order)}, name="late")
    never = tmp_path / "never"
    service.send({"await": str(never)}, name="busy")
    gate.touch()
    wait_for(order.exists)
    never.touch()


def test_reserved_concurrency_bounds_one_function(run_service, tmp_path):
    service = run_service()
    service.create(Timeout=60)
    service.client.put_function_concurrency(FunctionName="echo", ReservedConcurrentExecutions=0)
    with pytest.raises(service.client.exceptions.TooManyRequestsException):
        service.invoke(1)
    mark = tmp_path / "mark"
    service.send({"touch": str(mark)})
    assert service.status()["queue_depth"] == 1
    service.client.delete_function_concurrency(FunctionName="echo")
    wait_for(mark.exists)


def test_a_failed_asynchronous_event_is_not_repeated_by_default(run_service, tmp_path):
    service = run_service()
    service.create()
    service.send({"fail_while_missing": str(tmp_path / "once")})
    wait_for(lambda: service.function()["errors"] == 1)
    assert service.status()["queue_depth"] == 0
    assert service.function()["retries"] == 0


def test_a_failed_asynchronous_event_is_repeated_as_configured(run_service, tmp_path):
    service = run_service("--retry-delay", "0.01")
    service.create()
    service.client.put_function_event_invoke_config(FunctionName="echo", MaximumRetryAttempts=2)
    service.send({"fail_while_missing": str(tmp_path / "once")})
    wait_for(lambda: service.function()["invocations"] == 2)
    service.send({"exit": 1})
    wait_for(lambda: service.function()["invocations"] == 5)
    counts = service.function()
    assert (counts["errors"], counts["retries"]) == (4, 3)
    assert service.status()["queue_depth"] == 0


def test_the_services_own_retry_setting_is_the_default(run_service, tmp_path):
    service = run_service("--retries", "1", "--retry-delay", "0.01")
    service.create()
    service.send({"fail_while_missing": str(tmp_path / "once")})
    wait_for(lambda: service.function()["invocations"] == 2)
    assert service.function()["errors"] == 1


def test_many_environments_may_be_asked_for_at_once(run_service, tmp_path):
    service = run_service(limit=60)
    filler = {f"V{number}": "x" * 390 for number in range(10)}
    service.create(Timeout=60, Environment={"Variables": {**filler, "TREADLE_PRELOAD": "wave"}})
    gate, marks = tmp_path / "gate", tmp_path / "marks"
    for _ in range(60):
        service.send({"await": str(gate), "touch": str(marks)})
    wait_for(lambda: len(service.environments("busy")) == 60)
    gate.touch()
    wait_for(lambda: not service.environments("busy"))
    assert len(set(marks.read_text().split())) == 60
