"""The one table of Redis keys: what lies where, and under which name.

Every key of a run is `treadle:<deployment>:{<run>}:<kind>`: the braces are Redis Cluster's hash tag, so
that one script may touch all of a run. Large values have a tag of their own, `{<run>/<instance>}`, which
spreads them over a cluster. Blobs belong to the deployment. An ACL of `treadle:<deployment>:*` covers all.

    meta             hash    state (building, run, failed, cancelled, rewind), reason, rebuild (its nonce)
    workers          hash    worker → record: one byte of state, then cmsgpack (see lua/common.lua)
    queue            hash    newest (call time begun), lastbegin, called (not running yet), line (how many waited)
    todo:<worker>    hash    instance → page: the worker's grants, which are its inbox
    arr:<consumer>   set     slots that have arrived, of a consumer that needs several
    reach:<slot>     set     consumers at which the slot, the only one they need, has arrived
    gate:<family>    hash    task → worker: who has one of the family's places
    line:<family>    zset    line → the number of its first; a line is a worker, or "~" and a class
    wait:<family>:<line>     zset of "task\\npage\\nclass": who waits, by number in the order of coming
    out              hash    slot → "v" + sealed bytes, or "r" + the key of a large value
    done             set     settled tasks
    done:<worker>    set     "=" + task settled by this worker, "+" + slot it stored before it settled
    need             hash    consumer → width, of fan-ins whose width is known at run time only
    att              hash    task → its newest attempt: number, time before which the next may not begin (-1: no end)
    tried            hash    "number task" → short record of a repeated attempt that failed, the last 20 of a task
    errors           hash    task → record (JSON)
    events, hint:<worker>    streams, trimmed
    spans            list    what workers measured, and when the run was launched: JSON texts (span_batches.py)
    pages            hash    number → page; `graph`: the whole graph for dashboards
    inputs           hash    name → an input of the run, written as in `out`

Not responsible for what the values mean: that is the protocol's (lua/*.lua and `memory_coordinator`).
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.errors import RuntimeFault

GLOB_SPECIALS = "\\*?[]^-"
FIXED = (
    "meta",
    "workers",
    "queue",
    "out",
    "done",
    "need",
    "att",
    "tried",
    "errors",
    "events",
    "spans",
    "pages",
    "inputs",
    "graph",
)
INLINE = b"v"
REFERENCE = b"r"
COUNT_DIGITS = 6
CHUNKS_MARK = "#"
"""In a reference, between the key of a large value's head and the number of its chunks."""


def escape_glob(text: str) -> str:
    """`text` as a SCAN pattern that matches it literally."""
    return "".join("\\" + char if char in GLOB_SPECIALS else char for char in text)


def check_name(what: str, name: str) -> None:
    """Refuse names that would break out of the key table (braces, colons and control characters)."""
    if not name or any(char in "{}:" or not char.isprintable() for char in name):
        raise RuntimeFault(
            f"{what} {name!r} cannot be part of a Redis key",
            hint="use letters, digits, '-', '_' and '.'",
        )


def keys_of(reference: str) -> list[str]:
    """The keys of a large value: of its head, then of its chunks `KEY#0`, `KEY#1`, ... when the reference counts them.

    A mark that belongs to the name of an instance stands before the key's last colon.
    """
    name, _, tail = reference.rpartition(":")
    token, _, count = tail.partition(CHUNKS_MARK)
    if not count.isdecimal() or len(count) > COUNT_DIGITS:
        return [reference]
    head = f"{name}:{token}"
    return [head, *(f"{head}{CHUNKS_MARK}{number}" for number in range(int(count)))]


@dataclass(frozen=True, slots=True)
class RunKeys:
    """The keys of one run of one deployment."""

    deployment: str
    run: str

    def __post_init__(self) -> None:
        check_name("the deployment", self.deployment)
        check_name("the run", self.run)

    @property
    def prefix(self) -> str:
        return f"treadle:{self.deployment}:{{{self.run}}}:"

    def fixed(self, kind: str) -> str:
        """The key of one of the kinds that a run has once."""
        return self.prefix + kind

    def todo(self, worker: str) -> str:
        return f"{self.prefix}todo:{worker}"

    def done_of(self, worker: str) -> str:
        return f"{self.prefix}done:{worker}"

    def hint(self, worker: str) -> str:
        return f"{self.prefix}hint:{worker}"

    def arrived(self, consumer: str) -> str:
        return f"{self.prefix}arr:{consumer}"

    def gate(self, name: str) -> str:
        return f"{self.prefix}gate:{name}"

    def line(self, name: str) -> str:
        return f"{self.prefix}line:{name}"

    def wait(self, name: str, line: str) -> str:
        return f"{self.prefix}wait:{name}:{line}"

    def reach(self, slot: str) -> str:
        return f"{self.prefix}reach:{slot}"

    def large(self, instance: str, output: str | None, token: str) -> str:
        """A large value's own key; the token makes it one incarnation's, so that the loser deletes its own."""
        return f"treadle:{self.deployment}:{{{self.run}/{instance}}}:{output or ''}:{token}"

    def blob(self, digest: str) -> str:
        return f"treadle:{self.deployment}:blob:{digest}"

    def patterns(self) -> tuple[str, str]:
        """SCAN patterns that match every key of the run: its own, and its large values."""
        head = f"treadle:{escape_glob(self.deployment)}:{{{escape_glob(self.run)}"
        return head + "}:*", head + "/*"

    def stale_patterns(self) -> tuple[str, ...]:
        """SCAN patterns of what a rebuild replaces whole."""
        head = f"treadle:{escape_glob(self.deployment)}:{{{escape_glob(self.run)}}}:"
        return tuple(
            head + kind for kind in ("todo:*", "arr:*", "reach:*", "done:*", "hint:*", "gate:*", "line:*", "wait:*")
        )
