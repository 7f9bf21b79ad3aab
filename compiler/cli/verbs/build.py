"""`treadle build`: the bundle, written to a folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from compiler.cli.arguments import add_config, add_file, add_json, add_plan_file, add_planning, add_set
from compiler.cli.console import Console, Exit
from compiler.cli.stages import load_build
from compiler.emit.write import write_bundle
from runtime.quantities import counted, format_size

DESCRIPTION = """\
Compiles a manifest to a bundle: plan, one part of the DAG per worker, your code and the runtime, every
part named by its sha256. Equal input gives an equal bundle, wherever and whenever it is built."""
EPILOG = """\
examples:
  treadle build workflow.yaml                        writes build/NAME
  treadle build workflow.yaml -o out --planner wukong
  treadle build workflow.yaml --plan plan.json       with a plan that `treadle plan -o` wrote
  python out/launch.py                               runs it; needs cloudpickle, redis, boto3, awslambdaric
  treadle inspect out
"""


def configure(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    add_planning(parser)
    add_plan_file(parser)
    parser.add_argument("-o", "--output", metavar="DIR", help="where to write (default: build/NAME)")
    add_set(parser)
    add_config(parser)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    build = load_build(args, console)
    folder = Path(args.output) if args.output else Path("build", build.graph.name)
    write_bundle(build, folder)
    size = sum(len(blob) for blob in build.blobs.values())
    if console.is_json:
        console.json(
            {
                "name": build.graph.name,
                "folder": str(folder),
                "digest": build.digest,
                "planner": build.plan.planner,
                "tasks": len(build.graph),
                "workers": len(build.plan.workers),
                "entries": len(build.plan.entries),
                "blobs": len(build.blobs),
                "bytes": size,
            }
        )
        return Exit.OK
    console.say(f"{folder}  bundle {build.digest[:16]}")
    console.say(
        f"  {counted(len(build.graph), 'task')} by {build.plan.planner}, "
        f"{counted(len(build.plan.entries), 'entry invocation')}, {counted(len(build.blobs), 'blob')}, "
        f"{format_size(size)}"
    )
    console.note(f"run it:  python {folder / 'launch.py'}")
    return Exit.OK
