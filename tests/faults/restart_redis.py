"""Redis killed with `kill -9` in mid-run and back again, stopped for seconds, replaced by a replica, or gone for good.

    python -m tests.faults.restart_redis --runs 20 [--mode M] [--planner P] [--shape S] [--seed N]

`--runs` is of each mode. Modes: `always` and `everysec`, a restart with an append-only file, the second of which has
lost up to a second of writes; `older`, one that has lost up to three; `empty`, one that kept nothing; `failover`, a
replica, which may lag, takes the address over; `paused`, the server is stopped and goes on; `gone`, it stays away.
All but the last must give the right result; `gone` must be one clear error within `END_OF_GONE_S`.
"""

from __future__ import annotations

import random
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import redis

from compiler.emit.bundle import Build
from tests.faults.campaign import Outcome, family_of, left_behind, run_under
from tests.faults.command import arguments, run_modes
from tests.faults.redis_servers import RedisServer
from tests.faults.workloads import SHORT_LEASES, WORKLOADS, Workload, own_home, small_bench
from tests.integration.running import Bench, wait_for

WINDOW_S = 0.5
DOWN_S = 2.0
PAUSE_S = 4.0
LAG_S = 0.3
END_OF_GONE_S = 30.0


@dataclass(frozen=True, slots=True)
class Site:
    """A service over a Redis that may come to harm; `replica` only where the mode has one."""

    bench: Bench
    server: RedisServer
    replica: RedisServer | None = None


Harm = Callable[[Site, random.Random, threading.Event], str]


def restart(forget_s: float) -> Harm:
    """Kill, forget up to so many seconds of writes, stay away for a while, come back."""

    def harm(site: Site, chance: random.Random, over: threading.Event) -> str:
        site.server.kill()
        lost = site.server.forget(chance.uniform(0, forget_s)) if forget_s else 0
        down = chance.uniform(0, DOWN_S)
        over.wait(down)
        site.server.start()
        return f"down {down:.1f} s, {lost} bytes lost"

    return harm


def pause(site: Site, chance: random.Random, over: threading.Event) -> str:
    stopped = chance.uniform(0, PAUSE_S)
    site.server.pause()
    over.wait(stopped)
    site.server.resume()
    return f"stopped {stopped:.1f} s"


def fail_over(site: Site, chance: random.Random, over: threading.Event) -> str:
    """The replica falls behind, the primary ends, the replica takes over what it knows."""
    assert site.replica is not None, "this mode has a replica"
    lag, down = chance.uniform(0, LAG_S), chance.uniform(0, DOWN_S)
    site.replica.pause()
    over.wait(lag)
    site.server.kill()
    site.replica.resume()
    with redis.Redis.from_url(site.replica.url) as client:
        client.replicaof("NO", "ONE")
    over.wait(down)
    site.replica.take_over(site.server.socket_path)
    return f"lag {lag:.1f} s, down {down:.1f} s"


def go_away(site: Site, chance: random.Random, over: threading.Event) -> str:
    site.server.kill()
    return "gone"


@dataclass(frozen=True, slots=True)
class Mode:
    """`fsync` of the server, "" for one that keeps nothing."""

    harm: Harm
    fsync: str = ""
    has_replica: bool = False


MODES: Mapping[str, Mode] = {
    "always": Mode(restart(0.0), "always"),
    "everysec": Mode(restart(1.0), "everysec"),
    "older": Mode(restart(3.0), "everysec"),
    "empty": Mode(restart(0.0)),
    "failover": Mode(fail_over, has_replica=True),
    "paused": Mode(pause),
    "gone": Mode(go_away),
}


@contextmanager
def site_of(mode: Mode) -> Iterator[Site]:
    """A Redis of the mode's kind, and a service that knows its address."""
    port = str(_free_port()) if mode.has_replica else "0"
    with RedisServer(mode.fsync, port=port) as server:
        if not mode.has_replica:
            with small_bench(server.url) as bench:
                yield Site(bench, server)
            return
        with RedisServer("", follows=port) as replica, small_bench(server.url) as bench:
            _await_link(replica)
            yield Site(bench, server, replica)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_link(replica: RedisServer) -> None:
    with redis.Redis.from_url(replica.url) as client:
        wait_for(lambda: client.info("replication")["master_link_status"] == "up", "the replica's first copy")


def run_with_harm(site: Site, mode: Mode, build: Build, workload: Workload, seed: int) -> Outcome:
    """One run, some time in which the harm is done."""
    chance = random.Random(seed)

    def act(over: threading.Event) -> str:
        while not any(one["state"] == "busy" for one in site.bench.environments()):
            if over.wait(0.002):
                return ""
        return "" if over.wait(chance.uniform(0, WINDOW_S)) else mode.harm(site, chance, over)

    return run_under(site.bench, build, workload.expected, act, settings=SHORT_LEASES)


def run_of(mode: str, folder: Path, workload: Workload, planner: str, seed: int) -> tuple[Outcome, list[str]]:
    """One run on a Redis and a service of its own; how it ended, and what it left behind."""
    build = workload.build(folder / str(seed), planner)
    with site_of(MODES[mode]) as site:
        outcome = run_with_harm(site, MODES[mode], build, workload, seed)
        left = [] if mode == "gone" and outcome.hit else site.bench.left_keys()
        family, directory = family_of(site.bench), site.bench.stack.directory
    return as_expected(mode, outcome), [*left, *left_behind(family, directory)]


def as_expected(mode: str, outcome: Outcome) -> Outcome:
    """A Redis that stays away is right when it is told in time."""
    is_told = outcome.kind == "error" and "cannot be reached" in outcome.detail and outcome.seconds < END_OF_GONE_S
    return replace(outcome, kind="right") if mode == "gone" and is_told else outcome


def main() -> int:
    args = arguments(__doc__, MODES)
    with tempfile.TemporaryDirectory() as folder, own_home():
        return run_modes(
            args,
            MODES,
            lambda mode, shape, planner, seed: run_of(mode, Path(folder), WORKLOADS[shape], planner, seed),
        )


if __name__ == "__main__":
    sys.exit(main())
