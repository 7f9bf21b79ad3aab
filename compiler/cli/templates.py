"""What `treadle init` writes: for each template its manifest and the files beside it.

The manifests begin with the editor's modeline, which gives completion and hover by the published schema.
"""

from __future__ import annotations

MODELINE = "# yaml-language-server: $schema={schema}\n"

HELLO_MANIFEST = """\
# One task calls one function. Run it:  treadle run workflow.yaml --set who=Ada
spec: 1
name: hello
params:                                  # fixed when the workflow is compiled: --set who=Ada
  who: {type: str, default: world, description: whom to greet}
tasks:
  greet:
    call: functions:greet                # module:function, in functions.py beside this file
    args: ["${{ params.who }}"]          # ${{ }} is an expression
result: ${{ tasks.greet }}               # what the run prints
"""

HELLO_FUNCTIONS = '''\
"""The functions of the workflow."""


def greet(who: str) -> str:
    return f"Hello, {who}!"
'''

MAP_MANIFEST = """\
# One task per item, then one that gets all results. Run it:  treadle run workflow.yaml --set items=100
spec: 1
name: squares
params:
  items: {type: int, default: 8, min: 1}
tasks:
  square:
    call: functions:square                       # a function in functions.py, beside this file
    foreach: {i: "${{ range(params.items) }}"}   # square[0], square[1], ...
    args: ["${{ i }}"]
  total:
    call: functions:total
    args: ["${{ tasks.square }}"]                # the whole family: a list, in order
result: ${{ tasks.total }}
"""

MAP_FUNCTIONS = '''\
"""The functions of the workflow."""


def square(number: int) -> int:
    return number * number


def total(numbers: list[int]) -> int:
    return sum(numbers)
'''

TREE_MANIFEST = """\
# A binary tree: level l adds pairs of level l-1. Run it:  treadle run workflow.yaml --set leaves=64
spec: 1
name: tree
params:
  leaves: {type: int, default: 16, min: 2, description: a power of two}
let:                                             # names for values, in any order
  levels: ${{ log2(params.leaves) }}
tasks:
  leaf:
    call: functions:load
    foreach: {i: "${{ range(params.leaves) }}"}
    args: ["${{ i }}"]
  add:
    call: functions:add
    foreach:                                     # two entries, two dimensions: add[level][i]
      l: ${{ range(1, levels + 1) }}
      i: ${{ range(params.leaves // 2 ** l) }}
    args:                                        # one call per instance: its two children
      - ${{ tasks.leaf[2*i]   if l == 1 else tasks.add[l-1][2*i]   }}
      - ${{ tasks.leaf[2*i+1] if l == 1 else tasks.add[l-1][2*i+1] }}
result: ${{ tasks.add[levels][0] }}
"""

TREE_FUNCTIONS = '''\
"""The functions of the workflow."""


def load(i: int) -> int:
    return i


def add(left: int, right: int) -> int:
    return left + right
'''

CLI_MANIFEST = """\
# Programs as tasks: words and standard input go in, standard output comes out, never through a shell.
# Run it:  treadle run workflow.yaml --set 'levels=["ERROR"]'
spec: 1
name: log-levels
params:
  levels: {type: "list[str]", default: [ERROR, WARN, INFO], description: what to count}
tasks:
  log:
    call: functions:read_log                     # a task in Python gives the text
  count:
    foreach: {level: "${{ params.levels }}"}     # count["ERROR"], count["WARN"], ...
    exec:
      argv: [./count.sh, "${{ level }}"]         # each item is one word, whatever is in it
      files: [count.sh]                          # shipped with the workflow, from beside this file
      stdin: ${{ tasks.log }}
      stdout: json                               # or text, lines, bytes
  errors:
    exec:
      argv: [grep, -n, ERROR]                    # a program that the worker has on its PATH
      stdin: ${{ tasks.log }}
      stdout: lines
    timeout: 30s                                 # an exit code other than 0, or too long, fails the task
  report:
    call: functions:report
    with:
      levels: ${{ params.levels }}
      counts: ${{ tasks.count }}
      errors: ${{ tasks.errors }}
result: ${{ tasks.report }}
"""

CLI_FUNCTIONS = '''\
"""The functions of the workflow."""

LOG = """\\
INFO  start
WARN  disk at 81 %
ERROR no answer from host 7
INFO  retry
ERROR no answer from host 7
"""


def read_log() -> str:
    return LOG


def report(levels: list[str], counts: list[int], errors: list[str]) -> dict[str, object]:
    return {"counts": dict(zip(levels, counts, strict=True)), "errors": errors}
'''

CLI_SCRIPT = """\
#!/bin/sh
# Prints how many lines of standard input begin with a word: a number, which is JSON.
awk -v word="$1" '$1 == word { found++ } END { print found + 0 }'
"""

TEMPLATES: dict[str, dict[str, str]] = {
    "hello": {"workflow.yaml": HELLO_MANIFEST, "functions.py": HELLO_FUNCTIONS},
    "map": {"workflow.yaml": MAP_MANIFEST, "functions.py": MAP_FUNCTIONS},
    "tree": {"workflow.yaml": TREE_MANIFEST, "functions.py": TREE_FUNCTIONS},
    "cli": {"workflow.yaml": CLI_MANIFEST, "functions.py": CLI_FUNCTIONS, "count.sh": CLI_SCRIPT},
}


def files_of(template: str, *, schema: str) -> dict[str, str]:
    """File name to text, the modeline on top of the manifest."""
    return {
        name: (MODELINE.format(schema=schema) if name.endswith(".yaml") else "") + text
        for name, text in TEMPLATES[template].items()
    }
