"""The command line: one verb per stage, each in a module of its own that is imported when it is called."""

from compiler.cli.main import main

__all__ = ["main"]
