"""Nothing that this deployment did not sign for exactly its place is executed: shown in runs, with pickle bombs.

Whoever can write to Redis puts something else in place of a value, a chunk of one, an input, a code unit or a page, or
whispers a value in a hint, while a run waits at a gate. Each is refused as E606, and the bomb's folder is never made.
What is not unpickled (events, error records) is not signed: rubbish there is passed over.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compiler.emit.bundle import Build
from runtime.backends.batch import read_value, write_value
from runtime.config import WorkerSettings
from runtime.errors import RuntimeFault
from runtime.ports import Reference
from runtime.runs.signing_keys import load_keys
from runtime.values.envelope import Codec, Kind, Place, seal
from runtime.values.trust import Trust
from tests.faults.workloads import SHORT_LEASES, small_bench
from tests.integration.gate import WAIT, meanwhile
from tests.integration.running import DEPLOYMENT, Bench, compile_at, wait_for, write_workflow
from tests.integration.test_faults import while_the_gate_is_closed

BODY = """
params: {folder: {type: str}, size: {type: int}}
inputs: {data: {type: str, default: ""}, more: {type: str, default: ""}}
tasks:
  early: {call: "functions:make", args: ["${{ params.size }}"], worker: red}
  other: {call: "functions:make", args: ["${{ params.size }}"], worker: red}
  pair: {call: "functions:both", args: ["${{ params.size }}"], worker: red, outputs: [left, right]}
  gate: {call: "functions:wait", args: ["${{ params.folder }}"], worker: blue}
  late: {call: "measuring:measure", args: ["${{ tasks.early }}", "${{ tasks.gate }}"], worker: green}
  count: {call: "measuring:measure", args: ["${{ tasks.other }}", "${{ tasks.gate }}"], worker: green}
  left:
    call: measuring:measure
    args: ["${{ tasks.pair.left }}", "${{ [tasks.pair.right, tasks.gate] }}"]
    worker: green
  given: {call: "measuring:measure", args: ["${{ inputs.data }}", "${{ tasks.gate }}"], worker: green}
  heard: {call: "measuring:measure", args: ["${{ tasks.early }}", "${{ tasks.gate }}"], worker: red}
result: ["${{ tasks.late }}", "${{ tasks.count }}", "${{ tasks.left }}", "${{ tasks.given }}", "${{ tasks.heard }}"]
"""
PAGED = """
params: {folder: {type: str}, size: {type: int}}
tasks:
  early: {call: "functions:make", args: ["${{ params.size }}"]}
  other: {call: "functions:make", args: ["${{ params.size }}"]}
  gate: {call: "functions:wait", args: ["${{ params.folder }}"]}
  late:
    call: measuring:measure
    foreach: {i: "${{ range(300) }}"}
    args: ["${{ tasks.early if i % 2 else tasks.other }}", "${{ tasks.gate }}"]
result: ["${{ tasks.late }}"]
"""
HEARING = """
params: {folder: {type: str}}
tasks:
  gate: {call: "functions:wait", args: ["${{ params.folder }}"], worker: blue}
  early: {call: "functions:once_it_waits", args: ["${{ params.folder }}"], worker: red}
  heard: {call: "measuring:measure", args: ["${{ tasks.early }}", "${{ tasks.gate }}"], worker: red}
  late: {call: "measuring:measure", args: ["${{ tasks.early }}", "${{ tasks.gate }}"], worker: green}
result: ["${{ tasks.early }}", "${{ tasks.heard }}", "${{ tasks.late }}"]
"""
LISTENING = WorkerSettings(fan_out=4, deadline_s=120.0, linger_s=60.0)
"""While any worker of a run waits for an environment, others hardly linger. `red` ends `early` when the gate's task
runs on `blue`, and `green` is called after the gate: `red` surely lingers, and hears hints, while the gate is closed.
"""

FUNCTIONS = (
    WAIT
    + """

def once_it_waits(folder):
    give_up = time.monotonic() + 60
    while not pathlib.Path(folder, "begun").exists():
        assert time.monotonic() < give_up, "nobody waits at the gate"
        time.sleep(0.005)
    return "early"


def make(size):
    return bytes(size)


def both(size):
    return {"left": bytes(size), "right": bytes(size)}
"""
)
MEASURING = """
def measure(value, gate):
    return len(value)
"""


class Bomb:
    """Unpickling it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder / "exploded")

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.folder,)


@pytest.fixture(scope="module")
def bench(own_home: None) -> Iterator[Bench]:
    with small_bench() as bench:
        yield bench


def gated(folder: Path, body: str, *, size: int, planner: str = "simple") -> Build:
    path = write_workflow(folder, body, FUNCTIONS)
    (folder / "measuring.py").write_text(f"PLACE = {folder.name!r}\n{MEASURING}")
    return compile_at(path, planner, folder=str(folder), size=size)


def trust_of(prefix: str, deployment: str = DEPLOYMENT) -> Trust:
    """What the run with these keys trusts, or another deployment's run of the same name."""
    signer = load_keys(deployment, None).signer()
    return Trust(signer=signer, deployment=deployment, run=prefix.partition("{")[2].partition("}")[0])


def bare_bomb(bench: Bench, prefix: str, bomb: bytes) -> None:
    bench.client.hset(prefix + "out", "early", b"v" + bomb)


def bomb_of_another_signer(bench: Bench, prefix: str, bomb: bytes) -> None:
    place = Place(deployment=DEPLOYMENT, run=trust_of(prefix).run, instance="early")
    bench.client.hset(prefix + "out", "early", b"v" + seal(b"x" * 32, place, bomb, Codec.PICKLE))


def value_of_another_task(bench: Bench, prefix: str, bomb: bytes) -> None:
    bench.client.hset(prefix + "out", "early", bench.client.hget(prefix + "out", "other") or b"")


def value_of_another_run(bench: Bench, prefix: str, bomb: bytes) -> None:
    trust = trust_of(prefix)
    theirs = Trust(signer=trust.signer, deployment=trust.deployment, run="another").seal_value("early", bytes(40))
    assert isinstance(theirs, bytes)
    bench.client.hset(prefix + "out", "early", b"v" + theirs)


def value_of_another_deployment(bench: Bench, prefix: str, bomb: bytes) -> None:
    theirs = trust_of(prefix, "another").seal_value("early", bytes(40))
    assert isinstance(theirs, bytes)
    bench.client.hset(prefix + "out", "early", b"v" + theirs)


def input_of_the_same_name(bench: Bench, prefix: str, bomb: bytes) -> None:
    theirs = trust_of(prefix).seal_input("early", bytes(40))
    assert isinstance(theirs, bytes)
    bench.client.hset(prefix + "out", "early", b"v" + theirs)


def bomb_as_code(bench: Bench, prefix: str, bomb: bytes) -> None:
    for key in bench.client.scan_iter(f"treadle:{DEPLOYMENT}:blob:*"):
        place = Place(deployment=DEPLOYMENT, run="", instance=key.decode().rpartition(":")[2], kind=Kind.BLOB)
        bench.client.set(key, seal(b"x" * 32, place, bomb, Codec.RAW))


def slots_of_pair(bench: Bench, prefix: str) -> list[bytes]:
    return sorted(slot for slot in bench.client.hkeys(prefix + "out") if slot.startswith(b"pair"))


def value_of_another_output(bench: Bench, prefix: str, bomb: bytes) -> None:
    wait_for(lambda: len(slots_of_pair(bench, prefix)) == 2, "both outputs")
    left, right = slots_of_pair(bench, prefix)
    bench.client.hset(prefix + "out", left, bench.client.hget(prefix + "out", right) or b"")


def value_that_is_cut(bench: Bench, prefix: str, bomb: bytes) -> None:
    bench.client.hset(prefix + "out", "early", (bench.client.hget(prefix + "out", "early") or b"")[:-1])


def record_of_this_run(bench: Bench, prefix: str, bomb: bytes) -> None:
    trust = trust_of(prefix)
    place = Place(deployment=DEPLOYMENT, run=trust.run, instance="early", kind=Kind.RECORD)
    bench.client.hset(prefix + "out", "early", b"v" + seal(trust.signer, place, bomb, Codec.PICKLE))


def header_of_another_codec(bench: Bench, prefix: str, bomb: bytes) -> None:
    value = bytearray(bench.client.hget(prefix + "out", "early") or b"")
    value[5] = Codec.CLOUDPICKLE
    bench.client.hset(prefix + "out", "early", bytes(value))


def bomb_as_an_input(bench: Bench, prefix: str, bomb: bytes) -> None:
    bench.client.hset(prefix + "inputs", "data", b"v" + bomb)


def another_input(bench: Bench, prefix: str, bomb: bytes) -> None:
    bench.client.hset(prefix + "inputs", "data", bench.client.hget(prefix + "inputs", "more") or b"")


SMALL = (
    bare_bomb,
    bomb_of_another_signer,
    value_of_another_task,
    value_of_another_run,
    value_of_another_deployment,
    input_of_the_same_name,
    value_of_another_output,
    value_that_is_cut,
    record_of_this_run,
    header_of_another_codec,
    bomb_as_an_input,
    another_input,
    bomb_as_code,
)


def reference(bench: Bench, prefix: str, slot: str) -> str:
    found = read_value(bench.client.hget(prefix + "out", slot) or b"")
    assert isinstance(found, Reference)
    return found.key


def chunk_of_another_task(bench: Bench, prefix: str, bomb: bytes) -> None:
    early, other = (reference(bench, prefix, slot).partition("#")[0] for slot in ("early", "other"))
    bench.client.copy(f"{other}#2", f"{early}#1", replace=True)


def bomb_as_a_chunk(bench: Bench, prefix: str, bomb: bytes) -> None:
    bench.client.set(reference(bench, prefix, "early").partition("#")[0] + "#0", bomb)


def head_of_another_task(bench: Bench, prefix: str, bomb: bytes) -> None:
    theirs = Reference(key=reference(bench, prefix, "other"))
    bench.client.hset(prefix + "out", "early", write_value(theirs))


INPUTS = {"data": "d" * 50_000, "more": "m" * 50_000}
"""Too large for a payload."""

LARGE = (chunk_of_another_task, bomb_as_a_chunk, head_of_another_task)
Attack = Callable[[Bench, str, bytes], None]


def refuse(bench: Bench, build: Build, folder: Path, attack: Attack) -> RuntimeFault:
    """Run until the gate, attack, and go on: the fault that ends the run."""
    bomb = pickle.dumps(Bomb(folder))
    with (
        pytest.raises(RuntimeFault) as fault,
        while_the_gate_is_closed(folder, bench, lambda prefix: attack(bench, prefix, bomb)),
    ):
        bench.run(build, SHORT_LEASES, inputs=INPUTS if build.loaded.inputs else None)
    check_refused(fault.value, folder)
    return fault.value


def check_refused(fault: RuntimeFault, folder: Path) -> None:
    assert "E606" in f"{fault.code} {fault.message}"
    assert fault.hint
    assert not (folder / "exploded").exists()


@pytest.mark.parametrize("attack", SMALL, ids=lambda attack: attack.__name__)
def test_what_stands_in_place_of_a_value_or_code_is_refused(bench: Bench, tmp_path: Path, attack: Attack) -> None:
    refuse(bench, gated(tmp_path, BODY, size=40), tmp_path, attack)


@pytest.mark.parametrize("attack", LARGE, ids=lambda attack: attack.__name__)
def test_what_stands_in_place_of_a_large_values_part_is_refused(bench: Bench, tmp_path: Path, attack: Attack) -> None:
    refuse(bench, gated(tmp_path, BODY, size=20_000_000), tmp_path, attack)


def test_a_bomb_in_place_of_pages_is_refused(bench: Bench, tmp_path: Path) -> None:
    def attack(bench: Bench, prefix: str, bomb: bytes) -> None:
        numbers = bench.client.hkeys(prefix + "pages")
        bench.client.hset(prefix + "pages", mapping=dict.fromkeys(numbers, bomb))

    fault = refuse(bench, gated(tmp_path, PAGED, size=40, planner="wukong"), tmp_path, attack)
    assert "for page " in f"{fault.code} {fault.message}"


def test_a_bomb_whispered_to_a_worker_that_listens_is_refused(bench: Bench, tmp_path: Path) -> None:
    def whisper() -> None:
        """The gate opens when the run has ended: nothing but the hint can have ended it."""
        wait_for(lambda: keys_with(bench, "early"), "the early value")
        (prefix,) = keys_with(bench, "early")
        bench.client.xadd(prefix + "hint:red", {"gate": pickle.dumps(Bomb(tmp_path))})
        wait_for(lambda: bench.client.hget(prefix + "meta", "state") != b"run", "the end of the run")

    with pytest.raises(RuntimeFault) as fault, meanwhile(tmp_path, whisper):
        bench.run(hearing(tmp_path), LISTENING)
    check_refused(fault.value, tmp_path)


def test_a_bomb_whispered_to_a_worker_that_is_not_there_is_read_by_nobody(bench: Bench, tmp_path: Path) -> None:
    def whisper() -> None:
        wait_for(lambda: keys_with(bench, "early"), "the early value")
        (prefix,) = keys_with(bench, "early")
        bench.client.xadd(prefix + "hint:green", {"gate": pickle.dumps(Bomb(tmp_path))})

    with meanwhile(tmp_path, whisper):
        result = bench.run(hearing(tmp_path), LISTENING)
    assert result.result == ["early", 5, 5]
    assert not (tmp_path / "exploded").exists()


def hearing(folder: Path) -> Build:
    path = write_workflow(folder, HEARING, FUNCTIONS)
    (folder / "measuring.py").write_text(MEASURING)
    return compile_at(path, "simple", folder=str(folder))


def keys_with(bench: Bench, slot: str) -> list[str]:
    """The prefixes of runs that go on and have stored `slot`."""
    outs = [key for key in bench.left_keys() if key.endswith(":out")]
    return [key.removesuffix("out") for key in outs if bench.client.hexists(key, slot)]


def test_rubbish_that_is_not_signed_is_passed_over(bench: Bench, tmp_path: Path) -> None:
    bomb = pickle.dumps(Bomb(tmp_path))

    def attack(prefix: str) -> None:
        for kind, data in (("stored", b"{"), ("stored", b"[]"), ("span", bomb), ("begun", b"{}"), (bomb, bomb)):
            bench.client.xadd(prefix + "events", {"kind": kind, "data": data})
        bench.client.xadd(prefix + "events", {b"\xff": bomb})
        bench.client.hset(prefix + "errors", "early", bomb)

    with while_the_gate_is_closed(tmp_path, bench, attack):
        result = bench.run(gated(tmp_path, BODY, size=40), SHORT_LEASES, inputs=INPUTS)
    assert result.result == [40, 40, 40, 50_000, 40]
    assert not (tmp_path / "exploded").exists()


def test_a_task_does_not_come_upon_the_signing_key(bench: Bench, tmp_path: Path) -> None:
    functions = (
        "import os, subprocess\n\ndef seen():\n    return [*os.environ, subprocess.check_output('env').decode()]\n"
    )
    body = 'tasks: {look: {call: "functions:seen"}}\nresult: "${{ tasks.look }}"\n'
    build = compile_at(write_workflow(tmp_path, body, functions), "simple")
    for _ in ("cold", "warm"):
        seen = bench.run(build).result
        assert isinstance(seen, list)
        assert "TREADLE_DEPLOYMENT" in seen
        assert not [text for text in seen if "TREADLE_KEYS" in text or "TREADLE_REDIS_URL" in text]
