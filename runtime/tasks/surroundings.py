"""What a task may leave behind in the process that the next one finds: put back, or a reason to replace the process.

What is cheap to put back is put back after each task: the working folder, the file mask, the standard streams, switch
interval, trace functions, the collector, signal handlers and masks. What treadle itself stands on and a task has taken
away (descriptors, modules, functions of the standard library) makes the process *spoiled*: its worker hands over what
is left and the process ends. Threads that run on make it *stained*: it ends after its invocation.

What modules set up for the whole process stays, as on Lambda: `os.environ`, additions to `sys.path`, the locale, a
higher recursion limit, executors. The quick look costs a microsecond; the whole one is for tasks that took their time.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import gc
import json
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Container
from types import ModuleType

from runtime.code import unit_loader_of
from runtime.tasks.descriptors import file_of

WHOLE_LOOK_S = 0.001
"""A task that ran for longer pays for the whole look."""

HALF_MICROSECOND_S = 5e-7
"""Python keeps the switch interval in whole microseconds, cut off: setting what was read makes it shorter."""

SIGNALS = (signal.SIGALRM, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE)
STANDARD = (0, 1, 2)
ALARM = int(signal.SIGALRM)
HANDLER_OF: Callable[[int], object] = getattr(_signal, "getsignal", signal.getsignal)
"""What `signal.getsignal` asks, at a tenth of its cost: an alarm may go off after its task has ended."""
_JSON_DUMPS, _JSON_LOADS = json.dumps, json.loads
_PICKLE_DUMPS, _PICKLE_LOADS = pickle.dumps, pickle.loads
_TIME, _MONOTONIC = time.time, time.monotonic
STOOD_ON: tuple[tuple[ModuleType, str, Callable[..., object]], ...] = (
    (json, "dumps", _JSON_DUMPS),
    (json, "loads", _JSON_LOADS),
    (pickle, "dumps", _PICKLE_DUMPS),
    (pickle, "loads", _PICKLE_LOADS),
    (time, "time", _TIME),
    (time, "monotonic", _MONOTONIC),
)
"""What treadle calls by these names while tasks run."""
STOOD_ON_FUNCTIONS = tuple(function for _, _, function in STOOD_ON)


class Surroundings:
    """The process as it was when this was made; one per invocation, on the thread that runs tasks."""

    def __init__(self) -> None:
        self.spoiled = ""
        self.stained = ""
        self._folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._mask = os.umask(0o077)
        os.umask(self._mask)
        self._stdout, self._stderr = sys.stdout, sys.stderr
        self._beneath = [one for one in (sys.__stdout__, sys.__stderr__) if one is not None]
        self._files = tuple(map(file_of, STANDARD))
        self._recursion = sys.getrecursionlimit()
        self._interval = sys.getswitchinterval()
        self._modules = dict(sys.modules)
        self._paths = tuple(sys.path)
        self._handlers = {number: signal.getsignal(number) for number in SIGNALS}
        self._on_alarm = HANDLER_OF(ALARM)
        self._blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self._trace, self._profile = sys.gettrace(), sys.getprofile()
        self._threads = set(threading.enumerate())

    def close(self) -> None:
        """Let go of what this holds, unless somebody else has closed it."""
        if not self.spoiled:
            os.close(self._folder)

    def accept_streams(self) -> None:
        """The standard streams go elsewhere from now on, by treadle's own doing."""
        self._files = tuple(map(file_of, STANDARD))

    def restore(self, task: str, took_s: float) -> None:
        """Put back what `task` has changed, and note what cannot be."""
        os.umask(self._mask)
        try:
            os.fchdir(self._folder)
        except OSError:
            self._spoil(f"{task} closed file descriptors of its worker")
        if not self._is_as_before() or took_s > WHOLE_LOOK_S or self.spoiled:
            self._put_back(task)
            self.look(task)

    def _is_as_before(self) -> bool:
        """Compared by identity: a microsecond has no room for a loop."""
        now = (json.dumps, json.loads, pickle.dumps, pickle.loads, time.time, time.monotonic)
        return (
            now == STOOD_ON_FUNCTIONS
            and sys.stdout is self._stdout
            and sys.stderr is self._stderr
            and not any([one.closed for one in self._beneath])
            and sys.getswitchinterval() == self._interval
            and sys.getrecursionlimit() >= self._recursion
            and HANDLER_OF(ALARM) is self._on_alarm
            and gc.isenabled()
            and sys.gettrace() is self._trace
            and sys.getprofile() is self._profile
            and __name__ in sys.modules
            and len(sys.path) >= len(self._paths)
        )

    def _put_back(self, task: str) -> None:
        gone = {name for name in self._modules.keys() - sys.modules.keys() if not self._is_user(name)}
        if gone or not set(self._paths) <= set(sys.path):
            sys.modules.update((name, self._modules[name]) for name in gone)
            sys.path.extend(one for one in self._paths if one not in sys.path)
            self._spoil(f"{task} removed modules or search paths of its worker")
        sys.settrace(self._trace)
        sys.setprofile(self._profile)
        for module, name, function in STOOD_ON:
            if module.__dict__.get(name) is not function:
                module.__dict__[name] = function
                self._spoil(f"{task} replaced {module.__name__}.{name}")
        sys.setrecursionlimit(max(sys.getrecursionlimit(), self._recursion))
        sys.setswitchinterval(self._interval + HALF_MICROSECOND_S)
        gc.enable()
        if any(one.closed for one in self._beneath):
            self._spoil(f"{task} closed its worker's standard streams")
            _reopen_standard()
            self._stdout, self._stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
            self._beneath = []
        sys.stdout, sys.stderr = self._stdout, self._stderr

    def look(self, task: str) -> None:
        """The whole look, by the way of which handlers and masks of signals are put back."""
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._handlers.items():
                if handler is not None and signal.getsignal(number) != handler:
                    signal.signal(number, handler)
        if signal.pthread_sigmask(signal.SIG_BLOCK, ()) != self._blocked:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._blocked)
        if tuple(map(file_of, STANDARD)) != self._files:
            self._spoil(f"{task} closed its worker's standard streams")
            _reopen_standard()
        if not self.stained and (left := [one for one in threading.enumerate() if self._is_left(one)]):
            many = "a thread that runs" if len(left) == 1 else f"{len(left)} threads that run"
            self.stained = f"{task} left {many} on"

    def _is_user(self, name: str) -> bool:
        """A module of the user's code: those come and go."""
        return unit_loader_of(self._modules[name]) is not None

    def _spoil(self, reason: str) -> None:
        self.spoiled = self.spoiled or reason

    def _is_left(self, thread: threading.Thread) -> bool:
        """A thread of no executor that the task left; those of executors are idle, and daemons may be a library's."""
        return thread not in self._threads and not thread.daemon and thread not in _executor_threads()


def _executor_threads() -> Container[threading.Thread]:
    executors = sys.modules.get("concurrent.futures.thread")
    threads: Container[threading.Thread] = getattr(executors, "_threads_queues", ())
    return threads


def _reopen_standard() -> None:
    """Nothing that is opened later may get the numbers that prints go to."""
    for descriptor in STANDARD:
        if file_of(descriptor) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
