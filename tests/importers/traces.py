"""Traces in WfFormat, written down in short: tasks with what they read and write."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def task(
    name: str,
    *,
    reads: Mapping[str, int] | None = None,
    writes: Mapping[str, int] | None = None,
    parents: Sequence[str] = (),
    runtime: object = 1.0,
    **more: object,
) -> dict[str, Any]:
    """Files are named `path/name` or `name`."""
    files = [_file("input", *one) for one in (reads or {}).items()]
    files += [_file("output", *one) for one in (writes or {}).items()]
    return {"name": name, "type": "compute", "parents": [*parents], "files": files, "runtimeInSeconds": runtime, **more}


def _file(link: str, name: str, size: int) -> dict[str, Any]:
    path, _, last = name.rpartition("/")
    return {"link": link, "name": last, "sizeInBytes": size, **({"path": f"/{path}/"} if path else {})}


def trace_text(*tasks: Mapping[str, Any], version: str = "1.4", **more: object) -> str:
    return json.dumps({"name": "flow", "schemaVersion": version, "workflow": {"tasks": list(tasks), **more}})


DIAMOND = (
    task("split_ID1", writes={"a.txt": 600, "b.txt": 700}, runtime=0.02, category="split", machine="m"),
    task("half_ID2", reads={"a.txt": 600, "db": 10_000}, writes={"a.out": 60}, parents=["split_ID1"], runtime=0.03),
    task("half_ID3", reads={"b.txt": 700, "db": 10_000}, writes={"b.out": 70}, parents=["split_ID1"], runtime=0.01),
    task("join_ID4", reads={"a.out": 60, "b.out": 70}, writes={"all": 130, "log": 0}, runtime=0.0),
)
