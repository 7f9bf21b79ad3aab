"""What spans, signatures and TLS cost on the no-op shapes: each run beside one without, interleaved.

    python -m tests.benchmarks.costs [--rounds N] [--shapes tree,fan,chain]

There is no setting to run without spans or signatures: the archive that goes to the environments is changed here, so
that nothing is noted of a task, and a tag is 32 zeros. Each variant has a service, a Redis and two warm environments of
its own, and each round runs all of them on every shape with both planners, beginning with another one each time.

Printed: the median makespan in ms, and the medians of its ratio, and of that of the processor time of the environments,
to the variant without in the same round, with the middle half of the ratios. The bar is spans and signatures together
under 10 %. TLS stands beside TCP without it. A busy machine shows in the spread: processor time suffers less.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from compiler.emit.closure import archive, shipped_members
from compiler.pipeline import CompileOptions, compile_workflow
from runtime.bundle import LoadedBundle
from runtime.config import LocalSettings, WorkerSettings
from runtime.launcher import Target, launch
from runtime.local.stack import LocalStack, ensure_stack
from runtime.values.envelope import Signer
from tests.benchmarks.shapes import Shape, shapes, write
from tests.contracts.certificates import Authority
from tests.contracts.cluster import free_ports, server_on, tls_flags

ENVIRONMENTS = 2
PLANNERS = ("simple", "wukong")
BAR = 1.10

UNSIGNED = """

def _no_tag(self, place, header, data):
    return bytes(TAG_BYTES)


def _any_key(self, key, place, header, data):
    return bytes(TAG_BYTES)


Signer.tag = _no_tag
Signer.tag_of = _any_key
"""
UNMEASURED = """

def _note_nothing(self, *args, **named):
    pass


InvocationMetrics.ended = _note_nothing
"""
UNMETERED = """

def _look_at_nothing(self, *args):
    return None


CpuMeter.begin = CpuMeter.took = _look_at_nothing
"""
WITHOUT: Mapping[str, Mapping[str, str]] = {
    "whole": {},
    "without signatures": {"runtime/values/envelope.py": UNSIGNED},
    "without spans": {"runtime/measures/metrics.py": UNMEASURED, "runtime/measures/cpu_time.py": UNMETERED},
    "without both": {
        "runtime/values/envelope.py": UNSIGNED,
        "runtime/measures/metrics.py": UNMEASURED,
        "runtime/measures/cpu_time.py": UNMETERED,
    },
    "TCP": {},
    "TLS": {},
}
PAIRS = (
    ("signatures", "whole", "without signatures"),
    ("spans", "whole", "without spans"),
    ("both", "whole", "without both"),
    ("TLS", "TLS", "TCP"),
)


@dataclass(slots=True, kw_only=True)
class Variant:
    """One way to run: where, and what. `makespans` and `processor` are seconds, by shape and planner, in order."""

    stack: LocalStack
    bundles: Mapping[tuple[str, str], LoadedBundle]
    is_signed: bool
    makespans: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    processor: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def run(self, case: tuple[str, str]) -> None:
        """Launch once; this process signs, or does not, as the environments do."""
        target = Target(redis_url=self.stack.redis_url, lambda_endpoint=self.stack.lambda_endpoint)
        before = self._used()
        with ExitStack() as planted:
            if not self.is_signed:
                planted.enter_context(patch.object(Signer, "tag", lambda *_: bytes(32)))
                planted.enter_context(patch.object(Signer, "tag_of", lambda *_: bytes(32)))
            result = launch(self.bundles[case], target, WorkerSettings(fan_out=ENVIRONMENTS))
        self.makespans.setdefault(case, []).append(result.makespan_s)
        self.processor.setdefault(case, []).append(self._used() - before)

    def _used(self) -> float:
        """Processor seconds of the environments so far."""
        environments = self.stack.status()["environments"]
        assert isinstance(environments, list)
        pids = [one["pid"] for one in environments if one["pid"]]
        return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids) / 1e9


@contextmanager
def variant(name: str, folder: Path, authority: Authority, chosen: list[Shape]) -> Iterator[Variant]:
    planted = WITHOUT[name]
    changed = {path: data + planted.get(path, "").encode() for path, data in shipped_members().items()}
    assert planted.keys() <= changed.keys(), "what is changed is shipped"
    with patch("compiler.emit.bundle.shipped_closure", lambda: archive(changed)):
        bundles = {
            (shape.name, planner): compile_workflow(
                write(shape, folder), CompileOptions(planner=planner, workers=ENVIRONMENTS, concurrency=ENVIRONMENTS)
            ).loaded
            for shape in chosen
            for planner in PLANNERS
        }
    with redis_for(name, folder, authority) as url:
        settings = LocalSettings(concurrency_limit=ENVIRONMENTS, redis_url=url, deployment="costs")
        with ensure_stack(settings) as stack:
            yield Variant(stack=stack, bundles=bundles, is_signed="signatures" not in name and "both" not in name)


@contextmanager
def redis_for(name: str, folder: Path, authority: Authority) -> Iterator[str | None]:
    """A server on a port of its own, with and without TLS; None is the service's own, on a socket."""
    if name not in ("TCP", "TLS"):
        yield None
        return
    (port,) = free_ports(1)
    flags = tls_flags(port, folder, authority) if name == "TLS" else ["--port", str(port)]
    with server_on(flags, folder / name, port=port):
        yield f"redis{'s' * (name == 'TLS')}://127.0.0.1:{port}/0" + (
            f"?ssl_ca_certs={authority.file}" if name == "TLS" else ""
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--shapes", default="tree,1 to,chain", help="beginnings of names, by comma")
    args = parser.parse_args()
    chosen = [shape for shape in shapes() if shape.name.startswith(tuple(args.shapes.split(",")))]
    if args.rounds < 1:
        parser.error("at least one round is needed")
    if not chosen:
        parser.error(f"no shape begins with any of {args.shapes}")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        authority = Authority(folder)
        variants = {one: stack.enter_context(variant(one, folder, authority, chosen)) for one in WITHOUT}
        cases = [(shape.name, planner) for shape in chosen for planner in PLANNERS]
        rounds(variants, cases, args.rounds)
    return print_tables(variants, cases)


def rounds(variants: Mapping[str, Variant], cases: list[tuple[str, str]], count: int) -> None:
    """Two that do not count, then `count`."""
    names = list(variants)
    for number in range(-2, count):
        if number == 0:
            for one in variants.values():
                one.makespans.clear()
                one.processor.clear()
        first = number % len(names)
        for case in cases:
            for name in names[first:] + names[:first]:
                variants[name].run(case)


def print_tables(variants: Mapping[str, Variant], cases: list[tuple[str, str]]) -> int:
    print(f"no-op tasks, {ENVIRONMENTS} environments; median makespans, ms\n")
    print(f"{'':22}" + "".join(f"{f'{shape}, {planner}':>24}" for shape, planner in cases))
    for name, one in variants.items():
        print(f"{name:22}" + "".join(f"{statistics.median(one.makespans[case]) * 1000:24.1f}" for case in cases))
    print("\nratios to the variant without: medians (middle half)\n")
    for label, with_it, without in PAIRS:
        for what in ("makespan", "processor"):
            cells = []
            for case in cases:
                pairs = zip(series(variants[with_it], what, case), series(variants[without], what, case), strict=True)
                low, middle, high = quartiles([one / other for one, other in pairs])
                cells.append(f"{middle:.3f} ({low:.2f} to {high:.2f})")
            print(f"{f'{label}, {what}':22}" + "".join(f"{cell:>24}" for cell in cells))
    over = {what: whole_ratio(variants, what, cases) for what in ("makespan", "processor")}
    shown = ", ".join(f"{what} {ratio:.3f}" for what, ratio in over.items())
    print(f"\nspans and signatures, over all: {shown}; bar {BAR}")
    return 0 if over["makespan"] < BAR else 1


def quartiles(values: list[float]) -> tuple[float, ...]:
    """One value is all three."""
    return tuple(statistics.quantiles(values, n=4) if len(values) > 1 else values * 3)


def series(one: Variant, what: str, case: tuple[str, str]) -> list[float]:
    return (one.makespans if what == "makespan" else one.processor)[case]


def whole_ratio(variants: Mapping[str, Variant], what: str, cases: list[tuple[str, str]]) -> float:
    """The medians of all cases together, with and without."""
    whole, bare = (variants[name] for name in ("whole", "without both"))
    with_it, without = (sum(statistics.median(series(one, what, case)) for case in cases) for one in (whole, bare))
    return with_it / without


if __name__ == "__main__":
    sys.exit(main())
