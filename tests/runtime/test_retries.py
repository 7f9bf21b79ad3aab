"""What `retry` says: which failures are repeated, by which names they go, and how long the next attempt waits."""

from __future__ import annotations

import sys
import types
import urllib.error
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.machine.retries import LONGEST_WAIT_S, NAMES_OF_A_DEATH, repeats, wait_s
from runtime.machine.waiting import Waiting
from runtime.plan import Retry
from runtime.tasks.failure_names import names_of


def every_failure(**fields: object) -> Retry:
    return Retry(kills_only=False, **fields)  # type: ignore[arg-type]


def test_not_written_it_repeats_deaths_alone() -> None:
    assert repeats(Retry(), NAMES_OF_A_DEATH)
    assert not repeats(Retry(), ("ValueError", "Exception", "BaseException"))
    assert not repeats(Retry(), ("MemoryError", "OutOfMemory"))


def test_written_without_names_it_repeats_everything_and_with_names_those() -> None:
    assert repeats(every_failure(), ("NotSerializable",))
    assert repeats(every_failure(on=("Timeout", "ExitCode")), ("ExitCode",))
    assert not repeats(every_failure(on=("Timeout",)), NAMES_OF_A_DEATH)
    assert repeats(every_failure(on=("OutOfMemory",)), NAMES_OF_A_DEATH)


def test_each_wait_is_backoff_times_the_one_before_up_to_the_longest() -> None:
    retry = every_failure(max=9, delay_s=2.0, backoff=3.0, max_delay_s=50.0)
    assert [wait_s(retry, number, "s") for number in (1, 2, 3, 4, 5)] == [2.0, 6.0, 18.0, 50.0, 50.0]


def test_no_wait_is_longer_than_a_day() -> None:
    for jitter in ("none", "full", "equal", "decorrelated"):
        retry = every_failure(max=2000, delay_s=3600.0, backoff=10.0, jitter=jitter)
        assert 0.0 < wait_s(retry, 1999, "s") <= LONGEST_WAIT_S


@given(st.integers(1, 12), st.floats(0.001, 100), st.floats(1, 10), st.text(max_size=4))
def test_jitter_stays_within_its_bounds(number: int, delay_s: float, backoff: float, seed: str) -> None:
    whole = wait_s(every_failure(delay_s=delay_s, backoff=backoff), number, seed)
    assert 0.0 <= wait_s(every_failure(delay_s=delay_s, backoff=backoff, jitter="full"), number, seed) <= whole
    equal = wait_s(every_failure(delay_s=delay_s, backoff=backoff, jitter="equal"), number, seed)
    assert whole / 2 <= equal <= whole
    spread = every_failure(delay_s=delay_s, backoff=backoff, jitter="decorrelated", max_delay_s=7 * delay_s)
    before = wait_s(spread, number - 1, seed) if number > 1 else delay_s
    factor = backoff if backoff > 1 else 3.0
    assert delay_s <= wait_s(spread, number, seed) <= min(7 * delay_s, before * factor * (1 + 1e-9))


def test_jitter_is_drawn_from_the_seed() -> None:
    retry = every_failure(delay_s=10.0, jitter="full")
    assert wait_s(retry, 2, "a") == wait_s(retry, 2, "a") != wait_s(retry, 2, "b")
    assert len({wait_s(retry, number, "a") for number in range(1, 9)}) == 8


def test_without_a_delay_nothing_waits() -> None:
    assert wait_s(every_failure(backoff=2.0, jitter="decorrelated"), 5, "s") == 0.0


class Own(ConnectionError):
    class Inner(Exception):
        pass


def test_an_exception_goes_by_the_names_of_its_classes() -> None:
    names = names_of(Own("x"), ())
    assert {"Own", f"{__name__}.Own", "ConnectionError", "OSError", "builtins.OSError", "Exception"} <= set(names)
    assert "object" not in names
    assert {"Inner", "Own.Inner", f"{__name__}.Own.Inner"} <= set(names_of(Own.Inner(), ()))


def test_an_exception_goes_by_other_dotted_names_of_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    package = types.ModuleType("some_client")
    package.Failure = Own  # type: ignore[attr-defined]
    package.Other = KeyError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "some_client", package)
    wanted = ("some_client.Failure", "some_client.Other", "some_client.Absent", "absent.Failure", "Failure")
    assert set(wanted) & set(names_of(Own(), wanted)) == {"some_client.Failure"}


class OfBotocore(Exception):
    def __init__(self, code: str, status: int) -> None:
        self.response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}


class OfRequests(Exception):
    def __init__(self, status: int) -> None:
        self.response = types.SimpleNamespace(status_code=status)


@pytest.mark.parametrize(
    ("err", "is_throttled"),
    [
        (OfBotocore("ThrottlingException", 400), True),
        (OfBotocore("Unknown", 429), True),
        (OfBotocore("AccessDenied", 403), False),
        (OfRequests(429), True),
        (OfRequests(500), False),
        (urllib.error.HTTPError("http://x", 429, "", Message(), None), True),
        (ValueError(429), False),
    ],
)
def test_the_answer_429_is_throttling(err: Exception, is_throttled: bool) -> None:
    assert ("Throttled" in names_of(err, ())) is is_throttled


class Broken(Exception):
    @property
    def response(self) -> object:
        raise RuntimeError("no")


def test_an_exception_whose_attributes_raise_has_its_names() -> None:
    assert "Broken" in names_of(Broken(), ())


def test_a_memory_error_is_out_of_memory() -> None:
    assert "OutOfMemory" in names_of(MemoryError(), ())


def test_a_short_wait_is_worth_staying_for() -> None:
    waiting = Waiting(hold_s=1.0)
    waiting.hold("a", 110.0)
    assert waiting and not waiting.is_worth_staying(100.0)
    assert waiting.is_worth_staying(109.0)
    assert waiting.release("a") and not waiting.release("a")
    assert not waiting and waiting.pause("a", 100.0) == 0.0
