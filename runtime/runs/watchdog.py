"""The watchdog of a detached run: a process that follows it to its end without a client.

    python -m runtime.runs.watchdog JOB.json

It calls again what died or sleeps, rebuilds what was lost, minds the deadline, and at the end keeps the result and
cleans up. It unpickles nothing of the user's code. It holds the run's stack, which else ends when nobody uses it. When
it dies the workers go on, and whoever attaches takes its part; two of them do no harm.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from runtime.config import LocalSettings
from runtime.errors import RunCancelled, RunFailed, RuntimeFault
from runtime.local.daemon import start_daemon
from runtime.local.hold import held
from runtime.results import Progress
from runtime.runs.clients import run_result
from runtime.runs.ending import ends_recorded, succeed
from runtime.runs.finding import Deployment
from runtime.runs.following import Follower, RunOver
from runtime.runs.recorded import open_recorded, recorded_inputs
from runtime.runs.session import Target
from runtime.secrecy.confided import SOCKET


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a watchdog is told. `directory` is the folder of the run's stack; `keep` leaves the run's keys in Redis."""

    run: str
    deployment: str
    redis_url: str
    lambda_endpoint: str
    region: str
    directory: str
    keep: bool = False
    signing_key: str | None = None
    history: str | None = None


def start_watchdog(job: Job) -> None:
    """Start one; returns once it holds the stack. Raises RuntimeFault when it does not start.

    The job goes through a file that only its user can read, since a URL may hold a password.
    """
    folder = Path(job.directory)
    path = folder / f"watchdog-{os.getpid()}-{time.monotonic_ns()}.json"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(job), file)
    command = [sys.executable, "-P", "-m", "runtime.runs.watchdog", str(path)]
    start_daemon(command, folder / "watchdog.log", what=f"the watchdog of the run {job.run}")


def watch_to_the_end(job: Job, ready: Callable[[], None]) -> None:
    """Follow the run until it has an outcome; `ready` is called when it is followed."""
    deployment = Deployment.of(LocalSettings(deployment=job.deployment, signing_key=job.signing_key))
    target = Target(
        redis_url=job.redis_url,
        lambda_endpoint=job.lambda_endpoint,
        region=job.region,
        deployment=job.deployment,
        signing_key=job.signing_key,
        history=job.history,
        vault=str(Path(job.directory) / SOCKET),
    )
    with held(Path(job.directory)), deployment.book(job.redis_url) as book:
        entry = book.entry(job.run)
        ready()
        if entry is None or entry.outcome is not None:
            return
        began = time.monotonic() - (time.time() - entry.record.launched)
        with closing(open_recorded(entry.record, target, book.link, deployment.keys)) as session:
            inputs, inside = recorded_inputs(entry.record, session.backend, session.trust)
            follower = Follower(session, entry.record, inputs, _untold)
            follower.join(inside)
            with ends_recorded(session, keep=job.keep):
                packed = follower.follow()
                follower.await_workers()
                result = run_result(session, follower, wall_s=time.monotonic() - began)
                succeed(session, result, packed, inputs, keep=job.keep, limit=None)


def _untold(progress: Progress) -> None:
    """Nobody looks."""


def main(path: Path) -> int:
    job = Job(**json.loads(path.read_text(encoding="utf-8")))
    path.unlink()
    try:
        watch_to_the_end(job, lambda: print(json.dumps({"pid": os.getpid()}), flush=True))
    except (RunOver, RunFailed, RunCancelled):
        return 0
    except RuntimeFault as fault:
        print(f"{job.run}: {fault.message}", file=sys.stderr)
        return fault.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
