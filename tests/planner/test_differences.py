"""What differs between two plans, whatever their workers are called."""

from __future__ import annotations

from compiler.planner.differences import FLEXIBLE, Place, Snapshot, compare


def plan(workers: str, **more: object) -> Snapshot:
    """`"w0: a b, w1: c, : d"`: d is flexible."""
    places: dict[str, Place] = {}
    for part in workers.split(","):
        worker, _, names = part.strip().partition(":")
        places |= {name: Place(worker=worker or None, env="512") for name in names.split()}
    whole: dict[str, object] = {
        "name": "flow",
        "planner": "simple",
        "functions": {},
        "places": places,
        "entries": {},
        "edges": None,
        "figures": {},
    }
    return Snapshot(**{**whole, **more})  # type: ignore[arg-type]


def moves(old: Snapshot, new: Snapshot) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.old, one.new, one.instances) for one in compare(old, new).moved]


def test_equal_plans_do_not_differ_whatever_was_expected():
    one = plan("w0: a b, : c", figures={"p95": 1.0})
    found = compare(one, plan("w0: a b, : c", figures={"p95": 2.0}))
    assert found.are_none
    assert found.figures == (("p95", 1.0, 2.0),)


def test_tasks_that_went_to_another_worker_moved_together():
    assert moves(plan("w0: a b c, w1: d"), plan("w0: a, w1: b c d")) == [("w0", "w1", ("b", "c"))]
    assert moves(plan("w0: a, : b"), plan("w0: a b")) == [(FLEXIBLE, "w0", ("b",))]


def test_a_worker_with_the_same_tasks_under_another_id_is_the_same():
    swapped = compare(plan("w0: a b, w1: c"), plan("w1: a b, w0: c"))
    assert swapped.are_none
    assert swapped.renamed == (("w0", "w1"), ("w1", "w0"))
    assert compare(plan("w0: a b"), plan("x: a b")).renamed == (("w0", "x"),)


def test_an_id_that_another_worker_still_has_is_no_new_name():
    found = compare(plan("w0: a, w1: b c, w2: d"), plan("w1: a, w2: b d, w3: c"))
    assert not found.renamed
    assert sorted(name for one in found.moved for name in one.instances) == ["a", "b", "c"]


def test_sizes_of_what_stayed_are_told_by_worker():
    old, new = plan("w0: a b, w1: c"), plan("w0: a b, w1: c")
    new = plan("", places={name: Place(worker=one.worker, env="1769") for name, one in new.places.items()})
    found = compare(old, new)
    assert [(one.worker, one.old, one.new, one.instances) for one in found.resized] == [
        ("w0", "512", "1769", ("a", "b")),
        ("w1", "512", "1769", ("c",)),
    ]
    assert not found.moved


def test_instances_code_edges_and_entries():
    old = plan("w0: a b", functions={"a": "1", "b": "1"}, edges={"b": ("a",)}, entries={"w0": ("a",)})
    new = plan("w0: b c", functions={"b": "2", "c": "1"}, edges={"b": ("c",)}, entries={"w0": ("c", "b")})
    found = compare(old, new)
    assert (found.added, found.removed, found.code, found.edges) == (("c",), ("a",), ("b",), ("b",))
    assert found.entries == (("w0", 1, 2),)
    assert not compare(plan("w0: a", edges={"a": ()}), plan("w0: a")).edges
