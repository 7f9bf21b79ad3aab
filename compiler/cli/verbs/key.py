"""`treadle key`: the signing keys of a deployment: listed, rotated, shown, dropped."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.cli.arguments import UsageError, settings_for
from compiler.cli.console import Console, Exit
from compiler.cli.deployments import add_place
from runtime.config import LocalSettings
from runtime.errors import RuntimeFault

if TYPE_CHECKING:
    from runtime.runs.signing_keys import KeyRing, SigningKey

ACTIONS = ("list", "rotate", "show", "drop")
DESCRIPTION = """\
The signing keys of a deployment. What workers read back is executed only when one of them has signed it. After
`rotate` a new key signs what is launched from then on; runs launched before go on with theirs, and stay readable
until it is dropped."""
EPILOG = """\
`show` prints the keys themselves, as the setting `signing_key` wants to find them where it points: env:NAME,
file:PATH, ssm:/path or secretsmanager:ID. One stands on each line, in hex or base64; the first signs.

examples:
  treadle key                                              ids, ages, and how many runs need each
  treadle key rotate
  treadle key drop 3f9a1c07
  aws secretsmanager create-secret --name team-key --secret-string "$(treadle key show)"
  treadle run --config signing_key=secretsmanager:team-key
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="list", help="what to do (default: list)")
    parser.add_argument("key", nargs="?", metavar="KEY", help="for drop: the id of a key, or how it begins")
    parser.add_argument("--force", action="store_true", help="drop a key although runs need it: they are lost")
    add_place(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    if (args.action == "drop") != (args.key is not None):
        raise UsageError("`key drop` takes the id of a key, other actions none", hint="`treadle key` lists the keys")
    local = settings_for(args, console.environ).of(LocalSettings)
    match args.action:
        case "rotate":
            _rotate(local, console)
        case "show":
            _show(local, console)
        case "drop":
            _drop(local, args.key, console, is_forced=args.force)
        case _:
            _list(local, console)
    return Exit.OK


def _list(local: LocalSettings, console: Console) -> None:
    from runtime.runs.signing_keys import load_keys

    ring = load_keys(local.deployment, local.signing_key)
    runs = _runs(local)
    rows = [_row(key, runs[key.name], is_first=key == ring.keys[0]) for key in ring.keys]
    if console.is_json:
        console.json({"deployment": local.deployment, "place": ring.place, "keys": rows})
        return
    console.say(f"keys of the deployment {local.deployment}, in {ring.place}")
    for row in rows:
        use = "signs" if row["signs"] else "opens"
        console.say(f"  {row['key']}  {use}  {_count(runs[str(row['key'])]):<10} {row['note']}".rstrip())


def _row(key: SigningKey, runs: int, *, is_first: bool) -> dict[str, object]:
    return {"key": key.name, "signs": is_first, "runs": runs, "note": key.note}


def _runs(local: LocalSettings) -> Counter[str]:
    """How many runs sign with each key."""
    from runtime.runs.finding import Deployment

    return Counter(found.entry.record.key for found in Deployment.of(local).runs())


def _count(runs: int) -> str:
    return "1 run" if runs == 1 else f"{runs or 'no'} runs"


def _rotate(local: LocalSettings, console: Console) -> None:
    from runtime.runs.signing_keys import rotate

    ring = rotate(_own_file(local))
    new, *older = (key.name for key in ring.keys)
    if console.is_json:
        console.json({"deployment": local.deployment, "key": new, "opens": older})
        return
    console.say(f"the key {new} signs what is launched from now on")
    console.note(f"what {' and '.join(older)} signed still opens; `treadle key` tells how many runs need it")


def _show(local: LocalSettings, console: Console) -> None:
    from runtime.runs.signing_keys import load_keys

    ring = load_keys(local.deployment, local.signing_key)
    if console.is_json:
        console.json({"deployment": local.deployment, "keys": [key.secret.hex() for key in ring.keys]})
        return
    console.lines(ring.text())


def _drop(local: LocalSettings, word: str, console: Console, *, is_forced: bool) -> None:
    from runtime.runs.signing_keys import drop, load_keys

    path = _own_file(local)
    name = _chosen(load_keys(local.deployment, None), word)
    runs = _runs(local)[name]
    if runs and not is_forced:
        raise KeyNeeded(
            f"{_count(runs)} of the deployment {local.deployment} would be lost with the key {name}",
            hint="`treadle runs` lists them, `treadle clean` removes them; --force drops the key all the same",
        )
    ring = drop(path, name)
    if console.is_json:
        console.json({"deployment": local.deployment, "dropped": name, "runs": runs, "key": ring.keys[0].name})
        return
    console.say(f"dropped {name}: nothing that it signed opens any more")


def _chosen(ring: KeyRing, word: str) -> str:
    """The id that the user means. Raises UsageError."""
    names = [key.name for key in ring.keys]
    fitting = [name for name in names if name.startswith(word.lower())]
    if len(fitting) != 1:
        why = f"`{word}` fits {len(fitting)} keys" if fitting else f"there is no key `{word}`"
        raise UsageError(why, hint=f"the keys are {', '.join(names)}")
    if fitting[0] == names[0]:
        raise UsageError(f"the key {names[0]} is the one that signs", hint="treadle key rotate")
    return fitting[0]


def _own_file(local: LocalSettings) -> Path:
    """The file of keys that treadle writes. Raises KeyElsewhere when the setting points to another place."""
    from runtime.runs.signing_keys import default_key_path

    if local.signing_key is not None:
        raise KeyElsewhere(
            f"the signing keys are read from {local.signing_key}, where treadle changes nothing",
            hint="change them there: one on each line, the first signs; `openssl rand -hex 32` makes one",
        )
    return default_key_path(local.deployment)


class KeyNeeded(RuntimeFault):
    """Runs sign with the key that is to be dropped."""

    code = "key-needed"
    exit_code = Exit.ERRORS


class KeyElsewhere(RuntimeFault):
    """The keys of the deployment are not treadle's to write."""

    code = "key-elsewhere"
    exit_code = Exit.USAGE
