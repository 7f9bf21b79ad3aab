"""The worker: a state machine without input or output, the only description of how a worker behaves.

`step(event, now) → effects`. It decides over names of tasks and slots; values, bytes, threads and the
clock are its driver's. Three drivers run it: threads over a store (`runtime.driver`), virtual time, and
a seed of faults.

The life of an incarnation: *begin* returns the worker's grants. A granted task's inputs are fetched, it
runs, its outputs are delivered (`optimizations.baseline` decides: kept in memory or stored), local
consumers follow without a trip to the store, stored outputs go with the next commit; at most one commit
is in flight. With nothing left to do a pinned worker lingers while its other tasks may still become
ready, then spills what they need, and leaves; the store refuses the leave while grants are there.

Departure from the house plan: `step` runs under a lock on whichever thread has the event, and user code
alone on the main thread; with both there a long task would hold back the commit of the one before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from math import inf

from runtime import events as ev
from runtime.config import WorkerSettings
from runtime.machine.commits import Commits
from runtime.machine.inputs import Inputs
from runtime.machine.lingering import Lingering
from runtime.machine.locality import Locality
from runtime.machine.outbox import Outbox
from runtime.machine.outputs import Outputs, slot_edges
from runtime.machine.paging import Paging, page_slot
from runtime.machine.remaining import Remaining
from runtime.machine.settling import Settling
from runtime.machine.turns import Turns
from runtime.machine.waiting import HOLD_S
from runtime.plan import EnvClass, Gate, Task, is_flexible
from runtime.ports import Answer, Attempt, Called, Failure, Mode, Recovered, Status, Store

SLACK_GRANTS = 4
"""How many waiting grants a flexible worker may have before it leaves new ones to others."""


class Stage(Enum):
    """Where a task stands in this incarnation; a task that is in no stage was not looked at."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"


class Worker:
    """One incarnation of one worker. `tasks` are the records at hand: a pinned SubDag, or the first pages.

    `hold_s` is the longest wait for the next attempt of a task that it sits out with nothing else to do; at `until`, on
    the machine's clock, the invocation hands over.
    """

    def __init__(
        self,
        *,
        worker: str,
        token: str,
        env: EnvClass,
        settings: WorkerSettings,
        tasks: Mapping[str, Task],
        pages: Iterable[int] = (),
        hold_s: float = HOLD_S,
        until: float = inf,
    ) -> None:
        self.worker = worker
        self.token = token
        self.env = env
        self.settings = settings
        self.tasks: dict[str, Task] = dict(tasks)
        self.grants: dict[str, int] = {}
        self.has_left = False
        self._has_begun = False
        self._is_flexible = is_flexible(worker)
        self._paging = Paging(pages)
        self._stage: dict[str, Stage] = {}
        self._unfinished = 0
        self._locality = Locality(worker, env, self.tasks)
        self._inputs = Inputs()
        self._settling = Settling()
        self._holding: dict[str, Gate] = {}
        self._in_line: dict[str, int] = {}
        self._outbox = Outbox(self._settling, env, settings.fan_out, self._holding)
        self._turns = Turns(worker, token, hold_s)
        self._stored: set[str] = set()
        self._lacked: dict[str, float] = {}
        self._waited: dict[str, float] = {}
        self._outputs = Outputs(self._locality, lambda: self._turns.is_cautious, self._stored)
        self._checkpoints: dict[str, Task] = {}
        self._probed: set[str] = set()
        self._spilling: set[str] = set()
        self._passed: dict[str, Failure] = {}
        self._commits = Commits(worker, token, env)
        self._refused_leaves = 0
        self._called = 0
        self._is_renewing = self._must_look = False
        self._lingering = Lingering(settings.linger_s)
        self._now = 0.0
        self._remaining = Remaining(until)
        self._is_stopping = False
        self._effects: list[ev.Effect] = []

    def step(self, event: ev.Event, now: float) -> list[ev.Effect]:
        """Take one event; return what is to be done, in order. An event after the end has no effect."""
        if self.has_left:
            return []
        self._effects = []
        self._now = now
        self._take(event)
        if self._has_begun and not self.has_left:
            self._advance()
        return self._effects

    def waits_for(self) -> dict[str, tuple[str, ...]]:
        """For each task in play that cannot run: the slots it lacks (what a deadlock report prints)."""
        return self._inputs.all_lacking()

    def waited_s(self, task: str) -> float:
        """How long `task` waited for inputs after its grant was known; 0 when it lacked none, or was asked before."""
        return self._waited.pop(task, 0.0)

    def may_repeat(self, task: str) -> bool:
        """The attempt of `task` that runs would be repeated, and not count, if the invocation ended now."""
        return self._remaining.may_repeat(self.tasks[task])

    def shares(self, task: str, slot: str) -> bool:
        """What `task` takes may be taken again here: by another task, or by its own next attempt."""
        retry = self.tasks[task].retry
        return (retry.max > 0 and not retry.kills_only) or not self._inputs.is_for_one(slot)

    def _take(self, event: ev.Event) -> None:
        match event:
            case ev.Begun():
                self._on_begun(event)
            case ev.Executed(task):
                self._on_executed(task)
            case ev.Sealed(task):
                self._on_sealed(task)
            case ev.Failed():
                self._on_failed(event)
            case ev.Cut(task):
                self._on_cut(task)
            case ev.Fetched():
                self._on_fetched(event)
            case ev.PagesLoaded():
                self._on_pages(event)
            case ev.Committed(answer):
                self._on_committed(answer)
            case ev.Renewed(answer):
                self._on_renewed(answer)
            case ev.Hinted(slots, stored):
                self._on_hinted(slots, stored)
            case ev.Invoked(worker, called_at):
                self._outbox.note(Called(worker=worker, called_at=called_at))
            case ev.TimerFired(name):
                self._on_timer(name)
            case ev.TimeNearlyUp():
                self._is_stopping = True

    # ---- events -----------------------------------------------------------------------------------------

    def _on_begun(self, event: ev.Begun) -> None:
        begin = event.begin
        if begin.status is not Status.GO:
            self._leave(begin.status.value)
            return
        self._has_begun = True
        self._settling.settled.update(begin.done)
        self._stage.update(dict.fromkeys(begin.done, Stage.DONE))
        self._stored.update(begin.stored)
        self._turns.begin(begin, self._now)
        self._remaining.begun(begin.todo, self._now)
        if not self._is_flexible:
            mine = [task for task in self.tasks.values() if task.name not in self._stage]
            self._unfinished = len(mine)
            for task in mine:
                self._inputs.register(task)
            if any(task.gate or any(edge.worker != self.worker for edge in task.in_edges) for task in mine):
                self._effects.append(ev.Subscribe())
        self._take_grants(begin.todo)

    def _on_executed(self, task: str) -> None:
        self._remaining.ended(self.tasks[task], self._now)
        remote = self._outputs.stored(self.tasks[task])
        if remote:
            self._effects.append(ev.Seal(task, self._turns.attempt(task), remote))
        else:
            self._finish(self.tasks[task])

    def _on_sealed(self, task: str) -> None:
        if task in self._spilling:
            self._spilling.discard(task)
        else:
            self._finish(self.tasks[task])

    def _on_failed(self, event: ev.Failed) -> None:
        task = self.tasks[event.task]
        is_running = self._stage.get(task.name) is Stage.RUNNING
        self._turns.ended(task.name)
        outcome = self._turns.failed(task, event) if is_running else Failure(task=task.name, record=event.record)
        self._after_attempt(outcome)

    def _after_attempt(self, outcome: Attempt | Failure) -> None:
        """A failed attempt is written; the next one, if there is one, waits for its time.

        Of a task that may fail, the last one is written with what stands for its outputs.
        """
        if isinstance(outcome, Failure) and self.tasks[outcome.task].may_fail:
            self._turns.occupy(outcome.task)
            self._stage[outcome.task] = Stage.RUNNING
            self._passed[outcome.task] = outcome
            self._effects.append(ev.Substitute(outcome.task, outcome.record))
            return
        self._outbox.note(outcome)
        if isinstance(outcome, Attempt):
            self._stage[outcome.task] = Stage.READY
            self._effects.append(self._turns.hold(outcome.task, outcome.delay_s, self._now))

    def _on_cut(self, task: str) -> None:
        """Nothing starts any more; the grant stays, for the next incarnation."""
        self._is_stopping = True
        self._stage[task] = Stage.READY
        self._turns.cut(task)

    def _on_fetched(self, event: ev.Fetched) -> None:
        lost = self._inputs.fetched(event.found, event.missing)
        self._arrive(event.found)
        self._drop(self._inputs.forget(event.found))
        if lost:
            self._effects.append(ev.ReportLost(lost[0]))
            self._leave("lost")

    def _on_pages(self, event: ev.PagesLoaded) -> None:
        self._paging.loaded(event.tasks.values())
        if event.missing:
            self._effects.append(ev.ReportLost(page_slot(event.missing[0])))
            self._leave("lost")
            return
        new = {name: task for name, task in event.tasks.items() if name not in self.tasks}
        self.tasks.update(new)
        self._locality.loaded(new)
        for name in self.grants:
            self._admit(name)

    def _on_committed(self, answer: Answer) -> None:
        sent = self._commits.answered()
        if not self._accepts(answer):
            return
        for task in sent.settled:
            self.grants.pop(task, None)
        if answer.left:
            self._leave("left" if sent.mode is Mode.LEAVE else "handed over")
            return
        for task in answer.queued:
            self._stand_in_line(task, answer.seq)
        self._turns.announced(sent.announced)
        if answer.todo is not None:
            self._take_grants(answer.todo, answer.seq)
        self._stored.update(sent.stored)
        self._follow_stored()
        held_back = {slot for task in self._checkpoints.values() for slot in self._outputs.stored(task)}
        self._drop(self._inputs.release(slot for slot in sent.stored if slot not in held_back))
        if sent.mode is Mode.LEAVE and not self._is_busy():
            self._stay_after_all(answer.todo or {})

    def _stay_after_all(self, todo: Mapping[str, int]) -> None:
        """The store refused the leave, though nothing is known to be done.

        By its clock the first wait is over, or it has forgotten an output before all its arrivals had been sent.
        """
        if forgotten := [name for name in todo if name in self._settling.settled]:
            slots = self._outputs.stored(self.tasks[forgotten[0]])
            self._effects.extend(map(ev.ReportLost, slots))
            self._leave("lost")
            return
        self._lingering.disturbed()
        if self._turns.has_waiting and not self._outbox:
            self._turns.release_first()
            return
        self._refused_leaves += 1
        assert self._refused_leaves < 3, f"{self.worker} can neither leave nor go on: {self.waits_for()}"

    def _on_renewed(self, answer: Answer) -> None:
        self._is_renewing = False
        if self._accepts(answer) and answer.todo is not None:
            self._take_grants(answer.todo, answer.seq)
        if self._must_look:
            self._look()

    def _on_hinted(self, slots: tuple[str, ...], stored: tuple[str, ...]) -> None:
        """A task whose last inputs lie in the store has been granted: nobody else says so."""
        self._lingering.hinted(self._now)
        self._arrive(slots)
        if self._inputs.told((*slots, *stored)) or not slots:
            self._look()

    def _look(self) -> None:
        """Ask for the grants; who is asking already may be too early, and asks again."""
        self._must_look = self._is_renewing
        if not self._is_renewing:
            self._is_renewing = True
            self._effects.append(ev.Renew())

    def _on_timer(self, name: str) -> None:
        kind, _, task = name.partition(":")
        if kind == "linger":
            self._lingering.fired(self._now, self._called)
        else:
            self._turns.release(task)

    # ---- grants and inputs ------------------------------------------------------------------------------

    def _accepts(self, answer: Answer) -> bool:
        self._called = answer.called
        if answer.status is Status.ENDED:
            self._effects.append(ev.Salvage(tuple(self._unstored())))
        if answer.status is not Status.OK:
            self._leave(answer.status.value)
        return not self.has_left

    def _stand_in_line(self, task: str, seq: int) -> None:
        """An attempt found no place: `task` is granted no more, whatever answers say that are older than this one."""
        self.grants.pop(task, None)
        self._in_line[task] = seq
        self._stage[task] = Stage.WAITING
        self._turns.queued(task)

    def _take_grants(self, todo: Mapping[str, int], seq: int = 0) -> None:
        """Answers may come in another order than they were given: what is granted is added here, and only settling
        takes it away, or an old answer would bring back grants that are settled, and hide as many new ones."""
        new = [name for name in todo if name not in self.grants and name not in self._settling.settled]
        if self._in_line:
            new = [name for name in new if self._in_line.get(name, 0) <= seq]
        self.grants.update((name, todo[name]) for name in new)
        self._locality.add(new)
        for name in new:
            self._admit(name)

    def _admit(self, name: str) -> None:
        """Bring a granted task into play: all its inputs are in memory or in the store."""
        task = self.tasks.get(name)
        if task is None:
            assert self._is_flexible, f"{name} is none of {self.worker}'s tasks"
            self._paging.want(self.grants[name], name)
            return
        if task.gate is not None and name not in self._settling.settled:
            self._holding[name] = task.gate
        stage = self._stage.get(name)
        if stage not in (None, Stage.WAITING):
            return
        remote = self._outputs.stored(task)
        if remote and self._stored.issuperset(remote) and not self._outputs.kept(task, self._is_open):
            self._resend(task, remote)
            return
        self._enter(task)
        lacking = self._inputs.complete(task)
        if lacking:
            self._inputs.want(lacking)
            self._lacked[name] = self._now
        self._make_ready(task)

    def _enter(self, task: Task) -> None:
        if task.name not in self._stage:
            self._stage[task.name] = Stage.WAITING
            self._inputs.register(task)

    def _arrive(self, slots: Iterable[str]) -> None:
        """Slots came into memory: tasks that lack nothing more are ready, those that lack remote slots ask for them."""
        for name in self._inputs.arrived(slots):
            task = self.tasks[name]
            may_run = task.gate is None or name in self.grants
            if may_run and self._stage.get(name) in (None, Stage.WAITING):
                self._stage[name] = Stage.WAITING
                if not self._make_ready(task):
                    self._probe(task)

    def _make_ready(self, task: Task) -> bool:
        if self._inputs.lacking(task):
            return False
        self._stage[task.name] = Stage.READY
        if task.name in self._lacked:
            self._waited[task.name] = self._now - self._lacked.pop(task.name)
        self._effects.extend(self._turns.ready(task.name, self._now))
        return True

    def _probe(self, task: Task) -> None:
        """Look once whether the slots that nobody here will produce are in the store already: hints may be lost."""
        if task.name not in self._probed and not self._inputs.made_here(task, self._is_produced_here):
            self._probed.add(task.name)
            self._inputs.want(self._inputs.lacking(task))

    def _is_produced_here(self, producer: str) -> bool:
        """`producer` will still run here."""
        if self._stage.get(producer) is Stage.DONE:
            return False
        task = self.tasks.get(producer)
        return self._locality.is_mine(producer) or (task is not None and task.worker == self.worker)

    def _drop(self, slots: tuple[str, ...]) -> None:
        if slots:
            self._effects.append(ev.Drop(slots))

    # ---- outputs ----------------------------------------------------------------------------------------

    def _finish(self, task: Task) -> None:
        """`task` ran and what is to be stored is sealed: deliver its outputs, feed its local consumers."""
        self._turns.ended(task.name)
        self._close(task)
        remote = self._outputs.stored(task)
        slots = slot_edges(task)
        self._inputs.hold(remote)
        consumers = [e.consumer for slot, edges in slots.items() if slot not in remote for e in edges]
        self._outbox.settle(self._settling.finished(task.name, len(remote), consumers))
        told = self._passed.pop(task.name, None) or (Recovered(task=task.name) if task.may_fail else None)
        for slot in remote:
            joint = task.may_fail or not task.is_idempotent
            self._outbox.put(task.name, slot, slots[slot], with_value=True, told=told, is_joint=joint)
            told = None
        for edge in task.out_edges:
            if edge.worker is None and self._locality.is_mine(edge.consumer):
                self._enter_mine(self.tasks[edge.consumer])
        self._drop(self._inputs.ran(task))
        if task.is_idempotent:
            self._arrive(slots)
            self._drop(self._inputs.release(slot for slot in slots if slot not in remote))
        else:
            self._checkpoints[task.name] = task

    def _follow_stored(self) -> None:
        """What tasks made that are not idempotent is stored now: their consumers here may have it."""
        for task in [*self._checkpoints.values()]:
            if self._stored.issuperset(self._outputs.stored(task)):
                del self._checkpoints[task.name]
                self._arrive(slot_edges(task))
                self._drop(self._inputs.release(slot_edges(task)))

    def _enter_mine(self, task: Task) -> None:
        """A flexible task that will run here without a grant: inputs that were dropped since are read again."""
        if task.name in self._stage:
            return
        self._enter(task)
        self._inputs.want(
            edge.slot
            for edge in task.in_edges
            if self._stage.get(edge.producer) is Stage.DONE and edge.slot in self._stored
        )

    def _resend(self, task: Task, remote: tuple[str, ...]) -> None:
        """All that others need of `task` is stored, but it is not settled: it is not run, its arrivals are sent again.

        A task of several outputs one of which was kept in the memory of a worker that died runs again.
        """
        self._close(task)
        slots = slot_edges(task)
        self._settling.finished(task.name, len(remote), ())
        for slot in remote:
            self._outbox.put(task.name, slot, slots[slot], with_value=False)
        self._drop(self._inputs.ran(task))
        for slot in remote:
            for name in self._inputs.not_made_here(slot):
                if self._stage.get(name) is Stage.WAITING:
                    self._probe(self.tasks[name])

    def _close(self, task: Task) -> None:
        self._stage[task.name] = Stage.DONE
        self._unfinished -= 1

    # ---- what comes next --------------------------------------------------------------------------------

    def _advance(self) -> None:
        self._start_next()
        if numbers := self._paging.take_wanted():
            self._effects.append(ev.LoadPages(numbers))
        if wanted := self._inputs.take_wanted():
            self._effects.append(ev.Fetch(wanted))
        if self._commits.is_waiting or self._spilling:
            return
        if self._outbox:
            self._commit(self._mode_of_next())
        elif not self._is_busy():
            self._rest()

    def _start_next(self) -> None:
        if self._is_stopping or self._commits.is_leaving:
            return
        head = self._turns.head
        if head is not None and not self._remaining.is_enough(self.tasks[head], self._now):
            self._is_stopping = True
            return
        match self._turns.next(self.tasks):
            case ev.RunTask() as run:
                self._remaining.started(self.tasks[run.task], self._now)
                self._lingering.disturbed()
                self._refused_leaves = 0
                self._stage[run.task] = Stage.RUNNING
                self._effects.append(run)
            case Attempt(error="") as announcement:
                self._outbox.note(announcement)
            case Attempt() | Failure() as death:
                self._after_attempt(death)

    def _is_busy(self) -> bool:
        is_reading = self._inputs.is_fetching or self._paging.is_busy
        return self._turns.is_busy(self._now, is_stopping=self._is_stopping) or (is_reading and not self._is_stopping)

    def _may_wait(self) -> bool:
        """Tasks of this worker may still become ready by what others do."""
        return not self._is_flexible and self._unfinished > 0

    def _mode_of_next(self) -> Mode:
        if (
            self._is_busy()
            or self._is_stopping
            or self._turns.has_waiting
            or self._may_wait()
            or not self._outbox.fits_one_commit
        ):
            return Mode.STAY
        return Mode.LEAVE

    def _rest(self) -> None:
        """Nothing runs, nothing is on its way: wait a little for others, or spill what they may complete, and leave."""
        if self._may_wait() and not self._lingering.is_over and not self._is_stopping:
            if (pause := self._lingering.wait(self._now, self._called)) is not None:
                self._effects.append(ev.SetTimer("linger", pause))
            return
        if self._spill():
            return
        if withdrawn := self._turns.withdraw():
            self._outbox.note(withdrawn)
        self._commit(Mode.HANDOVER if self._is_stopping else Mode.LEAVE)

    def _spill(self) -> bool:
        """Store the outputs kept in memory that unfinished tasks here need; they arrive at all their consumers."""
        for name in self._settling.unsettled():
            task = self.tasks[name]
            kept = self._outputs.kept(task, self._is_open)
            if kept:
                self._outputs.store_too(task, kept)
                self._spilling.add(name)
                self._inputs.hold(kept)
                self._effects.append(ev.Seal(name, self._turns.attempt(name), tuple(kept)))
                for slot, edges in kept.items():
                    self._settling.respilled(name, [edge.consumer for edge in edges])
                    self._outbox.put(name, slot, edges, with_value=True)
        return bool(self._spilling)

    def _unstored(self) -> Iterator[Store]:
        """Outputs made here that others may need and that no answer has confirmed to be stored.

        Those of a task that may fail are stored together with what is known of its failure, or not at all.
        """
        done = (self.tasks[name] for name, stage in self._stage.items() if stage is Stage.DONE and name in self.tasks)
        for task in [task for task in done if not task.may_fail]:
            for slot in (*self._outputs.stored(task), *self._outputs.kept(task, self._is_open)):
                if slot not in self._stored:
                    yield Store(task=task.name, slot=slot, value=None)

    def _is_open(self, task: str) -> bool:
        return self._stage.get(task) is not Stage.DONE

    def _commit(self, mode: Mode) -> None:
        batch = self._outbox.take()
        take = 0
        if self._is_flexible and not self._is_stopping and batch.share:
            take = max(0, batch.share + SLACK_GRANTS - self._turns.backlog)
        known = len(self.grants.keys() - set(batch.settled))
        self._effects.append(self._commits.send(batch, mode, take=take, known=known))

    def _leave(self, reason: str) -> None:
        self.has_left = True
        self._effects.append(ev.Leave(reason))
