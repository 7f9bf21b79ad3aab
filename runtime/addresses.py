"""Addresses: which URLs of a Redis can be used, and how any is shown, without its password.

Not responsible for the secrets of a workflow: this knows URLs alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, parse_qsl, urlsplit

REDIS_SCHEMES = ("redis", "rediss", "unix")
REDIS_OPTIONS = ("db", "username", "password", "client_name")
TLS_OPTIONS = (
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
    "ssl_password",
)
"""What may stand after a `?`. The client knows more, which would undo its limits in time and numbers."""

CHECKS = ("required", "optional", "none")

ESCAPED = "; in a password write / as %2F, ? as %3F and @ as %40"
HIDDEN = "…"
_WITH_USER = re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s'\"`]*@", re.IGNORECASE)
_OPTION = re.compile(r"([?&]password=)[^\s&'\"`]*", re.IGNORECASE)


def without_password(url: str) -> str:
    """A URL fit to be shown: what stands before an `@`, and options after a `?`, are left out.

    Where a `?` stands before an `@`, one of them belongs to a password, and all of it is left out.
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return HIDDEN if "@" in url else url.partition("?")[0]
    place, _, options = rest.partition("?")
    if "@" in options:
        return f"{scheme}://{HIDDEN}"
    return f"{scheme}://{place.rpartition('@')[2]}"


def mask_passwords(text: str) -> str:
    """`text` with users and passwords taken out of every URL in it."""
    return _OPTION.sub(rf"\1{HIDDEN}", _WITH_USER.sub(rf"\1{HIDDEN}@", text))


def redis_url_mistakes(url: str) -> Iterator[str]:
    """What keeps a URL from naming a Redis, in words that quote nothing of a password."""
    try:
        parts = urlsplit(url)
        has_port = parts.port is not None
        (parts.hostname or "").encode("idna")
    except ValueError:
        yield f"has a host or a port that cannot be; write redis://HOST:PORT/0{ESCAPED if '@' in url else ''}"
        return
    if parts.scheme not in REDIS_SCHEMES or "://" not in url:
        yield "is no Redis URL; write redis://HOST:PORT/0, rediss://HOST:PORT/0 or unix:///PATH"
    elif parts.scheme == "unix":
        if not parts.path.strip("/"):
            yield "names no socket; write unix:///PATH"
    elif not parts.hostname or (has_port and parts.port == 0):
        yield f"names no host and port; write redis://HOST:PORT/0{ESCAPED if '@' in url else ''}"
    elif not re.fullmatch(r"(/\d*)?", parts.path):
        yield "does not end with the number of a database; write redis://HOST:PORT/0"
    else:
        yield from _option_mistakes(parts)
    if parts.scheme == "unix":
        yield from _option_mistakes(parts)


def _option_mistakes(parts: SplitResult) -> Iterator[str]:
    allowed = (*REDIS_OPTIONS, *(TLS_OPTIONS if parts.scheme == "rediss" else ()))
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in TLS_OPTIONS and name not in allowed:
            yield f"has the option `{name}`, which is for TLS; write rediss://HOST:PORT/0"
        elif name not in allowed:
            yield f"has an option that is not known here: {name!r}"
        elif name == "db" and not value.isdecimal():
            yield "has a `db` that is no number"
        elif name == "ssl_cert_reqs" and value not in CHECKS:
            yield f"has an `ssl_cert_reqs` that is none of {', '.join(CHECKS)}"
