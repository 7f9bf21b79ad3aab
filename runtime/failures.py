"""Error records: what the store and the user get to know of a task that failed, as one JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping

from runtime.ports import RunStatus

BRIEF_LIMIT = 300
MESSAGE_LIMIT = 4_000
TRACEBACK_LIMIT = 16_000


def error_record(
    *,
    task: str,
    attempt: int,
    attempts: int = 0,
    worker: str,
    kind: str,
    message: str,
    traceback: str = "",
    line: int = 0,
    file: str = "",
    hint: str = "",
    stderr: str = "",
    on_error: str = "fail",
) -> str:
    """JSON text of a record; `kind` is the exception's type name, or Killed, Timeout, NotSerializable, ExitCode.

    `attempts` is how many there are in all, 0 when a failure of this kind is not repeated.
    `line` is the manifest's line of the task, in `file` when that is not the main one. `stderr` is the end of what
    it wrote to its error output. `on_error` says what followed. Long texts are cut in the middle.
    """
    record: Mapping[str, object] = {
        "task": task,
        "attempt": attempt,
        "attempts": attempts,
        "worker": worker,
        "type": _cut(kind, BRIEF_LIMIT),
        "message": _cut(message, MESSAGE_LIMIT),
        "traceback": _cut(traceback, TRACEBACK_LIMIT),
        "line": line,
        "file": file,
        "hint": hint,
        "stderr": _cut(stderr, TRACEBACK_LIMIT),
        "on_error": on_error,
    }
    return json.dumps(record, ensure_ascii=False)


def brief_record(kind: str, message: str) -> str:
    """What is kept of an attempt that failed and was repeated, as JSON text."""
    return json.dumps({"type": _cut(kind, BRIEF_LIMIT), "message": _cut(message, BRIEF_LIMIT)}, ensure_ascii=False)


def is_fatal(record: str) -> bool:
    """Whether the failure of an error record ends its run: `on_error` does not let it pass."""
    return read_record(record).get("on_error", "fail") == "fail"


def read_record(text: str, task: str = "") -> dict[str, object]:
    """A record as it was stored. Records are not signed: one that is none says so of itself."""
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        record = None
    if isinstance(record, dict):
        return record
    return {"task": task, "type": "Unreadable", "message": "the record of this error was damaged in the store"}


def whole_records(status: RunStatus, *, passed: bool = False) -> tuple[dict[str, object], ...]:
    """The error records of a run, each with its attempts before: `earlier`, a list of short records.

    They are those of the failures that ended it, or with `passed` of those that `on_error` let pass.
    """
    return tuple(
        {
            **read_record(text, task),
            "earlier": [{"attempt": number, **read_record(brief)} for number, brief in status.earlier.get(task, ())],
        }
        for task, text in sorted(status.errors.items())
        if passed is not is_fatal(text)
    )


def _cut(text: str, limit: int) -> str:
    """The text, or its head and tail; half a surrogate pair, which no encoding takes, is written as its escape."""
    if len(text) > limit:
        half = limit // 2
        text = f"{text[:half]}\n… {len(text) - limit} characters left out …\n{text[-half:]}"
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()
