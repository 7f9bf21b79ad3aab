"""`treadle key`: what it prints, and what it refuses."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Treadle


def test_the_keys_are_listed_rotated_and_dropped(treadle: Treadle) -> None:
    (first,) = treadle("key", "--json").json["keys"]
    rotated = treadle("key", "rotate")
    assert rotated.code == 0
    new, old = treadle("key", "--json").json["keys"]
    assert (new["signs"], old["signs"]) == (True, False)
    assert old["key"] == first["key"]
    assert f"the key {new['key']} signs" in rotated.out
    listed = treadle("key").out.splitlines()
    assert [line.split()[:4] for line in listed[1:]] == [
        [new["key"], "signs", "no", "runs"],
        [old["key"], "opens", "no", "runs"],
    ]
    assert old["key"] in treadle("key", "drop", old["key"][:6]).out
    assert treadle("key", "--json").json["keys"] == [new]


def test_what_is_shown_is_what_the_setting_takes(treadle: Treadle, monkeypatch: pytest.MonkeyPatch) -> None:
    treadle("key", "rotate")
    monkeypatch.setenv("TEAM", treadle("key", "show").out)
    there = treadle("key", "--json", "--config", "signing_key=env:TEAM").json
    assert there["place"] == "env:TEAM"
    assert there["keys"] == treadle("key", "--json").json["keys"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("drop",), "takes the id of a key"),
        (("rotate", "abc"), "takes the id of a key"),
        (("drop", "xyz"), "there is no key `xyz`"),
        (("drop", ""), "is the one that signs"),
        (("rotate", "--config", "signing_key=env:TEAM"), "are read from env:TEAM"),
        (("list", "--config", "signing_key=hunter2hunter2"), "no reference to a secret"),
        (("show", "--deployment", "a/b"), "`deployment` is 'a/b'"),
    ],
)
def test_what_cannot_be_done_is_told(treadle: Treadle, words: tuple[str, ...], message: str) -> None:
    called = treadle("key", *words)
    assert called.code == 2
    assert message in called.err
    assert "hunter2" not in called.err
