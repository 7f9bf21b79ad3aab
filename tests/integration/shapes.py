"""Graphs of every shape as manifests, each with its functions and the value that it must give."""

from __future__ import annotations

from dataclasses import dataclass

ARITHMETIC = """
def add(*terms):
    return sum(terms)


def total(terms):
    return sum(terms)


def one():
    return 1


def succ(number):
    return number + 1


def double(number):
    return 2 * number


def same(value):
    return value
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """One graph. `tasks` is the manifest's text after its head, `expected` what the run must return."""

    name: str
    tasks: str
    expected: object
    functions: str = ARITHMETIC


SINGLE = Shape(
    "single_task",
    """
tasks:
  a: {call: "functions:one"}
result: ${{ tasks.a }}
""",
    1,
)

DIAMOND = Shape(
    "diamond",
    """
tasks:
  a: {call: "functions:one"}
  b: {call: "functions:succ", args: ["${{ tasks.a }}"]}
  c: {call: "functions:double", args: ["${{ tasks.a }}"]}
  d: {call: "functions:same", args: [["${{ tasks.b }}", "${{ tasks.c }}"]]}
  e: {call: "functions:total", args: ["${{ tasks.d }}"]}
result: ["${{ tasks.d }}", "${{ tasks.e }}"]
""",
    [[2, 2], 4],
)

TWICE = Shape(
    "one_task_used_twice_in_a_call",
    """
tasks:
  a: {call: "functions:make"}
  b:
    call: functions:compare
    args: ["${{ tasks.a }}", "${{ tasks.a }}"]
    with: {again: {deep: ["${{ tasks.a }}", "${{ tasks.a.number }}"]}}
result: ${{ tasks.b }}
""",
    [True, True, 7, 7],
    """
def make():
    return {"number": 7}


def compare(left, right, again):
    return [left == right, again["deep"][0] == left, again["deep"][1], right["number"]]
""",
)

MANY_SINKS = Shape(
    "many_sinks",
    """
tasks:
  a: {call: "functions:one"}
  b: {call: "functions:add", foreach: {i: "${{ range(40) }}"}, args: ["${{ tasks.a }}", "${{ i }}"]}
""",
    {f"b[{i}]": i + 1 for i in range(40)},
)

DISCONNECTED = Shape(
    "disconnected_parts",
    """
tasks:
  a: {call: "functions:one"}
  b: {call: "functions:succ", args: ["${{ tasks.a }}"]}
  c: {call: "functions:one"}
  d: {call: "functions:double", args: ["${{ tasks.c }}"]}
  lone: {call: "functions:add", foreach: {i: "${{ range(5) }}"}, args: ["${{ i }}"]}
outputs: {first: "${{ tasks.b }}", second: "${{ tasks.d }}", lone: "${{ tasks.lone }}"}
""",
    {"first": 2, "second": 2, "lone": [0, 1, 2, 3, 4]},
)

SKIPPING = Shape(
    "edges_that_skip_levels",
    """
tasks:
  a: {call: "functions:one"}
  b: {call: "functions:succ", args: ["${{ tasks.a }}"]}
  c: {call: "functions:add", args: ["${{ tasks.a }}", "${{ tasks.b }}"]}
  d: {call: "functions:add", args: ["${{ tasks.a }}", "${{ tasks.b }}", "${{ tasks.c }}"]}
  e: {call: "functions:add", args: ["${{ tasks.d }}", "${{ tasks.a }}"]}
  f: {call: "functions:add", foreach: {i: [10, 20]}, args: ["${{ tasks.e }}", "${{ tasks.a }}", "${{ i }}"]}
result: ["${{ tasks.e }}", "${{ tasks.f }}"]
""",
    [7, [18, 28]],
)

EMPTY = Shape(
    "none_and_empty_values_in_mid_graph",
    """
tasks:
  make: {call: "functions:make", foreach: {i: "${{ range(8) }}"}, args: ["${{ i }}"]}
  pass: {call: "functions:same", foreach: {i: "${{ range(8) }}"}, args: ["${{ tasks.make[i] }}"]}
  nothing: {call: "functions:same", args: [null]}
  after_nothing: {call: "functions:describe", args: [["${{ tasks.nothing }}"]]}
  all: {call: "functions:describe", args: ["${{ tasks.pass }}"]}
result: ["${{ tasks.all }}", "${{ tasks.after_nothing }}", "${{ tasks.nothing }}"]
""",
    [["None", "[]", "{}", "''", "0", "False", "b''", "()"], ["None"], None],
    """
def make(i):
    return (None, [], {}, "", 0, False, b"", ())[i]


def same(value):
    return value


def describe(values):
    return [repr(value) for value in values]
""",
)

SHARED = Shape(
    "shared_fan_ins",
    """
tasks:
  source: {call: "functions:add", foreach: {i: "${{ range(6) }}"}, args: ["${{ i }}"]}
  sums: {call: "functions:weighted", foreach: {k: "${{ range(7) }}"}, args: ["${{ tasks.source }}", "${{ k }}"]}
  part: {call: "functions:total", foreach: {g: "${{ range(3) }}"}, args: ["${{ tasks.source[2*g : 2*g + 2] }}"]}
  all: {call: "functions:total", args: ["${{ tasks.sums }}"]}
result: {sums: "${{ tasks.sums }}", part: "${{ tasks.part }}", all: "${{ tasks.all }}"}
""",
    {"sums": [15 * k for k in range(7)], "part": [1, 5, 9], "all": 15 * 21},
    ARITHMETIC
    + """

def weighted(terms, factor):
    return factor * sum(terms)
""",
)

CHAIN = Shape(
    "chain_of_1000",
    """
tasks:
  link:
    call: functions:succ
    foreach: {i: "${{ range(1000) }}"}
    args: ["${{ 0 if i == 0 else tasks.link[i-1] }}"]
result: ${{ tasks.link[999] }}
""",
    1000,
)

FAN_IN = Shape(
    "fan_in_of_1000",
    """
tasks:
  leaf: {call: "functions:double", foreach: {i: "${{ range(1000) }}"}, args: ["${{ i }}"]}
  sum: {call: "functions:total", args: ["${{ tasks.leaf }}"]}
result: ${{ tasks.sum }}
""",
    999 * 1000,
)

SEVERAL_OUTPUTS = Shape(
    "task_with_several_outputs",
    """
tasks:
  split: {call: "functions:split", outputs: [low, high, unused], args: [10]}
  low: {call: "functions:total", args: ["${{ tasks.split.low }}"]}
  high: {call: "functions:total", args: ["${{ tasks.split.high }}"]}
  both: {call: "functions:count", args: ["${{ tasks.split.low }}", "${{ tasks.split.high }}"]}
result: ["${{ tasks.low }}", "${{ tasks.high }}", "${{ tasks.both }}", "${{ tasks.split.high[0] }}"]
""",
    [10, 35, 10, 5],
    ARITHMETIC
    + """

def split(count):
    numbers = list(range(count))
    return {"low": numbers[: count // 2], "high": numbers[count // 2 :], "unused": None}


def count(low, high):
    return len(low) + len(high)
""",
)

NESTED = Shape(
    "nested_references",
    """
tasks:
  cell:
    call: functions:product
    foreach: {i: "${{ range(3) }}", j: "${{ range(4) }}"}
    args: ["${{ i }}", "${{ j }}"]
  table: {call: "functions:make_table"}
  look:
    call: functions:look
    with:
      tree:
        rows: ${{ tasks.cell }}
        row: ["${{ tasks.cell[1] }}", {"0": "${{ tasks.cell[2][3] }}"}]
        columns: ${{ tasks.cell | transpose }}
        plain: [1, {a: [null, true, "x"]}]
        picked: ${{ tasks.table.rows[1]['name'] }}
      empty: {}
result: ${{ tasks.look }}
""",
    {
        "rows": [[i * j for j in range(4)] for i in range(3)],
        "row": [[0, 1, 2, 3], {"0": 6}],
        "columns": [[i * j for i in range(3)] for j in range(4)],
        "plain": [1, {"a": [None, True, "x"]}],
        "picked": "second",
        "empty": {},
    },
    """
def product(i, j):
    return i * j


def make_table():
    return {"rows": [{"name": "first"}, {"name": "second"}]}


def look(tree, empty):
    return {**tree, "empty": empty}
""",
)

PINNED = Shape(
    "mixed_pins",
    """
tasks:
  a: {call: "functions:one", worker: red}
  b: {call: "functions:succ", args: ["${{ tasks.a }}"]}
  c: {call: "functions:double", args: ["${{ tasks.a }}"], worker: blue}
  d: {call: "functions:add", foreach: {i: "${{ range(12) }}"}, args: ["${{ tasks.b }}", "${{ tasks.c }}", "${{ i }}"]}
  e: {call: "functions:total", args: ["${{ tasks.d }}"], worker: red}
  f: {call: "functions:add", args: ["${{ tasks.e }}", "${{ tasks.d[3] }}"], worker: blue}
  g: {call: "functions:succ", args: ["${{ tasks.f }}"]}
result: ["${{ tasks.e }}", "${{ tasks.f }}", "${{ tasks.g }}"]
""",
    [114, 121, 122],
)

AFTER = Shape(
    "order_without_a_value",
    """
tasks:
  a: {call: "functions:one"}
  b: {call: "functions:succ", after: [a], args: [5], worker: red}
  c: {call: "functions:add", foreach: {i: "${{ range(4) }}"}, after: [b], args: ["${{ i }}"]}
  d: {call: "functions:same", after: [c], args: [done]}
result: ["${{ tasks.d }}", "${{ tasks.b }}"]
""",
    ["done", 6],
)

LATTICE = Shape(
    "lattice",
    """
tasks:
  cell:
    call: functions:add
    foreach: {i: "${{ range(12) }}", j: "${{ range(12) }}"}
    args:
      - ${{ 1 if i == 0 else tasks.cell[i-1][j] }}
      - ${{ 0 if j == 0 or i == 0 else tasks.cell[i][j-1] }}
result: ${{ tasks.cell[11][11] }}
""",
    705432,
)

SHAPES = (
    SINGLE,
    DIAMOND,
    TWICE,
    MANY_SINKS,
    DISCONNECTED,
    SKIPPING,
    EMPTY,
    SHARED,
    CHAIN,
    FAN_IN,
    SEVERAL_OUTPUTS,
    NESTED,
    PINNED,
    AFTER,
    LATTICE,
)
