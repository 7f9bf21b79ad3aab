"""The fork server's own program: a process of its own that imports once and forks execution environments.

It is run from a copy of its source text, because importing `runtime.local` here would put the host's `runtime`
package where the function's own must be. Hence the standard library alone, and no sibling imports.

Two ways to start an environment: `fork` (the preloaded modules are shared, copy on write) and `exec` (a fresh
interpreter). Either way the process runs AWS's own `awslambdaric`, leads its own session, writes stdout and
stderr to its log, and is killed by the kernel when this process dies, which is killed when the service dies.

Messages are JSON, one per packet: in `{"start": n, "mode", "handler", "cwd", "env", "log"}`,
`{"kill": pid, "signal": n}`, `{"adopt": code folder, "preload": [modules]}`; out `{"started": n, "pid"}`,
`{"failed": n, "reason"}`, `{"exited": pid, "status": code or -signal}`. Processes are reaped only here, so that no
pid is signalled after its reuse.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any

PR_SET_PDEATHSIG = 1
PACKET = 1 << 20
# Everything of awslambdaric except what imports `runtime_client`: that reads AWS_LAMBDA_RUNTIME_API when it is
# loaded, and a child that inherits it so loaded dies at once.
BASE_PRELOAD = (
    "awslambdaric",
    "awslambdaric.lambda_context",
    "awslambdaric.lambda_runtime_exception",
    "awslambdaric.lambda_runtime_log_utils",
    "awslambdaric.lambda_runtime_marshaller",
    "awslambdaric.lambda_config",
    "awslambdaric.lambda_literals",
    "concurrent.futures.thread",
    "http.client",
    "logging",
    "traceback",
)


def die_with(parent: int) -> None:
    """Ask the kernel to kill this process when `parent` ends; end at once when it has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def preload(names: list[str]) -> list[str]:
    """Import what can be imported; returns what could not, with its reason: the environment will say it itself."""
    failed = []
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as err:
            failed.append(f"{name}: {err}")
    return failed


def settle_in(code: str, names: list[str]) -> None:
    """Import ahead for the code in this folder; what is imported stays out of the collector's way, and shared."""
    sys.path[0] = code
    for line in preload(names):
        print(f"not imported ahead: {line}", file=sys.stderr, flush=True)
    gc.collect()
    gc.freeze()


class ForkServer:
    """The loop between the service's socket and the children."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        os.set_blocking(self._wake_read, False)

    def serve(self) -> dict[str, object] | None:
        """Serve until the service goes (None), or, in a forked child, return the environment it is to become."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        while True:
            readable, _, _ = select.select([self._control.fileno(), self._wake_read], [], [])
            if self._wake_read in readable:
                self._drain()
                self._reap()
            if self._control.fileno() in readable:
                packet = self._control.recv(PACKET)
                if not packet:
                    return None
                message: dict[str, Any] = json.loads(packet)
                if "kill" in message:
                    self._kill(message["kill"], message["signal"])
                elif "adopt" in message:
                    settle_in(message["adopt"], message["preload"])
                elif self._fork(message):
                    return message

    def _say(self, message: dict[str, object]) -> None:
        self._control.send(json.dumps(message).encode())

    def _drain(self) -> None:
        try:
            while os.read(self._wake_read, 4096):
                continue
        except BlockingIOError:
            return

    def _reap(self) -> None:
        while True:
            try:
                # WNOWAIT: the leader stays a zombie, and its group's number taken, until the group is dead.
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            self._kill(ended.si_pid, signal.SIGKILL)
            _, status = os.waitpid(ended.si_pid, 0)
            self._say({"exited": ended.si_pid, "status": os.waitstatus_to_exitcode(status)})

    def _kill(self, pid: int, number: int) -> None:
        try:
            os.killpg(pid, number)
        except ProcessLookupError:
            return

    def _fork(self, message: dict[str, object]) -> bool:
        """Fork; True in the child."""
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as err:
            self._say({"failed": message["start"], "reason": str(err)})
            return False
        if pid:
            self._say({"started": message["start"], "pid": pid})
            return False
        os.setsid()
        die_with(parent)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._control.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        return True


def become(environment: dict[str, object]) -> None:
    """Turn this forked child into the execution environment; does not return before it ends."""
    log = os.open(str(environment["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.chdir(str(environment["cwd"]))
    variables = environment["env"]
    assert isinstance(variables, dict)
    handler = str(environment["handler"])
    if environment["mode"] == "exec":
        os.execve(sys.executable, [sys.executable, "-m", "awslambdaric", handler], variables)
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()
    if "numpy" in sys.modules:
        importlib.import_module("numpy").random.seed()
    sys.argv = ["awslambdaric", handler]
    importlib.import_module("awslambdaric.__main__").main(sys.argv)


def main() -> None:
    """Arguments: `<control fd> <service pid> <code folder> <preload, comma separated>`"""
    control = socket.socket(fileno=int(sys.argv[1]))
    die_with(int(sys.argv[2]))
    names = [name for name in sys.argv[4].split(",") if name]
    settle_in(sys.argv[3], [*BASE_PRELOAD, *names] if names != ["-"] else [])
    environment = ForkServer(control).serve()
    if environment is not None:
        become(environment)


if __name__ == "__main__":
    main()
