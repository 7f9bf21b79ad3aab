"""An exported run taken in: what another deployment wrote is checked, and becomes a record file of this one.

Nothing in the file is trusted. Its JSON must have the types that a record has, text that people read loses what steers
a terminal, and graph and plan must have the digests that the record names. The parts of the result stay sealed as they
are: they open with the key of the deployment that ran it, and are refused (E606) with any other. An imported run is
shown and compared, never resumed, and is nobody's to clean elsewhere.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from runtime.display import tame
from runtime.errors import RuntimeFault, SchemaVersionUnsupported
from runtime.plan import Leaf, Ref, map_refs
from runtime.runs.archive import Section, pack_blob, write_sections
from runtime.runs.conforming import conforms
from runtime.runs.details import Details
from runtime.runs.finding import Deployment
from runtime.runs.logs import Written, decode_logs, encode_logs
from runtime.runs.package import AGAIN, INDEX, MAX_FILE_BYTES, VERSION, PackageInvalid, unpack
from runtime.runs.record import (
    Outcome,
    RunRecord,
    outcome_of,
    record_of,
    seal_outcome,
    seal_record,
    seal_timeline,
)
from runtime.timeline import decode_timeline

RUN = re.compile(r"\d{10,16}_[a-z0-9-]{1,63}_[0-9a-f]{8}_[0-9a-f]{1,64}")
YEAR_10000 = 253_402_300_800
TEXTS = ("task", "worker", "type", "message", "traceback", "file", "hint", "stderr", "on_error")
NUMBERS = ("attempt", "attempts", "line")


class FileUnreadable(RuntimeFault):
    """There is no such file, or it cannot be read."""

    code = "import-file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A run as a file tells it, checked."""

    record: RunRecord
    outcome: Outcome | None
    details: Details
    logs: tuple[Written, ...]
    parts: Mapping[str, bytes]


def import_run(deployment: Deployment, data: bytes, file: str) -> tuple[str, bool]:
    """Take the run in; returns its id, and False when it was here already, and nothing was changed.

    Raises `PackageInvalid`, `SchemaVersionUnsupported` (E605), OSError.
    """
    foreign = read_foreign(data, file)
    run = foreign.record.run
    if any(one.run == run for one in deployment.runs()):
        return run, False
    write_sections(deployment.folder(run), _sections(deployment, foreign))
    return run, True


def read_foreign(data: bytes, file: str) -> Foreign:
    """Everything that the file holds, checked. Raises as `import_run`."""
    members = unpack(data, file)
    try:
        return _foreign(members)
    except SchemaVersionUnsupported:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError, RuntimeFault) as err:
        raise PackageInvalid(f"{file} is no run that treadle wrote: {tame(str(err)[:120])}", hint=AGAIN) from err


def _foreign(members: Mapping[str, bytes]) -> Foreign:
    index = _json(members[INDEX])
    if index["format"] != "treadle run" or index["version"] != VERSION:
        raise ValueError("its index is another format's")
    record = _record(index["record"])
    if index["run"] != record.run:
        raise ValueError("it is of two runs")
    names = index["parts"]
    if not conforms(tuple(names), tuple[str, ...]):
        raise TypeError("the parts of its result have no names")
    return Foreign(
        record=record,
        outcome=None if index["outcome"] is None else _outcome(index["outcome"]),
        details=_details(members, record),
        logs=tuple([_written(one, record.run) for one in decode_logs(members.get("logs.json", b"[]"))]),
        parts={name: members[f"parts/{number}"] for number, name in enumerate(names)},
    )


def _json(data: bytes) -> Any:
    return json.loads(data.decode("utf-8", "surrogatepass"), parse_constant=_no_number)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _record(document: dict[str, Any]) -> RunRecord:
    record = replace(record_of(document), is_imported=True)
    if not conforms(record, RunRecord) or not RUN.fullmatch(record.run):
        raise TypeError("its record has other fields")
    if not all(0 <= at < YEAR_10000 for at in (record.started, record.launched)):
        raise ValueError("its record has a time that is none")
    shown = (record.workflow, record.planner, record.sla, record.host, record.link, *record.inputs)
    if any(tame(text) != text for text in shown):
        raise ValueError("its record has a name that cannot be shown")
    return record


def _outcome(document: dict[str, Any]) -> Outcome:
    found = outcome_of(document)
    if not conforms(found, Outcome) or not 0 <= found.ended < YEAR_10000:
        raise TypeError("its outcome has other fields")
    edges = len(found.edges)

    def checked(leaf: Leaf) -> object:
        if isinstance(leaf, Ref) and not (type(leaf.edge) is int and 0 <= leaf.edge < edges):
            raise ValueError("its result refers to nothing")
        return leaf

    map_refs(found.tree, checked)
    result = found.result and replace(found.result, passed=tuple(map(_error_record, found.result.passed)))
    return replace(
        found,
        code=tame(found.code),
        reason=_tame_lines(found.reason),
        hint=_tame_lines(found.hint),
        records=tuple([dict(_error_record(one)) for one in found.records]),
        result=result,
    )


def _error_record(record: Mapping[str, object]) -> Mapping[str, object]:
    """An error record with its texts fit to be shown. Raises TypeError for one that is none."""
    for names, kind in ((TEXTS, str), (NUMBERS, int)):
        if any(not conforms(record[name], kind) for name in names if name in record):
            raise TypeError("an error record has other fields")
    earlier = record.get("earlier", [])
    if not isinstance(earlier, list) or not all(isinstance(one, dict) for one in earlier):
        raise TypeError("an error record has other attempts before")
    texts = {name: _tame_lines(str(record[name])) for name in TEXTS if name in record}
    numbers = {name: record[name] for name in NUMBERS if name in record}
    return {**texts, **numbers, "earlier": [_earlier(one) for one in earlier]}


def _earlier(brief: Mapping[str, object]) -> dict[str, object]:
    if not conforms(brief["attempt"], int):
        raise TypeError("an error record has other attempts before")
    return {"attempt": brief["attempt"], **{name: _tame_lines(str(brief[name])) for name in ("type", "message")}}


def _tame_lines(text: str) -> str:
    return "\n".join(map(tame, text.split("\n")))


def _details(members: Mapping[str, bytes], record: RunRecord) -> Details:
    details = Details(
        timeline=members.get("timeline.json"), graph=members.get("graph.json"), plan=members.get("plan.json")
    )
    for data, digest in ((details.graph, record.graph), (details.plan, record.plan)):
        if data is not None and sha256(data).hexdigest() != digest:
            raise ValueError("its graph or its plan is another run's")
    details.run_graph()
    if details.timeline is not None and decode_timeline(details.timeline).run != record.run:
        raise ValueError("its timeline is another run's")
    return details


def _written(written: Written, run: str) -> Written:
    if not conforms(written, Written) or written.run != run:
        raise TypeError("its logs have other fields")
    return replace(written, worker=tame(written.worker), environment=tame(written.environment), task=tame(written.task))


def _sections(deployment: Deployment, foreign: Foreign) -> list[Section]:
    """The record file, its start, end, timeline, graph and plan sealed as this deployment's own."""
    trust = deployment.own_trust(foreign.record.run)
    signer, name, run = trust.signer, trust.deployment, trust.run
    ended, details = foreign.outcome, foreign.details
    sections = [
        Section("start", seal_record(signer, name, foreign.record)),
        Section("outcome", b"" if ended is None else seal_outcome(signer, name, run, ended)),
        Section("blobs", b""),
    ]
    if details.timeline is not None:
        sections.append(Section("timeline", seal_timeline(signer, name, run, details.timeline)))
    if details.graph is not None:
        sections.append(Section("graph", pack_blob(trust.seal_blob(foreign.record.graph, details.graph))))
    if details.plan is not None:
        sections.append(Section("plan", pack_blob(trust.seal_blob(foreign.record.plan, details.plan))))
    parts = [Section(f"part {part}", data) for part, data in foreign.parts.items()]
    return [*sections, Section("logs", encode_logs(foreign.logs)), *parts]


def read_file(file: str) -> bytes:
    """The bytes of a file, `-` is standard input; a little more than may be imported at most.

    Raises `FileUnreadable`.
    """
    try:
        if file == "-":
            return sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        with open(file, "rb") as stream:
            return stream.read(MAX_FILE_BYTES + 1)
    except OSError as err:
        raise FileUnreadable(f"{file} cannot be read: {err.strerror}") from err
