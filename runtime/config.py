"""Settings: frozen types with their defaults. Where values come from is `runtime.settings.layers`' business.

One type per backend, each with only its own fields, and one `WorkerSettings` shared by all. What does not fit is a
ValueError with a line for each mistake, which begins with the setting's name in backticks.

What belongs to a task or a workflow is no setting: memory (1,769 MB), a task's timeout (5 m), its retries (2, for kills
only) and the objective (`sla`) are said in the manifest, for a task or under `defaults`, so that a manifest means the
same on every machine.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, urlencode

from runtime.addresses import redis_url_mistakes
from runtime.links import NO_LINK, LinkShape, parse_link
from runtime.measures.upload import parse_upload
from runtime.secrecy.references import Source, parse_reference

KIB = 1024
INLINE_MAX_BYTES = 640 * KIB
"""What may travel inside an invocation, of the 1 MiB that Lambda takes: encoded, it grows by a third."""

HOUR_S = 3600.0
S3_SCHEME = "s3://"
DEPLOYMENT_NAME = "a name of at most 28 letters a to z, digits, '-' and '_'"
TLS_FILES = {"redis_ca_file": "ssl_ca_certs", "redis_cert_file": "ssl_certfile", "redis_key_file": "ssl_keyfile"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What every worker of a run shares. Times in seconds, sizes in bytes.

    `call_limit_s`: a called worker that has not begun by then is called again (rule 8 of the protocol).
    `max_tries`: begins of one worker without a new stored output before the run fails.
    `keep_keys_s`: how long keys of a run stay beyond its deadline.
    `store_value_bytes`: larger values get a key of their own.
    `object_store`: "s3://bucket/prefix", or the absolute path of a folder that every worker sees, for values larger
    than `object_store_bytes`; None keeps all of them in Redis.
    `metrics_upload`: when a worker sends what it measured (`measures.upload`); None: as the manifest says, or shutdown.
    `time_margin_s`: a worker hands its tasks over when less than this is left of its invocation.
    """

    lease_s: float = 10.0
    renew_s: float = 2.5
    linger_s: float = 0.05
    call_limit_s: float = 10.0
    max_tries: int = 5
    deadline_s: float = 24 * HOUR_S
    keep_keys_s: float = 24 * HOUR_S
    store_value_bytes: int = 64 * KIB
    object_store: str | None = field(default=None, metadata={"unset": "large values stay in Redis"})
    object_store_bytes: int = 16 * 1024 * KIB
    inline_subdag_bytes: int = 128 * KIB
    inline_value_bytes: int = 32 * KIB
    inline_values_bytes: int = 128 * KIB
    metrics_upload: str | None = field(default=None, metadata={"unset": "as the manifest says, else shutdown"})
    time_margin_s: float = 2.0
    fan_out: int = 8
    """Flexible workers that one commit may call anew (the concurrency limit of the target, at least 1)."""

    @property
    def life_s(self) -> float:
        """How long keys of a run live."""
        return self.deadline_s + self.keep_keys_s

    def __post_init__(self) -> None:
        _refuse(self._mistakes())

    def _mistakes(self) -> Iterator[str]:
        yield from _not_positive(self, "lease_s", "renew_s", "call_limit_s", "deadline_s")
        yield from _too_few(self, "max_tries", "fan_out")
        if not self.renew_s < self.lease_s:
            yield f"`renew` ({self.renew_s:g}s) must be shorter than `lease` ({self.lease_s:g}s)"
        inline = self.inline_subdag_bytes + 2 * self.inline_values_bytes
        if inline > INLINE_MAX_BYTES:
            yield (
                "`inline_subdag_bytes` and twice `inline_values_bytes` (values of tasks, and inputs) are "
                f"{inline:,} bytes; an invocation has room for {INLINE_MAX_BYTES:,}"
            )
        if self.object_store is not None and not _is_object_store(self.object_store):
            yield f"`object_store` is {self.object_store!r}; write s3://BUCKET/PREFIX, or the whole path of a folder"
        if self.metrics_upload is not None:
            yield from _upload_mistakes(self.metrics_upload)


def _upload_mistakes(text: str) -> Iterator[str]:
    try:
        parse_upload(text)
    except ValueError as err:
        yield f"`metrics_upload`: {err}"


def _refuse(mistakes: Iterator[str]) -> None:
    """Raises ValueError with every one of them."""
    found = list(mistakes)
    if found:
        raise ValueError("\n".join(found))


def _not_positive(settings: object, *names: str) -> Iterator[str]:
    for name in names:
        value = getattr(settings, name)
        if not (value > 0 and math.isfinite(value)):
            yield f"`{name.removesuffix('_s')}` is {value:g}s; it must be more than 0"


def _too_few(settings: object, *names: str) -> Iterator[str]:
    for name in names:
        if getattr(settings, name) < 1:
            yield f"`{name}` is {getattr(settings, name)}; it must be at least 1"


def _is_object_store(address: str) -> bool:
    if address.startswith(S3_SCHEME):
        return bool(address.removeprefix(S3_SCHEME).partition("/")[0])
    return os.path.isabs(address)


MOST_ROUNDS = 1_000_000
"""More is no search but a wait without an end."""

OPTIMIZATIONS = ("preload", "prewarm", "task-dup", "stream", "clustering", "delayed-io")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileSettings:
    """What compiling a manifest takes from the user.

    `workers` is None for min(8, the concurrency limit) in `simple` and for what others find best, `rounds` for what a
    planner that searches finds right. `optimize` is "none", "all", or names of `OPTIMIZATIONS` with commas.
    """

    planner: str = "treadle"
    workers: int | None = field(
        default=None, metadata={"unset": "`simple`: 8, or concurrency_limit if that is less; others choose"}
    )
    rounds: int | None = field(default=None, metadata={"unset": "what the planner finds right"})
    optimize: str = "none"
    max_file_size_bytes: int = 16 * 1024 * KIB
    max_instances: int = 200_000

    def __post_init__(self) -> None:
        _refuse(self._mistakes())

    def _mistakes(self) -> Iterator[str]:
        if self.workers is not None and self.workers < 1:
            yield f"`workers` is {self.workers}; a plan needs at least 1"
        if self.rounds is not None and self.rounds > MOST_ROUNDS:
            yield f"`rounds` is {self.rounds}; it must be at most {MOST_ROUNDS}"
        if unknown := [name for name in self.optimize.split(",") if name not in ("none", "all", *OPTIMIZATIONS)]:
            yield f"`optimize` names `{unknown[0]}`; there are none, all, {', '.join(OPTIMIZATIONS)}"
        yield from _too_few(self, "max_file_size_bytes", "max_instances")


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

    `signing_key` refers to the keys of the deployment (`runtime.secrecy.references`); None is a file of this user's.

    `time_limit_s` ends an invocation, in whole seconds as Lambda's `Timeout`. `request_rate` and `request_burst` are
    requests a second, and at once, beyond which the service answers 429; None is no bound. `retries` is Lambda's own
    repetition of a failed asynchronous invocation. `link` is what lies between environments and Redis (`links`).
    """

    deployment: str = "local"
    signing_key: str | None = field(default=None, metadata={"unset": "made and kept for this user"})
    concurrency_limit: int = field(default_factory=default_concurrency)
    time_limit_s: float = 900.0
    request_rate: float | None = field(default=None, metadata={"unset": "no bound"})
    request_burst: int = 10
    idle_expiry_s: float = 300.0
    start: Literal["zygote", "exec"] = "zygote"
    redis_url: str | None = field(default=None, metadata={"unset": "one is started"})
    redis_ca_file: str | None = None
    redis_cert_file: str | None = None
    redis_key_file: str | None = None
    lambda_port: int = 0
    retries: int = 0
    link: str = NO_LINK

    @property
    def link_shape(self) -> LinkShape:
        return parse_link(self.link)

    def __post_init__(self) -> None:
        _refuse(self._mistakes())
        if self.signing_key is not None:
            object.__setattr__(self, "signing_key", _whole_reference(self.signing_key))
        files = self._tls_files()
        if files:
            object.__setattr__(self, "redis_url", _with_files(self.redis_url or "", files))

    def _mistakes(self) -> Iterator[str]:
        if not is_deployment_name(self.deployment):
            yield f"`deployment` is {self.deployment!r}; write {DEPLOYMENT_NAME}"
        if self.signing_key is not None:
            yield from _bad_reference(self.signing_key)
        if self.concurrency_limit < 1:
            yield f"`concurrency_limit` is {self.concurrency_limit}; a run needs at least 1 environment"
        if not (1 <= self.time_limit_s <= 900 and float(self.time_limit_s).is_integer()):
            yield f"`time_limit` is {self.time_limit_s:g}s; it is a whole number of seconds from 1s to 900s"
        if self.request_rate is not None and self.request_rate <= 0:
            yield f"`request_rate` is {self.request_rate:g}; it must be more than 0"
        yield from _too_few(self, "request_burst")
        if not 0 <= self.lambda_port < 2**16:
            yield f"`lambda_port` is {self.lambda_port}; a port is a number up to 65535"
        if self.redis_url is not None:
            yield from (f"`redis_url` {mistake}" for mistake in redis_url_mistakes(self.redis_url))
        yield from _misfits(self.redis_url or "", self._tls_files())
        yield from _link_mistakes(self.link)

    def _tls_files(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in TLS_FILES if getattr(self, name) is not None}


def is_deployment_name(name: str) -> bool:
    """Whether it can be part of keys, of files and of functions' names, which have 64 characters at most."""
    return re.fullmatch(r"[A-Za-z0-9_-]{1,28}", name) is not None


def _misfits(url: str, files: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the files for TLS."""
    if files and not url.startswith("rediss://"):
        yield f"`{next(iter(files))}` is for TLS: `redis_url` must begin with rediss://"
    if ("redis_cert_file" in files) != ("redis_key_file" in files):
        yield "`redis_cert_file` and `redis_key_file` belong together"
    for name, path in files.items():
        if not os.path.isfile(path):
            yield f"`{name}`: {path} is no file"


def _link_mistakes(text: str) -> Iterator[str]:
    try:
        parse_link(text)
    except ValueError as err:
        yield f"`link`: {err}"


def _bad_reference(text: str) -> Iterator[str]:
    try:
        parse_reference(text)
    except ValueError as err:
        yield f"`signing_key`: {err}"


def _whole_reference(text: str) -> str:
    """A reference to the signing keys, a file's by its whole path: a watchdog has another folder."""
    reference = parse_reference(text)
    if reference.source is Source.FILE:
        return f"{Source.FILE.value}:{os.path.abspath(os.path.expanduser(reference.name))}"
    return str(reference)


def _with_files(url: str, files: Mapping[str, str]) -> str:
    """`url` with the files as its options, as the Redis client names them."""
    base, _, query = url.partition("?")
    options = dict(parse_qsl(query)) | {TLS_FILES[name]: os.path.abspath(path) for name, path in files.items()}
    return f"{base}?{urlencode(options)}"
