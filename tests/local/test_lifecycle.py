"""Environments live and die: cold, warm, expired, evicted, timed out, crashed, killed."""

from __future__ import annotations

import os
import signal

import pytest

from tests.local.harness import children_of, is_alive, wait_for, zipped

BOTH = pytest.mark.parametrize("start", ["zygote", "exec"])
COUNTING = """
import os
calls = 0

def handler(event, context):
    global calls
    calls += 1
    return [calls, os.getpid(), os.getppid()]
"""


@BOTH
def test_an_environment_is_reused_and_keeps_its_module_state(run_service, start):
    service = run_service("--start", start)
    service.create(source=COUNTING)
    answers = [service.invoke()["json"] for _ in range(3)]
    assert [calls for calls, _, _ in answers] == [1, 2, 3]
    assert len({pid for _, pid, _ in answers}) == 1
    counts = service.function()
    assert (counts["cold_starts"], counts["warm_starts"]) == (1, 2)


@BOTH
def test_modules_come_from_the_functions_own_folder(run_service, start):
    service = run_service("--start", start)
    service.create(source="import runtime\ndef handler(e, c):\n    return runtime.WHOSE\n")
    code = zipped(app="import runtime\ndef handler(e, c):\n    return runtime.WHOSE\n", runtime="WHOSE = 'mine'\n")
    service.client.update_function_code(FunctionName="echo", ZipFile=code)
    assert service.invoke()["json"] == "mine"


@BOTH
def test_a_timeout_is_reported_and_the_environment_replaced(run_service, start, tmp_path):
    service = run_service("--start", start)
    service.create(Timeout=1)
    first = service.invoke()["json"]["pid"]
    answer = service.invoke({"await": str(tmp_path / "never")})
    assert answer["FunctionError"] == "Unhandled"
    assert "Task timed out after 1.00 seconds" in answer["json"]["errorMessage"]
    assert service.invoke()["json"]["pid"] != first
    wait_for(lambda: not is_alive(first))


@BOTH
def test_a_process_that_exits_is_reported_and_replaced(run_service, start):
    service = run_service("--start", start)
    service.create()
    answer = service.invoke({"exit": 7})
    assert answer["FunctionError"] == "Unhandled"
    assert answer["json"]["errorType"] == "Runtime.ExitError"
    assert answer["json"]["errorMessage"].endswith("Runtime exited with error: exit status 7")
    assert service.invoke(3)["json"]["event"] == 3


def test_an_exit_without_an_error_is_an_error_too(run_service):
    service = run_service()
    service.create()
    assert service.invoke({"exit": 0})["json"]["errorMessage"].endswith("Runtime exited without providing a reason")


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("import no_such_module\n", "Runtime.ImportModuleError"),
        ("def handle(e, c): pass\n", "Runtime.HandlerNotFound"),
        ("def handler(e, c:\n", "Runtime.UserCodeSyntaxError"),
        ("raise KeyError('at import')\n", "KeyError"),
        ("import os; os._exit(3)\n", "Runtime.ExitError"),
    ],
)
def test_a_failing_initialisation_is_the_invocations_error(either, source, kind):
    name = kind.replace(".", "-")
    either.create(name, source=source)
    answer = either.invoke(name=name)
    assert answer["FunctionError"] == "Unhandled"
    assert answer["json"]["errorType"] == kind


def test_a_killed_environment_fails_its_invocation_with_the_signal(run_service, tmp_path):
    service = run_service()
    service.create(Timeout=60)
    thread, answer = service.invoke_in_thread({"await": str(tmp_path / "never")})
    wait_for(lambda: service.environments("busy"))
    os.kill(service.environments("busy")[0]["pid"], signal.SIGKILL)
    thread.join()
    assert answer["json"]["errorMessage"].endswith("Runtime exited with error: signal: killed")


def test_an_idle_environment_that_is_killed_is_replaced_without_an_error(run_service):
    service = run_service()
    service.create()
    pid = service.invoke()["json"]["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not service.environments())
    assert service.invoke(5)["json"]["event"] == 5


def test_the_queue_goes_on_when_an_environment_is_killed_in_an_asynchronous_invocation(run_service, tmp_path):
    service = run_service(limit=1)
    service.create(Timeout=60)
    mark = tmp_path / "mark"
    service.send({"await": str(tmp_path / "never")})
    service.send({"touch": str(mark)})
    wait_for(lambda: service.environments("busy"))
    assert service.status()["queue_depth"] == 1
    os.kill(service.environments("busy")[0]["pid"], signal.SIGKILL)
    wait_for(mark.exists)


def test_a_killed_fork_server_takes_its_environments_along_and_is_replaced(run_service, tmp_path):
    service = run_service()
    service.create(Timeout=60)
    thread, answer = service.invoke_in_thread({"await": str(tmp_path / "never")})
    wait_for(lambda: service.environments("busy"))
    environment = service.environments("busy")[0]["pid"]
    zygote = next(pid for pid in children_of(service.process.pid) if environment in children_of(pid))
    os.kill(zygote, signal.SIGKILL)
    thread.join()
    assert answer["json"]["errorType"] == "Runtime.ExitError"
    wait_for(lambda: not is_alive(environment))
    assert service.invoke(1)["json"]["event"] == 1


def test_an_idle_environment_expires(run_service):
    service = run_service("--idle-expiry", "0.2")
    service.create()
    pid = service.invoke()["json"]["pid"]
    wait_for(lambda: not service.environments() and not is_alive(pid))
    assert service.invoke()["json"]["pid"] != pid
    assert service.function()["cold_starts"] == 2


def test_processes_that_user_code_started_end_with_the_environment(run_service):
    service = run_service()
    service.create(
        source="import subprocess\ndef handler(e, c):\n    return subprocess.Popen(['/bin/sleep', '600']).pid\n"
    )
    child = service.invoke()["json"]
    assert is_alive(child)
    os.kill(service.environments()[0]["pid"], signal.SIGKILL)
    wait_for(lambda: not is_alive(child))


def test_user_code_may_run_an_event_loop_and_processes_of_its_own(run_service):
    service = run_service()
    service.create(
        Timeout=30,
        source="""
import asyncio, subprocess, sys

async def answer():
    return 42

def handler(event, context):
    done = subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True)
    return [asyncio.run(answer()), done.stdout.strip(), done.returncode]
""",
    )
    assert service.invoke()["json"] == [42, "42", 0]


def test_forked_environments_do_not_share_random_numbers(run_service, tmp_path):
    service = run_service(limit=2)
    service.create(
        Timeout=60,
        Environment={"Variables": {"TREADLE_PRELOAD": "random,uuid"}},
        source="""
import os, random, time, uuid

def handler(event, context):
    while event and not os.path.exists(event):
        time.sleep(0.005)
    return [random.random(), str(uuid.uuid4()), os.getpid()]
""",
    )
    gate = tmp_path / "gate"
    first, second = service.invoke_in_thread(str(gate)), service.invoke_in_thread(str(gate))
    wait_for(lambda: len(service.environments("busy")) == 2)
    gate.touch()
    first[0].join()
    second[0].join()
    assert all(a != b for a, b in zip(first[1]["json"], second[1]["json"], strict=True))


def test_preloading_what_does_not_exist_is_harmless(run_service):
    service = run_service()
    service.create(Environment={"Variables": {"TREADLE_PRELOAD": "no_such_module, json"}})
    assert service.invoke(1)["json"]["event"] == 1


@BOTH
def test_what_is_imported_ahead_serves_only_functions_that_ask_for_it(run_service, start):
    service = run_service("--start", start, "--ahead", "colorsys")
    source = "import sys\nAHEAD = 'colorsys' in sys.modules\ndef handler(e, c):\n    return [AHEAD, sys.path[0]]\n"
    service.create("without", source=source)
    service.create("with", source=source, Environment={"Variables": {"TREADLE_PRELOAD": "colorsys,wave"}})
    assert service.invoke(name="without")["json"][0] is False
    ahead, path = service.invoke(name="with")["json"]
    assert ahead is (start == "zygote")
    assert path == service.invoke(name="without")["json"][1]
