"""Values in an object store: a folder, and an S3 of the tests' own."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import redis

from runtime.backends.objects import objects_of
from runtime.backends.redis import RedisBackend
from runtime.config import WorkerSettings
from runtime.errors import ObjectStoreUnavailable, SignatureInvalid
from runtime.ports import Reference, Store
from runtime.values.bulk import ChunkGone
from runtime.values.envelope import Signer
from runtime.values.reading import read_stored
from runtime.values.trust import Trust
from tests.contracts.buckets import s3_with
from tests.contracts.faulty_s3 import Change, Door, Fault, Refuse, Reset, door_to, times
from tests.contracts.world import World, redis_world

TRUST = Trust(signer=Signer(b"k" * 32), deployment="test", run="run")
SLOT = "../a[1].out"
SMALL = 2_000
VALUES = ["x" * SMALL, bytes(range(256)) * 100_000, [b"1" * 9_000_000, b"2" * 40_000_000]]


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_with("values"):
        yield "s3://values/some/prefix"


@pytest.fixture(params=["folder", "s3"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "folder" else str(request.getfixturevalue("bucket"))


def settings(address: str) -> WorkerSettings:
    return WorkerSettings(store_value_bytes=1_000, object_store=address, object_store_bytes=1_000)


@pytest.fixture
def world(client: redis.Redis, address: str) -> Iterator[World]:
    world = redis_world(client, "run", settings(address))
    yield world
    world.coordinator.finish()
    world.backend.close()


def put(world: World, value: object, token: str = "t1") -> str:
    return world.values.put_large("../a[1]", "out", token, TRUST.seal_value(SLOT, value))


def names(world: World) -> frozenset[str]:
    assert isinstance(world.backend, RedisBackend) and world.backend.objects is not None
    return world.backend.objects.names()


@pytest.mark.parametrize("value", VALUES, ids=["small", "bytes", "chunks"])
def test_what_is_put_is_read_again(world: World, client: redis.Redis, address: str, value: object) -> None:
    key = put(world, value)
    assert key.startswith(f"{address}/test/run/") and ".." not in key
    assert not client.keys("treadle:*")
    packed = read_stored(world.values, TRUST, SLOT, Reference(key=key))
    assert packed is not None and packed.unpack() == value


def test_a_small_value_stays_in_redis(world: World, address: str) -> None:
    assert put(world, "x").startswith("treadle:test:{run/")


def test_a_loser_deletes_its_own_object(world: World) -> None:
    first, second = put(world, VALUES[0], "t1"), put(world, VALUES[0], "t2")
    world.values.delete_large(second)
    assert [world.values.get_large(key) is None for key in (first, second)] == [False, True]
    world.values.delete_large(second)


def test_the_end_of_a_run_removes_its_objects_and_no_others(world: World, client: redis.Redis, address: str) -> None:
    others = [redis_world(client, run, settings(address)) for run in ("run2", "ru", "run.x")]
    for one in (world, *others):
        put(one, VALUES[0])
    world.coordinator.finish()
    assert [len(names(one)) for one in (world, *others)] == [0, 1, 1, 1]
    world.coordinator.finish()
    for one in others:
        one.coordinator.finish()


def test_an_object_that_is_gone_is_a_dangling_reference(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1}})
    world.begin("w0")
    keys = [world.values.put_large(task, None, "t1", TRUST.seal_value(task, VALUES[1])) for task in ("a", "b")]
    for task, key in zip(("a", "b"), keys, strict=True):
        world.commit("w0", Store(task=task, slot=task, value=None, reference=key))
    world.values.delete_large(keys[1])
    assert world.values.readable() == (frozenset({"a"}), frozenset({"b"}))


def test_an_object_of_another_slot_is_refused(world: World) -> None:
    key = world.values.put_large("b", None, "t1", TRUST.seal_value("b", VALUES[1]))
    with pytest.raises(SignatureInvalid):
        read_stored(world.values, TRUST, SLOT, Reference(key=key))


def test_no_address_outside_the_runs_own_part_is_followed(world: World, address: str) -> None:
    for key in ("/etc/passwd", f"{address}/test/run/../other/x", f"{address}/test/run2/x", "s3://else/test/run/x"):
        assert world.values.get_large(key) is None


def test_a_bucket_that_is_not_there_is_told_by_name(bucket: str) -> None:
    objects = objects_of("s3://other", "test", "run")
    for action in uses(objects):
        with pytest.raises(ObjectStoreUnavailable, match="s3://other has no such bucket"):
            action()


def test_a_folder_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    objects = objects_of(str(tmp_path / "none"), "test", "run")
    for action in uses(objects)[:2]:
        with pytest.raises(ObjectStoreUnavailable, match="none is no folder"):
            action()


def uses(objects: Any) -> list[Callable[[], object]]:
    return [objects.check, lambda: objects.put("x", [b"data"]), objects.names]


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "is full"), (errno.EDQUOT, "is full"), (errno.EROFS, "may not be written")]
)
def test_a_folder_that_takes_no_more_says_so_and_keeps_no_draft(tmp_path: Path, number: int, words: str) -> None:
    objects = objects_of(str(tmp_path), "test", "run")

    def parts() -> Iterator[bytes]:
        yield b"some"
        raise OSError(number, "no")

    with pytest.raises(ObjectStoreUnavailable, match=words):
        objects.put("x", parts())
    assert objects.names() == frozenset()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.fixture
def door(bucket: str) -> Iterator[Door]:
    with (
        door_to(os.environ["AWS_ENDPOINT_URL_S3"]) as door,
        patch("botocore.retries.standard.ExponentialBackoff.delay_amount", return_value=0.0),
    ):
        yield door


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (Refuse(403, "AccessDenied"), "denies access"),
        (Refuse(403, "InvalidAccessKeyId"), "does not accept the credentials"),
        (Refuse(403, "RequestTimeTooSkewed"), "refuses the time of a request: this machine's clock is wrong"),
        (Refuse(404, "NoSuchBucket"), "has no such bucket"),
        (Refuse(507, "XMinioStorageFull"), "is full"),
        (Refuse(503, "SlowDown"), "is overloaded: SlowDown"),
        (Refuse(500, "InternalError"), "is overloaded: InternalError"),
        (Refuse(400, "KMS.DisabledException"), "cannot be used: .*KMS.DisabledException"),
    ],
    ids=lambda one: one.code if isinstance(one, Refuse) else "",
)
def test_what_s3_refuses_is_one_clear_message(
    bucket: str, door: Door, refusal: Refuse, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.backends.s3_objects.ATTEMPTS", 2)
    door.fault = lambda *_: refusal
    for use in (lambda one: one.put("x", [b"data"]), lambda one: one.open("x"), lambda one: one.delete("x")):
        with pytest.raises(ObjectStoreUnavailable, match=rf"s3://values {words}") as caught:
            use(objects_of(bucket, "test", "run"))
        assert caught.value.hint
        assert "\n" not in caught.value.message


@pytest.mark.parametrize("fault", [Refuse(503, "SlowDown"), Refuse(500, "InternalError"), Reset()], ids=str)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_what_passes_is_waited_for(bucket: str, door: Door, fault: Fault, method: str) -> None:
    objects = objects_of(bucket, "test", "passing")
    door.fault = times(1, fault, method)
    objects.put("x", [b"1" * 3_000_000, b"2" * 3_000_000])
    read = objects.open("x")
    assert read is not None and [read(3_000_000), read(4_000_000)] == [b"1" * 3_000_000, b"2" * 3_000_000]
    objects.clear()
    assert objects.names() == frozenset()


def test_an_object_that_goes_while_it_is_read_is_lost(bucket: str, door: Door, client: redis.Redis) -> None:
    world = redis_world(client, "run", settings(bucket))
    key = put(world, VALUES[1])
    door.fault = lambda method, _: Refuse(404, "NoSuchKey") if len(door.seen) > 2 else None
    door.seen.clear()
    assert read_stored(world.values, TRUST, SLOT, Reference(key=key)) is None
    door.fault = lambda *_: None
    world.coordinator.finish()


def test_a_file_that_goes_while_it_is_read_is_lost(tmp_path: Path) -> None:
    objects = objects_of(str(tmp_path), "test", "run")
    objects.put("x", [b"1" * 100])
    read = objects.open("x")
    assert read is not None and read(10) == b"1" * 10
    objects.delete("x")
    with pytest.raises(ChunkGone):
        read(10)


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of this process may be larger than 1 MB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files")
def test_a_file_that_may_not_become_so_large_is_one_clear_message(tmp_path: Path) -> None:
    objects = objects_of(str(tmp_path), "test", "run")
    with pytest.raises(ObjectStoreUnavailable, match="takes no file as large as that"):
        objects.put("x", [bytes(600_000)] * 3)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("folder", ["/sys", "/proc"])
def test_a_folder_that_nobody_may_write_says_so(folder: str) -> None:
    objects = objects_of(folder, "test", "run")
    with pytest.raises(ObjectStoreUnavailable, match=f"{folder} (may not be written|cannot be used)"):
        objects.put("x", [b"1"])


def flip(body: bytes) -> bytes:
    return body[:-1] + bytes([body[-1] ^ 1])


@pytest.mark.parametrize("change", [flip, lambda body: body[:-1], lambda body: body[: len(body) // 2], lambda _: b""])
@pytest.mark.parametrize("value", [VALUES[0], bytes(range(256)) * 5_000], ids=["small", "chunks"])
def test_an_object_that_was_changed_or_cut_is_refused(
    bucket: str, door: Door, client: redis.Redis, change: Callable[[bytes], bytes], value: object
) -> None:
    world = redis_world(client, "run", settings(bucket))
    key = put(world, value)
    door.fault = lambda method, _: Change(change) if method == "GET" else None
    with pytest.raises(SignatureInvalid, match="are refused"):
        read_stored(world.values, TRUST, SLOT, Reference(key=key))
    world.coordinator.finish()


def test_a_bucket_without_credentials_is_a_clear_message(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(ObjectStoreUnavailable, match="does not accept the credentials"):
        objects_of(bucket, "test", "run").check()


@pytest.mark.parametrize("address", ["s3://", "data", "./data", "", "http://x/y"])
def test_a_setting_that_is_no_object_store_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="object_store"):
        WorkerSettings(object_store=address)
