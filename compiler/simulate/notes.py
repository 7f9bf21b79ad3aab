"""What one simulated incarnation measured: the records that a real one leaves, filled with virtual seconds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from compiler.simulate.exchange import VirtualExchange
from runtime.measures.spans import CpuTime, InputSpan, OutputSpan, StartUp, TaskSpan
from runtime.plan import EnvClass, Task, slot_name
from runtime.ports import Item, Store


@dataclass(slots=True, kw_only=True)
class Ran:
    """One attempt, as far as it is known."""

    task: Task
    attempt: int
    started_at: float
    exec_s: float
    inputs: tuple[InputSpan, ...]
    local_bytes: int
    waited_s: float
    cpu: CpuTime
    stored: set[str] = field(default_factory=set)
    commit_s: float = 0.0
    committed_at: float = 0.0


@dataclass(slots=True, kw_only=True)
class Notes:
    """Where the time of an invocation went so far, in seconds, some of it by slot, and what ran in it, by task."""

    setup_s: float = 0.0
    begin_s: float = 0.0
    fetch_s: float = 0.0
    decode_s: float = 0.0
    code_s: float = 0.0
    commit_s: float = 0.0
    invoke_s: float = 0.0
    idle_s: float = 0.0
    errand_s: float = 0.0
    invocations: int = 0
    serialize_s: dict[str, float] = field(default_factory=dict)
    upload_s: dict[str, float] = field(default_factory=dict)
    ran: dict[str, Ran] = field(default_factory=dict)

    def stored(self, items: Iterable[Item], fill: frozenset[str], took: float, at: float) -> None:
        """A commit with the values of these slots was answered."""
        for item in items:
            if isinstance(item, Store) and item.slot in fill and (ran := self.ran.get(item.task)) is not None:
                ran.stored.add(item.slot)
                ran.commit_s, ran.committed_at = took, at

    def start_up(self, base: StartUp, exchange: VirtualExchange, ended_at: float) -> StartUp:
        """The record of the invocation; `base` says which it was."""
        return StartUp(
            run=base.run,
            worker=base.worker,
            incarnation=base.incarnation,
            env_class=base.env_class,
            memory_mb=base.memory_mb,
            state=base.state,
            invoke_time=base.invoke_time,
            start_time=base.start_time,
            setup_s=self.setup_s,
            begin_s=self.begin_s,
            subdag_fetch_s=self.fetch_s,
            subdag_decode_s=self.decode_s,
            code_load_s=self.code_s,
            ended_at=ended_at,
            commits=exchange.commits,
            commit_s=self.commit_s,
            invocations=self.invocations,
            invoke_s=self.invoke_s,
            idle_s=self.idle_s,
            errand_s=self.errand_s,
            bytes_in=exchange.bytes_in,
            bytes_out=exchange.bytes_out,
            start_cpu_s=base.start_cpu_s,
            queue_s=base.queue_s,
        )

    def spans(self, exchange: VirtualExchange) -> tuple[TaskSpan, ...]:
        """One record for each attempt."""
        return tuple([self._span(ran, exchange) for ran in self.ran.values()])

    def _span(self, ran: Ran, exchange: VirtualExchange) -> TaskSpan:
        task = ran.task
        return TaskSpan(
            task=task.name,
            attempt=ran.attempt,
            outcome="skipped" if task.is_handler else "done",
            started_at=ran.started_at,
            exec_s=ran.exec_s,
            wait_inputs_s=ran.waited_s,
            commit_s=ran.commit_s,
            committed_at=ran.committed_at,
            inputs=ran.inputs,
            local_inputs=len(task.in_edges) - len(ran.inputs),
            local_bytes=ran.local_bytes,
            outputs=tuple([self._output(ran, slot_name(task.name, name), name, exchange) for name in _names(task)]),
            cpu=ran.cpu,
        )

    def _output(self, ran: Ran, slot: str, name: str | None, exchange: VirtualExchange) -> OutputSpan:
        return OutputSpan(
            name=name,
            bytes=exchange.size(slot),
            is_stored=slot in ran.stored,
            serialize_s=self.serialize_s.get(slot, 0.0) if slot in ran.stored else 0.0,
            upload_s=self.upload_s.get(slot, 0.0) if slot in ran.stored else 0.0,
        )


def base_record(
    env: EnvClass,
    *,
    run: str,
    worker: str,
    token: str,
    state: str,
    sent_at: float,
    now: float,
    start_cpu_s: float,
    queue_s: float,
) -> StartUp:
    """Which invocation it is, at its first line."""
    return StartUp(
        run=run,
        worker=worker,
        incarnation=token,
        env_class=env.name,
        memory_mb=env.memory_mb,
        state=state,
        invoke_time=sent_at,
        start_time=now,
        start_cpu_s=start_cpu_s,
        queue_s=queue_s,
    )


def _names(task: Task) -> tuple[str | None, ...]:
    """Of its outputs; None of the only one."""
    return task.outputs or (None,)
