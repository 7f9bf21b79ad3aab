"""`treadle doctor` on real folders, a real bucket and real servers; what it says of a Redis is in `tests/contracts`."""

from __future__ import annotations

import os
import re
import threading
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from compiler.cli.health import machine, service
from compiler.cli.health.clock import clock, measure
from compiler.cli.health.findings import Finding, Level, look_at, ok
from compiler.cli.health.object_store import object_store
from runtime.config import LocalSettings, WorkerSettings
from runtime.errors import RuntimeFault
from runtime.local.places import StateFolder
from runtime.local.stack import start_kept, stop_kept
from tests.cli.conftest import Called, Treadle
from tests.contracts.buckets import s3_with


def checks(called: Called) -> dict[str, dict[str, Any]]:
    """The last finding of each name."""
    return {check["name"]: check for check in called.json["checks"]}


def test_a_machine_that_can_run(treadle: Treadle, tmp_path: Path) -> None:
    called = treadle("doctor", "--json")
    found = checks(called)
    assert called.code == 0 and called.json["ok"] is True
    levels = {name: check["level"] for name, check in found.items()}
    told = ("limits", "size", "signing key", "object store", "service")
    assert levels == dict.fromkeys(levels, "ok") | dict.fromkeys(told, "note")
    assert re.fullmatch(
        r"(Redis|Valkey) \d+\.\d+\.\d+ at /\S+, started for each run; answers in \S+", found["server"]["text"]
    )
    shown = treadle("doctor").out
    assert shown.startswith("this machine\n  ok       Python") and shown.endswith("nothing is wrong\n")
    lines = shown.partition("compile settings")[0].replace(str(tmp_path), "/somewhere").splitlines()
    assert max(map(len, lines)) <= 120


def test_each_setting_is_printed_with_its_source(treadle: Treadle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREADLE_LEASE", "20s")
    Path("treadle.toml").write_text('[local]\nstart = "exec"\n')
    answer = treadle("doctor", "--config", "linger=80ms", "--json").json
    meaning = "how long a pinned worker waits for inputs before it leaves"
    linger = {"value": 0.08, "source": "command line", "group": "worker", "meaning": meaning}
    assert answer["settings"]["linger"] == linger
    assert answer["settings"]["lease"]["source"] == "environment, TREADLE_LEASE"
    assert (answer["settings"]["start"]["value"], answer["settings"]["start"]["source"]) == ("exec", "treadle.toml:2")
    assert answer["settings"]["renew"]["source"] == "default"


def test_what_is_wrong_is_told_with_what_to_do_and_without_a_password(treadle: Treadle, tmp_path: Path) -> None:
    Path("treadle.toml").write_text('[local]\nredis_url = "redis://team:a-secret@127.0.0.1:1/0?password=a-secret"\n')
    wrong = ["--config", f"object_store={tmp_path}/none"]
    called = treadle("doctor", *wrong)
    assert called.code == 4
    assert "  error    server        Redis at redis://127.0.0.1:1/0 cannot be reached" in called.out
    assert f"error object store the object store {tmp_path}/none is no" in " ".join(called.out.split())
    assert called.out.count("= help: ") == 2
    assert called.out.endswith("2 errors\n")
    told = treadle("doctor", *wrong, "--json")
    assert (told.code, told.json["ok"]) == (4, False)
    assert told.json["settings"]["redis_url"]["value"] == "redis://127.0.0.1:1/0"
    assert "a-secret" not in called.out + called.err + told.out + told.err


def test_settings_that_are_wrong_are_told_and_the_others_looked_at(
    treadle: Treadle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TREADLE_LEASE", "redis://:a-secret@h")
    Path("treadle.toml").write_text('linger = "80ms"\nlingr = "1s"\nplanner = "simpel"\n')
    called = treadle("doctor", "--json")
    assert (called.code, called.json["ok"]) == (2, False)
    wrong = [check["text"] for check in called.json["checks"] if check["of"] == "settings"]
    assert [text.partition(":")[0] for text in wrong] == ["environment, TREADLE_LEASE", "treadle.toml", "treadle.toml"]
    assert wrong[-1] == "treadle.toml:3: there is no planner `simpel`; did you mean `simple`?"
    assert called.json["settings"]["linger"]["value"] == 0.08
    assert called.json["settings"]["lease"]["source"] == "default"
    assert checks(called)["server"]["level"] == "ok"
    assert "a-secret" not in called.out


def test_the_command_for_a_user_of_the_deployment(treadle: Treadle) -> None:
    told = treadle("doctor", "--acl", "--deployment", "team").out
    assert told.startswith("ACL SETUSER treadle reset on >PASSWORD ~treadle:team:* +@read ")
    assert treadle("doctor", "--acl", "--config", "deployment=team", "--json").json == {"acl": told.strip()}


def test_a_run_inside_the_process_needs_neither_redis_nor_lambda(treadle: Treadle) -> None:
    called = treadle("doctor", "--backend", "inline", "--json")
    assert {check["of"] for check in called.json["checks"]} == {"this machine"}
    assert {setting["group"] for setting in called.json["settings"].values()} == {"compile", "worker"}


def test_what_never_answers_is_given_up_and_holds_nothing_else_up() -> None:
    never = threading.Event()

    def stuck() -> list[Finding]:
        never.wait()
        return []

    def faulty() -> list[Finding]:
        raise RuntimeFault("it broke", hint="mend it")

    found = dict(look_at({"stuck": stuck, "faulty": faulty, "fine": lambda: [ok("one", "well")]}, limit_s=0.01))
    never.set()
    assert [(one.level, one.text) for one in found["stuck"]] == [(Level.ERROR, "no answer within 0.01 s")]
    assert [(one.name, one.text, one.hint) for one in found["faulty"]] == [("faulty", "it broke", "mend it")]
    assert found["fine"] == [ok("one", "well")]


def test_an_error_of_doctors_own_is_a_bug() -> None:
    def broken() -> list[Finding]:
        raise AssertionError("a bug")

    with pytest.raises(AssertionError, match="a bug"):
        dict(look_at({"broken": broken}))


# ---- the clock --------------------------------------------------------------------------------------------------


def test_the_quickest_answer_tells_the_offset_and_how_sure_it_is() -> None:
    waits = iter([0.4, 0.02, 0.2, 0.2, 0.2, 0.2, 0.2])
    now = [100.0]

    def ask() -> float:
        wait = next(waits)
        now[0] += wait
        return now[0] - wait * 0.75 - 3.0

    found = measure(ask, lambda: now[0], lambda: now[0])
    assert found.bound_s == pytest.approx(0.01, abs=1e-3)
    assert abs(found.offset_s - 3.0) <= found.bound_s


def test_a_clock_that_is_far_off_is_a_warning_that_says_what_it_means() -> None:
    import time

    for offset, words in ((-100.0, "1m40s ahead of Redis's"), (7200.0, "2h behind Redis's")):
        found = clock(lambda offset=offset: time.time() + offset)  # type: ignore[misc]
        assert found.level is Level.WARNING and found.text.startswith(words)
        assert "leases and spans go by Redis's clock" in found.hint
    assert clock(time.time).level is Level.OK


# ---- folders, key and packages ----------------------------------------------------------------------------------


def test_a_state_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    found = next(iter(machine.folders("team")))
    assert found.level is Level.ERROR
    assert found.text == f"{tmp_path}/file cannot be written: Not a directory"
    assert "XDG_STATE_HOME" in found.hint


def test_a_disk_that_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LITTLE_SPACE", 1 << 62)
    found = machine.folder("state", tmp_path / "not" / "yet", "")
    assert found.level is Level.WARNING and found.hint.startswith("make room")
    assert not (tmp_path / "not").exists()


def test_a_limit_of_open_files_that_environments_would_exceed() -> None:
    few, many = (machine.open_files(LocalSettings(concurrency_limit=limit)) for limit in (1, 10**9))
    assert few.level is Level.OK and many.level is Level.WARNING
    assert many.hint.startswith("ulimit -n 6000000064")


def test_a_key_that_others_may_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert machine.signing_key(LocalSettings(deployment="team")).level is Level.NOTE
    assert list(tmp_path.iterdir()) == []
    key = tmp_path / "treadle" / "keys" / "team.key"
    key.parent.mkdir(parents=True)
    key.write_bytes(os.urandom(32))
    key.chmod(0o644)
    found = machine.signing_key(LocalSettings(deployment="team"))
    assert (found.level, found.hint) == (Level.ERROR, f"chmod 600 {key}")
    key.chmod(0o600)
    shared = machine.signing_key(LocalSettings(deployment="team", signing_key="env:NOT_THERE"))
    assert shared.level is Level.ERROR and "NOT_THERE" in shared.text
    assert machine.signing_key(LocalSettings(deployment="team")).level is Level.OK


def test_packages_that_are_missing_or_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["redis>=99", "no-such-package>=1", 'never-here; extra == "dev"', 'redis>=5; extra == "local"']
    monkeypatch.setattr(metadata, "requires", lambda name: lines)
    found = list(machine.packages({"", "local"}))
    assert [one.level for one in found] == [Level.ERROR, Level.ERROR]
    assert found[0].text == f"redis>=99 (installed: {metadata.version('redis')})"
    assert found[1].text == "no-such-package>=1 (not installed)"
    assert found[1].hint.endswith("-m pip install 'no-such-package>=1'")


# ---- the object store -------------------------------------------------------------------------------------------


def told(address: str) -> list[Finding]:
    return [
        one
        for _, found in look_at({"values": lambda: object_store(WorkerSettings(object_store=address), "team")})
        for one in found
    ]


def test_a_folder_takes_gives_and_deletes_a_probe(tmp_path: Path) -> None:
    assert [one.level for one in told(str(tmp_path))] == [Level.OK, Level.OK]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_bucket_takes_gives_and_deletes_a_probe() -> None:
    import boto3

    with s3_with("values"):
        (found,) = told("s3://values/some/prefix")
        assert found.level is Level.OK
        assert boto3.client("s3", region_name="us-east-1").list_objects_v2(Bucket="values")["KeyCount"] == 0
        (found,) = told("s3://others")
        assert found.text == "the object store s3://others has no such bucket"
        assert found.level is Level.ERROR and found.hint


def test_a_bucket_without_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_with("values"):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "none"))
        (found,) = told("s3://values")
    assert found.level is Level.ERROR and "does not accept the credentials" in found.text


# ---- the local service ------------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateFolder:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return StateFolder.of("team")


def test_a_kept_service_of_another_version_with_other_settings(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = LocalSettings(deployment="team", concurrency_limit=2)
    start_kept(local)
    try:
        (found,) = service.local_service(local)
        assert found.level is Level.OK and found.text.endswith(f"version {metadata.version('treadle')}")
        monkeypatch.setattr(service, "version", lambda: "99.0")
        other = LocalSettings(deployment="team", concurrency_limit=3, redis_url="redis://:a-secret@h/0")
        version, settings = service.local_service(other)
    finally:
        stop_kept("team")
    assert version.level is settings.level is Level.WARNING
    assert version.text.endswith("; this is 99.0") and "local stop" in version.hint
    assert "concurrency_limit is 2, not 3" in settings.text and "runs use redis://h/0" in settings.text


def test_a_kept_service_that_is_gone_or_silent(state: StateFolder) -> None:
    record = {"pid": os.getpid(), "endpoint": "http://127.0.0.1:1", "redis_url": "", "directory": "/none"}
    state.write_record(record)
    (found,) = service.local_service(LocalSettings(deployment="team"))
    assert found.level is Level.WARNING and "does not answer" in found.text
    state.write_record({**record, "pid": 2**22 + 1})
    (found,) = service.local_service(LocalSettings(deployment="team"))
    assert found.level is Level.NOTE and "was killed" in found.text


def test_a_port_that_is_taken(state: StateFolder) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        _, found = service.local_service(LocalSettings(deployment="team", lambda_port=port))
    assert found.level is Level.ERROR and "Address already in use" in found.text
