"""The runs of a deployment, wherever they are: in the Redis of a stack that lives, in one given by URL, or as files.

A run is named by its id, by an unambiguous beginning or end of it, or by `last`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from runtime.backends.redis_link import Link
from runtime.config import LocalSettings
from runtime.errors import RuntimeFault, StoreUnavailable
from runtime.local.living import LocalStack, live_stacks
from runtime.local.places import StateFolder
from runtime.runs.archive import Section, read_sections
from runtime.runs.book import RunBook
from runtime.runs.record import Entry, RunRecord, open_outcome, open_record
from runtime.runs.recorded import trust_of
from runtime.runs.rescue import rescue
from runtime.runs.signing_keys import KeyRing, load_keys
from runtime.values.trust import Trust

LAST = "last"
NEAR = 3
SHOWN = 8


class UnknownRun(RuntimeFault):
    """No run, or more than one, has this name."""

    code = "unknown-run"
    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A run and where it is. `redis_url` is "" for a run that is a file; `stack` is the one that it runs on, if any."""

    entry: Entry
    redis_url: str
    stack: LocalStack | None

    @property
    def run(self) -> str:
        return self.entry.record.run


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where to look for runs: the settings, and the signing keys that open their records."""

    settings: LocalSettings
    keys: KeyRing

    @staticmethod
    def of(settings: LocalSettings) -> Deployment:
        return Deployment(settings=settings, keys=load_keys(settings.deployment, settings.signing_key))

    @property
    def name(self) -> str:
        return self.settings.deployment

    def trust(self, record: RunRecord) -> Trust:
        return trust_of(record, self.name, self.keys)

    def own_trust(self, run: str) -> Trust:
        """What this deployment seals and opens itself, whoever signed the values of the run."""
        return Trust(signer=self.keys.signer(), deployment=self.name, run=run)

    @contextmanager
    def book(self, redis_url: str) -> Iterator[RunBook]:
        """The records behind a URL. Raises `StoreUnavailable`."""
        link = Link.to(redis_url)
        try:
            yield RunBook(link, self.name, self.keys.signer())
        finally:
            link.close()

    def folder(self, run: str) -> Path:
        """What is kept of a run as files: its record, `logs`."""
        return StateFolder.of(self.name).runs / run

    def runs(self) -> list[Found]:
        """Every run, the newest first; of one that is in several places, the live one."""
        rescue(self.name)
        found: dict[str, Found] = {}
        for one in (*self._live(), *self._archived()):
            found.setdefault(one.run, one)
        return sorted(found.values(), key=lambda one: one.entry.record.started, reverse=True)

    def closed(self, opened: Iterable[Found]) -> list[str]:
        """The ids of runs whose records cannot be opened here, the newest first; `opened` are the others."""
        known = {found.run for found in opened}
        return sorted({run for run, _ in self._places_of_runs() if run not in known}, reverse=True)

    def find(self, name: str) -> Found:
        """The run that the user means. Raises `UnknownRun`."""
        runs = self.runs()
        if name == LAST and runs:
            return runs[0]
        fitting = [one for one in runs if one.run == name] or [one for one in runs if name and _fits(one.run, name)]
        if len(fitting) == 1:
            return fitting[0]
        if name and not fitting:
            self._open_closed(name)
        raise _unknown(name, fitting, runs, self.name)

    def _places(self) -> dict[str, LocalStack | None]:
        """Every Redis where runs may be, with its stack."""
        places: dict[str, LocalStack | None] = {}
        if self.settings.redis_url is not None:
            places[self.settings.redis_url] = None
        return places | {stack.redis_url: stack for stack in live_stacks(self.name)}

    def _live(self) -> Iterator[Found]:
        for redis_url, stack in self._places().items():
            # A stack may end while it is looked at; a Redis that the user names must be there.
            with suppress(*(() if redis_url == self.settings.redis_url else (StoreUnavailable,))):
                with self.book(redis_url) as book:
                    entries = list(book.entries())
                yield from (Found(entry=entry, redis_url=redis_url, stack=stack) for entry in entries)

    def _archived(self) -> Iterator[Found]:
        folder = StateFolder.of(self.name).runs
        for path in sorted(folder.glob("*/record"), reverse=True):
            with suppress(RuntimeFault, OSError):
                yield Found(entry=self._archived_entry(path), redis_url="", stack=None)

    def _archived_entry(self, path: Path) -> Entry:
        start, outcome = (section.data for section in _first(path, 2))
        run, signer = path.parent.name, self.keys.signer()
        record = open_record(signer, self.name, run, start)
        ended = open_outcome(signer, self.name, run, outcome) if outcome else None
        return Entry(record=record, outcome=ended, is_live=False)

    def _open_closed(self, name: str) -> None:
        """Raise what is wrong with the record of a run of this name, if there is one that cannot be opened."""
        for run, redis_url in self._places_of_runs():
            if not _fits(run, name):
                continue
            if not redis_url:
                self._archived_entry(self.folder(run) / "record")
                continue
            with self.book(redis_url) as book:
                book.entry(run)

    def _places_of_runs(self) -> Iterator[tuple[str, str]]:
        """Every run that has a record, whoever signed it, and the Redis where it is, "" for a file."""
        for redis_url in self._places():
            with suppress(StoreUnavailable), self.book(redis_url) as book:
                yield from ((run, redis_url) for run in book.runs())
        yield from ((path.parent.name, "") for path in StateFolder.of(self.name).runs.glob("*/record"))

    def parts(self, found: Found) -> dict[str, bytes]:
        """What the kept result of a run is made of, sealed."""
        if found.redis_url:
            with self.book(found.redis_url) as book:
                return book.parts(found.run)
        return {
            section.name.removeprefix("part "): section.data
            for section in read_sections(self.folder(found.run) / "record")
            if section.name.startswith("part ")
        }

    def refreshed(self, found: Found) -> Found:
        """The same run, looked at again where it was."""
        with self.book(found.redis_url) as book:
            entry = book.entry(found.run)
        return found if entry is None else replace(found, entry=entry)


def _fits(run: str, name: str) -> bool:
    return run.startswith(name) or f"_{name}" in run


def _first(path: Path, count: int) -> list[Section]:
    """The first sections of a record's file. Raises RuntimeFault when it has fewer."""
    found = list(islice(read_sections(path), count))
    if len(found) < count:
        raise RuntimeFault(f"{path} is cut short", hint="remove it with its folder")
    return found


def _unknown(name: str, fitting: list[Found], runs: list[Found], deployment: str) -> UnknownRun:
    if not runs:
        return UnknownRun(f"there is no run `{name}`: the deployment {deployment} has none")
    if fitting:
        shown = ", ".join(one.run for one in fitting[:SHOWN])
        return UnknownRun(f"`{name}` fits {len(fitting)} runs: {shown}", hint="write more of the id")
    ids = [one.run for one in runs]
    near = difflib.get_close_matches(name, ids, n=NEAR, cutoff=0.5) or [
        one.run for one in runs if one.entry.record.workflow == name
    ]
    meant = f"; did you mean {' or '.join(near)}?" if near else ""
    return UnknownRun(f"there is no run `{name}`{meant}", hint="`treadle runs` lists them; `last` is the newest")
