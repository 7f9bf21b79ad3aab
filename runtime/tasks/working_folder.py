"""The working folder of an environment: its own, empty at first, writable; on Lambda as in the local service.

Lambda's own choice is the folder of the function's code. There it is read-only; in a local service all environments
share it, and a task that clears `.` would take the code from under the others.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping

LAMBDAS = "/tmp"


def enter_own_folder(variables: Mapping[str, str]) -> None:
    """Make a folder and work there; `variables` are the environment's. The local service removes it with its HOME."""
    home = variables.get("HOME", "")
    parent = home if home and os.access(home, os.W_OK) else LAMBDAS
    folder = os.path.join(parent, f"work-{secrets.token_hex(8)}")
    os.mkdir(folder, 0o700)
    os.chdir(folder)
