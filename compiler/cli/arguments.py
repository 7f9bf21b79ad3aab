"""What several verbs take: FILE, `--set`, `--json`, the planner's options, any setting by name.

Also the errors of the command line itself, which end a verb with exit code 2.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from compiler.suggest import closest
from runtime.errors import RuntimeFault
from runtime.settings.layers import Settings, command_line, environment, resolve, settings_file

DEFAULT_FILE = "workflow.yaml"
OPTIONS = (
    "planner",
    "workers",
    "rounds",
    "optimize",
    "redis_url",
    "link",
    "deployment",
    "max_file_size_bytes",
    "max_instances",
    "metrics_upload",
)
"""Settings with an option of their own."""
MANIFEST_ENDINGS = (".yaml", ".yml", ".json")


class UsageError(RuntimeFault):
    """The command line itself is wrong."""

    code = "usage"
    exit_code = 2


class Parser(argparse.ArgumentParser):
    """argparse with help that keeps its line breaks and errors that end in one line of advice."""

    def __init__(self, *, prog: str, description: str, epilog: str = "", **rest: object) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ").split("=")[0].split(" ")[0]
        if unknown.startswith("--"):
            message += meant(unknown, self._option_string_actions)
        raise UsageError(message, hint=f"`{self.prog} --help` shows what it takes, with examples")


def add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", nargs="?", default=DEFAULT_FILE, metavar="FILE", help=f"the manifest, or - (default: {DEFAULT_FILE})"
    )


def add_manifest_words(parser: argparse.ArgumentParser, metavar: str, meaning: str) -> None:
    """FILE, which may be left out, and words after it: `split_words` tells them apart."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar=f"FILE {metavar}",
        help=f"the manifest, or - (default: {DEFAULT_FILE}), then {meaning}",
    )


def split_words(words: Sequence[str]) -> tuple[str, list[str]]:
    """FILE and the rest: the first word is FILE when it is -, looks like the name of a manifest or is there.

    A folder may have the name of a task: it is FILE, and a mistake, only where there is no other manifest.
    """
    if words and _is_file(words[0]):
        return words[0], list(words[1:])
    return DEFAULT_FILE, list(words)


def _is_file(word: str) -> bool:
    if word == "-" or word.endswith(MANIFEST_ENDINGS):
        return True
    return os.path.exists(word) and not (os.path.isdir(word) and os.path.exists(DEFAULT_FILE))


def add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="sets", help="a parameter of the manifest"
    )


def add_inputs(parser: argparse.ArgumentParser) -> None:
    from runtime.given_inputs import FILE_HELP, INPUT_HELP

    parser.add_argument("--input", action="append", default=[], metavar="NAME=VALUE", dest="inputs", help=INPUT_HELP)
    parser.add_argument("--inputs-file", metavar="FILE", help=FILE_HELP)


def add_picture(parser: argparse.ArgumentParser, meaning: str) -> None:
    parser.add_argument("--picture", metavar="FILE", type=_svg_file, help=f"{meaning}, as SVG")


def _svg_file(text: str) -> str:
    if os.path.splitext(text)[1].lower() not in ("", ".svg"):
        raise argparse.ArgumentTypeError(f"pictures are SVG, and {text} is named otherwise")
    return text


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", dest="is_json", help="one JSON text on standard output")


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="configs",
        help="any setting that `treadle doctor` lists, such as linger=80ms",
    )


def add_planning(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--planner",
        metavar="NAME",
        help="treadle (default), simple, dask, uniform, non-uniform (pinned workers) or wukong (flexible workers)",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="as many worker ids as this; wukong has none")
    parser.add_argument("--rounds", type=int, metavar="N", help="steps that a search may try: treadle and non-uniform")
    parser.add_argument("--optimize", metavar="PASSES", help="optimizations of the plan: none is all there is so far")


def add_plan_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plan", metavar="FILE", dest="plan_file", help="a plan that `treadle plan -o` wrote, instead of a planner's"
    )


def planning_options(args: argparse.Namespace) -> dict[str, object]:
    """What was said of planning on the command line, by option."""
    return {
        "--planner": args.planner,
        "--workers": args.workers,
        "--rounds": args.rounds,
        "--optimize": args.optimize,
        "--plan": getattr(args, "plan_file", None),
    }


def add_metrics(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--metrics",
        metavar="WHEN",
        dest="metrics_upload",
        help="when workers upload measurements: shutdown, task, every:5s or queue:50 (default: what the manifest says)",
    )


def add_redis(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--redis", metavar="URL", dest="redis_url", help="a Redis of your own instead of a started one")


def add_link(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--link",
        metavar="LINK",
        help="what lies between workers and Redis: none, lambda (1ms,78MB/s), or figures such as 5ms,20MB/s",
    )


def add_deployment(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--deployment", metavar="NAME", help="keys, blobs and the signing key by this name (default: local)"
    )


def pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """NAME=VALUE texts as a dict. Raises UsageError on a text without `=` and on a name given twice."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} takes NAME=VALUE, not {text!r}", hint=f"write {option} {name or 'name'}=value")
        if name in found:
            raise UsageError(f"{option} gives `{name}` twice")
        found[name] = value
    return found


def add_settings_of(parser: argparse.ArgumentParser) -> None:
    """For a verb that takes no FILE: whose `treadle.toml` counts."""
    parser.add_argument(
        "--file",
        metavar="FILE",
        dest="settings_of",
        help="the manifest or bundle whose treadle.toml counts (default: the one in this folder)",
    )


def settings_for(args: argparse.Namespace, environ: Mapping[str, str], *, backend: str = "local") -> Settings:
    """Every setting for this call: its options, the environment, `treadle.toml`, defaults."""
    own: dict[str, object] = {**pairs(getattr(args, "configs", []), "--config")}
    for option in OPTIONS:
        value = getattr(args, option, None)
        if value is not None:
            if option in own:
                raise UsageError(f"`{option}` is given twice: by --config, and by an option of its own")
            own[option] = value
    layers = [command_line(own), environment(environ), settings_file(_settings_folder(args), backend=backend)]
    return resolve(layers, backend=backend)


def _settings_folder(args: argparse.Namespace) -> Path:
    """Where `treadle.toml` is looked for: beside a manifest, in a bundle's folder; without either, in this folder."""
    named = getattr(args, "settings_of", None)
    if named not in (None, "-") and not os.path.exists(named):
        raise UsageError(f"there is no {named}", hint="give a manifest, or the folder of a bundle")
    file = named if hasattr(args, "settings_of") else getattr(args, "file", None)
    if file is None or file == "-":
        return Path()
    path = Path(file)
    return path if path.is_dir() else path.parent


def meant(word: str, candidates: Iterable[str]) -> str:
    """`; did you mean …?` for a mistyped word, or an empty text."""
    found = closest(word, candidates)
    return f"; did you mean `{found}`?" if found else ""
