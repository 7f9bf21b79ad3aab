"""The outbox: what goes into one commit, and how flexible consumers are shared out."""

from __future__ import annotations

from runtime.machine.outbox import ARRIVALS_PER_COMMIT, Outbox
from runtime.machine.settling import Settling
from runtime.plan import OutEdge
from runtime.ports import Attempt, Failure, Settle, Store
from tests.runtime.records import ENV


def outbox(fan_out: int = 4) -> tuple[Outbox, Settling]:
    settling = Settling()
    return Outbox(settling, ENV, fan_out), settling


def edges(count: int, *, worker: str | None = None, need: int = 1) -> list[OutEdge]:
    return [OutEdge(consumer=f"c[{n}]", need=need, env=ENV, worker=worker, page=0) for n in range(count)]


def test_a_wide_output_goes_in_batches_and_its_last_batch_settles_the_task() -> None:
    box, settling = outbox()
    settling.finished("t", 1, [])
    box.put("t", "t", edges(1_000, worker="w"), with_value=True)
    batches = []
    while box:
        batches.append(box.take())
    stores = [item for batch in batches for item in batch.items if isinstance(item, Store)]
    assert [len(store.arrivals) for store in stores] == [ARRIVALS_PER_COMMIT, ARRIVALS_PER_COMMIT, 100]
    assert [store.last for store in stores] == [False, False, True]
    assert [bool(batch.fill) for batch in batches] == [True, False, False]
    assert [batch.settled for batch in batches] == [(), (), ("t",)]


def test_a_wide_fan_out_is_proposed_in_as_many_even_lists_as_workers_may_be_called() -> None:
    box, settling = outbox(fan_out=4)
    settling.finished("t", 1, [])
    box.put("t", "t", edges(1_000), with_value=True)
    proposed: dict[str, int] = {}
    share = 0
    while box:
        batch = box.take()
        share += batch.share
        for item in batch.items:
            assert isinstance(item, Store)
            for arrival in item.arrivals:
                proposed[arrival.worker] = proposed.get(arrival.worker, 0) + 1
    assert proposed == {"~c[0]": 250, "~c[250]": 250, "~c[500]": 250, "~c[750]": 250}
    assert share == 250


def test_narrow_outputs_of_one_commit_are_pooled_so_that_one_worker_does_not_take_all() -> None:
    box, settling = outbox(fan_out=4)
    for n, edge in enumerate(edges(8, need=2)):
        settling.finished(f"t{n}", 1, [])
        box.put(f"t{n}", f"t{n}", [edge], with_value=True)
    batch = box.take()
    workers = [arrival.worker for item in batch.items if isinstance(item, Store) for arrival in item.arrivals]
    assert workers == ["~c[0]"] * 2 + ["~c[2]"] * 2 + ["~c[4]"] * 2 + ["~c[6]"] * 2
    assert batch.share == 2


def test_tasks_that_a_store_settles_are_settled_after_it_in_the_same_commit() -> None:
    box, settling = outbox()
    settling.finished("a", 0, ["b"])
    settling.finished("b", 1, [])
    box.put("b", "b", edges(1, worker="w"), with_value=True)
    store, settle = box.take().items
    assert isinstance(store, Store) and store.last
    assert settle == Settle(tasks=("a",))


def test_attempts_go_before_and_failures_after_everything_else() -> None:
    box, settling = outbox()
    settling.finished("t", 1, [])
    box.note(Failure(task="x", record="{}"))
    box.put("t", "t", [], with_value=True)
    box.note(Attempt(task="x", number=1))
    kinds = [type(item) for item in box.take().items]
    assert kinds == [Attempt, Store, Failure]


def test_an_output_is_one_arrival_per_consumer_however_often_it_is_used() -> None:
    box, settling = outbox()
    settling.finished("t", 1, [])
    box.put("t", "t", edges(1, worker="w") * 2, with_value=True)
    (store,) = box.take().items
    assert isinstance(store, Store) and len(store.arrivals) == 1
