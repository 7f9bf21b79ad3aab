"""The invocation payload: what a worker is told when it is invoked, as JSON both ways.

It is the same document for entry workers (made by the launcher) and for workers invoked by workers. What it
says of start tasks, SubDag and values is a *hint*: the grants are what `begin` returns, and whatever is not
inside is fetched. Sealing is the caller's: `seal` and `unseal` turn bytes into bytes and are opaque here.

    {"v": 1, "run": …, "worker": …, "env": [memory_mb, arch, python, layer], "at": call time,
     "start": [[task, [keys]], …],
     "subdag": {"b64": …} | {"sha256": …} | {"pages": [n, …], "b64": …},
     "values": {slot: b64}, "inputs": {name: b64}, "set": {setting: value},
     "forward": [[worker, env, subdag, call time, [start task, …]], …], "key": the id of a signing key}

`forward` are calls that the receiver sends on as soon as it has begun, with what it was given itself.
`inputs` are those of the run that are small; a worker that invokes another hands on what it was given.
`key` is the one of the deployment's signing keys that the run signs with.

A SubDag is compressed with zlib and then sealed. Pages travel as one compressed and sealed block, their
JSON texts joined by a newline (none holds one): neighbours repeat each other, so that together they are half
as long as one by one. The limits count bytes *before* compression, which are known at compile time and do not
depend on the build of zlib.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from hashlib import sha256
from time import monotonic
from typing import Any

from runtime.config import WorkerSettings
from runtime.errors import BundleInvalid, SchemaVersionUnsupported
from runtime.measures.clocks import StoreClock
from runtime.pages import dumps, env_from_row, env_row
from runtime.plan import EnvClass, instance_name, parse_instance_name
from runtime.ports import Call

PAYLOAD_VERSION = 1
START_NAMES = 64
"""Start tasks named in a payload at most; `begin` returns them all."""

Seal = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One invocation. `at` is the call time in the store's seconds.

    A pinned worker: `subdag` are its encoded records, or none with a `digest` to fetch them by. A flexible
    one: `pages` are the encoded pages that travel inside, by number. `values` are sealed values by slot, `inputs`
    sealed inputs of the run by name. `key` is the id of the signing key, b"" for the newest that the worker has.
    """

    run: str
    worker: str
    env: EnvClass
    at: float
    start: tuple[str, ...] = ()
    subdag: bytes = b""
    digest: str = ""
    pages: Mapping[int, bytes] = field(default_factory=dict)
    values: Mapping[str, bytes] = field(default_factory=dict)
    inputs: Mapping[str, bytes] = field(default_factory=dict)
    settings: WorkerSettings = field(default_factory=WorkerSettings)
    forward: tuple[Call, ...] = ()
    sent_at: float = 0.0
    """When this very invocation was sent, by the store's clock: `stamped` writes it."""
    key: bytes = b""


def _as_is(data: bytes) -> bytes:
    return data


def make_payload(payload: Payload, *, seal: Seal = _as_is) -> bytes:
    """The JSON of `payload`; what exceeds the inline limits of its settings is left out.

    A SubDag over `inline_subdag_bytes` is replaced by its digest; pages and values go in, in order, while they
    fit `inline_subdag_bytes` and `inline_value_bytes` each, `inline_values_bytes` in all; inputs likewise, for
    themselves.
    """
    document: dict[str, object] = {
        "v": PAYLOAD_VERSION,
        "run": payload.run,
        "worker": payload.worker,
        "env": env_row(payload.env),
        "at": payload.at,
        "start": [parse_instance_name(name) for name in payload.start[:START_NAMES]],
    }
    if subdag := _subdag_part(payload, seal):
        document["subdag"] = subdag
    if values := _fitting_values(payload.values, payload.settings):
        document["values"] = {slot: b64encode(value).decode() for slot, value in values.items()}
    if inputs := _fitting_values(payload.inputs, payload.settings):
        document["inputs"] = {name: b64encode(value).decode() for name, value in inputs.items()}
    if changed := _changed_settings(payload.settings):
        document["set"] = changed
    if payload.forward:
        document["forward"] = [_call_row(call) for call in payload.forward]
    if payload.key:
        document["key"] = payload.key.hex()
    return dumps(document).encode()


def stamped(payload: bytes, clock: StoreClock) -> bytes:
    """`payload` as it is sent now. One that is refused and sent again has another time then."""
    return b'{"sent":%.6f,%s' % (clock.at(monotonic()), payload[1:])


def _call_row(call: Call) -> list[object]:
    return [call.worker, env_row(call.env), call.subdag, call.called_at, call.start[:START_NAMES]]


def _call(row: list[Any]) -> Call:
    worker, env, subdag, called_at, start = row
    return Call(worker=worker, env=env_from_row(env), subdag=subdag, called_at=called_at, start=tuple(start))


def _subdag_part(payload: Payload, seal: Seal) -> dict[str, object]:
    limit = payload.settings.inline_subdag_bytes
    if payload.subdag and len(payload.subdag) <= limit:
        return {"b64": _packed(payload.subdag, seal)}
    if payload.subdag or payload.digest:
        return {"sha256": payload.digest or sha256(payload.subdag).hexdigest()}
    numbers: list[int] = []
    for number, page in payload.pages.items():
        if (limit := limit - len(page)) < 0:
            break
        numbers.append(number)
    if not numbers:
        return {}
    return {"pages": numbers, "b64": _packed(b"\n".join(payload.pages[number] for number in numbers), seal)}


def _packed(data: bytes, seal: Seal) -> str:
    return b64encode(seal(zlib.compress(data, 9))).decode()


def _fitting_values(values: Mapping[str, bytes], settings: WorkerSettings) -> dict[str, bytes]:
    room = settings.inline_values_bytes
    fitting: dict[str, bytes] = {}
    for slot, value in values.items():
        if len(value) <= min(settings.inline_value_bytes, room):
            fitting[slot] = value
            room -= len(value)
    return fitting


def _changed_settings(settings: WorkerSettings) -> dict[str, object]:
    default = WorkerSettings()
    return {
        item.name: getattr(settings, item.name)
        for item in fields(WorkerSettings)
        if getattr(settings, item.name) != getattr(default, item.name)
    }


def read_payload(data: bytes | Mapping[str, Any], *, unseal: Seal = _as_is) -> Payload:
    """The payload in `data`: JSON bytes, or what Lambda's runtime client already made of them.

    Raises `BundleInvalid` for what is no payload, `SchemaVersionUnsupported` (E605) for another version, and
    whatever `unseal` raises.
    """
    try:
        document = json.loads(data) if isinstance(data, bytes) else data
        version = document["v"]
        if version == PAYLOAD_VERSION:
            return _payload(document, unseal)
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as err:
        raise BundleInvalid(f"the event is no invocation payload: {err!r}") from err
    raise SchemaVersionUnsupported(f"payload of version {version}, but this runtime reads version {PAYLOAD_VERSION}")


def _payload(document: Mapping[str, Any], unseal: Seal) -> Payload:
    subdag = document.get("subdag", {})
    inside = zlib.decompress(unseal(b64decode(subdag["b64"]))) if "b64" in subdag else b""
    is_paged = "pages" in subdag
    pages = dict(zip(subdag["pages"], inside.split(b"\n"), strict=True)) if is_paged else {}
    return Payload(
        run=document["run"],
        worker=document["worker"],
        env=env_from_row(document["env"]),
        at=document["at"],
        start=tuple(instance_name(task, tuple(keys)) for task, keys in document["start"]),
        subdag=b"" if is_paged else inside,
        digest=subdag.get("sha256", ""),
        pages=pages,
        values={slot: b64decode(value) for slot, value in document.get("values", {}).items()},
        inputs={name: b64decode(value) for name, value in document.get("inputs", {}).items()},
        settings=WorkerSettings(**document.get("set", {})),
        forward=tuple(map(_call, document.get("forward", ()))),
        sent_at=float(document.get("sent", 0.0)),
        key=bytes.fromhex(document.get("key", "")),
    )
