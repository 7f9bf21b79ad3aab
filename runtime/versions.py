"""Version numbers and version ranges of Python packages, after PEP 440, as far as a requirement needs them.

Not here: names, extras and markers of a requirement, which are `runtime.requirements`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_VERSION = re.compile(
    r"v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<pre>alpha|beta|preview|pre|rc|a|b|c)[-_.]?(?P<pre_n>\d*))?"
    r"(?P<post>-(?P<post_dash>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_n>\d*))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_n>\d*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"(===|==|~=|!=|<=|>=|<|>)\s*(\S+)")
_PRE = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}
_BEFORE, _AFTER = -1, 10**9


@dataclass(frozen=True, slots=True)
class Version:
    """A version number; `key` orders it among others, `public` is the key without the local part."""

    text: str
    epoch: int
    release: tuple[int, ...]
    is_prerelease: bool
    key: tuple[Any, ...]
    public: tuple[Any, ...]


def parse_version(text: str) -> Version:
    """Raises ValueError for a text that is no version number."""
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"`{text}` is not a version number")
    release = tuple(int(part) for part in match["release"].split("."))
    has_post, has_dev = match["post"] is not None, match["dev"] is not None
    post = int(match["post_dash"] or match["post_n"] or 0) if has_post else _BEFORE
    dev = int(match["dev_n"] or 0) if has_dev else _AFTER
    if match["pre"]:
        name = match["pre"].lower()
        pre = (_PRE.get(name, name), int(match["pre_n"] or 0))
    else:
        pre = ("", 0) if has_dev and not has_post else ("~", 0)
    epoch = int(match["epoch"] or 0)
    public = (epoch, _trimmed(release), pre, post, dev)
    parts = re.split(r"[-_.]", (match["local"] or "").lower()) if match["local"] else []
    local = tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)
    return Version(text.strip(), epoch, release, bool(match["pre"]) or has_dev, (public, local), public)


def parse_specifier(text: str) -> tuple[tuple[str, str], ...]:
    """`>=1.2,<2` as (operator, version) pairs. Raises ValueError with a message for the user."""
    clauses = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _CLAUSE.fullmatch(part)
        if match is None:
            raise ValueError(f"`{part}` is not a version range such as `==1.2` or `>=1.2`")
        operator, version = match.groups()
        if operator != "===":
            starred = version.endswith(".*") and operator in ("==", "!=")
            parsed = parse_version(version[:-2] if starred else version)
            if operator == "~=" and len(parsed.release) < 2:
                raise ValueError(f"`~={version}` needs two parts, such as `~=1.2`")
        clauses.append((operator, version))
    return tuple(clauses)


def satisfies(version: str, clauses: tuple[tuple[str, str], ...]) -> bool:
    """Whether a version lies in every range; a version that PEP 440 cannot read satisfies only its own text."""
    try:
        found = parse_version(version)
    except ValueError:
        return all(operator in ("==", "===") and version == wanted for operator, wanted in clauses)
    return all(_holds(found, operator, wanted) for operator, wanted in clauses)


def _holds(found: Version, operator: str, text: str) -> bool:
    if operator == "===":
        return found.text.lower() == text.lower()
    if text.endswith(".*"):
        return _has_prefix(found, parse_version(text[:-2])) is (operator == "==")
    wanted = parse_version(text)
    match operator:
        case "==":
            return found.key == wanted.key if "+" in text else found.public == wanted.public
        case "!=":
            return found.key != wanted.key if "+" in text else found.public != wanted.public
        case "<=":
            return found.public <= wanted.public
        case ">=":
            return found.public >= wanted.public
        case "<":
            early = (
                found.is_prerelease and not wanted.is_prerelease and _trimmed(found.release) == _trimmed(wanted.release)
            )
            return found.public < wanted.public and not early
        case ">":
            late = _trimmed(found.release) == _trimmed(wanted.release) and found.public[3] >= 0 > wanted.public[3]
            return found.public > wanted.public and not late
    series = Version(text, wanted.epoch, wanted.release[:-1], False, (), ())
    return found.public >= wanted.public and _has_prefix(found, series)


def _has_prefix(found: Version, series: Version) -> bool:
    size = len(series.release)
    padded = (found.release + (0,) * size)[:size]
    return found.epoch == series.epoch and padded == series.release


def _trimmed(release: tuple[int, ...]) -> tuple[int, ...]:
    end = len(release)
    while end > 1 and release[end - 1] == 0:
        end -= 1
    return release[:end]
