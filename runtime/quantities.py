"""Durations, sizes and amounts as people write them: `1m30s`, `64KiB`, `$0.50`. A unit is always named.

The same words serve the manifest and the settings. Nothing here knows where a text came from.
"""

from __future__ import annotations

import re

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
BYTES = {
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}

_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_DURATION_PART = re.compile(_NUMBER + "(ms|s|m|h|d)", re.ASCII)
_DURATION = re.compile(f"(?:{_DURATION_PART.pattern})+", re.ASCII)
_SIZE = re.compile(_NUMBER + "(B|KiB|MiB|GiB|KB|MB|GB)", re.ASCII)
_MONEY = re.compile(r"\$" + _NUMBER, re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds in a text such as `500ms`, `5m` or `1h30m`. Raises ValueError."""
    if not _DURATION.fullmatch(text):
        raise ValueError(f"`{text}` is not a duration: write numbers with ms, s, m, h or d, such as 1m30s")
    return sum(float(number) * SECONDS[unit] for number, unit in _DURATION_PART.findall(text))


def parse_size(text: str) -> int:
    """Bytes in a text such as `64KiB` or `1.5GiB`, rounded up to a whole byte. Raises ValueError."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}` is not a size: write a number with B, KiB, MiB, GiB, KB, MB or GB, such as 512MiB")
    whole, _, decimals = str(found[1]).partition(".")
    return -(-int(whole + decimals) * BYTES[found[2]] // int(10 ** len(decimals)))


def size_mb(text: str) -> int:
    """Whole mebibytes of a size, rounded up. Raises ValueError."""
    return -(-parse_size(text) // BYTES["MiB"])


def parse_money(text: str) -> float:
    """Dollars of `$0.50`. Raises ValueError."""
    found = _MONEY.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}` is not an amount: write dollars, such as $0.50")
    return float(found[1])


def format_duration(seconds: float) -> str:
    """The shortest exact text that `parse_duration` reads back: 0.05 is `50ms`, 5400 is `1h30m`."""
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    parts: list[str] = []
    rest = seconds
    for unit in ("d", "h", "m"):
        whole, rest = divmod(rest, SECONDS[unit])
        if whole:
            parts.append(f"{whole:g}{unit}")
    if rest or not parts:
        parts.append(f"{rest:g}s")
    return "".join(parts)


def format_size(size: float) -> str:
    """A size for people: at most one decimal, in powers of 1,024."""
    for unit in ("B", "KiB", "MiB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if size == int(size) else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"


def seconds_text(seconds: float) -> str:
    """Three or four digits and a unit."""
    if seconds == 0:
        return "0"
    if seconds < 0.9995:
        ms = seconds * 1000
        return f"{ms:.2f} ms" if ms < 9.995 else f"{ms:.1f} ms" if ms < 99.95 else f"{ms:.0f} ms"
    if seconds < 99.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes < 100 else f"{minutes // 60:,}h{minutes % 60:02}m"


def counted(count: float, noun: str) -> str:
    """1 run, 2 runs."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def dollars(usd: float) -> str:
    """Three digits that count."""
    if usd == 0:
        return "$0"
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.{2 - _exponent(usd)}f}"


def _exponent(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])
