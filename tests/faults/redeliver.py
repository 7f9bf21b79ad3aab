"""Asynchronous events that come twice, late, or not at all, and an Invoke API that refuses and cuts connections.

    python -m tests.faults.redeliver --runs 20 [--mode M] [--planner P] [--shape S] [--seed N]

`--runs` is of each mode. Modes: `twice`, every event is delivered twice, each up to a second late; `thrice_at_once`;
`lossy`, one in six is accepted and never delivered; `cut`, connections are cut before or after the request was passed
on; `refused`, two in five requests get 429, 500 or 503. All must give the right result, each stored output committed
once, counted by the run's own events.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from compiler.emit.bundle import Build
from runtime.config import WorkerSettings
from tests.faults.campaign import Outcome, run_under
from tests.faults.command import arguments, run_modes
from tests.faults.unruly_proxy import Manners, UnrulyProxy
from tests.faults.workloads import SHORT_LEASES, WORKLOADS, Workload, own_home, small_bench
from tests.integration.running import Bench, wait_for

MODES: Mapping[str, Manners] = {
    "twice": Manners(copies=2, delay_s=1.0),
    "thrice_at_once": Manners(copies=3),
    "lossy": Manners(swallowed=1 / 6),
    "cut": Manners(cut=0.2, lost=0.2),
    "refused": Manners(refused=0.4),
}


def run_through(bench: Bench, build: Build, workload: Workload, manners: Manners, seed: int) -> Outcome:
    """One run whose invocations go through the proxy; "wrong" when an output was stored twice."""
    with UnrulyProxy(bench.stack.lambda_endpoint, manners, seed) as proxy:
        target = replace(bench.target, lambda_endpoint=proxy.url)
        outcome = run_under(
            bench, build, workload.expected, lambda _: "yes", settings=settings_for(manners), target=target, keep=True
        )
        proxy.drain()
        wait_for(lambda: all(one["state"] == "idle" for one in bench.environments()), "late events to be served")
    stored, begun = told_by(bench)
    for key in bench.left_keys():
        bench.client.delete(key)
    twice = [slot for slot, count in stored.items() if count > 1]
    hit = f"{dict(proxy.counts)}; {len(stored)} outputs stored, {len(begun)} workers begun {begun.total()} times"
    return replace(outcome, hit=hit, **({"kind": "wrong", "detail": f"stored twice: {twice}"} if twice else {}))


def settings_for(manners: Manners) -> WorkerSettings:
    """What is accepted and lost is repeated soon; what fails is tried for as long as the calls' limit allows."""
    return replace(SHORT_LEASES, call_limit_s=6.0) if manners.cut or manners.refused else SHORT_LEASES


def told_by(bench: Bench) -> tuple[Counter[str], Counter[str]]:
    """How often each slot was newly stored, and each worker began, as the kept run's events tell."""
    stored: Counter[str] = Counter()
    begun: Counter[str] = Counter()
    for key in bench.left_keys():
        if key.endswith(":events"):
            for _, fields in bench.client.xrange(key):
                data = json.loads(fields[b"data"]) if fields[b"kind"] in (b"stored", b"begun") else {}
                stored.update(data.get("slots", ()))
                if fields[b"kind"] == b"begun":
                    begun[data["worker"]] += 1
    return stored, begun


def main() -> int:
    args = arguments(__doc__, MODES)
    with tempfile.TemporaryDirectory() as folder, own_home(), small_bench() as bench:

        def run_once(mode: str, shape: str, planner: str, seed: int) -> tuple[Outcome, list[str]]:
            build = WORKLOADS[shape].build(Path(folder, str(seed)), planner)
            outcome = run_through(bench, build, WORKLOADS[shape], MODES[mode], seed)
            return outcome, bench.left_keys()

        return run_modes(args, MODES, run_once)


if __name__ == "__main__":
    sys.exit(main())
