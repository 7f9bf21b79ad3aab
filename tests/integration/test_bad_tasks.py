"""Tasks that do what no task should: each has a record that says so or a value that counts, and harms no other task.

Every run shares two environments with those before and after it; after each one a good run must be right.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from _pytest.mark import ParameterSet

from runtime.config import LocalSettings, WorkerSettings
from runtime.errors import RunFailed, RuntimeFault, ValueUnreadable
from runtime.local.stack import ensure_stack
from runtime.report import fault_text
from tests.integration.running import DEPLOYMENT, PLANNERS, Bench, compile_at, wait_for, write_workflow

SETTINGS = WorkerSettings(lease_s=1.5, renew_s=0.3, call_limit_s=1.5, fan_out=2, deadline_s=60)

BODY = """
tasks:
  before: {call: "functions:fine"}
  bad: {call: "functions:NAME", timeout: TIME}
  beside: {call: "functions:fine"}
  after: {call: "functions:fine", args: ["${{ tasks.bad }}"]}
  last: {call: "functions:fine", args: ["${{ tasks.after }}", "${{ tasks.before }}"]}
result: ["${{ tasks.last }}", "${{ tasks.beside }}", "${{ tasks.bad }}"]
"""

FUNCTIONS = '''
import ctypes
import gc
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time

FOLDER, MASK, HANDLER = os.getcwd(), os.umask(0o22), signal.getsignal(signal.SIGTERM)
os.umask(MASK)
DUMPS = json.dumps


def fine(*_):
    """1 in a process that is as it was."""
    mask = os.umask(MASK)
    assert os.getcwd() == FOLDER and mask == MASK, (os.getcwd(), mask)
    assert json.dumps is DUMPS and gc.isenabled() and sys.gettrace() is None
    assert sys.getrecursionlimit() >= 1000 and sys.getswitchinterval() < 0.01
    print("fine")
    return 1


# ---- what fails -----------------------------------------------------------------------------------------------


class Mute(Exception):
    def __str__(self):
        raise ValueError("no text")


class Leaver(Exception):
    def __str__(self):
        raise SystemExit(5)


class Endless(Exception):
    def __str__(self):
        while True:
            pass


class Liar(Exception):
    def __getattribute__(self, name):
        raise RuntimeError("lies")


class Lies(type):
    def __getattribute__(cls, name):
        raise RuntimeError("lies")


class Child(Exception, metaclass=Lies):
    pass


class Odd(Exception):
    pass


Odd.__module__ = 5


class NoInit(Exception):
    def __init__(self):
        raise TypeError("no init")


class NoReduce(Exception):
    def __reduce__(self):
        raise RuntimeError("no reduce")


class Raises:
    def __reduce__(self):
        raise KeyError("odd")


class Leaves:
    def __reduce__(self):
        raise SystemExit(3)


class Hangs:
    def __reduce__(self):
        while True:
            time.sleep(1)


class Opens:
    def __reduce__(self):
        return (sys.exit, (3,))


def unpicklable():
    return threading.Lock()


def generator():
    yield 1


def value_raises():
    return Raises()


def value_leaves():
    return Leaves()


def value_hangs():
    return Hangs()


def value_of_depth():
    value = []
    for _ in range(100_000):
        value = [value]
    return value


def system_exit():
    raise SystemExit(3)


def keyboard_interrupt():
    raise KeyboardInterrupt


def generator_exit():
    raise GeneratorExit


def interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(100)


def mute():
    raise Mute


def leaver():
    raise Leaver


def endless():
    raise Endless


def liar():
    raise Liar


def child():
    raise Child


def odd():
    raise Odd("odd")


def no_init():
    raise NoInit


def no_reduce():
    raise NoReduce("whole")


def group():
    raise ExceptionGroup("many", [ValueError("one"), ExceptionGroup("inner", [KeyError("two")])])


def deep_group():
    err = ValueError("x")
    for _ in range(2000):
        err = ExceptionGroup("g", [err])
    raise err


def long_chain():
    err = None
    for number in range(3000):
        cause, err = err, ValueError(number)
        err.__cause__ = cause
    raise err


def recursion():
    return recursion()


def huge_message():
    raise ValueError("x" * 50_000_000)


def no_text():
    raise ValueError(b"\\xff\\xfe", "\\udcff")


def surrogate():
    raise ValueError("a\\ud800b")


def steering():
    raise ValueError("\\x1b[2Jgone")


def memory_error():
    return bytearray(1 << 46)


def own_alarm():
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    time.sleep(100)


def slow():
    time.sleep(100)


def busy():
    while True:
        pass


def stuck():
    while True:
        try:
            time.sleep(100)
        except BaseException:
            pass


def deaf():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    time.sleep(100)


def other_handler():
    signal.signal(signal.SIGALRM, lambda *_: None)
    time.sleep(100)


# ---- what kills -----------------------------------------------------------------------------------------------


def leave():
    os._exit(0)


def abort():
    os.abort()


def segfault():
    ctypes.string_at(0)


def group_killed():
    os.killpg(0, signal.SIGKILL)


def overflow():
    sys.setrecursionlimit(10**9)

    def again(*_):
        return again(*map(again, [1]))

    return again()


def stop():
    os.kill(os.getpid(), signal.SIGSTOP)


def eat():
    eaten = []
    while True:
        eaten.append(bytearray(b"x") * 8_000_000)
        time.sleep(0.005)


# ---- what counts ----------------------------------------------------------------------------------------------


def fork_returns():
    return int(os.fork() >= 0)


def fork_exits():
    if os.fork() == 0:
        sys.exit(3)
    return 1


def fork_raises():
    if os.fork() == 0:
        raise ValueError("in the child")
    os.wait()
    return 1


def processes():
    import multiprocessing

    with multiprocessing.get_context("fork").Pool(2) as pool:
        return sum(pool.map(abs, [-1, 0]))


def leave_process():
    subprocess.Popen(["sleep", "5"], start_new_session=True)
    return 1


def leave_threads():
    for daemon in (True, False):
        threading.Thread(target=time.sleep, args=(100,), daemon=daemon).start()
    return 1


def close_most():
    os.closerange(3, 256)
    return 1


def close_everything():
    os.closerange(0, 4096)
    return 1


def close_and_open():
    global kept
    os.closerange(3, 256)
    kept = [open(os.devnull, "w") for _ in range(40)]
    return 1


def close_standard():
    time.sleep(0.01)
    for number in range(3):
        os.close(number)
    return 1


def close_streams():
    sys.stdout.close()
    sys.stderr.close()
    return 1


def no_streams():
    sys.stdout = sys.stderr = None
    return 1


def write_much():
    for _ in range(300):
        print("x" * 100_000)
        sys.stderr.write("y" * 100_000 + "\\n")
    print("the end")
    return 1


def write_bytes():
    os.write(1, b"\\xff\\x00\\xfe")
    return 1


def change_folder():
    os.chdir("/")
    return 1


def remove_folder():
    shutil.rmtree(".", ignore_errors=True)
    return 1


def change_mask():
    os.umask(0o777)
    return 1


def clear_variables():
    os.environ.clear()
    return 1


def clear_paths():
    sys.path.clear()
    return 1


def clear_modules():
    sys.modules.clear()
    return 1


def forget_modules():
    for name in list(sys.modules):
        if name.startswith(("runtime", "json", "redis", "pickle")):
            del sys.modules[name]
    return 1


def low_recursion():
    sys.setrecursionlimit(60)
    return 1


def ignore_signals():
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)
    return 1


def late_alarm():
    signal.signal(signal.SIGALRM, lambda *_: 1 / 0)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    return 1


def switch_interval():
    sys.setswitchinterval(100)
    return 1


def break_json():
    def broken(*_, **__):
        raise RuntimeError("broken")

    json.dumps = json.loads = pickle.dumps = pickle.loads = broken
    return 1


def break_time():
    time.time = time.monotonic = lambda: 0.0
    return 1


def trace():
    sys.settrace(lambda *_: None)
    return 1


def no_collector():
    gc.disable()
    return 1
'''

FAILS = {
    "unpicklable": ("NotSerializable", "a lock cannot be pickled"),
    "generator": ("NotSerializable", "a generator cannot be pickled"),
    "value_raises": ("KeyError", "odd"),
    "value_leaves": ("SystemExit", "3"),
    "value_of_depth": ("NotSerializable", "[0][0]"),
    "system_exit": ("SystemExit", "3"),
    "keyboard_interrupt": ("KeyboardInterrupt", ""),
    "generator_exit": ("GeneratorExit", ""),
    "interrupted": ("KeyboardInterrupt", ""),
    "mute": ("Mute", "whose __str__ fails"),
    "leaver": ("Leaver", "whose __str__ fails"),
    "liar": ("Liar", ""),
    "child": ("Child", ""),
    "odd": ("Odd", "odd"),
    "no_init": ("TypeError", "no init"),
    "no_reduce": ("NoReduce", "whole"),
    "group": ("ExceptionGroup", "many"),
    "deep_group": ("ExceptionGroup", "g"),
    "long_chain": ("ValueError", "2999"),
    "recursion": ("RecursionError", "maximum recursion depth"),
    "huge_message": ("ValueError", "characters left out"),
    "no_text": ("ValueError", "\\udcff"),
    "surrogate": ("ValueError", "a\\ud800b"),
    "steering": ("ValueError", "gone"),
    "memory_error": ("MemoryError", ""),
}
"""Function → type of its record, and a part of the message. All of these fail at once."""


def slow(*names: str) -> list[ParameterSet]:
    return [pytest.param(name, marks=pytest.mark.slow) for name in names]


OUT_OF_TIME = ("busy", "own_alarm", "stuck", *slow("slow", "endless", "deaf", "other_handler", "value_hangs"))
KILLS = ("segfault", *slow("leave", "abort", "group_killed", "overflow", "stop"))

COUNTS = tuple(
    line.removeprefix("def ").partition("(")[0]
    for line in FUNCTIONS.partition("# ---- what counts")[2].splitlines()
    if line.startswith("def ")
)


@pytest.fixture(scope="module")
def two(own_home: None) -> Iterator[Bench]:
    with (
        ensure_stack(LocalSettings(deployment=DEPLOYMENT, concurrency_limit=2)) as stack,
        redis.Redis.from_url(stack.redis_url) as client,
    ):
        yield Bench(stack, client)


def planner_of(name: str) -> str:
    """Both planners meet every kind of harm; one of them each function."""
    return PLANNERS[len(name) % len(PLANNERS)]


def run(bench: Bench, folder: Path, name: str, time: str = "30s") -> object:
    path = write_workflow(folder, BODY.replace("NAME", name).replace("TIME", time), FUNCTIONS)
    return bench.run(compile_at(path, planner_of(name)), SETTINGS).result


def record_of(bench: Bench, folder: Path, name: str, time: str = "30s") -> dict[str, object]:
    """The record of `bad`, which must be printable; a good run in the same environments follows."""
    with pytest.raises(RunFailed) as failed:
        run(bench, folder, name, time)
    fault_text(failed.value).encode()
    assert run(bench, folder, "fine") == [1, 1, 1]
    assert bench.left_keys() == []
    (record,) = failed.value.records
    assert (record["task"], record["line"]) == ("bad", 6)
    return record


@pytest.mark.parametrize("name", FAILS)
def test_task_that_fails_in_an_odd_way_has_a_record(two: Bench, tmp_path: Path, name: str) -> None:
    kind, message = FAILS[name]
    record = record_of(two, tmp_path, name)
    assert (record["type"], record["attempt"]) == (kind, 1)
    assert message in str(record["message"])


@pytest.mark.parametrize("name", OUT_OF_TIME)
def test_task_that_runs_too_long_is_ended_whatever_it_does(two: Bench, tmp_path: Path, name: str) -> None:
    record = record_of(two, tmp_path, name, time="1s")
    assert record["type"] == {"own_alarm": "Alarm", "endless": "Endless"}.get(name, "Timeout")


@pytest.mark.parametrize("name", KILLS)
def test_task_that_kills_its_process_is_named_and_harms_no_other(two: Bench, tmp_path: Path, name: str) -> None:
    assert record_of(two, tmp_path, name)["type"] == "Killed"


@pytest.mark.parametrize("name", COUNTS)
def test_value_counts_whatever_its_task_did_to_the_process(two: Bench, tmp_path: Path, name: str) -> None:
    assert run(two, tmp_path, name) == [1, 1, 1]
    assert run(two, tmp_path, "fine") == [1, 1, 1]
    assert two.left_keys() == []


def test_task_that_takes_more_memory_than_it_has_is_killed(two: Bench, tmp_path: Path) -> None:
    body = BODY.replace("NAME", "eat").replace("timeout: TIME", "resources: {memory: 192MiB}")
    with pytest.raises(RunFailed) as failed:
        two.run(compile_at(write_workflow(tmp_path, body, FUNCTIONS), "simple"), SETTINGS)
    assert failed.value.records[0]["type"] == "Killed"
    assert "memory" in str(failed.value.records[0]["hint"])
    logs = "".join(log.read_text(errors="replace") for log in (two.stack.directory / "logs").rglob("*.log"))
    assert "memory size: 192 MB, max used: " in logs


def test_log_of_a_task_that_writes_for_ever_is_bounded(two: Bench, tmp_path: Path) -> None:
    assert run(two, tmp_path, "write_much") == [1, 1, 1]
    logs = list((two.stack.directory / "logs").rglob("*.log"))
    long = max(logs, key=lambda log: (log.stat().st_size > 50_000_000, log.stat().st_mtime))
    wait_for(lambda: long.stat().st_blocks * 512 < 12 << 20, "the log to be trimmed")
    with long.open("rb") as file:
        assert file.read(5) == b"START"
        file.seek(-1_000_000, os.SEEK_END)
        assert b"the end" in file.read()


@pytest.mark.parametrize("planner", PLANNERS)
def test_all_of_them_in_one_workflow(two: Bench, tmp_path: Path, planner: str) -> None:
    tasks = "".join(
        f'  {name}: {{call: "functions:{name}"}}\n'
        f'  after_{name}: {{call: "functions:fine", args: ["${{{{ tasks.{name} }}}}"]}}\n'
        for name in COUNTS
    )
    result = ", ".join(f'"${{{{ tasks.after_{name} }}}}"' for name in COUNTS)
    path = write_workflow(tmp_path, f"tasks:\n{tasks}result: [{result}]\n", FUNCTIONS)
    assert two.run(compile_at(path, planner), SETTINGS).result == [1] * len(COUNTS)


@pytest.mark.parametrize("planner", PLANNERS)
def test_result_that_cannot_be_unpickled_is_one_message(two: Bench, tmp_path: Path, planner: str) -> None:
    functions = FUNCTIONS + "\n\ndef opens():\n    return Opens()\n"
    body = 'tasks:\n  bad: {call: "functions:opens"}\nresult: ${{ tasks.bad }}\n'
    path = write_workflow(tmp_path, body, functions)
    with pytest.raises(ValueUnreadable) as fault:
        two.run(compile_at(path, planner), SETTINGS)
    assert "SystemExit: 3" in fault.value.message
    assert isinstance(fault.value, RuntimeFault)
    assert fault.value.exit_code == 1
