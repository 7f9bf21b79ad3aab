"""A Redis behind a link is the same for its user: name, password and database are said through the socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from redis.connection import parse_url

from runtime.local.link.upstream import url_through

SOCKET = Path("/tmp/a folder/link-0.sock")
NETWORK = ("host", "port", "path", "connection_class")


def said(url: str) -> dict[str, Any]:
    """What a URL says to Redis: everything but where it is, and how it is reached."""
    options = parse_url(url)
    return {name: value for name, value in options.items() if name not in NETWORK and not name.startswith("ssl_")}


@pytest.mark.parametrize(
    "url",
    [
        "unix:///run/redis.sock",
        "unix://me:secret@/run/redis.sock?db=2",
        "unix:///run/redis.sock?username=me&password=a%2526b",
        "redis://localhost",
        "redis://localhost:7000/3",
        "redis://localhost:7000/3?db=4",
        "redis://me:a%25b%2Fc%40d@localhost:7000/0?client_name=x",
        "rediss://:secret@[::1]:7000/1?ssl_ca_certs=/ca.pem&ssl_cert_reqs=required",
    ],
)
def test_what_a_url_says_to_redis_is_said_through_the_link(url):
    through = url_through(SOCKET, url)
    assert said(through) == said(url)
    assert parse_url(through)["path"] == str(SOCKET)
