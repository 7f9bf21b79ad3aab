"""Settings: frozen types with their defaults. Where values come from is `runtime.settings`' business.

One type per backend, each with only its own fields, and one `WorkerSettings` shared by all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, urlencode

from runtime.upload import parse_upload

KIB = 1024
S3_SCHEME = "s3://"
TLS_FILES = {"redis_ca_file": "ssl_ca_certs", "redis_cert_file": "ssl_certfile", "redis_key_file": "ssl_keyfile"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What every worker of a run shares. Times in seconds, sizes in bytes.

    `call_limit_s`: a called worker that has not begun by then is called again (rule 8 of the protocol).
    `max_tries`: begins of one worker without a new stored output before the run fails.
    `life_s`: how long keys of a run live (deadline + 24 h). `store_value_bytes`: larger values get a key of their own.
    `object_store`: "s3://bucket/prefix", or the absolute path of a folder that every worker sees, for values larger
    than `object_store_bytes`; None keeps all of them in Redis.
    `metrics_upload`: when a worker sends what it measured (`runtime.upload`); None: as the manifest says, or shutdown.
    `time_margin_s`: a worker hands its tasks over when less than this is left of its invocation.
    """

    lease_s: float = 10.0
    renew_s: float = 2.5
    linger_s: float = 0.05
    call_limit_s: float = 10.0
    max_tries: int = 5
    deadline_s: float = 24 * 3600.0
    life_s: float = 48 * 3600.0
    store_value_bytes: int = 64 * KIB
    object_store: str | None = None
    object_store_bytes: int = 16 * 1024 * KIB
    inline_subdag_bytes: int = 128 * KIB
    inline_value_bytes: int = 32 * KIB
    inline_values_bytes: int = 128 * KIB
    metrics_upload: str | None = field(default=None, metadata={"unset": "as the manifest says, else shutdown"})
    time_margin_s: float = 2.0
    fan_out: int = 8
    """Flexible workers that one commit may call anew (the concurrency limit of the target, at least 1)."""

    def __post_init__(self) -> None:
        if not self.renew_s < self.lease_s:
            raise ValueError(f"`renew` ({self.renew_s:g}s) must be shorter than `lease` ({self.lease_s:g}s)")
        if self.object_store is not None and not _is_object_store(self.object_store):
            raise ValueError(
                f"`object_store` is {self.object_store!r}; write s3://BUCKET/PREFIX, or the whole path of a folder"
            )
        if self.metrics_upload is not None:
            _check_upload(self.metrics_upload)


def _check_upload(text: str) -> None:
    try:
        parse_upload(text)
    except ValueError as err:
        raise ValueError(f"`metrics_upload`: {err}") from err


def _is_object_store(address: str) -> bool:
    if address.startswith(S3_SCHEME):
        return bool(address.removeprefix(S3_SCHEME).partition("/")[0])
    return os.path.isabs(address)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileSettings:
    """What compiling a manifest takes from the user. `workers` is None for min(8, the concurrency limit)."""

    planner: str = "simple"
    workers: int | None = None
    max_file_size_bytes: int = 16 * 1024 * KIB
    max_instances: int = 200_000

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"`workers` is {self.workers}; a plan needs at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineSettings:
    """A run inside the caller's process has nothing of its own to set: a setting of another backend is refused."""


def default_concurrency() -> int:
    """Environments of the local service at one time: twice the processors, at least 4."""
    return max(4, 2 * (os.cpu_count() or 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """The local Lambda service and its Redis. `redis_url` None starts a Redis; `lambda_port` 0 takes a free one.

    `redis_ca_file` is the certificate of who signed that of a `rediss://` server, unless this machine knows them;
    `redis_cert_file` and `redis_key_file` are for a server that asks for a certificate. They become options of the URL,
    which is what workers are given.

    `time_limit_s` ends an invocation, in whole seconds as Lambda's `Timeout`. `request_rate` and `request_burst` are
    requests a second, and at once, beyond which the service answers 429; None is no bound. `retries` is Lambda's own
    repetition of a failed asynchronous invocation.
    """

    deployment: str = "local"
    concurrency_limit: int = field(default_factory=default_concurrency)
    time_limit_s: float = 900.0
    request_rate: float | None = None
    request_burst: int = 10
    idle_expiry_s: float = 300.0
    start: Literal["zygote", "exec"] = "zygote"
    redis_url: str | None = None
    redis_ca_file: str | None = None
    redis_cert_file: str | None = None
    redis_key_file: str | None = None
    lambda_port: int = 0
    retries: int = 0

    def __post_init__(self) -> None:
        if self.concurrency_limit < 1:
            raise ValueError(f"`concurrency_limit` is {self.concurrency_limit}; a run needs at least 1 environment")
        if not (1 <= self.time_limit_s <= 900 and float(self.time_limit_s).is_integer()):
            raise ValueError(f"`time_limit` is {self.time_limit_s:g}s; it is a whole number of seconds from 1s to 900s")
        if self.request_rate is not None and (self.request_rate <= 0 or self.request_burst < 1):
            raise ValueError("`request_rate` must be more than 0, and `request_burst` at least 1")
        files = {name: getattr(self, name) for name in TLS_FILES if getattr(self, name) is not None}
        if files:
            object.__setattr__(self, "redis_url", _with_files(self.redis_url or "", files))


def _with_files(url: str, files: Mapping[str, str]) -> str:
    """`url` with the files as its options, as the Redis client names them."""
    if not url.startswith("rediss://"):
        raise ValueError(f"`{next(iter(files))}` is for TLS: `redis_url` must begin with rediss://")
    if ("redis_cert_file" in files) != ("redis_key_file" in files):
        raise ValueError("`redis_cert_file` and `redis_key_file` belong together")
    for name, path in files.items():
        if not os.path.isfile(path):
            raise ValueError(f"`{name}`: {path} is no file")
    base, _, query = url.partition("?")
    options = dict(parse_qsl(query)) | {TLS_FILES[name]: os.path.abspath(path) for name, path in files.items()}
    return f"{base}?{urlencode(options)}"
