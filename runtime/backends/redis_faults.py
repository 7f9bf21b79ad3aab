"""What a Redis says when it does not do what it is asked, in the user's words: one table, from its error to a fault.

The server's errors begin with a word (`OOM`, `NOAUTH`, …), which a script's failure carries further in; the client
library's own have a class. Whatever is not in the table is told as it came. No row decides what follows: all are
`StoreUnavailable`, and the command line exits with 4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import redis

from runtime.errors import RuntimeFault, StoreUnavailable

OLDEST = (6, 2)
MAX_QUOTED = 300


@dataclass(frozen=True, slots=True)
class Row:
    """A pattern over the error's text, what it means for the Redis at {where}, and what to do."""

    pattern: str
    message: str
    hint: str


ROWS = (
    Row(
        r"\bOOM\b|OutOfMemoryError",
        "is out of memory: it has reached its `maxmemory` and may evict nothing",
        "raise its `maxmemory`, or remove old runs: treadle clean --all",
    ),
    Row(
        r"\bREADONLY\b|ReadOnlyError|\bUNBLOCKED\b",
        "takes no writes: it is, or has become, a read-only replica",
        "give the URL of the primary server",
    ),
    Row(
        r"\bMISCONF\b",
        "takes no writes: it cannot save its data to disk",
        "see its log and free disk space, or set `stop-writes-on-bgsave-error no`",
    ),
    Row(r"\bNOREPLICAS\b", "takes no writes: too few of its replicas are reachable", "see `min-replicas-to-write`"),
    Row(r"\bLOADING\b|BusyLoadingError", "still loads its data", "try again when it has started"),
    Row(
        r"MASTERDOWN|MasterDownError",
        "is a replica that has lost its primary server",
        "give the URL of the primary server",
    ),
    Row(r"\bBUSY\b", "is busy with a script of somebody's", "wait, or end the script: redis-cli SCRIPT KILL"),
    Row(
        r"NOAUTH|Authentication required|AuthenticationRequired",
        "refuses access: it asks for a password",
        "give it in the URL: redis://:PASSWORD@HOST:PORT/0",
    ),
    Row(
        r"\bWRONGPASS\b|invalid (username-)?password|without any password configured",
        "refuses access: user or password is wrong",
        "give both in the URL: redis://USER:PASSWORD@HOST:PORT/0",
    ),
    Row(
        r"(?:NOPERM|NoPermission).*(?:keys|key)\b(?!.*command)|executing the script can't access",
        "refuses access: its user may not use treadle's keys",
        "allow `~treadle:<deployment>:*`: treadle doctor --acl prints the whole command",
    ),
    Row(
        r"NOPERM|no permissions|NoPermission|executing the script can't run|ACL failure in script",
        "refuses access: its user may not run a command that treadle needs",
        "give it the rights that it needs: treadle doctor --acl prints them",
    ),
    Row(
        r"unknown command|ERR unknown|is disabled",
        "lacks a command that treadle needs",
        "use a server of version 6.2 or newer, with no command renamed",
    ),
    Row(
        r"protected mode|\bDENIED\b",
        "refuses access: it is in protected mode",
        "set a password on the server and give it in the URL",
    ),
    Row(
        r"max number of clients|MaxClientsError",
        "refuses access: it has as many clients as it may have",
        "raise its `maxclients`",
    ),
    Row(
        r"DB index is out of range|SELECT is not allowed|invalid DB index",
        "has no such database",
        "end the URL with the number of a database that it has, such as /0",
    ),
    Row(
        r"slots are not covered|SlotNotCovered|[Hh]ash slot not served",
        "is part of a cluster in which some slots have no server",
        "see `redis-cli --cluster check HOST:PORT`, and give every slot to a server",
    ),
    Row(
        r"CLUSTERDOWN|ClusterDownError|\bTRYAGAIN\b|TryAgainError",
        "is part of a cluster that is down",
        "see `redis-cli cluster info`",
    ),
    Row(
        r"\bMOVED\b|MovedError|\bASK\b|AskError|CROSSSLOT|CrossSlot",
        "is one node of a cluster, and the key lies on another",
        "give the URL of a server that holds all keys",
    ),
    Row(
        r"WRONG_VERSION_NUMBER|wrong version number|record layer failure",
        "does not speak TLS",
        "write redis:// instead of rediss://",
    ),
    Row(r"certificate has expired", "shows a certificate that has expired", "renew it"),
    Row(r"certificate is not yet valid", "shows a certificate that is not valid yet", "compare the clocks"),
    Row(
        r"(?i)(hostname|IP address) mismatch",
        "shows the certificate of another host",
        "give the host in the URL by a name that the certificate has",
    ),
    Row(
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        "shows a certificate that is signed by nobody who is trusted here",
        "give the certificate of who signed it: `redis_ca_file`, or ?ssl_ca_certs=FILE in the URL",
    ),
    Row(
        r"(?i)certificate.required|peer did not return a certificate",
        "wants a certificate of its client",
        "give one with its key: `redis_cert_file` and `redis_key_file`",
    ),
    Row(
        r"(?i)alert (unknown ca|bad certificate|certificate unknown|decrypt error|certificate expired)",
        "refuses the client's certificate",
        "have it signed by the authority that the server knows (`tls-ca-cert-file`)",
    ),
    Row(
        r"KEY_VALUES_MISMATCH|key values mismatch",
        "is not asked: the client's key is not that of its certificate",
        "give `redis_cert_file` and `redis_key_file` of one pair",
    ),
    Row(
        r"\[X509\]|\[SSL\] PEM|NO_CERTIFICATE_OR_CRL_FOUND|NO_START_LINE|PEM lib",
        "is not asked: a file of certificates or keys is not in the PEM format",
        "look at `redis_ca_file`, `redis_cert_file` and `redis_key_file`",
    ),
    Row(
        r"Protocol Error|InvalidResponse",
        "does not answer as a Redis does: something else listens there",
        "check host and port of the URL",
    ),
    Row(
        r"\bWRONGTYPE\b",
        "holds a key of treadle's name with something else in it",
        "use another deployment or database",
    ),
    Row(
        r"Name or service not known|Temporary failure in name|nodename nor",
        "is at a host that has no address",
        "check the host in the URL",
    ),
)


def fault_of(err: redis.RedisError | OSError, *, where: str, patience_s: float) -> RuntimeFault:
    """The fault for an error of the client library."""
    text = f"{type(err).__name__}: {err}"
    for row in ROWS:
        if re.search(row.pattern, text, re.DOTALL):
            return StoreUnavailable(f"Redis at {where} {row.message}{_quoted(err)}", hint=row.hint)
    if isinstance(err, redis.TimeoutError):
        hint = "see whether it is overloaded or stopped"
        if where.startswith("rediss:"):
            hint += ", and whether it speaks TLS: without, write redis://"
        return StoreUnavailable(f"Redis at {where} did not answer within {patience_s:g} s", hint=hint)
    if isinstance(err, (redis.ConnectionError, OSError)):
        return StoreUnavailable(f"Redis at {where} cannot be reached{_quoted(err)}", hint=_unreached(text, where))
    return StoreUnavailable(f"Redis at {where} answered with an error{_quoted(err)}", hint="see the server's log")


def _unreached(text: str, where: str) -> str:
    """What to look at: a server of the other kind, or one that asks for a certificate, closes without a word."""
    hint = "check that it runs, and its URL"
    if re.search(r"(?i)reset by peer|closed by server|broken pipe|EOF", text):
        if where.startswith("redis:"):
            hint += ": one that speaks TLS wants rediss://"
        elif where.startswith("rediss:"):
            hint += ", and whether it wants a certificate of its client: `redis_cert_file` and `redis_key_file`"
    return hint


def check_version(version: str, where: str) -> None:
    """Raises StoreUnavailable when a server of this version lacks commands that the scripts call."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers and numbers < OLDEST:
        raise StoreUnavailable(
            f"Redis at {where} is of version {version}, treadle needs {'.'.join(map(str, OLDEST))} or newer",
            hint="install a newer one, or leave out --redis to start treadle's own",
        )


def eviction_warning(policy: str, where: str) -> str:
    """What is to be said of a server that may drop keys when it is full; "" when it may not."""
    if policy in ("", "noeviction"):
        return ""
    return (
        f"Redis at {where} drops keys when its memory is full (maxmemory-policy {policy}): a run may lose values and"
        " compute them again; set it to noeviction"
    )


def _quoted(err: BaseException) -> str:
    text = " ".join(str(err).split())
    return f" ({text[:MAX_QUOTED]}{'…' if len(text) > MAX_QUOTED else ''})" if text else ""
