"""The end of an environment that is unfit for another invocation: the process goes, the service makes a new one.

Lambda has no other way to say so. What its worker held is committed or handed over by then, so the error that the
service notes of such an invocation means nothing to the run.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

UNFIT_EXIT_CODE = 75


def end_environment(reason: str) -> NoReturn:
    """Say why in the log, and end the process whatever its threads do."""
    try:
        sys.stderr.write(f"treadle: this environment is replaced: {reason}\n")
        sys.stderr.flush()
        sys.stdout.flush()
    finally:
        os._exit(UNFIT_EXIT_CODE)
