"""What may call a port of the local service: programs of this machine, and no web page through its user's browser.

Of which user a program is, is `runtime.local.peers`' business.

Requests are not authenticated; signatures of AWS clients are accepted unread. A browser tells on its page: `Origin`
with every request that may change something, `Sec-Fetch-Site` with every one; a page that had its own name resolve to
this machine (DNS rebinding) tells by `Host`. So `Host` must be a name of loopback with the very port, an `Origin` must
be that as well, and no other site may stand behind a request. AWS's clients send `Host` alone.
"""

from __future__ import annotations

from collections.abc import Mapping

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
HTTP_PORT = 80
OWN_SITES = ("same-origin", "none")
"""`none`: typed or clicked by the user, from no page."""


class Door:
    """Tells strangers at one port."""

    def __init__(self, port: int) -> None:
        bare = LOOPBACK if port == HTTP_PORT else ()
        self._hosts = frozenset((*(f"{name}:{port}" for name in LOOPBACK), *bare))
        self._origins = frozenset(f"http://{host}" for host in self._hosts)

    def refuses(self, headers: Mapping[str, str]) -> str:
        """Why a request with these headers is refused, "" when it is not; header names are in lower case."""
        host = headers.get("host", "")
        if host not in self._hosts and host.lower() not in self._hosts:
            return f"the local service answers to its own address alone, not as {host!r}: {self._address()}"
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in self._origins:
            return f"the local service answers no page of another site: {origin!r}"
        if headers.get("sec-fetch-site", "none") not in OWN_SITES:
            return "the local service answers no page of another site"
        return ""

    def _address(self) -> str:
        return min(self._origins)
