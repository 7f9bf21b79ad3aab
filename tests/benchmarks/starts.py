"""Cold start of an environment and warm invocation through boto3, with treadle's own handler and closure.

    python -m tests.benchmarks.starts [--rounds N]

A cold start is a synchronous invocation that finds no environment; the handler answers a prewarm event at
once, its imports and its connection to Redis included. `zygote` forks a process that has imported the closure,
`exec` starts a new interpreter each time.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import sys
import time
from pathlib import Path

from compiler.emit.closure import shipped_closure
from runtime.backends.awslambda import ensure_functions, make_client
from runtime.config import LocalSettings
from runtime.local.living import LocalStack
from runtime.local.stack import ensure_stack
from runtime.plan import EnvClass

PREFIX = "treadle-bench-"
ENV = EnvClass(memory_mb=1769)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(f"ms, medians of {rounds} cold and {20 * rounds} warm invocations (min to max)\n")
    print(f"{'start':10}{'cold start':>28}{'warm invocation, boto3':>28}")
    for start in ("zygote", "exec"):
        with ensure_stack(LocalSettings(deployment="bench", start=start, concurrency_limit=2)) as stack:
            cold, warm = measure(stack, rounds)
        print(f"{start:10}{shown(cold):>28}{shown(warm):>28}")
    return 0


def measure(stack: LocalStack, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of each cold and each warm invocation."""
    client = make_client(stack.lambda_endpoint, stack.region)
    variables = {
        "TREADLE_REDIS_URL": stack.redis_url,
        "TREADLE_DEPLOYMENT": "bench",
        "TREADLE_KEYS": bytes(32).hex(),
        "TREADLE_FUNCTION_PREFIX": PREFIX,
        "AWS_ENDPOINT_URL_LAMBDA": stack.lambda_endpoint,
    }
    (name,) = ensure_functions(client, [ENV], shipped_closure(), variables, function_prefix=PREFIX, timeout_s=60)

    def invoke() -> tuple[float, bool]:
        began = time.perf_counter()
        answer = client.invoke(FunctionName=name, Payload=json.dumps({"prewarm": 1}))
        elapsed = time.perf_counter() - began
        return elapsed, bool(json.loads(answer["Payload"].read())["cold"])

    invoke()
    cold: list[float] = []
    warm: list[float] = []
    for _ in range(rounds):
        end_environments(stack)
        elapsed, is_cold = invoke()
        assert is_cold, "an ended environment answered"
        cold.append(elapsed)
        for _ in range(20):
            elapsed, is_cold = invoke()
            assert not is_cold, "a warm invocation found no environment"
            warm.append(elapsed)
    return cold, warm


def end_environments(stack: LocalStack) -> None:
    """Kill the environments of this stack, and wait until the service has seen it."""

    def pids() -> list[int]:
        environments = stack.status()["environments"]
        assert isinstance(environments, list)
        return [one["pid"] for one in environments if one["pid"]]

    for pid in pids():
        os.kill(pid, signal.SIGKILL)
    while any(Path(f"/proc/{pid}").exists() for pid in pids()):
        time.sleep(0.01)
    time.sleep(0.2)  # a spare fork server has the time to be ready, as it would between two runs


def shown(times: list[float]) -> str:
    scaled = [1000 * one for one in times]
    return f"{statistics.median(scaled):.1f} ({min(scaled):.1f} to {max(scaled):.1f})"


if __name__ == "__main__":
    sys.exit(main())
