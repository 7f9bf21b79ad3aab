"""Addresses as they may be shown: without passwords, on screens, in errors, records and files.

Not responsible for the secrets of a workflow: this knows URLs alone.
"""

from __future__ import annotations

import re

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
