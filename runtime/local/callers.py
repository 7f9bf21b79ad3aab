"""What may call a port of the local service: programs of this machine, and no web page through its user's browser.

Requests are not authenticated; signatures of AWS clients are accepted unread. A browser tells on its page: `Origin`
with every request that may change something, `Sec-Fetch-Site` with every one; a page that had its own name resolve to
this machine (DNS rebinding) tells by `Host`. So `Host` must be a name of loopback, an `Origin` must be the very address
in `Host`, and no other site may stand behind a request. AWS's clients send `Host` alone.

The port in `Host` is any: what forwards a port of this machine to the service (a tunnel, a proxy) shows its own, and a
page cannot choose it apart from the port that it calls. Of which user a program is, is `runtime.local.peers`' business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE | re.ASCII)
OWN_SITES = ("same-origin", "none")
"""`none`: typed or clicked by the user, from no page."""


def refusal(headers: Mapping[str, str]) -> str:
    """Why a request with these headers is refused, "" when it is not; header names are in lower case."""
    host = headers.get("host", "")
    if HOST.fullmatch(host) is None:
        return f"the local service answers to names of loopback alone, not as {host!r}: call 127.0.0.1"
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        return f"the local service answers no page of another site: {origin!r}"
    if headers.get("sec-fetch-site", "none") not in OWN_SITES:
        return "the local service answers no page of another site"
    return ""
