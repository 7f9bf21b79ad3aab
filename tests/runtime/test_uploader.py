"""Measurements on their way while an invocation goes on: a thread beside it, awaited by what it sends."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from math import inf

import pytest

from runtime.errors import StoreUnavailable
from runtime.machine import uploading
from runtime.measures.upload import parse_upload
from runtime.measures.uploader import Uploader

PATIENCE_S = 30.0


class Rows:
    """A sink that counts. `away` sends fail; `hold` keeps a send from ending."""

    def __init__(self, away: int = 0) -> None:
        self.rows = 0
        self.since = inf
        self.sent: list[tuple[int, bool]] = []
        self.away = away
        self.hold = threading.Event()
        self.hold.set()
        self.changed = threading.Condition()

    def add(self, count: int = 1) -> None:
        self.since = time.monotonic() if not self.rows else self.since
        self.rows += count

    @property
    def waiting(self) -> tuple[int, float]:
        return self.rows, self.since

    def send(self, *, is_last: bool) -> None:
        rows = self.rows
        with self.changed:
            self.sent.append((rows, is_last))
            self.changed.notify_all()
        assert self.hold.wait(PATIENCE_S)
        if self.away:
            self.away -= 1
            raise StoreUnavailable("the store is away")
        self.rows -= rows

    def wait_for_sends(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.sent) >= count, PATIENCE_S)


@pytest.fixture
def rows() -> Iterator[Rows]:
    one = Rows()
    yield one
    one.hold.set()


def begun(rows: Rows, strategy: str) -> Uploader:
    uploader = Uploader(rows, parse_upload(strategy))
    uploader.begin()
    return uploader


def test_shutdown_sends_once_at_the_end_and_has_no_thread(rows: Rows) -> None:
    before = threading.active_count()
    uploader = begun(rows, "shutdown")
    assert threading.active_count() == before
    rows.add(500)
    uploader.more()
    uploader.end(is_last=True)
    uploader.end(is_last=True)
    assert rows.sent == [(500, True)]


def test_task_sends_each_row_that_comes_alone(rows: Rows) -> None:
    uploader = begun(rows, "task")
    for number in range(1, 4):
        rows.add()
        uploader.more()
        rows.wait_for_sends(number)
    uploader.end(is_last=True)
    assert sum(count for count, _ in rows.sent) == 3
    assert rows.sent[-1][1]


def test_what_ends_during_a_send_goes_in_the_next_as_one(rows: Rows) -> None:
    uploader = begun(rows, "task")
    rows.hold.clear()
    rows.add()
    uploader.more()
    rows.wait_for_sends(1)
    for _ in range(20):
        rows.add()
        uploader.more()
    rows.hold.set()
    rows.wait_for_sends(2)
    uploader.end(is_last=True)
    assert rows.sent[:2] == [(1, False), (20, False)]


def test_queue_waits_for_so_many_rows_and_no_longer(rows: Rows) -> None:
    uploader = begun(rows, "queue:3")
    for _ in range(3):
        assert not rows.sent
        rows.add()
        uploader.more()
    rows.wait_for_sends(1)
    uploader.end(is_last=True)
    assert rows.sent[0] == (3, False)


def test_every_sends_though_no_further_task_ends(rows: Rows) -> None:
    uploader = begun(rows, "every:20ms")
    rows.add()
    uploader.more()
    rows.wait_for_sends(1)
    uploader.end(is_last=True)
    assert rows.sent[0] == (1, False)


def test_rows_of_a_failed_send_wait_and_go_again_and_it_is_said_once(
    rows: Rows, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(uploading, "FIRST_PAUSE_S", 0.001)
    rows.away = 3
    with caplog.at_level(logging.WARNING):
        uploader = begun(rows, "task")
        rows.add()
        uploader.more()
        rows.wait_for_sends(4)
        uploader.end(is_last=True)
    assert rows.sent[:4] == [(1, False)] * 4
    assert rows.rows == 0
    assert caplog.messages == ["warning: measurements of this run cannot be sent: the store is away"]


def test_the_end_does_not_fail_because_rows_cannot_be_sent(rows: Rows, caplog: pytest.LogCaptureFixture) -> None:
    rows.away = 1
    with caplog.at_level(logging.WARNING):
        uploader = begun(rows, "shutdown")
        rows.add()
        uploader.end(is_last=True)
    assert rows.sent == [(1, True)]
    assert len(caplog.messages) == 1


def test_a_store_that_is_gone_is_not_asked_at_the_end(rows: Rows) -> None:
    uploader = begun(rows, "task")
    uploader.end(is_last=False)
    assert rows.sent == []
