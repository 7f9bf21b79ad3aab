"""A task's command: its words, its working folder, its process, and what comes of them.

Here a value becomes a command and a command's end a value or a `CommandFault`, told in the user's terms. How values
become bytes is `runtime.tasks.words`, where files lie `runtime.tasks.shipped_files`, how a process is run
`runtime.tasks.process`.

The program is a shipped file when its word names one, else a file by its absolute path, else it is looked for on the
PATH. It runs in a fresh folder that holds the shipped files, or in a folder inside that. It gets the environment
variables of the worker and of its task, without those that are treadle's or say how the worker is reached.
"""

from __future__ import annotations

import errno
import os
import posixpath
import shlex
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence

from runtime.machine.retries import NAMES_OF_A_DEATH
from runtime.tasks.command_fault import CommandFault
from runtime.tasks.executable import Executable, decode_executable
from runtime.tasks.guardian import Guardian
from runtime.tasks.process import MAX_OUTPUT_BYTES, TERM_GRACE_S, Finished, Program, run_process
from runtime.tasks.shipped_files import ShippedFiles
from runtime.tasks.words import CommandInput, CommandOutput, output_value, stdin_bytes, word_bytes

PRIVATE_VARIABLES = ("TREADLE_", "AWS_LAMBDA_", "AWS_ENDPOINT_URL_LAMBDA", "LAMBDA_", "_HANDLER", "_X_AMZN_")
"""Prefixes of names that say how the worker is reached, what it may open, and how it was started."""

SHOWN_CHARS = 160

GetBlobs = Callable[[Sequence[str]], list[bytes]]


class Command:
    """One `exec:` body, ready to run any number of times."""

    def __init__(self, digest: str, executable: Executable, files: ShippedFiles, guardian: Guardian) -> None:
        self._digest = digest
        self._executable = executable
        self._files = files
        self._guardian = guardian
        self._shipped = frozenset(file.path for file in executable.files)

    def run(
        self,
        words: Sequence[object],
        options: Mapping[str, object],
        variables: Mapping[str, str],
        timeout_s: float,
        grace_s: float = TERM_GRACE_S,
    ) -> object:
        """The value of the output. `options` are `stdin` and `cwd` where the manifest has them.

        When its time is over it is asked to end, and `grace_s` later killed. What is done before the program starts,
        placing its files above all, counts towards `timeout_s`.

        Raises CommandFault, and RuntimeFault for a fault of the environment.
        """
        began = time.monotonic()
        argv = _words(words)
        stdin = _stdin(options["stdin"]) if "stdin" in options else None
        with self._files.working_folder(self._digest, self._executable.files) as folder:
            environment = {**_inherited(), **variables}
            cwd = _folder(options.get("cwd", "."), folder)
            environment["PWD"] = cwd
            program = Program(
                executable=self._program(os.fsdecode(argv[0]), folder, environment),
                argv=argv,
                cwd=cwd,
                variables=environment,
                stdin=stdin,
            )
            finished = self._run(program, timeout_s - (time.monotonic() - began), grace_s)
        return self._value(argv, finished, timeout_s)

    def _program(self, name: str, folder: str, environment: Mapping[str, str]) -> str:
        """The path of the program's file."""
        path = posixpath.normpath(name) if name else name
        if path in self._shipped:
            return os.path.join(folder, path)
        if not name:
            raise CommandFault("CommandNotFound", "the program's name is empty")
        if "/" in name and not name.startswith("/"):
            raise CommandFault(
                "CommandNotFound", f"`{_cut(name)}` is not among the task's `files`", hint="list it in `files:`"
            )
        found = shutil.which(name, path=environment.get("PATH", os.defpath))
        if found is None and os.path.exists(name) and "/" in name:
            raise CommandFault("CommandNotExecutable", f"`{_cut(name)}` may not be executed", hint="chmod +x it")
        if found is None:
            where = "" if "/" in name else " on the worker's PATH"
            raise CommandFault(
                "CommandNotFound",
                f"there is no program `{_cut(name)}`{where}",
                hint="list it in `files:` to ship it, and name it by its path",
            )
        return found

    def _run(self, program: Program, timeout_s: float, grace_s: float) -> Finished:
        try:
            return run_process(program, self._guardian, timeout_s=timeout_s, grace_s=grace_s)
        except OSError as err:
            raise _refused(program, err) from err

    def _value(self, argv: Sequence[bytes], finished: Finished, timeout_s: float) -> object:
        stderr = finished.stderr.decode(errors="replace")
        command = f"`{command_text(argv)}`"
        if finished.end == "timeout":
            raise CommandFault("Timeout", f"{command} ran longer than its timeout of {timeout_s:g} s", stderr=stderr)
        if finished.end == "too-much":
            limit = f"{MAX_OUTPUT_BYTES >> 20} MiB"
            raise CommandFault("CommandOutput", f"{command} wrote more than {limit} to its output", stderr=stderr)
        if finished.code != 0:
            names = ("ExitCode", *(NAMES_OF_A_DEATH if finished.code < 0 else ()))
            raise CommandFault("ExitCode", f"{command} {_end_text(finished.code)}", stderr=stderr, names=names)
        try:
            return output_value(self._executable.stdout, finished.stdout)
        except CommandOutput as err:
            raise CommandFault("CommandOutput", f"{command}: {err}", stderr=stderr) from err


def command_text(argv: Sequence[bytes]) -> str:
    """A command as a shell would read it, cut to a line."""
    text = " ".join(shlex.quote(word.decode(errors="replace")) for word in argv[:40])
    return _cut(text if len(argv) <= 40 else f"{text} …")


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"


def _words(words: Sequence[object]) -> list[bytes]:
    found = []
    for position, word in enumerate(words):
        try:
            found.append(word_bytes(word))
        except CommandInput as err:
            what = f"argument {position}" if position else "the program's name"
            raise CommandFault(
                "CommandInput", f"{what} {err}", hint="an argument is one word: select one value, or use `stdin:`"
            ) from err
    return found


def _stdin(value: object) -> bytes | bytearray:
    try:
        return stdin_bytes(value)
    except CommandInput as err:
        raise CommandFault("CommandInput", f"`stdin` {err}") from err


def _folder(cwd: object, folder: str) -> str:
    """The folder inside the working folder that `cwd` names, made when no shipped file made it."""
    if not isinstance(cwd, str) or "\0" in cwd:
        raise CommandFault("CommandInput", "`cwd` is no path", hint="`cwd` is a folder inside the working folder")
    path = posixpath.normpath(cwd)
    if path.startswith(("/", "../")) or path == "..":
        raise CommandFault("CommandInput", f"`cwd` leaves the working folder: `{_cut(cwd)}`")
    inside = os.path.join(folder, path) if path != "." else folder
    try:
        os.makedirs(inside, exist_ok=True)
    except OSError as err:
        raise CommandFault("CommandInput", f"`cwd` is no folder: `{_cut(cwd)}`: {err.strerror}") from err
    return inside


def _inherited() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith(PRIVATE_VARIABLES)}


def _refused(program: Program, err: OSError) -> CommandFault:
    """Why a file that is there does not become a process."""
    command = f"`{command_text(program.argv[:1])}`"
    match err.errno:
        case errno.E2BIG:
            size = sum(map(len, program.argv))
            return CommandFault(
                "CommandInput",
                f"the command line of {command} is longer than this machine allows: {size:,} bytes",
                hint="give long texts through `stdin:`",
            )
        case errno.ENOEXEC:
            return CommandFault(
                "CommandNotExecutable",
                f"{command} is no program for this machine",
                hint="ship a program built for the worker's architecture; a script begins with `#!`",
            )
        case errno.ENOENT:
            return CommandFault(
                "CommandNotExecutable", f"the interpreter of {command} is not on the worker{_first_line(program)}"
            )
        case errno.EACCES:
            return CommandFault("CommandNotExecutable", f"{command} may not be executed", hint="chmod +x it")
        case _:
            return CommandFault("CommandNotExecutable", f"{command} cannot be started: {err.strerror}")


def _first_line(program: Program) -> str:
    """What a script says about who shall read it."""
    with open(program.executable, "rb") as file:
        line = file.readline(SHOWN_CHARS).rstrip()
    return f": `{line.decode(errors='replace')}`" if line.startswith(b"#!") else ""


def _end_text(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


class Commands:
    """The commands of one process. `get_blobs(digests)` returns verified bytes, and raises when some are missing."""

    def __init__(self, get_blobs: GetBlobs) -> None:
        self._get_blobs = get_blobs
        self._commands: dict[str, Command] = {}
        self._files = ShippedFiles(self._blob)
        self._guardian = Guardian()

    def load(self, digest: str) -> Command:
        """The command of the executable that `digest` names. Raises `BundleInvalid` (E603)."""
        if digest not in self._commands:
            executable = decode_executable(digest, self._blob(digest))
            self._commands[digest] = Command(digest, executable, self._files, self._guardian)
        return self._commands[digest]

    def close(self) -> None:
        """End what was started, and remove this process's working folders."""
        self._guardian.close()
        self._files.close()

    def _blob(self, digest: str) -> bytes:
        (data,) = self._get_blobs((digest,))
        return data
