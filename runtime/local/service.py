"""The local Lambda service: one process that owns the port, the embedded Redis, and every environment.

`python -m runtime.local.service --directory D`. When it is ready it prints one line of JSON on stdout
(`pid`, `endpoint`, `redis_url`), or `error`, `message` and `hint` when it cannot start. It ends on SIGTERM or
SIGINT, with `--lifeline` when its standard input closes, that is when the one who started it is gone, and with
`--linger` when nobody has used it for a while; its children end with it, by their parent-death signal when it is killed
outright. Before its Redis ends, what that holds of runs is kept as files (`runtime.runs.archive`). The URL of another
Redis, which may hold a password, comes in a file.

CPU by size is off: environments share the host's cores. Memory by size is watched; the status says both.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import fcntl
import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.addresses import without_password
from runtime.errors import LambdaUnavailable, RuntimeFault
from runtime.local.dispatch import Dispatcher, Limits
from runtime.local.environments import Environment, Site
from runtime.local.functions import FunctionConfig, FunctionRegistry
from runtime.local.hold import Vacancy
from runtime.local.invoke_api import InvokeApi
from runtime.local.link.keeper import Links
from runtime.local.listing import ListedStack
from runtime.local.redis_server import RedisProcess, ask, start_redis
from runtime.local.spawner import Spawner, base_variables
from runtime.local.status import describe_service, installed_version
from runtime.local.vault import Vault
from runtime.local.wire import HttpServer
from runtime.secrecy.confided import SOCKET, VARIABLE

QUIET_S = 2.0
LOOK_S = 0.2
"""How often environments are looked at: what they use grows past its bound for no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The service's command line, parsed. Times in seconds."""

    directory: Path
    port: int
    region: str
    start: str
    limits: Limits
    redis_url: str | None
    redis_data: Path | None
    is_kept: bool
    linger_s: float | None
    deployment: str | None
    has_lifeline: bool
    ahead: tuple[str, ...]


def parse_options(argv: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m runtime.local.service", description="the local Lambda service")
    parser.add_argument("--directory", type=Path, required=True, help="a private folder for code, logs and sockets")
    parser.add_argument("--port", type=int, default=0, help="of the Invoke API on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--limit", type=int, required=True, help="environments at a time")
    parser.add_argument("--request-rate", type=float, metavar="PER_S", help="requests a second before a 429")
    parser.add_argument("--request-burst", type=int, default=10, metavar="N", help="requests at once before a 429")
    parser.add_argument("--idle-expiry", type=float, default=300.0, metavar="S")
    parser.add_argument("--start", choices=("zygote", "exec"), default="zygote")
    parser.add_argument("--retries", type=int, default=0, help="of failed asynchronous invocations")
    parser.add_argument("--retry-delay", type=float, default=1.0, metavar="S")
    parser.add_argument("--redis-url-file", type=Path, help="use the Redis of this URL, not an embedded one")
    parser.add_argument("--redis-data", type=Path, help="the folder in which the embedded Redis keeps its file")
    parser.add_argument("--ahead", default="", help="modules to import before any function exists, comma separated")
    parser.add_argument("--kept", action="store_true", help="outlives its starter: save regularly, keep the folder")
    parser.add_argument("--linger", type=float, metavar="S", help="end when nobody has used it for so long")
    parser.add_argument("--deployment", help="whose stack it is: its runs are kept when their Redis ends")
    parser.add_argument("--lifeline", action="store_true", help="end when standard input closes")
    given = parser.parse_args(argv)
    limits = Limits(
        concurrency=max(1, given.limit),
        request_rate=given.request_rate,
        request_burst=given.request_burst,
        idle_expiry_s=given.idle_expiry,
        retries=given.retries,
        retry_delay_s=given.retry_delay,
    )
    return Options(
        directory=given.directory.absolute(),
        port=given.port,
        region=given.region,
        start=given.start,
        limits=limits,
        redis_url=given.redis_url_file and given.redis_url_file.read_text(encoding="utf-8"),
        redis_data=given.redis_data,
        is_kept=given.kept,
        linger_s=given.linger,
        deployment=given.deployment,
        has_lifeline=given.lifeline,
        ahead=tuple(name for name in given.ahead.split(",") if name),
    )


class Service:
    """Composes the parts and runs them until told to stop."""

    def __init__(self, options: Options, redis_url: str) -> None:
        self._options = options
        self._redis_url = redis_url
        # Asked at its start: later another version may be installed. One that ends with its run has no time for it.
        self._version = installed_version() if options.is_kept else ""
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        folder = options.directory
        for name in ("code", "logs", "home"):
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._registry = FunctionRegistry(folder=folder / "code", region=options.region)
        self._spawner = Spawner(
            mode=options.start, home=folder / "home", log=folder / "zygotes.log", ahead=options.ahead
        )
        self._dispatcher = Dispatcher(limits=options.limits, timer=self._loop, make=self._make_environment)
        api = InvokeApi(
            registry=self._registry,
            dispatcher=self._dispatcher,
            status=self._status,
            on_change=self._match_functions,
            clock=self._loop.time,
        )
        self._server = HttpServer(api.handle)
        self._vault = Vault(folder / SOCKET)
        self._links = Links(folder)
        self._listed = ListedStack(options.deployment, folder, is_kept=options.is_kept)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    async def run(self) -> None:
        """Serve until stopped. Raises LambdaUnavailable when the port is taken."""
        await self._listen()
        await self._vault.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        if self._options.has_lifeline:
            self._loop.add_reader(sys.stdin.fileno(), self._lifeline_moved)
        ready = {"pid": os.getpid(), "endpoint": self.endpoint, "redis_url": self._redis_url}
        self._listed.write(ready)
        announce(ready)
        self._look()
        leaving = None
        if self._options.linger_s is not None:
            leaving = self._loop.create_task(self._leave_when_free(self._options.linger_s))
        try:
            await self._stop.wait()
        finally:
            if leaving is not None:
                leaving.cancel()
            self._listed.remove()
            await self._close()

    async def _leave_when_free(self, linger_s: float) -> None:
        """Stop once nobody has used the stack for `linger_s`."""
        vacancy = Vacancy(self._options.directory)
        free_since = self._loop.time()
        while True:
            await asyncio.sleep(min(0.5, linger_s / 4))
            if self._dispatcher.is_busy or not vacancy.is_free():
                free_since = self._loop.time()
            elif self._loop.time() - free_since >= linger_s and vacancy.take():
                self._stop.set()
                return

    async def _listen(self) -> None:
        try:
            await self._server.start(self._options.port)
        except OSError as err:
            if err.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise LambdaUnavailable(
                f"port {self._options.port} of 127.0.0.1 cannot be used: {os.strerror(err.errno)}",
                hint="choose another port, or 0 for any that is free",
            ) from err

    async def _close(self) -> None:
        self._server.close()
        self._vault.close()
        self._dispatcher.close()
        try:
            async with asyncio.timeout(QUIET_S):
                while not self._dispatcher.is_quiet:
                    await asyncio.sleep(0.005)
        except TimeoutError:
            print("environments were killed with their fork servers", file=sys.stderr)
        self._spawner.close()
        self._links.close()

    def _look(self) -> None:
        for environment in self._dispatcher.environments:
            environment.look()
        self._loop.call_later(LOOK_S, self._look)

    def _lifeline_moved(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            self._loop.remove_reader(sys.stdin.fileno())
            self._stop.set()

    def _make_environment(self, config: FunctionConfig, identity: str, owner: Dispatcher) -> Environment:
        site = Site(
            spawner=self._spawner,
            folder=self._options.directory,
            region=self._options.region,
            endpoint=self.endpoint,
            variables=self._site_variables(),
            links=self._links,
        )
        return Environment(config, identity=identity, site=site, owner=owner)

    def _match_functions(self) -> None:
        """Fork servers and links for what is in use, warm before the first invocation; none for the rest."""
        in_use = self._registry.code_in_use()
        for code, preload in in_use:
            self._spawner.warm(code, preload)
        self._spawner.retire(in_use)
        users = (*self._registry.all(), *(one.config for one in self._dispatcher.environments))
        self._links.match([config.variables for config in users])

    def _site_variables(self) -> dict[str, str]:
        """Credentials that sign but open nothing, this service as the Lambda that boto3 finds, and its vault."""
        return {
            **base_variables(self._options.directory / "home"),
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_ENDPOINT_URL_LAMBDA": self.endpoint,
            VARIABLE: str(self._vault.path),
        }

    def _status(self) -> dict[str, object]:
        return describe_service(
            self._dispatcher,
            endpoint=self.endpoint,
            redis_url=without_password(self._redis_url),
            start=self._options.start,
            version=self._version,
            links=self._links.describe(),
        )


def announce(message: dict[str, object]) -> None:
    print(json.dumps(message), flush=True)


def claim(folder: Path) -> int | None:
    """Lock a data folder for this process's life: two servers must not write one file. None when it is taken."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return None
    return lock


def open_redis(options: Options) -> tuple[str, RedisProcess | None]:
    """The Redis to use: the given one, or an embedded one, which keeps its data when the folder is free."""
    if options.redis_url is not None:
        return options.redis_url, None
    data = options.redis_data
    if data is not None and claim(data) is None:
        data = None
    server = start_redis(options.directory, data=data, saves=data is not None)
    if data is not None:
        # What a stack that was lost has saved of runs: none of them is running here.
        keep_runs(server, options)
    return server.url, server


async def serve(options: Options, redis_url: str) -> None:
    await Service(options, redis_url).run()


def main(argv: Sequence[str]) -> int:
    options = parse_options(argv)
    options.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    server = None
    try:
        redis_url, server = open_redis(options)
        asyncio.run(serve(options, redis_url))
    except RuntimeFault as err:
        announce({"error": err.code, "message": err.message, "hint": err.hint})
        return err.exit_code
    finally:
        if server is not None:
            keep_runs(server, options)
            server.stop()
        if not options.is_kept or options.linger_s is not None:
            shutil.rmtree(options.directory, ignore_errors=True)
    return 0


def keep_runs(server: RedisProcess, options: Options) -> None:
    """What this Redis holds of runs goes to the deployment's folder: a run that has no end yet can be resumed."""
    if options.deployment is None:
        return
    try:
        count = ask(server.socket_path, f"ZCARD treadle:{options.deployment}:runs", timeout_s=5.0)
    except OSError:
        return
    if count.removeprefix(":") in ("", "0"):
        return
    from runtime.runs.archive import archive_all

    try:
        archive_all(server.url, options.deployment, logs=options.directory / "logs")
    except (RuntimeFault, OSError) as err:
        print(f"the runs of this stack could not be kept: {err}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
