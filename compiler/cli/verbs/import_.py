"""`treadle import`: a manifest made of a recorded run of another system, together with its history."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.cli.arguments import UsageError, add_json
from compiler.cli.console import Console, Exit
from compiler.importers.scales import Scales
from compiler.importers.trace import TraceInvalid
from runtime.errors import RuntimeFault

if TYPE_CHECKING:
    from compiler.importers.trace import Trace, Wiring

DESCRIPTION = """\
Makes a manifest of a recorded run: tasks that take the recorded time, sleeping or at work on the CPU, and read and
write as many bytes; each file is an output and an edge of its own. Times and bytes may be scaled, now or with --set.
Beside it stand the functions, the run as a timeline (schemas/span), and its history, for `treadle history import`.
What becomes of every task, second and byte is printed, and what the trace leaves open is decided by written rules."""
EPILOG = """\
formats:
  wfformat   WfCommons, WfFormat 1.0 to 1.6 (https://wfcommons.org)

examples:
  treadle import wfformat montage.json -o montage
  treadle import wfformat blast.json -o blast --time-scale 0.01 --bytes-scale 0.001 --work burn
  treadle history import montage/history.bin && treadle plan montage/workflow.yaml
"""
MANIFEST, FUNCTIONS, TIMELINE, HISTORY = "workflow.yaml", "functions.py", "timeline.json", "history.bin"
FILES = (MANIFEST, FUNCTIONS, TIMELINE, HISTORY)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("format", choices=("wfformat",), help="what the trace is written in")
    parser.add_argument("trace", metavar="FILE", help="the trace, or - for standard input")
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="where to write; a new or empty folder")
    parser.add_argument("--time-scale", default="1", metavar="X", help="recorded seconds times this (default: 1)")
    parser.add_argument("--bytes-scale", default="1", metavar="X", help="recorded bytes times this (default: 1)")
    parser.add_argument("--work", choices=("sleep", "burn"), default="sleep", help="what a task does in its time")
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    from compiler.importers.account import account_lines, account_object
    from compiler.importers.edges import wire

    time_scale, bytes_scale = _scale(args.time_scale, "--time-scale"), _scale(args.bytes_scale, "--bytes-scale")
    folder = Path(args.output)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not empty", hint="name another folder")
    try:
        trace = _trace(args.trace)
        wiring = wire(trace)
    except TraceInvalid as fault:
        raise TraceInvalid([f"{args.trace} cannot be imported", *fault.mistakes], hint=fault.hint) from fault
    scales = Scales(time=time_scale, bytes=bytes_scale, how=args.work)
    _write_all(folder, trace, wiring, scales, Path(args.trace).name)
    if console.is_json:
        console.json({"files": [str(folder / name) for name in FILES], **account_object(trace, wiring, scales)})
        return Exit.OK
    console.say(f"{folder / MANIFEST}  from {trace.name}")
    console.lines("".join(f"{line}\n" for line in account_lines(trace, wiring, scales)))
    console.note(f"its history:  treadle history import {folder / HISTORY}")
    console.note(f"run it:       treadle run {folder / MANIFEST}")
    return Exit.OK


def _write_all(folder: Path, trace: Trace, wiring: Wiring, scales: Scales, source: str) -> None:
    """The manifest and its functions; then, by the fingerprints of what was written, timeline and history."""
    from compiler.importers.experience import history_of_trace, timeline_of
    from compiler.importers.manifest import Names, functions_text, manifest_text
    from compiler.pipeline import CompileOptions, compile_workflow
    from runtime.history.exchange import export
    from runtime.timeline import encode_timeline

    names = Names.of(trace)
    _write(folder, MANIFEST, manifest_text(trace, wiring, names, scales, source=source).encode())
    _write(folder, FUNCTIONS, functions_text(trace, names).encode())
    bundle = compile_workflow(folder / MANIFEST, CompileOptions()).loaded
    timeline = timeline_of(trace, wiring, names, scales, bundle)
    _write(folder, TIMELINE, encode_timeline(timeline))
    _write(folder, HISTORY, export([history_of_trace(timeline, bundle)]))


def _trace(file: str) -> Trace:
    """Raises `TraceInvalid`, RuntimeFault when the file cannot be read."""
    from compiler.importers.wfformat import read_wfformat

    try:
        return read_wfformat(sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8"))
    except OSError as err:
        raise RuntimeFault(f"cannot read {file}: {err.strerror or err}") from err
    except UnicodeDecodeError as err:
        raise TraceInvalid(["it is not UTF-8 text"]) from err


def _scale(text: str, option: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise UsageError(f"{option} is {text!r}", hint="a scale is a number, not negative, such as 0.01")
    return value


def _write(folder: Path, name: str, data: bytes) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    except OSError as err:
        raise RuntimeFault(f"cannot write to {folder}: {err.strerror or err}") from err
