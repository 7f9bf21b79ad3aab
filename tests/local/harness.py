"""Starting a service process of the test's own, and an unmodified boto3 client for it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from botocore.config import Config

from runtime.local.living import read_status

PATIENCE_S = 60.0
ECHO = """
import os, json, sys, time, threading

def handler(event, context):
    if isinstance(event, dict):
        if "print" in event:
            print(event["print"])
        if "raise" in event:
            raise ValueError(event["raise"])
        if "exit" in event:
            os._exit(event["exit"])
        if "touch" in event:
            with open(event["touch"], "a") as marks:
                marks.write(f"{os.getpid()}\\n")
        if "await" in event:
            while not os.path.exists(event["await"]):
                time.sleep(0.005)
        if "env" in event:
            return dict(os.environ)
        if "context" in event:
            return {"custom": context.client_context.custom, "arn": context.invoked_function_arn}
        if "bytes" in event:
            return b"x" * event["bytes"]
        if "big" in event:
            return "x" * event["big"]
        if "fail_while_missing" in event and not os.path.exists(event["fail_while_missing"]):
            open(event["fail_while_missing"], "w").close()
            raise RuntimeError("first time")
        if "remaining" in event:
            return context.get_remaining_time_in_millis()
    return {"event": event, "pid": os.getpid(), "path": sys.path[0]}
"""


def wait_for(condition: Callable[[], object]) -> None:
    """Return once `condition()` holds; fail when it never does."""
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up, "the awaited condition did not come"
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie has ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


def children_of(pid: int) -> list[int]:
    """All descendants of a process."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, look = [], [pid]
    while look:
        direct = parents.get(look.pop(), [])
        found += direct
        look += direct
    return found


def zipped(**modules: str) -> bytes:
    """The same bytes whenever it is made: a time of its own would make it other code."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        for name, source in modules.items():
            package.writestr(zipfile.ZipInfo(f"{name}.py"), source)
    return archive.getvalue()


class LocalService:
    """A running service process and a client for it."""

    def __init__(self, process: subprocess.Popen[bytes], endpoint: str, redis_url: str) -> None:
        self.process = process
        self.endpoint = endpoint
        self.redis_url = redis_url
        self.client = self.make_client()

    def make_client(self):
        return boto3.client(
            "lambda",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
        )

    def create(self, name: str = "echo", source: str = ECHO, **options: object) -> dict[str, object]:
        arguments = {"Runtime": "python3.11", "Role": "arn:aws:iam::000000000000:role/x", "Handler": "app.handler"}
        return self.client.create_function(
            FunctionName=name, Code={"ZipFile": zipped(app=source)}, **{**arguments, **options}
        )

    def invoke(self, event: object = None, name: str = "echo", **options: object) -> dict[str, object]:
        answer = self.client.invoke(FunctionName=name, Payload=json.dumps(event).encode(), **options)
        body = answer["Payload"].read()
        try:
            answer["json"] = json.loads(body)
        except ValueError:
            answer["json"] = body
        return answer

    def invoke_in_thread(self, event: object, name: str = "echo") -> tuple[threading.Thread, dict[str, object]]:
        answer: dict[str, object] = {}
        client = self.make_client()

        def call() -> None:
            answer["json"] = json.loads(
                client.invoke(FunctionName=name, Payload=json.dumps(event).encode())["Payload"].read()
            )
            client.close()

        thread = threading.Thread(target=call)
        thread.start()
        return thread, answer

    def send(self, event: object, name: str = "echo") -> None:
        answer = self.client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event).encode())
        assert answer["StatusCode"] == 202
        answer["Payload"].read()

    def status(self) -> dict:
        return read_status(self.endpoint)

    def environments(self, state: str | None = None) -> list[dict]:
        return [one for one in self.status()["environments"] if state in (None, one["state"])]

    def function(self, name: str = "echo") -> dict:
        return next(one for one in self.status()["functions"] if one["name"] == name)

    def close(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        if self.process.stdin is not None:
            self.process.stdin.close()


def no_redis(folder: Path) -> tuple[str, str]:
    """What a service is told that is to start no Redis and never asks one."""
    path = folder / "no-redis"
    path.write_text("unix:///nowhere")
    return "--redis-url-file", str(path)


def spawn_service(
    directory: Path, *arguments: str, variables: dict[str, str] | None = None, limit: int = 4
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "runtime.local.service", "--directory", str(directory), "--limit", str(limit)]
    with (directory.parent / f"{directory.name}.err").open("wb") as errors:
        return subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **(variables or {})},
            start_new_session=True,
        )


@contextmanager
def running_service(
    directory: Path, *arguments: str, variables: dict[str, str] | None = None, limit: int = 4
) -> Iterator[LocalService]:
    process = spawn_service(directory, *arguments, variables=variables, limit=limit)
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    assert "error" not in ready, ready
    service = LocalService(process, ready["endpoint"], ready["redis_url"])
    try:
        yield service
    finally:
        service.close()
