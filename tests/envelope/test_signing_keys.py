"""Signing keys: where they lie and how they are written, made at first use, rotated, dropped, and referred to."""

from __future__ import annotations

import base64
import threading
from pathlib import Path

import pytest

from runtime.errors import RuntimeFault
from runtime.runs.signing_keys import MAX_KEYS, KeysInvalid, default_key_path, drop, load_keys, load_or_create, rotate
from runtime.secrecy.references import SecretUnavailable

KEY, OTHER = bytes(range(32)), bytes(range(1, 41))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a" / "b" / "local.key"


def secrets_of(reference: str, environ: dict[str, str]) -> list[bytes]:
    return [key.secret for key in load_keys("local", reference, environ).keys]


def test_the_key_is_made_once_and_kept_private(path: Path) -> None:
    ring = load_or_create(path)
    (key,) = ring.keys
    assert len(key.secret) == 32
    assert key.note.startswith("made 20")
    assert load_or_create(path) == ring
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["local.key"]


def test_all_who_make_the_key_at_once_get_the_same(tmp_path: Path) -> None:
    keys: list[bytes] = []
    barrier = threading.Barrier(8)

    def make() -> None:
        barrier.wait(10.0)
        keys.append(load_or_create(tmp_path / "local.key").keys[0].secret)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_a_new_key_comes_first_and_those_before_it_stay(path: Path) -> None:
    first = load_or_create(path)
    second = rotate(path)
    assert second.keys[1:] == first.keys
    assert second.keys[0] != first.keys[0]
    assert load_or_create(path) == second
    assert path.stat().st_mode & 0o777 == 0o600
    assert drop(path, first.keys[0].name).keys == second.keys[:1]
    assert load_or_create(path).keys == second.keys[:1]


def test_all_who_rotate_at_once_leave_a_key_each(path: Path) -> None:
    load_or_create(path)
    threads = [threading.Thread(target=rotate, args=(path,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(load_or_create(path).keys) == 6


def test_keys_are_bounded(path: Path) -> None:
    for _ in range(MAX_KEYS - 1):
        rotate(path)
    with pytest.raises(KeysInvalid, match="at most") as caught:
        rotate(path)
    assert "treadle key drop" in caught.value.hint


def test_a_key_that_others_can_read_is_refused(path: Path) -> None:
    load_or_create(path)
    path.chmod(0o644)
    with pytest.raises(KeysInvalid, match="open to other users") as caught:
        load_or_create(path)
    assert caught.value.hint == f"chmod 600 {path}"


def test_a_folder_in_the_keys_place_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(KeysInvalid, match="cannot be used"):
        load_or_create(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        KEY.hex(),
        KEY.hex().upper() + "\n",
        base64.b64encode(KEY).decode(),
        base64.urlsafe_b64encode(KEY).decode().rstrip("="),
        f"# ours\n\n{KEY.hex()}  # made by Zoë\n",
    ],
)
def test_a_reference_gives_a_key_in_hex_or_base64(text: str) -> None:
    assert secrets_of("env:TEAM", {"TEAM": text}) == [KEY]


def test_a_reference_gives_several_keys_of_which_the_first_signs() -> None:
    for text in (
        f"{KEY.hex()}\n{OTHER.hex()}\n",
        f"{KEY.hex()} {OTHER.hex()}",
        f"{KEY.hex()},{OTHER.hex()},{KEY.hex()}",
    ):
        assert secrets_of("env:TEAM", {"TEAM": text}) == [KEY, OTHER]


def test_a_file_gives_bytes_too(tmp_path: Path) -> None:
    file = tmp_path / "team.key"
    file.write_bytes(b"\xff" * 40)
    file.chmod(0o640)
    assert secrets_of(f"file:{file}", {}) == [b"\xff" * 40]
    file.chmod(0o644)
    with pytest.raises(KeysInvalid, match="open to other users"):
        secrets_of(f"file:{file}", {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (KEY.hex()[:62], "too short: it has 31 bytes, 32 are needed"),
        (KEY.hex()[:63], "neither hex nor base64"),
        (f"{KEY.hex()} abcdef", "too short"),
        ("", "is empty"),
        ("# none\n", "is empty"),
        ("correct horse battery staple!", "too short|neither hex nor base64"),
        (" ".join(bytes([number] * 32).hex() for number in range(9)), "holds 9 signing keys"),
    ],
)
def test_what_is_no_key_is_refused_and_not_quoted(text: str, words: str) -> None:
    with pytest.raises(KeysInvalid, match=words) as caught:
        load_keys("local", "env:TEAM", {"TEAM": text})
    assert "env:TEAM" in caught.value.message
    assert not text or text not in caught.value.message + caught.value.hint


def test_a_reference_that_leads_nowhere_is_told() -> None:
    with pytest.raises(SecretUnavailable, match="no variable TEAM is set"):
        load_keys("local", "env:TEAM", {})


def test_the_default_key_lies_in_the_configuration_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_key_path("local") == tmp_path / "treadle" / "keys" / "local.key"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert default_key_path("local") == Path("/home/someone/.config/treadle/keys/local.key")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b"])
def test_a_deployment_cannot_leave_the_key_folder(name: str) -> None:
    with pytest.raises(RuntimeFault, match="no deployment name"):
        default_key_path(name)
