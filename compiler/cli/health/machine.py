"""This machine: Python and packages, what the target allows, folders that are written to, the signing key."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from compiler.cli.health.findings import Finding, error, note, of_fault, ok, warning
from compiler.planner.profile import load_profile
from runtime.config import LocalSettings
from runtime.errors import RuntimeFault
from runtime.local.places import StateFolder
from runtime.quantities import format_duration, format_size
from runtime.requirements import Requirement, marker_holds, missing_requirements, parse_requirement
from runtime.runs.signing_keys import default_key_path, load_keys
from runtime.settings.layers import Settings

OLDEST_PYTHON = (3, 11)
LITTLE_SPACE = 1 << 30
EXTRA = "local"
FILES_OF_SERVICE, FILES_PER_ENVIRONMENT = 64, 6
"""Twice what is seen: 3 for an environment that works, and some for who calls."""


def machine(settings: Settings) -> Iterator[Finding]:
    """What every backend needs, then what a local run needs."""
    yield python()
    yield from packages({"", EXTRA} if settings.backend == "local" else {""})
    yield limits()
    if settings.backend == "local":
        local = settings.of(LocalSettings)
        yield processors(local)
        yield open_files(local)
        yield from folders(local.deployment)
        yield signing_key(local)


def python() -> Finding:
    text = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < OLDEST_PYTHON:
        return error("Python", text, f"use Python {'.'.join(map(str, OLDEST_PYTHON))} or newer")
    return ok("Python", text)


def packages(extras: set[str]) -> Iterator[Finding]:
    """The packages that this installation of treadle asks for, of the extras that count here."""
    try:
        lines = metadata.requires("treadle") or []
    except metadata.PackageNotFoundError:
        yield warning("packages", "treadle is not installed: nobody knows what it needs", "pip install -e '.[local]'")
        return
    wanted = [one for one in map(parse_requirement, lines) if _counts(one, extras)]
    missing = missing_requirements(f"{one.written_name}{_range(one)}" for one in wanted)
    for line in missing:
        yield error("packages", line, f"{sys.executable} -m pip install '{line.partition(' (')[0]}'")
    if not missing:
        yield ok("packages", ", ".join(f"{one.written_name} {metadata.version(one.name)}" for one in wanted))


def _counts(requirement: Requirement, extras: set[str]) -> bool:
    return not requirement.marker or any(marker_holds(requirement.marker, {"extra": extra}) for extra in extras)


def _range(requirement: Requirement) -> str:
    return ",".join(operator + version for operator, version in requirement.clauses)


def limits() -> Finding:
    profile = load_profile()
    text = (
        f"{profile.name} of {profile.date}: memory {profile.memory_min_mb:,} to {profile.memory_max_mb:,} MB, "
        f"{format_duration(profile.timeout_max_s)}, payload {format_size(profile.async_payload_bytes)} asynchronous "
        f"and {format_size(profile.sync_payload_bytes)} synchronous"
    )
    return note("limits", text)


def processors(local: LocalSettings) -> Finding:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    text = (
        f"{os.cpu_count()} processors, {format_size(memory)} of memory, for {local.concurrency_limit} environments"
        f" at one time, an invocation for at most {format_duration(local.time_limit_s)}"
    )
    return note("size", text)


def open_files(local: LocalSettings) -> Finding:
    """Sockets, logs and pipes of the service, which has the limit of whoever starts it."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = FILES_OF_SERVICE + FILES_PER_ENVIRONMENT * local.concurrency_limit
    if limit == resource.RLIM_INFINITY:
        return ok("open files", "no limit")
    text = f"{limit:,} at one time, of which the service may need {needed:,}"
    if limit < needed:
        return warning("open files", text, f"ulimit -n {needed}, or lower `concurrency_limit`")
    return ok("open files", text)


def folders(deployment: str) -> Iterator[Finding]:
    """Where a stack and runs leave files: the deployment's state, and a private folder of each stack."""
    yield folder("state", StateFolder.of(deployment).runs, "set XDG_STATE_HOME to a folder that you may write")
    hint = "set TMPDIR to a folder that you may write"
    try:
        yield folder("temporary", Path(tempfile.gettempdir()), hint)
    except FileNotFoundError as err:
        yield error("temporary", f"no folder for temporary files can be written: {err.strerror}", hint)


def folder(name: str, path: Path, hint: str) -> Finding:
    """Whether a file can be written there, or where it would be made, and how much room there is."""
    there = next(one for one in (path, *path.parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as probe:
            probe.write(b"treadle")
        free = shutil.disk_usage(there).free
    except OSError as err:
        return error(name, f"{there} cannot be written: {err.strerror}", hint)
    text = f"{path}, {format_size(free)} free"
    if free < LITTLE_SPACE:
        return warning(name, text, f"make room: logs, code and large values go there ({format_size(LITTLE_SPACE)})")
    return ok(name, text)


def signing_key(local: LocalSettings) -> Finding:
    """The keys as they are: none is made here."""
    name = "signing key"
    try:
        if local.signing_key is None and not default_key_path(local.deployment).exists():
            return note(name, f"{default_key_path(local.deployment)}, made by the first run")
        ring = load_keys(local.deployment, local.signing_key)
    except RuntimeFault as fault:
        return of_fault(name, fault, "let this user read and write it, or set XDG_CONFIG_HOME")
    others = len(ring.keys) - 1
    return ok(
        name, f"{ring.place}: {ring.keys[0].name} signs{f', {others} more open what they signed' if others else ''}"
    )
