"""Start a process that the kernel kills when the one that started it ends, however that ends.

The request is made between fork and exec by a tiny interpreter, because `preexec_fn` is unsafe beside threads.
The kernel watches the *thread* that started the process: call this from one that lives as long as the process
shall. Elsewhere than on Linux nothing watches; the caller's own clean-up is what ends the process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PROGRAM = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


def popen_leashed(command: Sequence[str], *, log: Path) -> subprocess.Popen[bytes]:
    """Start `command` (its first word is a path) in a session of its own, with both outputs in `log`."""
    argv = [sys.executable, "-I", "-S", "-c", PROGRAM, str(os.getpid()), *command]
    with log.open("ab") as output:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd=log.parent
        )
