"""The end of a process that a task forked and then let return as if it were the worker.

Such a child holds the worker's connections but not its threads: what it would say to Redis or Lambda would be garbage
among the worker's own words. Its task's value is the parent's; it ends here, as a script would at its last line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn


def end_fork(err: BaseException | None, shown: Callable[[BaseException], str]) -> NoReturn:
    """End this process with the exit code that Python gives a script; `shown` is the text for what it raised."""
    code = 1
    try:
        code = _exit_code(err)
        if err is not None and code and not issubclass(type(err), SystemExit):
            sys.stderr.write(f"in a child process that the task forked:\n{shown(err)}\n")
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _exit_code(err: BaseException | None) -> int:
    if err is None:
        return 0
    code = err.code if isinstance(err, SystemExit) else 1
    return code & 0xFF if isinstance(code, int) else int(code is not None)
