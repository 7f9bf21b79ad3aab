"""Record files that somebody has written to: each part of another's making is refused, and nothing is executed."""

from __future__ import annotations

import os
import pickle
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.config import LocalSettings, WorkerSettings
from runtime.errors import RuntimeFault, SignatureInvalid
from runtime.runs.archive import Section, pack_blob, read_sections, write_sections
from runtime.runs.attaching import shown_end
from runtime.runs.details import details_of
from runtime.runs.finding import Deployment
from runtime.runs.record import Outcome, RunRecord, RunState, seal_outcome, seal_record, seal_timeline
from runtime.runs.signing_keys import KeyRing, SigningKey
from runtime.values.envelope import Codec, Kind, Place, Signer, seal
from tests.results import run_result

RUN = "1000_a_b_c"
DIGEST = "d" * 64
KEYS = KeyRing(keys=(SigningKey(b"k" * 32),), place="the test")
STRANGER = Signer(b"x" * 32)
RECORD = RunRecord(
    run=RUN,
    workflow="a",
    planner="simple",
    sla="average",
    tasks=1,
    started=1.0,
    launched=1.0,
    bundle=DIGEST,
    blobs=(DIGEST,),
    graph=DIGEST,
    plan=DIGEST,
    inputs=(),
    settings=WorkerSettings(),
    key=KEYS.keys[0].name,
)
RESULT = run_result(RUN, result_kind="sinks")
OUTCOME = Outcome(state=RunState.SUCCEEDED, ended=2.0, result=RESULT, edges=(("t", None),), is_kept=True)


class Bomb:
    """Unpickling it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder / "exploded")

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.folder,)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield Deployment(settings=LocalSettings(deployment="test"), keys=KEYS)


def sections(deployment: Deployment) -> list[Section]:
    """A run that gave {"t": 7}."""
    trust = deployment.own_trust(RUN)
    value = trust.verify_value("t", trust.seal_value("t", 7))
    return [
        Section("start", seal_record(trust.signer, "test", RECORD)),
        Section("outcome", seal_outcome(trust.signer, "test", RUN, OUTCOME)),
        Section("blobs", DIGEST.encode()),
        Section("timeline", seal_timeline(trust.signer, "test", RUN, b"{}")),
        Section("graph", pack_blob(trust.seal_blob(DIGEST, b"{}"))),
        Section("plan", pack_blob(trust.seal_blob(DIGEST, b"{}"))),
        Section("part slot:t", trust.keep_value("t", value)),
    ]


def write(deployment: Deployment, **other: bytes) -> None:
    """The file, with other bytes in the sections of these names."""
    made = [replace(one, data=other.get(one.name, one.data)) for one in sections(deployment)]
    write_sections(deployment.folder(RUN), made)


def look(deployment: Deployment) -> object:
    """All that a client reads of the run."""
    found = deployment.find(RUN)
    details_of(deployment, found)
    return shown_end(deployment, found).result


def test_what_nobody_touched_is_read(deployment: Deployment) -> None:
    write(deployment)
    assert look(deployment) == {"t": 7}


@pytest.mark.parametrize("name", ["start", "outcome", "timeline", "graph", "plan", "part slot:t"])
def test_a_bomb_in_a_record_is_refused(deployment: Deployment, tmp_path: Path, name: str) -> None:
    bomb = pickle.dumps(Bomb(tmp_path))
    instance = {"part slot:t": "t", "graph": DIGEST, "plan": DIGEST}.get(name, name)
    kind = {"part slot:t": Kind.VALUE, "graph": Kind.BLOB, "plan": Kind.BLOB}.get(name, Kind.RECORD)
    place = Place(deployment="test", run="" if kind is Kind.BLOB else RUN, instance=instance, kind=kind)
    for forged in (bomb, seal(STRANGER, place, bomb, Codec.PICKLE)):
        data = pack_blob(forged) if kind is Kind.BLOB else forged
        write(deployment, **{name: data})
        with pytest.raises(SignatureInvalid):
            look(deployment)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("name", ["graph", "plan"])
def test_what_is_not_compressed_or_without_end_is_refused(deployment: Deployment, name: str) -> None:
    for data in (b"garbage", zlib.compress(b"x" * 100)[:-8]):
        write(deployment, **{name: data})
        with pytest.raises(SignatureInvalid):
            look(deployment)


def test_the_record_of_another_run_is_refused(deployment: Deployment) -> None:
    signer = KEYS.signer()
    other = seal_record(signer, "test", replace(RECORD, run="2000_a_b_c"))
    write(deployment, start=other)
    with pytest.raises(SignatureInvalid, match=f"record start of run {RUN}"):
        look(deployment)


@pytest.mark.parametrize("key", ["zz", "", "00112233"])
def test_a_run_is_not_gone_on_with_when_its_key_is_not_here(deployment: Deployment, key: str) -> None:
    write(deployment, start=seal_record(KEYS.signer(), "test", replace(RECORD, key=key)))
    assert look(deployment) == {"t": 7}
    with pytest.raises(SignatureInvalid, match="key"):
        deployment.trust(deployment.find(RUN).entry.record)


CHANGES = st.lists(st.tuples(st.integers(0, 2500), st.binary(max_size=12), st.integers(0, 40)), min_size=1, max_size=3)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_random_changes_of_the_file_give_the_same_or_a_refusal(
    deployment: Deployment, changes: list[tuple[int, bytes, int]]
) -> None:
    folder = deployment.folder(RUN)
    write_sections(folder, sections(deployment))
    data = (folder / "record").read_bytes()
    for at, part, gone in changes:
        data = data[:at] + part + data[at + gone :]
    (folder / "record").write_bytes(data)
    with suppress(RuntimeFault):
        assert look(deployment) == {"t": 7}


def test_sections_say_how_long_they_are_in_vain(tmp_path: Path, deployment: Deployment) -> None:
    write_sections(tmp_path, sections(deployment))
    whole = (tmp_path / "record").read_bytes()
    for count in range(14, len(whole), 17):
        (tmp_path / "record").write_bytes(whole[:count])
        try:
            assert len(list(read_sections(tmp_path / "record"))) < 7
        except RuntimeFault as fault:
            assert "cut short" in fault.message
