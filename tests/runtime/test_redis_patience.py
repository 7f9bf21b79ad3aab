"""A lost connection is waited for by the clock; a refusal is not, and a command within a command waits no longer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from runtime.backends import redis_patience
from runtime.backends.redis_patience import Patience

ENDED = r"^Connection refused\. Tried again for 0\.2 s\.$"


class Server:
    """Loses the first `losses` connections."""

    def __init__(self, losses: float, error: type[Exception] = redis.ConnectionError) -> None:
        self.losses = losses
        self.error = error
        self.calls = 0

    def answer(self) -> str:
        self.calls += 1
        if self.calls <= self.losses:
            raise self.error("Connection refused.")
        return "PONG"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_patience, "PATIENCE_S", 0.2)


def ignore(*_: object) -> None:
    """Nothing is to be closed."""


def test_lost_connection_is_tried_again_until_it_answers() -> None:
    server, told = Server(3), list[int]()
    policy = Patience()
    assert policy.call_with_retry(server.answer, lambda _, count: told.append(count), with_failure_count=True) == "PONG"
    assert told == [1, 2, 3]


def test_patience_ends_and_says_how_long_it_was(short: None) -> None:
    with pytest.raises(redis.ConnectionError, match=ENDED):
        Patience().call_with_retry(Server(float("inf")).answer, ignore)


def test_command_that_connects_anew_ends_with_it(short: None) -> None:
    policy, connecting = Patience(), Server(float("inf"))
    stood = Server(1)

    def command() -> object:
        stood.answer()
        return policy.call_with_retry(connecting.answer, ignore)

    with pytest.raises(redis.ConnectionError, match=ENDED):
        policy.call_with_retry(command, ignore)
    assert stood.calls == 2, "the inner call used up what was left"
    assert policy.call_with_retry(lambda: "again", ignore) == "again"


@pytest.mark.parametrize("error", [redis.AuthenticationError, redis.TimeoutError, redis.ResponseError])
def test_answer_is_an_answer(error: type[Exception]) -> None:
    server = Server(1, error)
    with pytest.raises(error):
        Patience().call_with_retry(server.answer, ignore)
    assert server.calls == 1


def test_policy_is_copied_with_its_connection() -> None:
    import copy

    policy: Callable[..., object] = copy.deepcopy(Patience()).call_with_retry
    assert policy(lambda: 1, ignore) == 1
