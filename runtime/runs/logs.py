"""What the tasks of a run wrote, cut out of the logs of environments by the marks in them (`runtime.markers`).

A log holds lines of many runs and tasks, one after another; what no mark claims was written by the service, between
tasks, or by a thread that a task left: it is no task's. A log whose middle was given up (`runtime.local.usage`), or
whose beginning was, yields what is left.
"""

from __future__ import annotations

import difflib
import json
import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from runtime.errors import RuntimeFault
from runtime.plan import Key, parse_instance_name
from runtime.runs.archive import read_sections
from runtime.runs.finding import Deployment, Found

MARKED = re.compile(rb"\x1e(\{[^\n]*\})\n")
HOLE = re.compile(rb"\0{4096,}")
QUOTED = re.compile(r'\["([^"]*)"\]')
SHOWN = 8
SERVICE = re.compile(rb"^(START|END|REPORT) RequestId: [^\n]*\n?", re.MULTILINE)


class UnknownTask(RuntimeFault):
    """The run has no task of this name."""

    code = "unknown-task"
    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What one attempt of a task wrote in one piece: `task` is the instance, `keys` those in its name.

    `is_open`: its end is not known, the process was killed.
    """

    run: str
    worker: str
    task: str
    keys: tuple[Key, ...]
    attempt: int
    environment: str
    text: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class _Mark:
    start: int
    end: int
    run: str
    worker: str
    task: str
    attempt: int
    wrote: int
    is_open: bool


def logs_of(deployment: Deployment, found: Found, task: str = "") -> list[Written]:
    """What the tasks of a run wrote, by task and attempt; `task` is an instance, `t[3]`, or all of `t`."""
    is_imported = found.entry.record.is_imported
    pieces = _imported(deployment, found) if is_imported else _written(_folder(deployment, found))
    wanted = [one for one in pieces if one.run == found.run and is_of(one.task, task)]
    return sorted(wanted, key=lambda one: (_natural(one.task), one.attempt))


def _written(folder: Path) -> Iterator[Written]:
    for path in sorted(folder.glob("*/*.log")):
        yield from read_log(path)


def _imported(deployment: Deployment, found: Found) -> Iterator[Written]:
    for section in read_sections(deployment.folder(found.run) / "record"):
        if section.name == "logs":
            yield from decode_logs(section.data)


def encode_logs(written: Iterable[Written]) -> bytes:
    """JSON of what was written, for `decode_logs`."""
    return json.dumps([asdict(one) for one in written], ensure_ascii=False).encode()


def decode_logs(data: bytes) -> list[Written]:
    """Raises ValueError, TypeError, KeyError on what is none."""
    return [Written(**{**document, "keys": tuple(document["keys"])}) for document in json.loads(data)]


def logs_elsewhere(deployment: Deployment, found: Found) -> str:
    """The machine that has the logs, when this one has none of the run: environments write files where they live."""
    host = found.entry.record.host
    if found.entry.record.is_imported:
        return ""
    return host if host != platform.node() and not _folder(deployment, found).is_dir() else ""


def _folder(deployment: Deployment, found: Found) -> Path:
    return found.stack.directory / "logs" if found.stack is not None else deployment.folder(found.run) / "logs"


def read_log(path: Path) -> Iterator[Written]:
    """The pieces of one log, in the order in which they were written."""
    data = path.read_bytes()
    after, last = 0, None
    for match in MARKED.finditer(data):
        mark = _mark_of(match)
        if mark is None:
            continue
        start = max(after, mark.start - mark.wrote)
        if last is not None and last.is_open and start > after:
            yield from _piece(last, data[after:start], path)
        yield from _piece(mark, data[start : mark.start], path)
        after, last = mark.end, mark
    if last is not None and last.is_open:
        yield from _piece(last, data[after:], path)


def _piece(mark: _Mark, data: bytes, path: Path) -> Iterator[Written]:
    text = SERVICE.sub(b"", HOLE.sub(_hole, data)) if mark.is_open else HOLE.sub(_hole, data)
    if mark.task and text:
        yield Written(
            run=mark.run,
            worker=mark.worker,
            task=mark.task,
            keys=_keys(mark.task),
            attempt=mark.attempt,
            environment=path.stem,
            text=text.decode(errors="replace"),
            is_open=mark.is_open,
        )


def _keys(task: str) -> tuple[Key, ...]:
    """Those of an instance; a task may write a mark of its own, with any name."""
    try:
        return parse_instance_name(task)[1]
    except ValueError:
        return ()


def _hole(match: re.Match[bytes]) -> bytes:
    return f"\n… {match.end() - match.start():,} bytes left out …\n".encode()


def _mark_of(match: re.Match[bytes]) -> _Mark | None:
    """A mark; None for what a task wrote that only looks like one."""
    try:
        fields = json.loads(match[1])
        return _Mark(
            start=match.start(),
            end=match.end(),
            run=str(fields["run"]),
            worker=str(fields["worker"]),
            task=str(fields.get("task", "")),
            attempt=int(fields.get("attempt", 0)),
            wrote=int(fields.get("bytes", 0)),
            is_open=fields.get("open") is True,
        )
    except (ValueError, KeyError, TypeError):
        return None


def check_task(run: str, names: Sequence[str], task: str) -> None:
    """Raises `UnknownTask` when `task` names none of a run's instances."""
    if any(is_of(name, task) for name in names):
        return
    family = task.partition("[")[0]
    families = list(dict.fromkeys(name.partition("[")[0] for name in names))
    if family in families:
        own = sorted((name for name in names if is_of(name, family)), key=_natural)
        raise UnknownTask(f"the run {run} has no task `{task}`", hint=f"it has {_listed(own)}")
    near = difflib.get_close_matches(family, families, n=1)
    meant = f"; did you mean `{near[0]}`?" if near else ""
    raise UnknownTask(f"the run {run} has no task `{task}`{meant}", hint=f"its tasks are {_listed(families)}")


def _listed(names: Sequence[str]) -> str:
    """All of a few names; of many how many there are, from the first to the last."""
    if len(names) <= SHOWN:
        return ", ".join(names)
    return f"{names[0]}, … {names[-1]} ({len(names):,})"


def is_of(task: str, wanted: str) -> bool:
    """`task` is one of those that `wanted` names: a text key may go without its quotes, which a shell would eat."""
    task, wanted = QUOTED.sub(r"[\1]", task), QUOTED.sub(r"[\1]", wanted)
    return not wanted or task == wanted or task.startswith(f"{wanted}[")


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """`t[10]` after `t[9]`."""
    parts = re.findall(r"\d+|\D+", name)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)
