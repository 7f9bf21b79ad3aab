"""Whether a user of Redis may do what treadle does: each command once, on keys of the deployment that then go.

`PROBES` has every command that the scripts and the client send. Only a refusal counts: what a probe answers, or that it
finds nothing to do, does not. The command that gives a user these rights is `runtime.backends.redis_rights`'.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator

import redis

from compiler.cli.health.findings import Finding, error, ok
from runtime.backends.redis_rights import acl_line

HASH, LIST, SET, SORTED, STREAM, TEXT = KEYS = "hash", "list", "set", "sorted", "stream", "text"
LIFE_S = 60
"""The keys go by themselves when they cannot be removed."""

PROBES: tuple[tuple[object, ...], ...] = (
    ("SET", TEXT, "1", "EX", LIFE_S),
    ("GET", TEXT),
    ("GETEX", TEXT, "EX", LIFE_S),
    ("GETRANGE", TEXT, 0, 0),
    ("STRLEN", TEXT),
    ("EXISTS", TEXT),
    ("PERSIST", TEXT),
    ("EXPIRE", TEXT, LIFE_S),
    ("PTTL", TEXT),
    ("DUMP", TEXT),
    ("RESTORE", TEXT, 0, "", "REPLACE"),
    ("HSET", HASH, "a", 1),
    ("HSETNX", HASH, "b", 1),
    ("HGET", HASH, "a"),
    ("HMGET", HASH, "a"),
    ("HGETALL", HASH),
    ("HKEYS", HASH),
    ("HVALS", HASH),
    ("HLEN", HASH),
    ("HEXISTS", HASH, "a"),
    ("HSTRLEN", HASH, "a"),
    ("HINCRBY", HASH, "a", 1),
    ("HDEL", HASH, "a", "b"),
    ("LPUSH", LIST, "a"),
    ("RPUSH", LIST, "b"),
    ("RPUSHX", LIST, "b"),
    ("LRANGE", LIST, 0, 0),
    ("LLEN", LIST),
    ("LTRIM", LIST, 0, 0),
    ("SADD", SET, "a"),
    ("SCARD", SET),
    ("SISMEMBER", SET, "a"),
    ("SMISMEMBER", SET, "a"),
    ("SMEMBERS", SET),
    ("ZADD", SORTED, 1, "a"),
    ("ZCARD", SORTED),
    ("ZSCORE", SORTED, "a"),
    ("ZREMRANGEBYRANK", SORTED, 1, 1),
    ("ZRANGE", SORTED, 0, 0),
    ("ZREVRANGE", SORTED, 0, 0),
    ("ZPOPMIN", SORTED),
    ("ZREM", SORTED, "a"),
    ("XADD", STREAM, "MAXLEN", "~", 1, "*", "a", "1"),
    ("XREAD", "COUNT", 1, "STREAMS", STREAM, "0"),
    *(("EXPIRE", name, LIFE_S) for name in (HASH, LIST, SET, SORTED, STREAM)),
    ("EVAL", "return redis.call('EXISTS', KEYS[1])", 1, TEXT),
    ("EVALSHA", "0" * 40, 1, TEXT),
    ("TIME",),
    ("SCAN", 0, "COUNT", 1),
    ("DEL", HASH, LIST, SET, SORTED, STREAM),
    ("UNLINK", TEXT),
)


def rights(client: redis.Redis, prefix: str, deployment: str) -> Iterator[Finding]:
    """`client` is that of the server which has the keys of `prefix`."""
    with client.pipeline(transaction=False) as pipe:
        for probe in PROBES:
            pipe.execute_command(*_with_keys(probe, prefix))  # type: ignore[no-untyped-call]
        answers = pipe.execute(raise_on_error=False)
    refused = [
        (str(probe[0]), str(answer))
        for probe, answer in zip(PROBES, answers, strict=True)
        if isinstance(answer, redis.exceptions.NoPermissionError)
    ]
    yield _finding(refused, deployment)


def probe_prefix(deployment: str) -> str:
    """Keys of no run, all in one slot."""
    return f"treadle:{deployment}:{{doctor-{secrets.token_hex(4)}}}:"


def _with_keys(probe: Iterable[object], prefix: str) -> tuple[object, ...]:
    return tuple(f"{prefix}{word}" if word in KEYS else word for word in probe)


def _finding(refused: list[tuple[str, str]], deployment: str) -> Finding:
    if not refused:
        return ok("rights", f"every command that treadle uses, on treadle:{deployment}:*")
    keys = [command for command, said in refused if "keys" in said]
    hint = f"run as an administrator: {acl_line(deployment)}"
    if keys:
        return error("rights", f"its user may not use the keys treadle:{deployment}:*", hint)
    return error("rights", f"its user may not run {', '.join(command for command, _ in refused)}", hint)
