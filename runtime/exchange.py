"""What one incarnation exchanges with the store, and the values that it holds meanwhile.

The machine names slots; here are their values: packed as they came, unpacked once a task needs them, sealed on
their way out. Each effect that concerns the store is performed here, on whichever thread asks; when that
happens, and in what order, is the driver's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TypeVar

from runtime import events as ev
from runtime.calls.calling import Outgoing, in_a_tree, patience_s
from runtime.measures.clocks import StoreClock
from runtime.measures.spans import InputSpan
from runtime.measures.traffic import Traffic
from runtime.pages import decode_subdag
from runtime.plan import Task
from runtime.ports import (
    Answer,
    Call,
    Commit,
    Coordinator,
    HintMessage,
    Item,
    Reference,
    Signals,
    Status,
    Store,
    ValueStore,
)
from runtime.values.bulk import Bulk, Sealed
from runtime.values.copying import CONSTANTS
from runtime.values.held import HeldValues
from runtime.values.reading import read_all
from runtime.values.trust import Packed, Trust
from runtime.worker import Worker

T = TypeVar("T")

ISOLATED_BYTES = 64 * 1024 * 1024
"""A large value that shares a live array's memory is copied up to this size, else sent before anything else runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a driver asks of the world. `invoke` sends invocations, or has them sent; it waits for none of them."""

    coordinator: Coordinator
    values: ValueStore
    signals: Signals
    invoke: Callable[[Sequence[Outgoing]], None]


@dataclass(slots=True)
class Exchange:
    """The store as one incarnation sees it. `inside` are sealed inputs of the payload, `pages` its encoded records.

    `clock` and `traffic` are what it measures, by the clock that `moment` reads.
    `on_event` hears on any thread, also while an effect is performed, of invocations that Lambda has taken.
    """

    worker: Worker
    ports: Ports
    trust: Trust
    inside: Mapping[str, bytes]
    on_event: Callable[[ev.Event], None]
    clock: StoreClock = field(default_factory=StoreClock)
    traffic: Traffic = field(default_factory=Traffic)
    moment: Callable[[], float] = monotonic
    pages: Mapping[int, bytes] = field(default_factory=dict)
    _held: HeldValues = field(default_factory=HeldValues)
    _sealed: dict[str, Sealed] = field(default_factory=dict)
    _put: dict[str, str] = field(default_factory=dict)
    _sources: dict[str, InputSpan] = field(default_factory=dict)
    _has_left: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # ---- values in memory -------------------------------------------------------------------------------

    def inputs_of(self, task: Task, shares: Callable[[str], bool] = lambda _: False) -> dict[str, object]:
        """The values of a task's in-edges, by slot: live, `Packed`, or `Shared` if they may be taken again here."""
        slots = [edge.slot for edge in task.in_edges]
        if lacking := self._held.lacking(slots):
            for slot, value in self._read(lacking):
                if value is not None:
                    self._held.admit(slot, value)
        found = self._held.of(slots)
        changeable = [slot for slot, value in found.items() if type(value) not in CONSTANTS]
        if changeable:
            shared = [slot for slot in changeable if shares(slot)]
            self._held.give_away(slot for slot in changeable if slot not in shared)
            found |= self._held.share(shared)
        return found

    def sources_of(self, task: Task) -> tuple[InputSpan, ...]:
        """Where those of a task's inputs came from that were not made here."""
        sources = self._sources
        return tuple(sources[edge.slot] for edge in task.in_edges if edge.slot in sources) if sources else ()

    def keep(self, values: Mapping[str, object]) -> None:
        """Values that a task here made; one that came from the store meanwhile is the one that counts."""
        self._held.keep(values)

    def forget(self, slots: Sequence[str]) -> None:
        self._held.forget(slots)
        for slot in slots:
            self._sources.pop(slot, None)

    def clear(self) -> None:
        """The incarnation is over: its values go now, not when the collector comes by."""
        self._held.clear()
        self._sealed.clear()

    def seal(self, task: str, slots: Iterable[str]) -> None:
        """Serialise and sign values of a task that are to be stored, each once. Raises `NotSerializable`.

        A large one that shares a live array's memory gets its own, so that the next task may run while this is sent;
        a very large one is sent at once instead.
        """
        for slot in slots:
            began = self.moment()
            sealed = self.trust.seal_packing(slot, self._held.pack(slot))
            self.traffic.sealed[slot] = _size_of(sealed), self.moment() - began
            if isinstance(sealed, Bulk) and sealed.is_shared:
                if sealed.size > ISOLATED_BYTES:
                    self._put[slot] = self._put_large(task, slot, sealed)
                    continue
                sealed = sealed.isolated()
            self._sealed[slot] = sealed

    def abandon(self) -> None:
        """The incarnation is over: large values that were sent ahead of a commit that did not come go."""
        for slot in list(self._put):
            self.ports.values.delete_large(self._put.pop(slot))

    # ---- effects ----------------------------------------------------------------------------------------

    def perform(self, effect: ev.Effect) -> list[ev.Event]:
        """Do one effect that concerns the store; returns what came of it."""
        match effect:
            case ev.SendCommit():
                return self._commit(effect)
            case ev.Fetch(slots):
                return [self._fetch(slots)]
            case ev.LoadPages(numbers):
                return [self._load_pages(numbers)]
            case ev.Renew():
                worker = self.worker
                empty = Commit(worker=worker.worker, token=worker.token, seq=-1, env=worker.env, known=-1)
                return [ev.Renewed(self._asked(empty)[0])]
            case ev.ReportLost(slot):
                (found,) = self.ports.values.fetch([slot])
                key = found.key if isinstance(found, Reference) else ""
                self.ports.coordinator.lost(self.worker.worker, self.worker.token, slot, key)
                return []
            case ev.Salvage(stores):
                self._salvage(stores)
                return []
            case _:
                raise AssertionError(f"this effect does not concern the store: {effect!r}")

    def take_hints(self, messages: Sequence[HintMessage]) -> list[ev.Event]:
        """The values that came with hints; a hint without any asks for a look at the grants."""
        slots: dict[str, None] = {}
        events: list[ev.Event] = []
        for message in messages:
            for slot, sealed in message.arrived.items():
                self._admit(slot, self.trust.verify_value(slot, sealed), "hint")
                slots[slot] = None
            if not message.arrived:
                events = [ev.Hinted(())]
        stored = tuple([slot for message in messages for slot in message.stored])
        return [*([ev.Hinted(tuple(slots), stored)] if slots or stored else []), *events]

    def _commit(self, effect: ev.SendCommit) -> list[ev.Event]:
        items = tuple(
            self._filled(item) if isinstance(item, Store) and item.slot in effect.fill else item
            for item in effect.commit.items
        )
        answer, took_s = self._asked(replace(effect.commit, items=items))
        self._delete_losers(items, answer)
        self.traffic.commits += 1
        self.traffic.commit_s += took_s
        if answer.status is Status.OK:
            self.traffic.committed(effect.fill, took_s, answer.now)
        for slot, winner in (answer.winners or {}).items():
            self._adopt(slot, winner)
            self._sealed.pop(slot, None)
        self._invoke(answer, effect.commit)
        for slot in effect.fill:
            self._sealed.pop(slot, None)
        return [ev.Committed(answer)]

    def _asked(self, commit: Commit) -> tuple[Answer, float]:
        """The answer, and how long it took."""
        began = self.moment()
        answer = self.ports.coordinator.commit(commit)
        ended = self.moment()
        self.clock.heard(answer.now, began, ended)
        return answer, ended - began

    def _delete_losers(self, items: Iterable[Item], answer: Answer) -> None:
        """Large values that this commit put and nobody will ever refer to."""
        put = {item.slot: item.reference for item in items if isinstance(item, Store) and item.reference is not None}
        if not put:
            return
        if answer.status is not Status.OK:
            self._delete_unless_stored(put)
            return
        for slot in put.keys() & (answer.winners or {}).keys():
            self.ports.values.delete_large(put[slot])

    def _delete_unless_stored(self, put: Mapping[str, str]) -> None:
        """Delete large values that were refused, by slot, unless an earlier word of ours was not.

        Then the slot holds this very reference: one incarnation puts a slot's value under one key, however often.
        """
        for slot, stored in zip(put, self.ports.values.fetch(tuple(put)), strict=True):
            if stored != Reference(key=put[slot]):
                self.ports.values.delete_large(put[slot])

    def _salvage(self, stores: Sequence[Store]) -> None:
        """Leave what a resume of the failed run need not make again; large values only if that is still wanted."""
        held = [item for item in stores if self._is_held(item)]
        small = {
            item.slot: sealed
            for item in held
            if isinstance(sealed := self._sealed.get(item.slot), bytes) and self._is_inline(sealed)
        }
        large = [item for item in held if item.slot not in small]
        worker, coordinator = self.worker.worker, self.ports.coordinator
        if coordinator.salvage(worker, small, is_last=not large) is None or not large:
            return
        put = {
            item.slot: self._put.pop(item.slot, "") or self._put_large(item.task, item.slot, self._sealed[item.slot])
            for item in large
        }
        taken = coordinator.salvage(worker, {slot: Reference(key=key) for slot, key in put.items()}, is_last=True)
        if refused := {slot: key for slot, key in put.items() if slot not in (taken or ())}:
            self._delete_unless_stored(refused)

    def _is_held(self, item: Store) -> bool:
        """The output was made here and is in memory; one that cannot be serialised is as good as lost."""
        if not self._held.is_made_here(item.slot):
            return False
        if item.slot not in self._sealed and item.slot not in self._put:
            try:
                self._sealed[item.slot] = self.trust.seal_packing(item.slot, self._held.pack(item.slot))
            except BaseException:  # noqa: BLE001  pickling calls methods of the user's classes
                return False
        return True

    def _is_inline(self, sealed: bytes) -> bool:
        return len(sealed) <= self.worker.settings.store_value_bytes

    def forward(self, calls: Sequence[Call], begun_at: float) -> None:
        """Send the calls that this invocation was given on its way, while they are fresh: late ones are the watch's."""
        if not calls:
            return
        fresh_from = begun_at - patience_s(self.worker.settings)
        fresh = [call for call in calls if call.called_at >= fresh_from]
        self._send([Outgoing(call=call, accepted=self._teller(call), values=self.inside) for call in fresh])

    def _invoke(self, answer: Answer, commit: Commit) -> None:
        """Invoke whom the answer calls. What is refused stays unconfirmed: the watch repeats it."""
        self._has_left = answer.left
        if not answer.calls:
            return
        self._send(
            [
                Outgoing(
                    call=call,
                    accepted=self._teller(call),
                    values=self._start_inputs((call, *forward), commit),
                    forward=forward,
                )
                for call, forward in in_a_tree(answer.calls)
            ]
        )

    def _send(self, outgoing: Sequence[Outgoing]) -> None:
        began = self.moment()
        self.ports.invoke(outgoing)
        self.traffic.invoke_s += self.moment() - began
        self.traffic.invocations += len(outgoing)

    def _teller(self, call: Call) -> Callable[[], None]:
        """What to do when Lambda has taken `call`: the next commit says so, or if there is none, a trip of its own."""

        def tell() -> None:
            if self._has_left or self.worker.has_left:
                self.ports.coordinator.confirm(call.worker, call.called_at)
            else:
                self.on_event(ev.Invoked(call.worker, call.called_at))

        return tell

    def _start_inputs(self, calls: Iterable[Call], commit: Commit) -> dict[str, bytes]:
        """The sealed values of this commit that the called workers' start tasks take: no trip to fetch them."""
        start = {task for call in calls for task in call.start}
        return {
            item.slot: sealed
            for item in commit.items
            if isinstance(item, Store)
            and isinstance(sealed := self._sealed.get(item.slot), bytes)
            and any(arrival.consumer in start for arrival in item.arrivals)
        }

    def _filled(self, item: Store) -> Store:
        if item.slot in self._put:
            return replace(item, reference=self._put.pop(item.slot))
        sealed = self._sealed[item.slot]
        if isinstance(sealed, bytes) and self._is_inline(sealed):
            self.traffic.bytes_out += len(sealed)
            return replace(item, value=sealed)
        return replace(item, reference=self._put_large(item.task, item.slot, sealed))

    def _put_large(self, task: str, slot: str, sealed: Sealed) -> str:
        """Put a large value under this incarnation's own key."""
        began = self.moment()
        if isinstance(sealed, Bulk):
            self.traffic.bytes_out += sealed.size
            sealed = replace(sealed, chunks=self._renewing(sealed.chunks))
        else:
            self.traffic.bytes_out += len(sealed)
        key = self.ports.values.put_large(task, slot[len(task) + 1 :] or None, self.worker.token, sealed)
        self.traffic.puts[slot] = self.moment() - began
        return key

    def _renewing(self, pieces: Iterable[T]) -> Iterator[T]:
        """The lease is renewed while large values travel, however long that takes."""
        renewed = self.moment()
        for piece in pieces:
            if self.moment() - renewed > self.worker.settings.renew_s:
                self.perform(ev.Renew())
                renewed = self.moment()
            yield piece

    def _fetch(self, slots: tuple[str, ...]) -> ev.Event:
        began = self.moment()
        found = [slot for slot in slots if slot in self.inside]
        for slot in found:
            self._admit(slot, self.trust.verify_value(slot, self.inside[slot]), "payload")
        for slot in slots:
            if slot not in self.inside and (recent := self._held.recent(slot)) is not None:
                self._admit(slot, recent, "local")
                found.append(slot)
        asked = [slot for slot in slots if slot not in found]
        missing: list[str] = []
        read = self._read(asked)
        came = last = self.moment()
        for slot, value in read:
            if value is None:
                missing.append(slot)
                continue
            trip_s = came - began
            if value.size > self.worker.settings.store_value_bytes:
                trip_s, last = trip_s + self.moment() - last, self.moment()
            self._admit(slot, value, "store", trip_s)
            found.append(slot)
        return ev.Fetched(tuple(found), tuple(missing))

    def _read(self, slots: Sequence[str]) -> Iterator[tuple[str, Packed | None]]:
        if not slots:
            return iter(())
        found = dict(zip(slots, self.ports.values.fetch(slots), strict=True))
        return read_all(self.ports.values, self.trust, found, passing=self._renewing)

    def _admit(self, slot: str, value: Packed, source: str, trip_s: float = 0.0) -> None:
        if source != "local":
            self.traffic.bytes_in += value.size
        self._held.admit(slot, value)
        self._sources[slot] = InputSpan(slot=slot, bytes=value.size, source=source, fetch_s=trip_s)

    def _adopt(self, slot: str, winner: bytes | Reference) -> None:
        """Another incarnation stored this slot first: its value is the one that counts."""
        ((_, value),) = read_all(self.ports.values, self.trust, {slot: winner}, passing=self._renewing)
        if value is not None:
            self._held.adopt(slot, value)

    def _load_pages(self, numbers: tuple[int, ...]) -> ev.Event:
        tasks: dict[str, Task] = {}
        missing: list[int] = []
        asked = [number for number in numbers if number not in self.pages]
        began = self.moment()
        found = self.ports.values.get_pages(asked) if asked else []
        came = self.moment()
        for page in [self.pages[number] for number in numbers if number in self.pages]:
            tasks.update(decode_subdag(page).tasks)
        for number, sealed in zip(asked, found, strict=True):
            if sealed is None:
                missing.append(number)
            else:
                tasks.update(decode_subdag(self.trust.open_page(number, sealed)).tasks)
        self.traffic.subdag_fetch_s += came - began
        self.traffic.subdag_decode_s += self.moment() - came
        return ev.PagesLoaded(tasks, tuple(missing))


def _size_of(sealed: Sealed) -> int:
    return sealed.size if isinstance(sealed, Bulk) else len(sealed)
