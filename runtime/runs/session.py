"""What all parts of one run's client share: its id, its bundle, and the open ends to Redis and Lambda.

Not responsible for anything that is done with them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from runtime.backends.awslambda import LambdaInvoker
from runtime.backends.redis import RedisBackend
from runtime.bundle import LoadedBundle
from runtime.calls.sending import Sender
from runtime.config import WorkerSettings
from runtime.links import NO_LINK
from runtime.runs.book import RunBook
from runtime.runs.signing_keys import KeyRing, load_keys
from runtime.values.trust import Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a bundle runs. `lambda_endpoint` None is AWS itself; `time_limit_s` is the functions' `Timeout`.

    `signing_key` is a reference to the deployment's keys, None for those of this user. `vault` is the socket
    of a local service for what is confided to it, "" for none. `history` is where the deployment's lies: a Redis URL,
    "" for files, None for runs that leave none. `link` is what lies between environments and Redis (`links`).
    """

    redis_url: str
    lambda_endpoint: str | None = None
    region: str = "us-east-1"
    deployment: str = "local"
    role: str = "arn:aws:iam::000000000000:role/local"
    time_limit_s: int = 900
    signing_key: str | None = None
    vault: str = ""
    history: str | None = None
    link: str = NO_LINK

    @property
    def function_prefix(self) -> str:
        """What the names of its functions begin with. Those over a link are functions of their own, so that runs over
        different links never share an environment; with a prefix of 37 characters no name exceeds Lambda's 64."""
        if self.link == NO_LINK:
            return f"treadle-{self.deployment}-"
        digest = hashlib.sha256(f"{self.deployment} {self.link}".encode()).hexdigest()
        return f"treadle-{self.deployment[:20]}-{digest[:6]}-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One run, opened for a client. `targets` are the slots of its result."""

    run: str
    bundle: LoadedBundle
    target: Target
    settings: WorkerSettings
    backend: RedisBackend
    book: RunBook
    sender: Sender
    keys: KeyRing
    trust: Trust
    targets: tuple[str, ...]

    def close(self) -> None:
        """Close the connections."""
        self.backend.close()
        self.sender.close()


def open_session(run: str, bundle: LoadedBundle, target: Target, settings: WorkerSettings) -> Session:
    """Open a run of a bundle that is at hand. Raises `StoreUnavailable` when nobody answers."""
    keys = load_keys(target.deployment, target.signing_key)
    backend = RedisBackend(target.redis_url, target.deployment, run, settings)
    trust = Trust(signer=keys.signer(), deployment=target.deployment, run=run)
    return make_session(bundle, backend, trust, target=target, settings=settings, keys=keys)


def make_session(
    bundle: LoadedBundle,
    backend: RedisBackend,
    trust: Trust,
    *,
    target: Target,
    settings: WorkerSettings,
    keys: KeyRing,
) -> Session:
    """A session over a link that is open already."""
    graph = bundle.graph()
    invoker = LambdaInvoker(
        endpoint_url=target.lambda_endpoint, region=target.region, function_prefix=target.function_prefix
    )
    return Session(
        run=trust.run,
        bundle=bundle,
        target=target,
        settings=settled(settings, bundle.upload),
        backend=backend,
        book=RunBook(backend.link, target.deployment, trust.signer),
        sender=Sender(invoker.invoke, invoker.close),
        keys=keys,
        trust=trust,
        targets=tuple(
            slot for instance, is_target in enumerate(graph.targets) if is_target for slot in graph.slots(instance)
        ),
    )


def settled(settings: WorkerSettings, upload: str) -> WorkerSettings:
    """The settings of a run: what no layer of them says is as its manifest says (`upload`, "" for nothing)."""
    is_said = settings.metrics_upload is not None or not upload
    return settings if is_said else replace(settings, metrics_upload=upload)
