"""The functions of the account: their configuration, their code on disk, their names.

No processes here: `environments` runs what this registry describes.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import shutil
import tempfile
import time
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ACCOUNT = "000000000000"
MAX_UNZIPPED = 250 * 1024 * 1024
MAX_VARIABLES = 4 * 1024
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ApiError(Exception):
    """An error of the Lambda API: `kind` is what botocore maps to an exception class."""

    def __init__(self, status: int, kind: str, message: str, *, reason: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.reason = reason
        self.retry_after_s = retry_after_s


def throttled(reason: str, retry_after_s: float = 0.0) -> ApiError:
    return ApiError(429, "TooManyRequestsException", "Rate Exceeded.", reason=reason, retry_after_s=retry_after_s)


def invalid(message: str) -> ApiError:
    return ApiError(400, "InvalidParameterValueException", message)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionConfig:
    """One version of a function: environments of one configuration are interchangeable, of two never."""

    name: str
    handler: str
    runtime: str
    role: str
    code_sha256: str
    code_bytes: int
    code: Path
    memory_mb: int = 128
    timeout_s: int = 3
    description: str = ""
    arch: str = "x86_64"
    variables: Mapping[str, str] = field(default_factory=dict)
    revision: str = field(default_factory=lambda: str(uuid.uuid4()))
    modified: float = field(default_factory=time.time)

    @property
    def preload(self) -> tuple[str, ...]:
        """The modules that a fork server may import ahead: the variable TREADLE_PRELOAD, comma separated."""
        names = self.variables.get("TREADLE_PRELOAD", "").split(",")
        return tuple(name.strip() for name in names if name.strip())

    def check(self) -> FunctionConfig:
        """This configuration when Lambda would take it. Raises ApiError."""
        if not 128 <= self.memory_mb <= 10240:
            raise invalid(f"MemorySize {self.memory_mb} is not between 128 and 10240")
        if not 1 <= self.timeout_s <= 900:
            raise invalid(f"Timeout {self.timeout_s} is not between 1 and 900")
        if self.arch not in ("x86_64", "arm64"):
            raise invalid(f"Architecture {self.arch!r} is unknown")
        if not self.handler or re.search(r"\s", self.handler) or len(self.handler) > 128:
            raise invalid(f"Handler {self.handler!r} is malformed")
        size = sum(len(name.encode()) + len(text.encode()) for name, text in self.variables.items())
        if size > MAX_VARIABLES:
            raise invalid(f"Lambda was unable to configure your environment variables: {size} bytes exceed 4096 bytes")
        return self


def plain_name(identifier: str, qualifier: str | None) -> str:
    """The name in a name, a partial or a full ARN, with or without `$LATEST`. Raises ApiError for other versions."""
    parts = identifier.split(":")
    if parts[0] == "arn":
        parts = parts[6:]
    elif len(parts) > 2 and parts[1] == "function":
        parts = parts[2:]
    name, *rest = parts or [""]
    if not NAME.fullmatch(name) or len(rest) > 1:
        raise ApiError(400, "ValidationException", f"{identifier!r} is no function name or ARN")
    for version in (*rest, qualifier):
        if version not in (None, "$LATEST"):
            raise ApiError(404, "ResourceNotFoundException", f"Function not found: {name}:{version}")
    return name


class FunctionRegistry:
    """Name → configuration, and the unpacked code of every version in use under `folder`."""

    def __init__(self, *, folder: Path, region: str) -> None:
        self._folder = folder
        self._region = region
        self._functions: dict[str, FunctionConfig] = {}
        self.reserved: dict[str, int] = {}
        self.retries: dict[str, int] = {}

    def arn(self, name: str) -> str:
        return f"arn:aws:lambda:{self._region}:{ACCOUNT}:function:{name}"

    def get(self, name: str) -> FunctionConfig:
        """Raises ApiError (404) when there is no such function."""
        try:
            return self._functions[name]
        except KeyError:
            raise ApiError(404, "ResourceNotFoundException", f"Function not found: {self.arn(name)}") from None

    def all(self) -> list[FunctionConfig]:
        return [self._functions[name] for name in sorted(self._functions)]

    def add(self, config: FunctionConfig) -> None:
        """Raises ApiError (409) when the name is taken."""
        if config.name in self._functions:
            raise ApiError(409, "ResourceConflictException", f"Function already exist: {config.name}")
        self._functions[config.name] = config.check()

    def replace(self, config: FunctionConfig) -> None:
        self.get(config.name)
        self._functions[config.name] = config.check()

    def remove(self, name: str) -> None:
        self.get(name)
        del self._functions[name]
        self.reserved.pop(name, None)
        self.retries.pop(name, None)

    def code_in_use(self) -> set[tuple[Path, tuple[str, ...]]]:
        """Code folders, each with the modules to import ahead."""
        return {(config.code, config.preload) for config in self._functions.values()}

    def unpack(self, archive: bytes) -> tuple[str, Path]:
        """Unpack a deployment package once; returns CodeSha256 and its folder. Raises ApiError on a bad one."""
        digest = hashlib.sha256(archive).digest()
        target = self._folder / digest.hex()[:32]
        if not target.exists():
            draft = Path(tempfile.mkdtemp(dir=self._folder))
            try:
                extract(archive, draft)
                os.rename(draft, target)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
            archive_of(target).write_bytes(archive)
        return base64.b64encode(digest).decode(), target


def archive_of(folder: Path) -> Path:
    """Where the package lies that was unpacked into this folder."""
    return folder.with_suffix(".zip")


def mend(folder: Path) -> None:
    """Unpack again what user code has removed from its own code folder: on Lambda it could not."""
    if all(os.path.exists(path) for path in _files_of(folder)):
        return
    archive = archive_of(folder).read_bytes()
    folder.mkdir(exist_ok=True)
    extract(archive, folder)


@cache
def _files_of(folder: Path) -> tuple[str, ...]:
    archive = archive_of(folder)
    if not archive.exists():
        return ()
    with zipfile.ZipFile(archive) as package:
        return tuple(str(folder / name) for name in package.namelist())


def extract(archive: bytes, folder: Path) -> None:
    """Extract a zip below `folder`; no absolute path, no `..`, no link. Raises ApiError."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as package:
            members = package.infolist()
            if sum(member.file_size for member in members) > MAX_UNZIPPED:
                raise invalid(f"Unzipped size must be smaller than {MAX_UNZIPPED} bytes")
            for member in members:
                _extract_member(package, member, folder)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as err:
        raise invalid(f"Could not unzip uploaded file: {err}") from err


def _extract_member(package: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    parts = member.filename.split("/")
    if member.filename.startswith("/") or ".." in parts or "\\" in member.filename:
        raise invalid(f"Could not unzip uploaded file: unsafe path {member.filename!r}")
    written = Path(package.extract(member, folder))
    mode = (member.external_attr >> 16) & 0o777
    if not member.is_dir():
        written.chmod((mode or 0o644) | 0o400)
