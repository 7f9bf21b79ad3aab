"""`validate` beside PyYAML's CSafeLoader and dask: flat manifests, one family, and the smallest one.

    python -m tests.benchmarks.validating [--tasks 1000,10000,100000] [--rounds 3]

Processor seconds of whole processes, children of this one and run in turn, the least of the rounds; `check` is the
same within a process, without its start. A flat task has a function, two arguments of which one is the result of the
task before (or two results, in a tree), a memory and a timeout. dask builds the same graph with `delayed`. Bars: flat
10,000 in less than `load`; 100,000 instances of a family in under 5 s and 1 GB; 10,000 to 100,000 at most 12-fold;
hello under 250 ms more than `python -c pass`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

HELLO = Path("manifests/hello/workflow.yaml").resolve()
ROOT = Path(__file__).resolve().parents[2]
OPTIONS = ("--max-file-size", "1GiB")

LOAD = "import sys, yaml; yaml.load(open(sys.argv[1], encoding='utf-8'), yaml.CSafeLoader)"
CHECK = """
import sys, time
from compiler.pipeline import check
check(sys.argv[2])
began = time.process_time()
assert check(sys.argv[1], max_file_size=1 << 30) == []
print(time.process_time() - began)
"""
DASK = """
import sys
from dask import delayed
from tests.benchmarks.validating import parents
step, made = delayed(lambda *given: 0, pure=False), []
for given in parents(int(sys.argv[1]), sys.argv[2]):
    made.append(step(*[made[at] for at in given]))
dict(made[-1].__dask_graph__())
"""
MEASURE = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
assert done.returncode == 0, done.stderr[-2000:]
seconds, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "peak": peak, "out": done.stdout}))
"""


def parents(count: int, shape: str) -> list[list[int]]:
    """For each task those whose results it takes: the one before, or the two below it in a tree."""
    if shape == "chain":
        return [[at - 1] if at else [] for at in range(count)]
    half = (count + 1) // 2
    return [[] if at < half else [2 * (at - half), 2 * (at - half) + 1] for at in range(count - 1 + count % 2)]


def flat(count: int, shape: str) -> str:
    """A manifest of so many tasks, each written out."""
    rows = ["spec: 1", "name: flat", "tasks:"]
    for at, given in enumerate(parents(count, shape)):
        references = [f"'${{{{ tasks.t{one} }}}}'" for one in given]
        args = ", ".join([*references, *map(str, range(2 - len(given)))])
        rows += [f"  t{at}:", "    call: work:step", f"    args: [{args}]"]
        rows += ["    resources: {memory: 512MiB}", "    timeout: 60s"]
    return "\n".join([*rows, f"result: ${{{{ tasks.t{at} }}}}", ""])


def family(count: int) -> str:
    """The same chain as one task."""
    return f"""\
spec: 1
name: family
tasks:
  t:
    call: work:step
    foreach: {{i: "${{{{ range({count}) }}}}"}}
    args: ["${{{{ 0 if i == 0 else tasks.t[i - 1] }}}}", "${{{{ i }}}}"]
    resources: {{memory: 512MiB}}
    timeout: 60s
result: ${{{{ tasks.t[{count - 1}] }}}}
"""


def measure(*command: str) -> dict[str, float]:
    """Processor seconds and peak MiB of one process, asked by a small one between, whose own peak does not count."""
    words = ["sh", "-c", '"$@"; true', "sh", sys.executable, "-c", MEASURE, *command]
    found: Mapping[str, str] = json.loads(subprocess.run(words, cwd=ROOT, check=True, capture_output=True).stdout)
    out = found["out"].strip() if found["out"] else ""
    return {"seconds": float(found["seconds"]), "peak": float(found["peak"]), "inside": float(out or 0)}


def least(rounds: int, commands: Mapping[str, tuple[str, ...]]) -> dict[str, dict[str, float]]:
    """Each command's best of the rounds, all of them in turn."""
    best: dict[str, dict[str, float]] = {}
    for _ in range(rounds):
        for name, command in commands.items():
            now = measure(*command)
            known = best.setdefault(name, now)
            best[name] = {key: min(known[key], now[key]) for key in now}
    return best


def compare(folder: Path, label: str, text: str, rounds: int, dask: tuple[str, ...] | None) -> float:
    """One row of the table; returns the seconds of `check`."""
    path = folder / "workflow.yaml"
    path.write_text(text, encoding="utf-8")
    commands = {
        "validate": (sys.executable, "-m", "compiler.cli", "validate", *OPTIONS, str(path)),
        "check": (sys.executable, "-c", CHECK, str(path), str(HELLO)),
        "load": (sys.executable, "-c", LOAD, str(path)),
    }
    if dask is not None:
        commands["dask"] = (sys.executable, "-c", DASK, *dask)
    best = least(rounds, commands)
    own, check, load = best["validate"]["seconds"], best["check"]["inside"], best["load"]["seconds"]
    beside = f"{best['dask']['seconds']:8.2f}" if "dask" in best else f"{'-':>8}"
    print(
        f"{label:24}{len(text) / 1e6:7.1f}{own:10.2f}{check:8.2f}{load:8.2f}{beside}"
        f"{own / load:10.2f}x{check / load:8.2f}x{best['validate']['peak']:10.0f}",
        flush=True,
    )
    return check


def starts(rounds: int) -> None:
    """The smallest manifest beside an empty program, and where its start goes."""
    commands = {
        "hello": (sys.executable, "-m", "compiler.cli", "validate", str(HELLO)),
        "pass": (sys.executable, "-c", "pass"),
    }
    best = least(rounds, commands)
    more = best["hello"]["seconds"] - best["pass"]["seconds"]
    hello, empty = best["hello"]["seconds"] * 1e3, best["pass"]["seconds"] * 1e3
    print(f"\nvalidate hello {hello:.0f} ms, python -c pass {empty:.0f} ms")
    print(f"{more * 1e3:.0f} ms more (bar: 250). The largest imports, with what each brings along:\n")
    command = [sys.executable, "-X", "importtime", *commands["hello"][1:]]
    rows = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stderr.splitlines()
    times = [row.removeprefix("import time:").split("|") for row in rows if row.startswith("import time:")][1:]
    tops = [(int(cumulative), name.strip()) for _, cumulative, name in times if name.count(".") < 2]
    for cumulative, name in sorted(tops, reverse=True)[:15]:
        print(f"{cumulative / 1e3:8.1f} ms  {name}")


def main() -> int:
    parser = argparse.ArgumentParser(description="validate beside CSafeLoader and dask")
    parser.add_argument("--tasks", default="1000,10000,100000")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(ROOT)
    heads = ("MB", 7), ("validate", 10), ("check", 8), ("load", 8), ("dask", 8), ("own/load", 11), ("check/load", 11)
    print(f"{'manifest':24}" + "".join(name.rjust(width) for name, width in heads) + "  peak MiB")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "work.py").write_text("def step(a, b):\n    return a\n")
        for shape in ("chain", "tree"):
            before = 0.0
            for count in map(int, options.tasks.split(",")):
                label = f"flat {shape} {count:,}"
                now = compare(folder, label, flat(count, shape), options.rounds, (str(count), shape))
                print(f"{'':24}{now / before:.1f}-fold" if before else "", end="\n" if before else "")
                before = now
        for count in map(int, options.tasks.split(",")):
            compare(folder, f"family {count:,}", family(count), options.rounds, None)
    starts(options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
