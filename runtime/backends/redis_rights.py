"""The rights that a deployment's user needs in Redis, as the command that gives them."""

from __future__ import annotations

from runtime.backends.keys import check_name


def acl_line(deployment: str, *, user: str = "treadle", password: str = "PASSWORD") -> str:
    """Its own keys, and every command that reads, writes or runs scripts; nothing that is dangerous to the server.

    `command` and `cluster|slots` are what a client of a cluster asks for, `info` tells whether keys may be dropped,
    `restore` brings the keys of a run back that is gone on with.
    """
    check_name("the deployment", deployment)
    rights = "+@read +@write +@scripting +@connection -@dangerous +restore +scan +time +info +command +cluster|slots"
    return f"ACL SETUSER {user} reset on >{password} ~treadle:{deployment}:* {rights}"
