"""A long fuzz run over broken manifests: `python -m tests.fuzz.manifests --seconds 600 --seed 1`.

Prints how many texts were tried, how often each code came, the slowest text, and each distinct failure once; the text
of a failure is kept in the folder of `--keep`. Ends with 1 when a property did not hold.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.conformance.own import OWN_ROOT, own_cases
from tests.fuzz.mutations import mutate
from tests.fuzz.properties import (
    check_codes,
    check_order,
    check_parsers,
    check_places,
    check_rendering,
    diagnose,
)

TESTS = Path(__file__).parents[1]
SETTINGS = ("1", "0", "-1", "true", "x", "", "[1, 2]", "{}", "1KiB", "9" * 400, "\x00", "${{ 1 }}", "é", 3, None, 2.5)


@dataclass(slots=True)
class Tally:
    """What a run saw."""

    texts: int = 0
    clean: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    slowest: str = ""
    failures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seed:
    """A manifest to begin with, and the folder that its modules are in."""

    text: str
    root: Path


def seeds() -> list[Seed]:
    """The contract's manifests, good and bad, the cases beside them, and the examples."""
    conformance = TESTS / "conformance"
    bad = json.loads((conformance / "bad_manifests.json").read_text(encoding="utf-8"))
    texts = [case["manifest"] for case in bad if case["manifest"] and len(case["manifest"]) < 2_000]
    good = [
        Seed(path.read_text(encoding="utf-8"), conformance / "fx") for path in (conformance / "good").glob("*.yaml")
    ]
    examples = [Seed(path.read_text("utf-8"), path.parent) for path in TESTS.parent.glob("manifests/*/workflow.yaml")]
    own = [Seed(case.manifest, OWN_ROOT) for case in own_cases()]
    return [*(Seed(text, conformance / "fx") for text in texts), *own, *(good + examples) * 10]


def try_text(text: str, root: Path, set_values: Mapping[str, object], turn: int, tally: Tally) -> None:
    """Check every property of one text. Raises whatever is wrong."""
    begin = time.perf_counter()
    found = diagnose(text, root, set_values)
    taken = time.perf_counter() - begin
    if taken > tally.slowest_s:
        tally.slowest_s, tally.slowest = taken, text
    tally.clean += not found
    tally.codes.update(one.code for one in found)
    check_codes(found)
    check_places(found, text, root)
    check_rendering(found, text)
    match turn % 4:
        case 0:
            check_parsers(text, root)
        case 1:
            check_order(text, root, set_values, turn)


def run(seconds: float, seed: int) -> Tally:
    """Try texts until the time is over."""
    tally, chance, known = Tally(), Random(seed), seeds()
    texts = [one.text for one in known]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        chosen = chance.choice(known)
        text = mutate(chosen.text, chance, texts)
        set_values = (
            {chance.choice(("x", "n", "leaves", "b")): chance.choice(SETTINGS)} if chance.random() < 0.1 else {}
        )
        tally.texts += 1
        try:
            try_text(text, chosen.root, set_values, tally.texts, tally)
        except KeyboardInterrupt:
            break
        except Exception as err:  # noqa: BLE001 - whatever is raised is what the run looks for
            tally.failures.setdefault(signature(err), json.dumps({"set": set_values, "manifest": text}))
    return tally


def signature(err: Exception) -> str:
    """What makes a failure distinct: its kind, and the places in our code that it came from."""
    frames = traceback.extract_tb(err.__traceback__)[-3:]
    where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(err).__name__} at {where}: {str(err)[:160] if isinstance(err, AssertionError) else err}"[:300]


def report(tally: Tally, keep: Path | None) -> None:
    print(f"{tally.texts:,} texts, {tally.clean:,} without a finding, {tally.codes.total():,} findings")
    print("  " + "  ".join(f"{code} {count:,}" for code, count in sorted(tally.codes.items())))
    print(f"slowest {tally.slowest_s:.2f} s")
    print(f"{len(tally.failures)} distinct failures")
    for number, (name, text) in enumerate(sorted(tally.failures.items())):
        print(f"  {number}: {name}")
        if keep is not None:
            (keep / f"{number}.json").write_text(text, encoding="utf-8")
    if keep is not None:
        (keep / "slowest.yaml").write_text(tally.slowest, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.manifests", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long to try (default: 600)")
    parser.add_argument("--seed", type=int, default=1, help="where chance begins (default: 1)")
    parser.add_argument("--keep", type=Path, help="a folder for the texts that failed")
    args = parser.parse_args(arguments)
    if args.keep is not None:
        args.keep.mkdir(parents=True, exist_ok=True)
    tally = run(args.seconds, args.seed)
    report(tally, args.keep)
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
