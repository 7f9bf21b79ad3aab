"""Environment classes from resources, declared workers and requirements."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.diagnostics import ManifestError
from compiler.manifest.model import Resources, TaskOptions
from compiler.manifest.tree import MappingNode, ScalarNode
from compiler.planner.classes import environment_classes
from tests.factories import SPAN, make_graph, make_manifest


def classes_of(graph):
    classes, env_of = environment_classes(graph, python="3.11")
    return [classes[env] for env in env_of]


def with_options(graph, *table):
    return replace(graph, option_table=tuple(table), options=list(range(len(table))))


def declared(graph, **sizes):
    def scalar(text):
        return ScalarNode(value=text, span=SPAN, raw=text)

    workers = {
        name: MappingNode(keys=(scalar("memory"),), values=(scalar(size),), span=SPAN) for name, size in sizes.items()
    }
    return replace(graph, manifest=replace(graph.manifest, workers=workers))


def test_nothing_stated_is_one_vcpu():
    (env,) = classes_of(make_graph("a"))
    assert (env.memory_mb, env.arch, env.python, env.layer) == (1769, "x86_64", "3.11", "")


def test_a_stated_minimum_is_the_memory():
    assert [env.memory_mb for env in classes_of(make_graph("a b", memory_mb={"a": 512}))] == [512, 1769]


def test_a_maximum_below_the_default_caps_it():
    graph = with_options(make_graph("a"), TaskOptions(resources=Resources(memory_max_mb=256)))
    assert classes_of(graph)[0].memory_mb == 256


def test_tasks_of_one_worker_share_the_class_that_any_of_them_states():
    graph = make_graph("a b", pins={"a": "mine", "b": "mine"}, memory_mb={"b": 3008})
    assert {env.memory_mb for env in classes_of(graph)} == {3008}


def test_a_declared_size_wins():
    graph = declared(make_graph("a", pins={"a": "mine"}, memory_mb={"a": 512}), mine="4GiB")
    assert classes_of(graph)[0].memory_mb == 4096


def test_architecture_is_stated_by_any_task_of_a_worker():
    graph = with_options(
        make_graph("a b"),
        TaskOptions(worker="mine"),
        TaskOptions(worker="mine", resources=Resources(arch="arm64")),
    )
    assert {env.arch for env in classes_of(graph)} == {"arm64"}


def test_requirements_make_a_layer_and_a_worker_has_the_union():
    graph = with_options(
        make_graph("a b c"),
        TaskOptions(requirements=("numpy==2.0",)),
        TaskOptions(worker="mine", requirements=("numpy==2.0",)),
        TaskOptions(worker="mine"),
    )
    alone, first, second = classes_of(graph)
    assert alone.layer == first.layer == second.layer != ""


def test_a_requirements_file_counts_by_what_it_says(tmp_path):
    (tmp_path / "requirements.txt").write_text("# the usual\nNumPy == 2.0\n")
    listed = with_options(make_graph("a"), TaskOptions(requirements=("numpy==2.0",)))
    graph = with_options(make_graph("a"), TaskOptions(requirements=("-r requirements.txt",)))
    named = replace(graph, manifest=make_manifest(["a"], root=tmp_path))
    assert classes_of(named) == classes_of(listed)


def test_a_requirements_file_that_went_away_is_a_diagnostic(tmp_path):
    graph = with_options(make_graph("a"), TaskOptions(requirements=("-r requirements.txt",)))
    with pytest.raises(ManifestError) as caught:
        classes_of(replace(graph, manifest=make_manifest(["a"], root=tmp_path)))
    assert [one.code for one in caught.value.diagnostics] == ["E404"]
