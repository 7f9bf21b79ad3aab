"""Sizes, durations and money as a manifest writes them: a number with its unit, always."""

from __future__ import annotations

import re

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(B|KiB|MiB|GiB|KB|MB|GB)", re.ASCII)
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d))+", re.ASCII)
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)", re.ASCII)
_MONEY = re.compile(r"\$([0-9]+(?:\.[0-9]+)?)", re.ASCII)

BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
MEBIBYTE = 2**20


def parse_size(text: str) -> int:
    """Bytes of `1.5GiB`, rounded up to a whole byte. Raises ValueError."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}` is not a size: write a number with B, KiB, MiB, GiB, KB, MB or GB, such as 512MiB")
    number, unit = found.groups()
    whole, _, decimals = number.partition(".")
    return -(-int(whole + decimals) * BYTES[unit] // int(10 ** len(decimals)))


def parse_duration(text: str) -> float:
    """Seconds of `1h30m`. Raises ValueError."""
    if not _DURATION.fullmatch(text):
        raise ValueError(f"`{text}` is not a duration: write numbers with ms, s, m, h or d, such as 1m30s")
    return sum(float(number) * SECONDS[unit] for number, unit in _DURATION_PART.findall(text))


def parse_money(text: str) -> float:
    """Dollars of `$0.50`. Raises ValueError."""
    found = _MONEY.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}` is not an amount: write dollars, such as $0.50")
    return float(found.group(1))


def size_mb(text: str) -> int:
    """Whole mebibytes of a size, rounded up. Raises ValueError."""
    return -(-parse_size(text) // MEBIBYTE)
