"""A run of this deployment as a file that any machine can read (`runtime.runs.package`)."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from runtime.errors import RuntimeFault
from runtime.runs.details import Details, details_of
from runtime.runs.finding import Deployment, Found
from runtime.runs.logs import encode_logs, logs_of
from runtime.runs.package import COMMENT_BYTES, INDEX, MAX_UNPACKED_BYTES, VERSION, is_package, pack
from runtime.runs.record import RunState, outcome_document, record_document
from runtime.runs.removing import RunRefuses

FORMAT = "treadle run"


class FileRefused(RuntimeFault):
    """The file cannot be written, or is somebody's."""

    code = "export-file"


def export_run(deployment: Deployment, found: Found) -> bytes:
    """Everything of a run that is over. Raises `RunRefuses` for one that goes on, RuntimeFault for one too large."""
    if found.entry.state is RunState.RUNNING:
        raise RunRefuses(
            f"the run {found.run} is running: only what is over can be exported",
            hint=f"`treadle run --attach {found.run}` waits for its end, `treadle cancel {found.run}` ends it",
        )
    members = _members(deployment, found)
    if sum(map(len, members.values())) > MAX_UNPACKED_BYTES:
        raise RunRefuses(f"the run {found.run} is larger than the {MAX_UNPACKED_BYTES >> 20} MiB that a file may hold")
    return pack(members)


def _members(deployment: Deployment, found: Found) -> dict[str, bytes]:
    parts = deployment.parts(found)
    outcome = found.entry.outcome
    index = {
        "format": FORMAT,
        "version": VERSION,
        "run": found.run,
        "record": record_document(found.entry.record),
        "outcome": None if outcome is None else outcome_document(outcome),
        "parts": list(parts),
    }
    return {
        INDEX: _json(index),
        "logs.json": encode_logs(logs_of(deployment, found)),
        **_documents(details_of(deployment, found)),
        **{f"parts/{number}": data for number, data in enumerate(parts.values())},
    }


def _documents(details: Details) -> dict[str, bytes]:
    found = {"timeline.json": details.timeline, "graph.json": details.graph, "plan.json": details.plan}
    return {name: data for name, data in found.items() if data is not None}


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")


def write_export(path: Path, data: bytes) -> None:
    """Write the file whole, for its user alone; only an older export is replaced. Raises `FileRefused`."""
    try:
        if path.exists() and not _is_export(path):
            raise FileRefused(f"{path} exists, and is no exported run", hint="give another name, or remove it")
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name[:100]}.", delete=False) as draft:
            draft.write(data)
        os.replace(draft.name, path)
    except OSError as err:
        raise FileRefused(f"{path} cannot be written: {err.strerror}") from err


def _is_export(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - COMMENT_BYTES))
        return is_package(file.read())
