"""Whom to invoke directly, and who forwards the calls of the others: a tree of two hops for wide fan-outs.

A commit that calls hundreds of workers would be busy with invoking them for seconds. Instead it invokes some √n of
them, the *leaders*, and gives each a list of further calls, which it sends as soon as it has begun. A leader that does
not begin forwards nothing; its calls are unconfirmed, and the watch repeats them. Nothing here sends anything
(`runtime.calls.sending`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isqrt

from runtime.config import WorkerSettings
from runtime.ports import Call

TREE_FROM = 33
"""So many calls are worth a second hop: fewer go out side by side in less time than an invocation takes to begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One invocation to be sent: small sealed inputs of its start tasks, and calls that it is to forward.

    `accepted` is to be called when Lambda has taken it.
    """

    call: Call
    accepted: Callable[[], None]
    values: Mapping[str, bytes] = field(default_factory=dict)
    forward: tuple[Call, ...] = ()


def patience_s(settings: WorkerSettings) -> float:
    """How long a call that is refused is tried again: not as long as the watch waits before it repeats it."""
    return settings.call_limit_s / 2


def in_a_tree(calls: Sequence[Call]) -> list[tuple[Call, tuple[Call, ...]]]:
    """Each call that is sent here, with those that it forwards: all of them and none, or some √n and about √n each."""
    if len(calls) < TREE_FROM:
        return [(call, ()) for call in calls]
    size = isqrt(len(calls) - 1) + 1
    return [(calls[at], tuple(calls[at + 1 : at + size])) for at in range(0, len(calls), size)]
