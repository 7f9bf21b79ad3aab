"""Canonical JSON after RFC 8785: the same data gives the same bytes, whatever order it was made in."""

from __future__ import annotations

import json
from hashlib import sha256


def canonical_json(data: object) -> bytes:
    """Sorted keys, no spaces, UTF-8. Numbers are Python's shortest round-trip text."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def digest_of(data: bytes) -> str:
    """The name of a blob."""
    return sha256(data).hexdigest()
