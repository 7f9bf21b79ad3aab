"""The commits of one incarnation: numbered from 1, and at most one on its way."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.events import SendCommit
from runtime.machine.outbox import Batch
from runtime.plan import EnvClass
from runtime.ports import Attempt, Commit, Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a commit on its way does when it is accepted: tasks settled, slots wholly sent, attempts announced."""

    mode: Mode
    settled: tuple[str, ...]
    stored: tuple[str, ...]
    announced: frozenset[str]


class Commits:
    """Makes commits of batches, and remembers the one that is not answered yet."""

    def __init__(self, worker: str, token: str, env: EnvClass) -> None:
        self._worker = worker
        self._token = token
        self._env = env
        self._seq = 0
        self._sent: Sent | None = None

    @property
    def is_waiting(self) -> bool:
        """A commit is on its way."""
        return self._sent is not None

    @property
    def is_leaving(self) -> bool:
        """It would let the worker go."""
        return self._sent is not None and self._sent.mode is not Mode.STAY

    def send(self, batch: Batch, mode: Mode, *, take: int, known: int) -> SendCommit:
        """The next commit; `take` and `known` as in `Commit`."""
        self._seq += 1
        self._sent = Sent(
            mode=mode,
            settled=batch.settled,
            stored=batch.stored,
            announced=frozenset(item.task for item in batch.items if isinstance(item, Attempt) and not item.error),
        )
        commit = Commit(
            worker=self._worker,
            token=self._token,
            seq=self._seq,
            env=self._env,
            items=batch.items,
            mode=mode,
            take=take,
            known=known,
        )
        return SendCommit(commit, batch.fill)

    def answered(self) -> Sent:
        """The answer is here: what was on its way."""
        assert self._sent is not None, "an answer to a commit that was not sent"
        sent, self._sent = self._sent, None
        return sent
