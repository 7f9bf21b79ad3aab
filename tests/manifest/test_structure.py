"""What is wrong with the structure of a manifest: code, line, one diagnostic for each mistake."""

from __future__ import annotations

import pytest

from tests.manifest.texts import HEAD, Check, diagnose


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("timeout: 1s", [("E105", 0)]),
        ("call: a:f\nexec: [ls]", [("E105", 2)]),
        ("exec: [ls]\nuse: f\ncall: a:f", [("E105", 2), ("E105", 3)]),
        ("extends: f", []),
        ("call: a:f\nwhere: true", [("E105", 2)]),
        ("call: a:f\nfanout: {max: 3}", [("E105", 2)]),
        ("call: a:f\nforeach: {i: [1]}\nfanout: {expect: 3}", [("E101", 3)]),
        ("call: a:f\nforeach: {}", [("E112", 2)]),
        ("call: a:f\nforeach: {I: [1]}", [("E107", 2)]),
        ("call: a:f\nforeach: {'a,b,c': [1]}", [("E107", 2)]),
        ("call: a:f\nforeach: {tasks: [1]}", [("E111", 2)]),
        ("call: a:f\nforeach: {'i, i': []}", [("E111", 2)]),
        ("call: a:f\nforeach: {i: [1], 'i,k': []}", [("E111", 2)]),
        ("call: a.f", [("E113", 1)]),
        ("call: ${{ x }}", [("E113", 1)]),
        ("call: 'a:'", [("E113", 1)]),
        ("call: ../a.py:f", []),
        ("call: a:f.g", []),
        ("call: 3", [("E103", 1)]),
        ("exec: []", [("E112", 1)]),
        ("exec: {argv: []}", [("E112", 1)]),
        ("exec: {stdin: a}", [("E101", 1)]),
        ("exec: {argv: [a], stdout: txt}", [("E104", 1)]),
        ("exec: [ls, 3]", [("E103", 1)]),
        ("call: a:f\nargs: 3", [("E103", 2)]),
        ("call: a:f\nargs: ${{ [1] }}", [("E103", 2)]),
        ("call: a:f\nwith: [1]", [("E103", 2)]),
        ("call: a:f\nwith: {a-b: 1}", [("E107", 2)]),
        ("call: a:f\nafter: g", [("E103", 2)]),
        ("call: a:f\nworker: a b", [("E107", 2)]),
        ("call: a:f\nworker: ${{ x }}", []),
        ("call: a:f\noutputs: [a, a]", [("E309", 2)]),
        ("call: a:f\noutputs: []", [("E112", 2)]),
        ("call: a:f\nresources: {memory: 512}", [("E103", 2)]),
        ("call: a:f\nresources: {memory: 512mb}", [("E110", 2)]),
        ("call: a:f\nresources: {memory: {min: 1, max: 2GiB}}", [("E103", 2)]),
        ("call: a:f\nresources: {memory: {}}", [("E112", 2)]),
        ("call: a:f\nresources: {cpu: 0}", [("E108", 2)]),
        ("call: a:f\nresources: {arch: arm}", [("E104", 2)]),
        ("call: a:f\nresources: {memory: ${{ x }}, cpu: ${{ y }}}", [("E003", 2)]),
        ("call: a:f\nresources:\n  cpu: ${{ x }}\n  memory: '${{ y }}MiB'", []),
        ("call: a:f\nretry: true", [("E103", 2)]),
        ("call: a:f\nretry: 1.5", [("E103", 2)]),
        ("call: a:f\nretry: {delay: 1s}", [("E101", 2)]),
        ("call: a:f\nretry: {max: 1, backoff: 11}", [("E108", 2)]),
        ("call: a:f\nretry:\n  max: 1\n  delay: 2s\n  max_delay: 1s", [("E108", 4)]),
        ("call: a:f\nretry: {limit: 3}", [("E102", 2)]),
        ("call: a:f\ntimeout: 1h30m", []),
        ("call: a:f\ntimeout: ''", [("E109", 2)]),
        ("call: a:f\ntimeout: 5 m", [("E109", 2)]),
        ("call: a:f\nio: none", []),
        ("call: a:f\nio: linear", [("E507", 2)]),
        ("call: a:f\nio: {}", [("E507", 2)]),
        ("call: a:f\nio: {of: [x]}", [("E507", 2)]),
        ("call: a:f\nio: {linear: 1, constant: 1KiB}", [("E507", 2)]),
        ("call: a:f\nio: {linaer: 1}", [("E102", 2)]),
        ("call: a:f\nio: {linear: {factor: -1}}", [("E108", 2)]),
        ("call: a:f\nio: {constant: 3}", [("E103", 2)]),
        ("call: a:f\noptimize: preload", [("E103", 2)]),
        ("call: a:f\noptimize: [{prewarm: {count: 0}}]", [("E108", 2)]),
        ("call: a:f\noptimize: [{prewarm: {}, task-dup: {}}]", [("E105", 2)]),
        ("call: a:f\non_error: ignore", [("E104", 2)]),
        ("call: a:f\non_error: {value: 1, task: g}", [("E105", 2)]),
        ("call: a:f\nidempotent: yes", [("E103", 2)]),
        ("call: a:f\nenv: {A: 1}", [("E103", 2)]),
        ("call: a:f\nenv: {a-b: x}", [("E107", 2)]),
        ("call: a:f\nx-note: 1", []),
        ("call: a:f\nretries: 3", [("E114", 2)]),
        ("call: a:f\ndepends_on: [x]", [("E114", 2)]),
        ("call: a:f\nwhere: true\nmatrix: {}", [("E114", 3)]),
        ("command: ls", [("E114", 1)]),
        ("comand: ls", [("E102", 1)]),
        ("callx: a:f", [("E102", 1)]),
    ],
)
def test_a_task(check_task: Check, fields: str, expected: list[tuple[str, int]]) -> None:
    assert check_task(fields) == expected


TASKS = "tasks:\n  g: {call: 'a:f'}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TASKS, [("E101", 1), ("E101", 1)]),
        ("spec: '1'\nname: t\n" + TASKS, [("E106", 1)]),
        ("spec: 1\nname: T\n" + TASKS, [("E107", 2)]),
        ("spec: 1\nname: 3\n" + TASKS, [("E103", 2)]),
        ("spec: 1\nnmae: t\n" + TASKS, [("E102", 2)]),
        (HEAD + "tsks: {}\n", [("E102", 3)]),
        (HEAD + "jobs: {}\n", [("E114", 3)]),
        (HEAD + "tasks:\n", [("E103", 3)]),
        (HEAD + "tasks: []\n", [("E103", 3)]),
        (HEAD + "tasks:\n  g:\n", [("E103", 4)]),
        (HEAD + "tasks:\n  not: {call: 'a:f'}\n", [("E111", 4)]),
        (HEAD + "tasks:\n  x-template: 1\n  g: {call: 'a:f'}\n", []),
        (HEAD + TASKS + "x-more: {a: 1}\n", []),
        (HEAD + TASKS + "let: {tasks: 1}\n", [("E111", 5)]),
        (HEAD + TASKS + "let: {A: 1}\n", [("E107", 5)]),
        (HEAD + TASKS + "params: {tasks: 1}\n", []),
        (HEAD + TASKS + "params: {a: {default: 1}}\n", [("E101", 5)]),
        (HEAD + TASKS + "params: {a: {type: int, defalt: 1}}\n", [("E102", 5)]),
        (HEAD + TASKS + "params: {a: {type: str, pattern: '('}}\n", [("E208", 5)]),
        (HEAD + TASKS + "params: {a: '${{ 1 }}'}\n", [("E204", 5)]),
        (HEAD + TASKS + "inputs: {a: 1}\n", [("E103", 5)]),
        (HEAD + TASKS + "functions: {f: {use: g}}\n", [("E102", 5)]),
        (HEAD + TASKS + "functions: {f: {timeout: 1s}}\n", [("E105", 5)]),
        (HEAD + TASKS + "defaults: {call: 'a:f'}\n", [("E102", 5)]),
        (HEAD + TASKS + "sla: 95\n", [("E103", 5)]),
        (HEAD + TASKS + "sla: p99.9\n", []),
        (HEAD + TASKS + "sla: p101\n", [("E506", 5)]),
        (HEAD + TASKS + "sla: {percentile: 0}\n", [("E506", 5)]),
        (HEAD + TASKS + "sla: {deadline: 3m}\n", [("E101", 5)]),
        (HEAD + TASKS + "sla: {percentile: 50, budget: '3'}\n", [("E506", 5)]),
        (HEAD + TASKS + "outputs: {}\n", [("E112", 5)]),
        (HEAD + TASKS + "outputs: {a: 1}\nresult: 2\n", [("E105", 6)]),
        (HEAD + TASKS + "secrets: {a: {env: A, ssm: b}}\n", [("E105", 5)]),
        (HEAD + TASKS + "imports: {a: {sha256: x}}\n", [("E101", 5), ("E104", 5)]),
        (HEAD + TASKS + "workers: {a b: {}}\n", [("E107", 5)]),
        (HEAD + TASKS + "metrics: {upload: never}\n", [("E104", 5)]),
        (HEAD + TASKS + "metrics: {upload: {every: 5s}}\n", []),
        (HEAD + TASKS + "labels: {a: 1}\n", [("E103", 5)]),
        (HEAD + TASKS + "requirements: ''\n", [("E112", 5)]),
    ],
)
def test_a_manifest(check: Check, text: str, expected: list[tuple[str, int]]) -> None:
    assert check(text) == expected


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("params: {a: no}\n", [5]),
        ("params: {a: 'no'}\n", []),
        ("params: {a: {type: str, default: no}}\n", []),
        ("params: {a: {type: any, default: no}}\n", [5]),
        ("let: {a: 1_000}\n", [5]),
        ("result: [on]\n", [5]),
        ("labels: {a: no}\n", []),
        ("description: no\n", []),
        ("x-note: no\n", []),
    ],
)
def test_ambiguous_texts_warn_where_a_field_has_no_type(check: Check, text: str, lines: list[int]) -> None:
    assert check(HEAD + TASKS + text) == [("W014", line) for line in lines]


@pytest.mark.parametrize(
    ("field", "is_untyped"),
    [("args: [no]", True), ("with: {a: 12:30}", True), ("foreach: {c: [no, se]}", True), ("env: {A: no}", False)],
)
def test_arguments_and_loops_have_no_type(check_task: Check, field: str, is_untyped: bool) -> None:
    assert check_task(f"call: a:f\n{field}") == [("W014", 2)] * is_untyped


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("requirments: r.txt\n", "write `requirements`"),
        (f"workers: {{{'w' * 70}: {{memory: 1GiB}}}}\n", "it has 70 characters; a name has 63 at most"),
        ("defaults: {timeout: 30}\n", "add a unit: 30s"),
        ("defaults: {timeout: 30 sec}\n", "write 30s"),
        ("defaults: {resources: {memory: 20 GB}}\n", "write 20GB"),
        ("defaults: {resources: {memory: 2G}}\n", "write 2GiB"),
        ("defaults: {idempotent: no}\n", "write false"),
        ("defaults: {retries: 3}\n", "write `retry`"),
        ("defaults: {env: {A: 1}}\n", 'quote it: "1"'),
    ],
)
def test_hints_say_what_to_write(text: str, hint: str) -> None:
    (one,) = diagnose(HEAD + TASKS + text)
    assert one.hint == hint


def test_messages_name_both_types() -> None:
    (one,) = diagnose(HEAD + TASKS + "defaults: {timeout: 30}\n")
    assert one.message == "`timeout` is a duration such as 1m30s, not the number `30`"


def test_what_yaml_spoiled_is_not_reported_twice(check: Check) -> None:
    text = "spec: 1\nname: 007\ntasks:\n  g: {call: 'a:f', timeout: {{ x }}, args: {{ y }}, worker: !!int '3'}\n"
    assert check(text) == [("E014", 2), ("E211", 4), ("E211", 4), ("E010", 4)]


def test_a_mistake_in_one_of_many_tasks_is_the_only_one(check: Check) -> None:
    rows = "".join(f"  t{n}: {{call: 'a:f', retry: {n}}}\n" for n in range(50))
    assert check(f"{HEAD}tasks:\n{rows}  bad: {{call: 'a:f', retry: -1}}\n") == [("E108", 54)]


@pytest.mark.parametrize("name", ["${{ a }}b", "a-b"])
def test_a_task_s_name_is_no_expression(check: Check, name: str) -> None:
    assert check(f"{HEAD}tasks:\n  g: {{exec: [a]}}\n  {name}: {{exec: [a]}}\n") == [("E107", 5)]
