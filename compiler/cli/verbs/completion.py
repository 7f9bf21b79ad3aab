"""`treadle completion`: a script for a shell that completes verbs, options, choices, codes and file names."""

from __future__ import annotations

import argparse

from compiler.cli.arguments import add_json
from compiler.cli.console import Console, Exit

SHELLS = ("bash", "zsh", "fish")

DESCRIPTION = """\
Prints a script that completes treadle's verbs, options, choices, codes, runs and file names. The script is complete
in itself: pressing Tab starts no treadle. Print it again after an update."""
EPILOG = """\
install it:
  bash   treadle completion bash > ~/.local/share/bash-completion/completions/treadle
  zsh    treadle completion zsh > ~/.zfunc/_treadle      with  fpath=(~/.zfunc $fpath)  before compinit in ~/.zshrc
  fish   treadle completion fish > ~/.config/fish/completions/treadle.fish

examples:
  treadle completion bash
  source <(treadle completion bash)                      for this session only
  treadle completion zsh --json                          the script in a JSON object
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="the shell to complete in")
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    from compiler.cli.completing import completion_script

    script = completion_script(args.shell)
    if console.is_json:
        console.json({"shell": args.shell, "script": script})
    else:
        console.say(script)
    return Exit.OK
