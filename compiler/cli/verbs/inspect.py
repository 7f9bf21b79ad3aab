"""`treadle inspect`: what is in a bundle, with every digest verified."""

from __future__ import annotations

import argparse
from pathlib import Path

from compiler.cli.arguments import add_json
from compiler.cli.console import BOLD, Console, Exit
from runtime.bundle import LoadedBundle, load_bundle
from runtime.given_inputs import InputDeclaration, inputs_text
from runtime.plan import Entry
from runtime.quantities import format_size

DESCRIPTION = """\
Shows what is in a bundle: the workflow, its plan, its workers and the size of each part.
Every blob is read and compared with the digest that names it (E603 when one has changed)."""
EPILOG = """\
examples:
  treadle inspect build/hello
  treadle inspect build/hello --json
"""

SHOWN_WORKERS = 20


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="a folder that `treadle build` wrote")
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    bundle = load_bundle(Path(args.folder))
    sizes = {digest: len(bundle.blob(digest)) for digest in bundle.digests()}
    if console.is_json:
        console.json(_as_json(bundle, sizes))
    else:
        _show(bundle, sizes, console)
    return Exit.OK


def _as_json(bundle: LoadedBundle, sizes: dict[str, int]) -> dict[str, object]:
    return {
        "name": bundle.name,
        "digest": bundle.digest,
        "graph_signature": bundle.graph_signature,
        "planner": bundle.planner,
        "python": bundle.python,
        "tasks": bundle.task_count,
        "classes": [env.name for env in bundle.classes],
        "workers": {
            name: {"class": bundle.classes[worker.env].name, "subdag": worker.subdag, "bytes": sizes[worker.subdag]}
            for name, worker in bundle.workers.items()
        },
        "pages": [{"sha256": digest, "bytes": sizes[digest]} for digest in bundle.pages],
        "units": [{"sha256": digest, "bytes": sizes[digest]} for digest in bundle.units],
        "files": [{"sha256": digest, "bytes": sizes[digest]} for digest in bundle.files],
        "entries": [
            {"worker": entry.worker, "class": entry.env.name, "start": entry.start} for entry in bundle.entries
        ],
        "requirements": bundle.requirements,
        "inputs": {name: _input_json(declaration) for name, declaration in bundle.inputs.items()},
        "secrets": [
            {"name": secret.name, "reference": secret.reference, "place": secret.place} for secret in bundle.secrets
        ],
        "result": bundle.result_kind,
        "blobs": len(sizes),
        "bytes": sum(sizes.values()),
    }


def _input_json(declaration: InputDeclaration) -> dict[str, object]:
    default = {"default": declaration.default} if declaration.has_default else {}
    return {"type": str(declaration.type), **default, "description": declaration.description}


def _show(bundle: LoadedBundle, sizes: dict[str, int], console: Console) -> None:
    def row(name: str, text: str) -> None:
        console.say(f"  {name:<14}{text}")

    def total(digests: tuple[str, ...]) -> str:
        return f"{len(digests):,}, {format_size(sum(sizes[digest] for digest in set(digests)))}"

    console.say(console.paint(f"{bundle.name}", BOLD) + f"  bundle {bundle.digest[:16]}")
    row("planner", bundle.planner)
    row("tasks", f"{bundle.task_count:,}, graph {bundle.graph_signature}")
    row("Python", bundle.python)
    row("classes", ", ".join(env.name for env in bundle.classes))
    row("requirements", ", ".join(bundle.requirements) or "none")
    for number, text in enumerate(inputs_text(bundle.inputs)):
        row("" if number else "inputs", text)
    for number, secret in enumerate(bundle.secrets):
        row("" if number else "secrets", f"{secret.name}: {secret.reference} ({secret.place})")
    row("code units", total(bundle.units))
    row("shipped files", total(bundle.files))
    row("pages", total(bundle.pages))
    row("entries", f"{len(bundle.entries):,}")
    row("blobs", f"{len(sizes):,}, {format_size(sum(sizes.values()))}, every digest verified")
    for name, worker in list(bundle.workers.items())[:SHOWN_WORKERS]:
        size = format_size(sizes[worker.subdag])
        row(name, f"{bundle.classes[worker.env].name}, {size}{_starts(bundle.entries, name)}")
    if len(bundle.workers) > SHOWN_WORKERS:
        console.say(f"  … {len(bundle.workers) - SHOWN_WORKERS:,} more workers")


def _starts(entries: tuple[Entry, ...], worker: str) -> str:
    starts = [name for entry in entries if entry.worker == worker for name in entry.start]
    return f", starts {len(starts):,} with {starts[0]}" if starts else ""
