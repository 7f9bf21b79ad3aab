"""One case: `treadle run` and `treadle runs show`, as commands with a home of their own.

Nothing here looks into a run but through what the commands print. What a case cannot do (no plan meets its objective,
a task fails, it takes too long) is its outcome, and no reason to stop.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.experiments.cases import Case, Settings
from tests.benchmarks.experiments.variants import make_variant

ROOT = Path(__file__).parents[3]
MANIFESTS = ROOT / "manifests"
LEAVE_S = 30.0
"""How long a command may take to end after an interrupt."""

Values = dict[str, object]


class CommandFailed(Exception):
    """A command that ended with an error: its first line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where cases are run: with which variables, and for how long each command at most."""

    folder: Path
    environ: Mapping[str, str]
    limit_s: float

    def json(self, *arguments: str) -> Any:
        """What `treadle` prints. Raises CommandFailed."""
        process = subprocess.Popen(
            [sys.executable, "-m", "compiler.cli", *arguments, "--json"],
            cwd=self.folder,
            env=dict(self.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the driver, which hands it on
        )
        try:
            out, err = process.communicate(timeout=self.limit_s)
        except subprocess.TimeoutExpired as timeout:
            _leave(process)
            raise CommandFailed(f"`treadle {arguments[0]}` took more than {self.limit_s:g} s") from timeout
        except KeyboardInterrupt:
            _leave(process)
            raise
        if process.returncode:
            raise CommandFailed(_reason(out, err))
        return json.loads(out)


def _leave(process: subprocess.Popen[str]) -> None:
    """End a run so that it is cancelled and cleaned up; kill what does not go, or when the user asks again."""
    process.terminate()  # who was started in the background of a shell heeds no interrupt
    try:
        process.communicate(timeout=LEAVE_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        process.communicate()


def _reason(out: str, err: str) -> str:
    """What went wrong, on one line."""
    try:
        error = json.loads(out)["error"]
    except (ValueError, KeyError, TypeError):
        return next((line for line in err.splitlines() if line.strip()), "it said nothing")
    return f"{error['code']}: {error['message']}"


@contextmanager
def bench(folder: Path, settings: Settings, limit_s: float) -> Iterator[Bench]:
    """Commands with a home in the folder, which keeps the history. Warm: one service stays between all runs.

    Manifests and functions are copied anew, since they may have changed.
    """
    shutil.rmtree(folder / "variants", ignore_errors=True)
    home = folder.resolve() / "home"
    home.mkdir(parents=True, exist_ok=True)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("TREADLE_", "XDG_"))}
    paths = os.pathsep.join(filter(None, (str(ROOT), own.get("PYTHONPATH"))))
    settled = {"HOME": str(home), "PYTHONPATH": paths, "TREADLE_CONCURRENCY_LIMIT": str(settings.environments)}
    made = Bench(folder=home, environ=own | settled | {"TREADLE_LINK": settings.link}, limit_s=limit_s)
    if settings.start == "cold":
        yield made
        return
    made.json("local", "start")
    try:
        yield made
    finally:
        made.json("local", "stop")


def measure(case: Case, place: Bench, folder: Path) -> Values:
    """The values of a row. Raises only what ends the whole campaign."""
    began = time.monotonic()
    values: Values = _around()
    try:
        values |= _run(case, place, folder)
    except CommandFailed as err:
        values |= {"outcome": "failed", "message": str(err)[:300]}
    return values | {"took_s": time.monotonic() - began}


def _run(case: Case, place: Bench, folder: Path) -> Values:
    manifest, sets = located(case.workflow)
    file = make_variant(manifest, folder / "variants", sla=case.sla, memory_mb=case.memory_mb)
    began = time.monotonic()
    answer = place.json("run", str(file), "--planner", case.planner, *(word for one in sets for word in ("--set", one)))
    values = _real(answer) | {"planning_s": time.monotonic() - began - answer["wall_s"]}
    return values | _promised(answer["promise"], case.sla) | _shown(place.json("runs", "show", answer["run"]))


def located(workflow: str) -> tuple[Path, list[str]]:
    """`NAME` or `PATH`, then `:param=value,…`: the manifest, and its params as `--set` takes them.

    Raises FileNotFoundError.
    """
    name, _, params = workflow.partition(":")
    place = MANIFESTS / name / "workflow.yaml"
    file = place if place.is_file() else Path(name).resolve()
    if not file.is_file():
        raise FileNotFoundError(f"{name} is neither a folder of manifests/ nor a file")
    return file, [one for one in params.split(",") if one]


def _promised(promise: Mapping[str, Any] | None, sla: str) -> Values:
    """What was expected of the run before it, from earlier ones; nothing of the first."""
    if not promise:
        return {}
    times = promise["makespan_s"]
    return {
        **{f"predicted_{name}_s": seconds for name, seconds in times.items()},
        "predicted_objective_s": times.get(sla),
        "predicted_cost_usd": promise["cost_usd"],
        "predicted_cold": promise["cold_starts"],
        "predicted_warm": promise["warm_starts"],
        "samples": promise["samples"],
    }


def _real(answer: Mapping[str, Any]) -> Values:
    return {
        "outcome": "done",
        **{name: answer[name] for name in ("run", "makespan_s", "wall_s", "cost_usd", "workers", "tasks")},
        "invocations": answer["invocations"],
        "cold": answer["cold_starts"],
        "warm": answer["warm_starts"],
        "bytes_moved": answer["bytes_moved"],
    }


def _shown(shown: Mapping[str, Any]) -> Values:
    """What was used, and the sizes of the environments that the plan has, rising."""
    sizes = sorted({env["memory_mb"] for env in shown["plan"]["classes"]})
    return {"gb_s": (shown["cost"] or {}).get("gb_s"), "sizes_mb": " ".join(map(str, sizes))}


def _around() -> Values:
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
    }


def commit() -> str:
    """The commit of this tree, with a + when files differ from it; empty where there is no git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
