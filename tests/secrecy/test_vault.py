"""Variables confided to a local service: by the user of its folder alone, by run, in memory."""

from __future__ import annotations

import asyncio
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime.errors import LambdaUnavailable
from runtime.local.vault import MOST_RUNS, Vault
from runtime.secrecy.confided import SOCKET, confide, confided, take_back


@contextmanager
def vault_in(folder: Path) -> Iterator[str]:
    vault, loop = Vault(folder / SOCKET), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(vault.start(), loop).result()
    try:
        yield str(vault.path)
    finally:
        asyncio.run_coroutine_threadsafe(close(vault), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def close(vault: Vault) -> None:
    """No question is being answered when this returns."""
    vault.close()
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not asyncio.current_task()))


def test_each_run_has_its_own_until_they_are_taken_back(tmp_path: Path) -> None:
    with vault_in(tmp_path) as vault:
        confide(vault, "one", {"KEY": "hunter22", "PEM": "two\nlines é"})
        confide(vault, "two", {"KEY": "other"})
        assert confided(vault, "one") == {"KEY": "hunter22", "PEM": "two\nlines é"}
        take_back(vault, "one")
        take_back(vault, "one")
        assert (confided(vault, "one"), confided(vault, "two")) == ({}, {"KEY": "other"})
        confide(vault, "two", {"MORE": "x" * 1_000_000})
        assert confided(vault, "two") == {"MORE": "x" * 1_000_000}


def test_the_oldest_of_very_many_runs_are_forgotten(tmp_path: Path) -> None:
    with vault_in(tmp_path) as vault:
        for number in range(MOST_RUNS + 1):
            confide(vault, str(number), {"KEY": "x"})
        assert (confided(vault, "0"), confided(vault, "1")) == ({}, {"KEY": "x"})


def test_the_socket_is_its_users_alone(tmp_path: Path) -> None:
    with vault_in(tmp_path) as vault:
        assert stat.S_IMODE(Path(vault).stat().st_mode) == 0o600


@pytest.mark.parametrize("question", [b"garbage\n", b"[]\n", b'{"run": \n', b"{}\n"])
def test_who_asks_no_question_gets_no_answer(tmp_path: Path, question: bytes) -> None:

    with vault_in(tmp_path) as vault, socket.socket(socket.AF_UNIX) as connection:
        connection.connect(vault)
        connection.sendall(question)
        assert connection.recv(100) == b""
        assert confided(vault, "one") == {}


def test_a_service_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(LambdaUnavailable, match="does not take or give variables of a run"):
        confided(str(tmp_path / SOCKET), "one")
