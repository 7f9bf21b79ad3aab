"""`treadle schema`: the published JSON Schemas."""

from __future__ import annotations

import argparse
import json
from importlib import resources
from pathlib import Path

from compiler.cli.arguments import UsageError, add_json, meant
from compiler.cli.console import Console, Exit
from compiler.manifest.published import as_text, published_fragment_schema, published_schema
from runtime.errors import RuntimeFault

DEFAULT_NAME = "manifest"

DESCRIPTION = """\
Prints a published JSON Schema: of manifests, for editors, or of what treadle writes. With
--json and no name, lists them all. --reference prints the manifest's reference for people."""
_MADE = {"manifest": published_schema, "fragment": published_fragment_schema}
"""Schemas that are made from the grammar, so that they say themselves where an expression may stand."""

EPILOG = """\
schemas:
{schemas}

In an editor with yaml-language-server, this first line of a manifest gives completion, help on
every key and checks while you type; `treadle init` writes both:
  # yaml-language-server: $schema=.treadle/manifest.schema.json

examples:
  treadle schema -o .treadle/manifest.schema.json
  treadle schema diagnostics | less
  treadle schema --json
  treadle schema --reference | less
"""


def names() -> list[str]:
    """The published schemas, those of files that people write first."""
    found = (entry.name for entry in resources.files("schemas").iterdir() if entry.name.endswith(".json"))
    others = {name.removesuffix(".json") for name in found} - set(_MADE)
    return [*_MADE, *sorted(others)]


def text_of(name: str) -> str:
    """The text of a published schema."""
    if name in _MADE:
        return as_text(_MADE[name]())
    return resources.files("schemas").joinpath(f"{name}.json").read_text(encoding="utf-8")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG.format(schemas="\n".join(f"  {name:<13}{_title(name)}" for name in names()))
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"which one (default: {DEFAULT_NAME})")
    parser.add_argument("--reference", action="store_true", help="every field of a manifest on a page of Markdown")
    parser.add_argument("-o", dest="output", metavar="FILE", help="write it to a file")
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    if args.reference:
        return _answer(_reference(args), "reference", args, console)
    if console.is_json and args.name is None and args.output is None:
        console.json([{"name": name, "title": _title(name)} for name in names()])
        return Exit.OK
    name = args.name or DEFAULT_NAME
    if name not in names():
        raise UsageError(f"there is no schema `{name}`{meant(name, names())}", hint=f"they are {', '.join(names())}")
    return _answer(text_of(name), name, args, console)


def _reference(args: argparse.Namespace) -> str:
    from compiler.reference import reference_page

    if args.name is not None:
        raise UsageError("--reference takes no name: it is about manifests", hint=f"leave out {args.name}")
    return reference_page()


def _answer(text: str, name: str, args: argparse.Namespace, console: Console) -> int:
    """Print a text, or write it to the file that was asked for."""
    if args.output is not None:
        _write(text, Path(args.output))
        if console.is_json:
            console.json({"schema": name, "file": args.output})
        else:
            console.say(f"wrote {args.output}")
    elif console.is_json and name == "reference":
        console.json({"reference": text})
    else:
        console.lines(text)
    return Exit.OK


def write_schema(name: str, place: Path) -> None:
    """Write a schema to a file, its folder made when need be. Raises RuntimeFault."""
    _write(text_of(name), place)


def _write(text: str, place: Path) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    except OSError as err:
        raise RuntimeFault(f"cannot write {place}: {err.strerror or err}") from err


def _title(name: str) -> str:
    title: str = json.loads(text_of(name))["title"]
    return title
