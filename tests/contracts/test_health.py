"""What `treadle doctor` says of a Redis: of healthy ones, and of each kind that a run would fail on."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis

from compiler.cli.health import redis_server as health
from compiler.cli.health.findings import Finding, Level
from compiler.cli.health.rights import PROBES
from runtime.backends.redis_rights import acl_line
from runtime.config import LocalSettings
from tests.contracts.certificates import Authority
from tests.contracts.test_tls import tls_server

ROOT = Path(__file__).resolve().parents[2]


def look(url: str, deployment: str = "test", **given: int) -> dict[str, Finding]:
    local = LocalSettings(redis_url=url, deployment=deployment, **given)  # type: ignore[arg-type]
    return {one.name: one for one in health.redis_server(local)}


def levels(found: dict[str, Finding]) -> set[Level]:
    return {one.level for one in found.values()}


@contextmanager
def user(client: redis.Redis, *rules: str) -> Iterator[str]:
    client.execute_command("ACL", "SETUSER", "someone", "reset", "on", ">secret", *rules)
    path = client.connection_pool.connection_kwargs["path"]
    yield f"unix://someone:secret@{path}"
    client.execute_command("ACL", "DELUSER", "someone")


def test_the_documented_rights_are_enough_and_the_probe_leaves_nothing(client: redis.Redis) -> None:
    with user(client, *acl_line("test").split(" ")[5:]) as url:
        found = look(url)
    assert set(found) == {"server", "rights", "memory", "eviction", "persistence", "connections", "clock"}
    assert levels(found) <= {Level.OK, Level.NOTE}
    assert client.keys("*") == []


def test_rights_that_are_missing_are_named(client: redis.Redis) -> None:
    with user(client, "~treadle:test:*", "+@all", "-hset", "-xadd", "-time", "-info") as url:
        found = look(url)
    assert found["rights"].text == "its user may not run HSET, XADD, TIME"
    assert found["rights"].hint.startswith("run as an administrator: ACL SETUSER treadle ")
    assert found["memory"].level is Level.NOTE and "clock" not in found
    with user(client, "~treadle:other:*", "+@all") as url:
        found = look(url)
    assert found["rights"].level is Level.ERROR
    assert found["rights"].text == "its user may not use the keys treadle:test:*"


def test_every_command_of_the_scripts_and_the_client_is_tried(client: redis.Redis) -> None:
    sources = [*(ROOT / "runtime/backends/lua").glob("*.lua")]
    called = {name for path in sources for name in re.findall(r"redis\.p?call\('(\w+)'", path.read_text())}
    senders = ("runtime/backends/redis*.py", "runtime/runs/*.py", "runtime/history/*.py")
    for path in (path for pattern in senders for path in ROOT.glob(pattern)):
        called |= set(re.findall(r"(?:command\(|execute_command\(|[(\[])\"([A-Z]{3,})\", ", path.read_text()))
    tried = {str(probe[0]) for probe in PROBES}
    known = {name.upper() for name in client.command()}
    missing = sorted((called & known) - tried)
    assert missing == [], "give each a row in `compiler.cli.health.rights.PROBES`"


@pytest.mark.parametrize(
    ("change", "name", "said"),
    [
        (
            {"maxmemory": "1gb", "maxmemory-policy": "volatile-lru"},
            "eviction",
            "volatile-lru: when its memory is full it",
        ),
        ({"maxmemory": "1200kb"}, "memory", "used of 1.2 MiB"),
        ({"maxclients": "20"}, "connections", "of 20; a run with 12 environments opens up to 24"),
    ],
)
def test_a_server_that_will_surprise(
    client: redis.Redis, redis_url: str, change: dict[str, str], name: str, said: str
) -> None:
    before = {setting: client.config_get(setting)[setting] for setting in change}
    try:
        for setting, value in change.items():
            client.config_set(setting, value)
        found = look(redis_url, concurrency_limit=12)
    finally:
        for setting, value in before.items():
            client.config_set(setting, value)
    assert found[name].level is Level.WARNING and found[name].hint
    assert said in found[name].text


def test_a_password_that_is_wrong(client: redis.Redis) -> None:
    with user(client) as url:
        found = look(url.replace("secret", "a-mistake"))
    assert found["server"].level is Level.ERROR
    assert "user or password is wrong" in found["server"].text
    assert "a-mistake" not in found["server"].text + found["server"].hint


def test_a_replica_and_nobody(client: redis.Redis, redis_url: str) -> None:
    client.replicaof("127.0.0.1", 1)
    try:
        found = look(redis_url)
    finally:
        client.replicaof("NO", "ONE")
    assert found["server"].level is Level.ERROR and "read-only replica" in found["server"].text
    found = look("redis://127.0.0.1:1/0")
    assert "cannot be reached" in found["server"].text


Said = Callable[[bytes], bytes]


@contextmanager
def listener(answer: Said) -> Iterator[str]:
    """A server that takes every connection, and says something first, and to each thing that it is sent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def talk(one: socket.socket) -> None:
            with suppress(OSError):
                while heard := one.recv(4096):
                    one.sendall(answer(heard))

        def take() -> None:
            while True:
                try:
                    one, _ = server.accept()
                except OSError:
                    return
                taken.append(one)
                one.sendall(answer(b""))
                threading.Thread(target=talk, args=(one,), daemon=True).start()

        thread = threading.Thread(target=take)
        thread.start()
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for one in taken:
            one.close()


def test_what_is_no_redis_or_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LIMIT_S", 0.2)
    with listener(lambda heard: b"" if heard else b"220 mail.example ESMTP\r\n") as url:
        assert "something else listens there" in look(url)["server"].text
    with listener(lambda heard: b"") as url:
        found = look(url)["server"]
    assert found.text.endswith("did not answer within 0.2 s") and found.level is Level.ERROR


def test_a_server_that_is_too_old() -> None:
    def answer(heard: bytes) -> bytes:
        replies = {b"PING": b"+PONG\r\n", b"INFO": b"$19\r\nredis_version:5.0.7\r\n"}
        words = re.findall(rb"\*\d+\r\n\$\d+\r\n(\w+)\r\n", heard)
        return b"".join(replies.get(word.upper(), b"-ERR unknown command\r\n") for word in words)

    with listener(answer) as url:
        found = look(url)["server"]
    assert found.level is Level.ERROR and found.hint
    assert "is of version 5.0.7, treadle needs 6.2 or newer" in found.text


def test_certificates_that_hold_end_soon_have_ended_or_name_another(tmp_path: Path, authority: Authority) -> None:
    option = f"ssl_ca_certs={authority.file}"
    with tls_server(tmp_path, authority, days=5) as place:
        soon = look(f"rediss://{place}?{option}")["certificate"]
        unverified = look(f"rediss://{place}?ssl_cert_reqs=none")["certificate"]
    assert (soon.level, soon.hint) == (Level.WARNING, "renew it") and soon.text.endswith(" 4 days")
    assert unverified.level is Level.WARNING and "not verified" in unverified.text
    with tls_server(tmp_path, authority, days=-1) as place:
        assert "has expired" in look(f"rediss://{place}?{option}")["server"].text
    with tls_server(tmp_path, authority, host="redis.example") as place:
        assert "the certificate of another host" in look(f"rediss://{place}?{option}")["server"].text


def test_over_tls_as_the_documented_user(tls_admin: redis.Redis, tls_url: str) -> None:
    found = look(tls_url)
    assert levels(found) <= {Level.OK, Level.NOTE}
    assert found["certificate"].text.endswith(" 29 days")
