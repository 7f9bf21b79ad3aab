"""What an environment reads of a run's secrets, how often, and what it says when it cannot."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from runtime.plan import Secret
from runtime.secrecy.masking import Masks
from runtime.secrecy.reading import FRESH_S, Known, RunSecrets
from runtime.secrecy.references import SecretUnavailable, parse_reference
from tests.secrecy.given import secrets_in

KEY = Secret("key", "env:KEY", "workflow.yaml:8")


class Asked:
    """Variables that count how often they are asked for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables
        self.times = 0

    def __call__(self) -> Mapping[str, str]:
        self.times += 1
        return self.variables


def confided(asked: Asked, known: Known) -> RunSecrets:
    return RunSecrets(asked, Masks(), known, is_confided=True)


def test_a_secret_is_hidden_before_it_is_given() -> None:
    secrets = secrets_in({"KEY": "hunter22"})
    assert secrets.masks.hide("hunter22") == "hunter22"
    assert secrets.of_manifest(KEY) == "hunter22"
    assert secrets.masks.hide("hunter22") == "***"
    assert secrets.of_input("token", parse_reference("env:KEY")) == "hunter22"


def test_variables_are_asked_for_when_they_are_needed_and_once_in_an_invocation() -> None:
    asked, known = Asked({"KEY": "hunter22"}), Known()
    secrets = confided(asked, known)
    assert asked.times == 0
    for _ in range(3):
        secrets.of_manifest(KEY)
    assert asked.times == 1


def test_later_invocations_of_a_run_take_what_was_read_until_it_is_launched_anew() -> None:
    known = Known()
    for launch, text, expected in ((1, "first", "first"), (1, "other", "other"), (2, "second", "second")):
        asked = Asked({"KEY": text, "LAUNCHED": str(launch)})
        assert confided(asked, known).of_manifest(KEY) == expected


def test_what_was_read_long_ago_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now, known, read = 1_000.0, Known(), []
    monkeypatch.setattr("runtime.secrecy.reading.time.monotonic", lambda: now)
    monkeypatch.setattr("runtime.secrecy.reading.read", lambda *_: read.append(now) or "hunter22")
    for later in (0.0, FRESH_S / 2, FRESH_S):
        now = 1_000.0 + later
        confided(Asked({}), known).of_manifest(Secret("key", "ssm:/key"))
    assert read == [1_000.0, 1_000.0 + FRESH_S]


@pytest.mark.parametrize(
    ("variables", "message", "hint"),
    [
        ({}, "is not there: the function has no variable KEY", "add it to the function's configuration"),
        ({"KEY": ""}, "is empty", "give it a value"),
        ({"KEY": " abc "}, "has fewer than 4 characters, and cannot be kept out of logs", "use a longer one"),
        ({"KEY": "a\0bcd"}, "holds a NUL character", "store it as base64"),
    ],
)
def test_what_cannot_be_had_is_told_with_its_place(variables: dict[str, str], message: str, hint: str) -> None:
    with pytest.raises(SecretUnavailable) as caught:
        secrets_in(variables).of_manifest(KEY)
    assert (caught.value.message, caught.value.hint) == (f"the secret `key` (env:KEY, workflow.yaml:8) {message}", hint)
    with pytest.raises(SecretUnavailable) as caught:
        secrets_in(variables).of_input("token", parse_reference("env:KEY"))
    assert caught.value.message == f"the input `token` (env:KEY) {message}"


def test_what_could_not_be_read_is_not_tried_again_in_the_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def refuse(*_: object) -> str:
        tried.append(1)
        raise SecretUnavailable("the secret ssm:/key may not be read")

    monkeypatch.setattr("runtime.secrecy.reading.read", refuse)
    known = Known()
    for invocations in (1, 2):
        secrets = confided(Asked({}), known)
        for _ in range(3):
            with pytest.raises(SecretUnavailable, match="may not be read"):
                secrets.of_manifest(Secret("key", "ssm:/key"))
        assert len(tried) == invocations
