"""What `treadle init` writes: for each template its manifest and the module with its functions.

The manifests begin with the editor's modeline, which gives completion and hover by the published schema.
"""

from __future__ import annotations

MODELINE = "# yaml-language-server: $schema={schema}\n"

HELLO_MANIFEST = """\
# One task calls one function. Run it:  treadle run workflow.yaml --set who=Ada
spec: 1
name: hello
params:
  who: {type: str, default: world}
tasks:
  greet:
    call: functions:greet                # module:function, beside this file
    args: ["${{ params.who }}"]
result: ${{ tasks.greet }}
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
let:
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
    args:
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

TEMPLATES: dict[str, dict[str, str]] = {
    "hello": {"workflow.yaml": HELLO_MANIFEST, "functions.py": HELLO_FUNCTIONS},
    "map": {"workflow.yaml": MAP_MANIFEST, "functions.py": MAP_FUNCTIONS},
    "tree": {"workflow.yaml": TREE_MANIFEST, "functions.py": TREE_FUNCTIONS},
}


def files_of(template: str, *, schema: str) -> dict[str, str]:
    """File name to text, the modeline on top of the manifest."""
    return {
        name: (MODELINE.format(schema=schema) if name.endswith(".yaml") else "") + text
        for name, text in TEMPLATES[template].items()
    }
