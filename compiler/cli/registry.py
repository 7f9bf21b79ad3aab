"""The verbs of the command line: each a module of `compiler.cli.verbs`, imported when it is needed."""

from __future__ import annotations

import importlib
from keyword import iskeyword
from types import ModuleType

VERBS = {
    "init": "scaffold a manifest with its functions",
    "validate": "find every mistake in a manifest, run nothing",
    "expand": "show the instances that a manifest stands for",
    "explain": "what a code means, where a value comes from, why one task waits for another",
    "graph": "draw the workflow as dot, mermaid, svg or json",
    "plan": "show which worker runs what",
    "diff": "what differs between two plans, bundles or manifests",
    "build": "write the bundle that runs anywhere",
    "inspect": "show what is in a bundle, and verify it",
    "run": "run a manifest or a bundle, and print the result",
    "runs": "list the runs of a deployment, or show one",
    "errors": "why a run failed",
    "logs": "what the tasks of a run wrote",
    "cancel": "end a run that goes on",
    "clean": "remove what is kept of runs",
    "import": "make a manifest of a recorded run of another system",
    "history": "what runs took: show it, take it elsewhere, forget it",
    "key": "list, rotate, show or drop the signing keys of a deployment",
    "schema": "print a published JSON Schema, for editors and programs",
    "local": "keep the local Lambda service and Redis running between runs",
    "doctor": "check this machine, print every setting and where it comes from",
    "completion": "print a script that completes treadle's words in a shell",
    "version": "print the version",
}
"""Name -> what it does, in a line, in the order of the help."""


def verb_module(verb: str) -> ModuleType:
    """The module of a verb: DESCRIPTION, EPILOG, `configure(parser)`, `run(args, console)`."""
    return importlib.import_module(f"compiler.cli.verbs.{verb}_" if iskeyword(verb) else f"compiler.cli.verbs.{verb}")
