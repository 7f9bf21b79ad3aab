"""Variables that a launcher confides to the local service for one run: how they are given, read and taken back.

A local environment inherits nothing of its launcher's. Their values go through a socket in the stack's private folder,
which only its user can open, to the service (`runtime.local.vault`), which keeps them in its memory alone; a worker
asks for those of its run when a task needs them. On AWS there is no such place: a variable is the function's own.

One message each way, JSON on a line: `{"run", "set": {name: text}}`, `{"run", "drop": true}` or `{"run"}`; the answer
is the run's variables, empty when nobody confided any.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping

from runtime.errors import LambdaUnavailable

VARIABLE = "TREADLE_VAULT"
"""What environments of a local service find the socket by."""
SOCKET = "vault.sock"
TIMEOUT_S = 10.0


def confide(vault: str, run: str, variables: Mapping[str, str]) -> None:
    """Raises LambdaUnavailable."""
    _ask(vault, {"run": run, "set": dict(variables)})


def take_back(vault: str, run: str) -> None:
    """Raises LambdaUnavailable."""
    _ask(vault, {"run": run, "drop": True})


def confided(vault: str, run: str) -> Mapping[str, str]:
    """Raises LambdaUnavailable."""
    return _ask(vault, {"run": run})


def _ask(vault: str, question: Mapping[str, object]) -> Mapping[str, str]:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(vault)
            connection.sendall(json.dumps(question).encode() + b"\n")
            with connection.makefile("rb") as answer:
                return json.loads(answer.readline())  # type: ignore[no-any-return]
    except (OSError, ValueError) as err:
        raise LambdaUnavailable(f"the local service does not take or give variables of a run: {err}") from err
