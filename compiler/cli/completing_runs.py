"""How a shell completes the ids of runs: from the names of the folders that ended runs leave, and without treadle.

Runs that only a Redis knows are not among them; `last` always is.
"""

from __future__ import annotations

from typing import TypedDict

_BASH = """\
_treadle_runs() {
  local folder runs=last
  for folder in "${XDG_STATE_HOME:-$HOME/.local/state}"/treadle/local/*/runs/*/; do
    folder=${folder%/}; [ -d "$folder" ] && runs="$runs ${folder##*/}"
  done
  compgen -W "$runs" -- "$1"
}
_treadle_runs_or_files() {
  _treadle_runs "$1"
  compgen -f -- "$1"
}
"""
_ZSH = """\
_treadle_runs() {
  local -a runs
  runs=(last ${XDG_STATE_HOME:-$HOME/.local/state}/treadle/local/*/runs/*(N/:t))
  compadd -a runs
}
_treadle_runs_or_files() {
  _treadle_runs
  _files
}
"""
_FISH = """\
function _treadle_runs
  set -l state "$XDG_STATE_HOME"
  test -n "$state"; or set state "$HOME/.local/state"
  echo last
  for folder in $state/treadle/local/*/runs/*/
    basename $folder
  end
end
function _treadle_runs_or_files
  _treadle_runs
  __fish_complete_path (commandline -ct)
end
"""


class Complete(TypedDict):
    """What shtab takes for an argument: a function's name by shell, and where it is defined."""

    bash: str
    zsh: str
    fish: str
    preamble: dict[str, str]


_DEFINED = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
RUNS = Complete(bash="_treadle_runs", zsh="_treadle_runs", fish="(_treadle_runs)", preamble=_DEFINED)
RUNS_OR_FILES = Complete(
    bash="_treadle_runs_or_files",
    zsh="_treadle_runs_or_files",
    fish="(_treadle_runs_or_files)",
    preamble=_DEFINED,
)
