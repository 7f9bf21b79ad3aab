"""Redis over TLS: what is refused, in clear words, and what the settings make of the URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from runtime.backends.redis import RedisBackend, connect
from runtime.config import LocalSettings, WorkerSettings
from runtime.errors import StoreUnavailable
from tests.contracts.certificates import Authority
from tests.contracts.cluster import free_ports, server_on, tls_flags


@contextmanager
def tls_server(
    folder: Path, authority: Authority, *more: str, host: str | None = None, since: int = -60, days: int = 30
) -> Iterator[str]:
    """`host:port/0` of a server."""
    (port,) = free_ports(1)
    flags = [*tls_flags(port, folder, authority, host=host, since=since, days=days), *more]
    with server_on(flags, folder / "server", port=port):
        yield f"127.0.0.1:{port}/0"


def refusal(url: str) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as caught:
        connect(url)
    assert caught.value.hint
    assert "secret" not in caught.value.message and "?" not in caught.value.message.partition("(")[0]
    return caught.value


def test_a_certificate_of_an_unknown_authority(tls_url: str, tmp_path: Path) -> None:
    base = tls_url.partition("?")[0]
    for url in (base, f"{base}?ssl_ca_certs={Authority(tmp_path, 'other').file}"):
        fault = refusal(url)
        assert "signed by nobody who is trusted here" in fault.message
        assert "redis_ca_file" in fault.hint


def test_a_certificate_of_another_host(tmp_path: Path, authority: Authority) -> None:
    with tls_server(tmp_path, authority, host="redis.example") as place:
        fault = refusal(f"rediss://:secret@{place}?ssl_ca_certs={authority.file}")
    assert "shows the certificate of another host" in fault.message


def test_a_certificate_that_has_expired(tmp_path: Path, authority: Authority) -> None:
    with tls_server(tmp_path, authority, days=-1) as place:
        fault = refusal(f"rediss://{place}?ssl_ca_certs={authority.file}")
    assert "shows a certificate that has expired" in fault.message


def test_a_certificate_that_is_not_valid_yet(tmp_path: Path, authority: Authority) -> None:
    with tls_server(tmp_path, authority, since=1) as place:
        fault = refusal(f"rediss://{place}?ssl_ca_certs={authority.file}")
    assert "shows a certificate that is not valid yet" in fault.message
    assert "clocks" in fault.hint


def test_tls_to_a_plain_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.backends.redis_link.COMMAND_TIMEOUT_S", 0.5)
    (port,) = free_ports(1)
    with server_on(["--port", str(port)], tmp_path, port=port):
        fault = refusal(f"rediss://127.0.0.1:{port}/0")
    assert "does not speak TLS" in fault.message or "whether it speaks TLS" in fault.hint


def test_a_plain_url_to_a_tls_port(tls_url: str) -> None:
    fault = refusal(tls_url.replace("rediss://", "redis://").partition("?")[0])
    assert "cannot be reached" in fault.message
    assert "rediss://" in fault.hint


def test_a_server_that_asks_for_a_certificate_gets_it_by_the_settings(tmp_path: Path, authority: Authority) -> None:
    with tls_server(tmp_path, authority, "--tls-auth-clients", "yes") as place:
        url = f"rediss://{place}"
        without = LocalSettings(redis_url=url, redis_ca_file=str(authority.file))
        assert without.redis_url is not None
        fault = refusal(without.redis_url)
        assert "redis_cert_file" in fault.hint

        mine = authority.issue("client")
        settings = LocalSettings(
            redis_url=url,
            redis_ca_file=str(authority.file),
            redis_cert_file=str(mine.cert),
            redis_key_file=str(mine.key),
        )
        assert settings.redis_url is not None
        backend = RedisBackend(settings.redis_url, "test", "run", WorkerSettings())
        backend.values.put_graph(b"graph")
        assert backend.values.get_graph() == b"graph"
        assert backend.signals.wait_events("0", 0.001) == []
        backend.close()

        theirs = Authority(tmp_path, "stranger").issue("stranger")
        options = f"ssl_ca_certs={authority.file}&ssl_certfile={theirs.cert}&ssl_keyfile={theirs.key}"
        fault = refusal(f"{url}?{options}")
        assert "refuses the client's certificate" in fault.message or "redis_cert_file" in fault.hint

        options = f"ssl_ca_certs={authority.file}&ssl_certfile={mine.cert}&ssl_keyfile={theirs.key}"
        assert "the client's key is not that of its certificate" in refusal(f"{url}?{options}").message


def test_a_file_that_holds_no_certificate(tls_url: str, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    fault = refusal(f"{tls_url.partition('?')[0]}?ssl_ca_certs={tmp_path / 'ca.pem'}")
    assert "not in the PEM format" in fault.message


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"redis_url": "redis://h:1/0", "redis_ca_file": "FILE"}, "must begin with rediss://"),
        ({"redis_ca_file": "FILE"}, "must begin with rediss://"),
        ({"redis_url": "rediss://h:1/0", "redis_cert_file": "FILE"}, "belong together"),
        ({"redis_url": "rediss://h:1/0", "redis_ca_file": "FILE.none"}, r"is no file"),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path: Path, given: dict[str, str], words: str) -> None:
    (tmp_path / "file").touch()
    values = {name: text.replace("FILE", str(tmp_path / "file")) for name, text in given.items()}
    with pytest.raises(ValueError, match=words):
        LocalSettings(**values)  # type: ignore[arg-type]


def test_the_documented_rights_reach_no_other_deployment(tls_admin: redis.Redis, tls_url: str) -> None:
    other = RedisBackend(tls_url, "other", "run", WorkerSettings())
    with pytest.raises(StoreUnavailable, match="may not use treadle's keys") as caught:
        other.values.put_graph(b"x")
    assert "doctor --acl" in caught.value.hint
    with pytest.raises(StoreUnavailable, match="may not run a command"):
        other.link.command("FLUSHALL")
    other.close()


def test_the_files_become_whole_paths_in_the_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a b.pem").touch()
    monkeypatch.chdir(tmp_path)
    settings = LocalSettings(redis_url="rediss://h:1/0?db=0", redis_ca_file="a b.pem")
    folder = str(tmp_path).replace("/", "%2F")
    assert settings.redis_url == f"rediss://h:1/0?db=0&ssl_ca_certs={folder}%2Fa+b.pem"
