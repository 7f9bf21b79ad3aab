"""Whether a task gives back a secret that it was given: its result would be stored, and read by others.

Only the secret itself is seen, as a text or as bytes, at any depth of lists, tuples, sets and dicts. What a task makes
of a secret, a longer text that holds it too, is its own affair.
"""

from __future__ import annotations

from collections.abc import Collection

LOOKED_AT = 100_000
"""Values of one result."""


def holds_secret(result: object, secrets: Collection[str]) -> bool:
    """`result` is, or holds, one of these."""
    texts = {form for secret in secrets for form in (secret, secret.strip())}
    waiting = [result]
    for count, value in enumerate(waiting):
        if count == LOOKED_AT:
            return False
        match value:
            case str() | bytes() | bytearray():
                text = value if isinstance(value, str) else value.decode(errors="replace")
                if text in texts or text.strip() in texts:
                    return True
            case list() | tuple() | set() | frozenset():
                waiting += value
            case dict():
                waiting += (*value.keys(), *value.values())
    return False
