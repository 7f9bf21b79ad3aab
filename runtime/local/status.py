"""What the service tells about itself at `/treadle/status`: for `treadle local status`, the launcher and tests."""

from __future__ import annotations

import dataclasses
import os
import time

from runtime.local.dispatch import Dispatcher, Pool
from runtime.local.environments import Environment
from runtime.local.usage import HAS_PROC

Json = dict[str, object]


def installed_version() -> str:
    """That of the treadle whose modules this process has; "" outside an installation, as in a bundle."""
    from importlib import metadata

    try:
        return metadata.version("treadle")
    except metadata.PackageNotFoundError:
        return ""


def describe_service(
    dispatcher: Dispatcher, *, endpoint: str, redis_url: str, start: str, version: str, links: list[Json]
) -> Json:
    environments = sorted(dispatcher.environments, key=lambda one: one.identity)
    return {
        "pid": os.getpid(),
        "version": version,
        "endpoint": endpoint,
        "redis_url": redis_url,
        "start": start,
        "links": links,
        "cpu_limits": "off",
        "memory_limits": "watched" if HAS_PROC else "off",
        "concurrency_limit": dispatcher.limits.concurrency,
        "request_rate": dispatcher.limits.request_rate,
        "idle_expiry_s": dispatcher.limits.idle_expiry_s,
        "peak_environments": dispatcher.peak,
        "queue_depth": dispatcher.queue_depth,
        "functions": [_describe_pool(name, dispatcher.pools[name]) for name in sorted(dispatcher.pools)],
        "environments": [_describe_environment(one) for one in environments],
    }


def _describe_pool(name: str, pool: Pool) -> Json:
    return {
        "name": name,
        "memory_mb": pool.config.memory_mb,
        "arch": pool.config.arch,
        "code_sha256": pool.config.code_sha256,
        "environments": len(pool.environments),
        "queue_depth": pool.waiting,
        **dataclasses.asdict(pool.counts),
    }


def _describe_environment(environment: Environment) -> Json:
    config = environment.config
    return {
        "id": environment.identity,
        "function": config.name,
        "class": f"{config.memory_mb}-{config.arch}",
        "pid": environment.pid,
        "state": environment.state.value,
        "invocations": environment.invocations,
        "age_s": round(time.time() - environment.made_at, 3),
        "log": str(environment.log),
    }
