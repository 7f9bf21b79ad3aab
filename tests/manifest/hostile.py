"""Manifests made to hurt, by name: the text, and the code that each is refused with."""

from __future__ import annotations

from collections.abc import Callable

from tests.manifest.texts import HEAD

TASK = "tasks: {g: {call: 'json:loads', args: ['1']}}\n"
MEBIBYTE = 1 << 20
THOUSAND = "[" + "1," * 999 + "1], "

MANY = "call: 'json:loads', args: ['1'], foreach: {i: '${{ range(199999) }}'}"

Made = Callable[[], str | bytes]


def let(*expressions: str) -> str:
    """`a0`, `a1`, … with these values."""
    return HEAD + "let:\n" + "".join(f'  a{at}: "${{{{ {one} }}}}"\n' for at, one in enumerate(expressions)) + TASK


def doubled(first: str, following: str) -> str:
    """A value, and forty that each take the one before twice."""
    return let(first, *(following.replace("%", f"a{at}") for at in range(40)))


def family(entries: str, argument: str = "1") -> str:
    return f"{HEAD}tasks:\n  g:\n    call: json:loads\n    foreach: {{{entries}}}\n    args: ['{argument}']\n"


def over(expression: str) -> str:
    return f'i: "${{{{ {expression} }}}}"'


def pair(task: str) -> str:
    """Two families of 5,000, of which the second is what `task` says."""
    many = "foreach: {i: '${{ range(5000) }}'}"
    first = f"  a: {{call: 'json:loads', args: ['1'], {many}}}\n"
    return f"{HEAD}tasks:\n{first}  b: {{call: 'json:loads', {task}, {many}}}\n"


def tasks(count: int, body: str) -> str:
    """Tasks `t0`, `t1`, … whose `%` is the number of the next one."""
    bodies = (body.replace("%", str((at + 1) % count)) for at in range(count))
    return HEAD + "tasks:\n" + "".join(f"  t{at}: {{{one}}}\n" for at, one in enumerate(bodies))


def listing(field: str, names: list[str]) -> str:
    return f"{HEAD}tasks: {{t: {{call: 'json:loads', args: ['1'], {field}: [{', '.join(names)}]}}}}\n"


def aliases() -> str:
    rows = "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]\n" for n in range(1, 40))
    return "x0: &x0 [y]\n" + rows


def merges() -> str:
    return HEAD + TASK + "x-b: &b {c: 1}\nx-l:\n" + f"  - {{<<: [{', '.join(['*b'] * 50)}]}}\n" * 10_000


def pattern(text: str, default: str) -> str:
    return f"{HEAD}params: {{p: {{type: str, default: '{default}', pattern: '{text}'}}}}\n{TASK}"


REFUSED: dict[str, tuple[str, Made]] = {
    "17 MiB": ("E012", lambda: b"#" * (17 * MEBIBYTE)),
    "3,000,000 items in one list": ("E012", lambda: f"{HEAD}{TASK}x-a: [{'1,' * 3_000_000}1]\n"),
    "3,000,000 small mappings": ("E012", lambda: f"{HEAD}{TASK}x-a: [{'{},' * 3_000_000}1]\n"),
    "3,000,000 rows of a list": ("E012", lambda: HEAD + TASK + "x-a:\n" + "- 1\n" * 3_000_000),
    "lists of lists of 4,000,000 items": (
        "E012",
        lambda: f"{HEAD}{TASK}x-a: [{THOUSAND * 4000}1]\n",
    ),
    "a million keys": ("E012", lambda: HEAD + TASK + "x-a:\n" + "".join(f"  k{n}: 1\n" for n in range(1_000_000))),
    "a million anchors": ("E012", lambda: f"{HEAD}{TASK}x-a: [{', '.join(f'&a{n} x' for n in range(1_000_000))}]\n"),
    "a million times one key": ("E005", lambda: HEAD + TASK + "x-a:\n" + "  k: 1\n" * 1_000_000),
    "100,000 documents": ("E008", lambda: HEAD + TASK + "---\n" * 100_000),
    "100,000 levels of brackets": ("E011", lambda: HEAD + "x-a: " + "[" * 100_000),
    "100,000 levels of braces": ("E011", lambda: HEAD + "x-a: " + "{a: " * 100_000),
    "100,000 levels of dashes": ("E011", lambda: HEAD + "x-a:\n" + "- " * 100_000 + "x\n"),
    "100,000 levels of both": ("E011", lambda: HEAD + "x-a: " + "[{a: " * 100_000),
    "2,000 levels of indentation": (
        "E011",
        lambda: HEAD + "x-a:\n" + "".join(" " * n + "a:\n" for n in range(1, 2000)),
    ),
    "an alias bomb": ("E007", aliases),
    "a merge bomb": ("E006", merges),
    "a Latin-1 byte": ("E002", lambda: f"{HEAD}description: café\n{TASK}".encode("latin-1")),
    "a NUL byte": ("E002", lambda: HEAD + TASK + "x-a: \0\n"),
    "UTF-16": ("E002", lambda: (HEAD + TASK).encode("utf-16")),
    "an integer of 100,000 digits": ("E108", lambda: f"{HEAD}{TASK}x-a: {'1' * 100_000}\n"),
    "a text doubled by +": ("E207", lambda: doubled("'aaaaaaaaaa'", "% + %")),
    "a text doubled by ~": ("E207", lambda: doubled("'aaaaaaaaaa'", "% ~ %")),
    "a text doubled by a template": ("E207", lambda: doubled("'aaaaaaaaaa'", "% }}${{ %")),
    "a list doubled by +": ("E207", lambda: doubled("[1, 2]", "% + %")),
    "a list doubled by nesting": ("E207", lambda: doubled("[1, 2]", "[%, %]")),
    "a dict doubled by nesting": ("E207", lambda: doubled("[1, 2]", "{'a': %, 'b': %}")),
    "a text times a billion": ("E206", lambda: let("'a' * 1000000000")),
    "a format of a billion": ("E206", lambda: let("'%1000000000s' % 'x'")),
    "a join": ("E207", lambda: let(f"range(1900000)|join('{'a' * 1000}')")),
    "a product": ("E207", lambda: let("product(range(2000), range(2000), range(2000))")),
    "products below the limit": ("E207", lambda: let(*["product(range(1000), range(1000))"] * 50)),
    "pairs below the limit": ("E207", lambda: let(*["enumerate(range(1000000))"] * 50)),
    "lists below the limit": ("E207", lambda: let(*["range(1900000)|list"] * 50)),
    "columns": ("E207", lambda: let(f"[{', '.join(['range(1000000)'] * 50)}]|transpose|length")),
    "batches of one": ("E207", lambda: let("range(1900000)|batch(1)")),
    "a flattened list": ("E207", lambda: let(f"[{', '.join(['range(1900000)'] * 50)}]|flatten|length")),
    "JSON of a range": ("E207", lambda: let("range(1900000)|tojson")),
    "a comparison of lists": ("E207", lambda: let("range(1900000)|list", "range(1900000)|list", "a0 == a1")),
    "a tower of powers": ("E207", lambda: let("9 ** 9 ** 9 ** 9 ** 9")),
    "a literal of 100,000 digits": ("E207", lambda: let("1" * 100_000)),
    "1e999": ("E207", lambda: let("1e999")),
    "an expression of 8,000,000 tokens": ("E207", lambda: let("1+" * 4_000_000 + "1")),
    "an expression that is one name": ("E207", lambda: let("a" * 8_000_000)),
    "an expression that is one text": ("E207", lambda: let(f"'{'a' * 8_000_000}'")),
    "a million expressions in one text": ("E207", lambda: HEAD + 'let: {x: "' + "${{ 1 }}" * 1_000_000 + '"}\n' + TASK),
    "a million expressions that do not end": ("E207", lambda: HEAD + "let: {x: '" + "${{ " * 1_000_000 + "'}\n" + TASK),
    "100,000 parentheses": ("E207", lambda: let("(" * 100_000 + "1" + ")" * 100_000)),
    "a thousand nots": ("E207", lambda: let("not " * 1000 + "true")),
    "100,000 attributes": ("E207", lambda: let("tasks.g" + ".a" * 100_000)),
    "a million instances": ("E312", lambda: family(over("range(1000000)"))),
    "a million instances of two entries": ("E312", lambda: family("i: '${{ range(1000) }}', j: '${{ range(1000) }}'")),
    "a million instances of a zip": ("E312", lambda: family(over("zip(range(500000), range(500000))"))),
    "100 ** 8 instances": ("E312", lambda: family(", ".join(f"i{n}: '${{{{ range(100) }}}}'" for n in range(8)))),
    "50 families of 199,999": (
        "E312",
        lambda: tasks(50, MANY),
    ),
    "all to all": ("E312", lambda: pair("args: ['${{ tasks.a }}']")),
    "all after all": ("E312", lambda: pair("args: ['${{ i }}'], after: [a]")),
    "sums of every instance": ("E207", lambda: family(over("range(200000)"), "${{ sum(range(i + 1700000)) }}")),
    "texts of every instance": ("E207", lambda: family(over("range(200000)"), "${{ i }}" + "a" * 100_000)),
    "50,000 unknown tasks": ("E301", lambda: tasks(50_000, "call: 'json:loads', args: ['${{ tasks.u% }}']")),
    "unknown tasks like 10,000 others": (
        "E301",
        lambda: tasks(10_000, "call: 'json:loads', args: ['${{ tasks.y% }}']"),
    ),
    "200,000 unknown tasks in `after`": ("E301", lambda: listing("after", [f"u{n}" for n in range(200_000)])),
    "200,000 values that name no value": ("E203", lambda: let(*(f"b{n}" for n in range(200_000)))),
    "20,000 modules that are not there": ("E401", lambda: tasks(20_000, "call: 'nowhere%:f'")),
    "20,000 tasks that extend none": ("E301", lambda: tasks(20_000, "extends: u%")),
    "20,000 loops over a number": (
        "E311",
        lambda: tasks(20_000, "call: 'json:loads', args: ['1'], foreach: {i: '${{ % }}'}"),
    ),
    "20,000 tasks with too little memory": (
        "E501",
        lambda: tasks(20_000, "call: 'json:loads', args: ['1'], resources: {memory: 1MiB}"),
    ),
    "20,000 params of another type": (
        "E208",
        lambda: HEAD + TASK + "params:\n" + "".join(f"  p{n}: {{type: int, default: x}}\n" for n in range(20_000)),
    ),
    "10,000 circles of two tasks": (
        "E302",
        lambda: (
            HEAD
            + "tasks:\n"
            + "".join(f"  t{n}: {{call: 'json:loads', args: ['${{{{ tasks.t{n ^ 1} }}}}']}}\n" for n in range(20_000))
        ),
    ),
    "a circle of 20,000 values": ("E212", lambda: let(*(f"a{(n + 1) % 20_000}" for n in range(20_000)))),
    "a circle of 10,000 tasks": ("E302", lambda: tasks(10_000, "call: 'json:loads', args: ['${{ tasks.t% }}']")),
    "a circle of 10,000 that extend": ("E302", lambda: tasks(10_000, "extends: t%, args: ['1']")),
    "50,000 tasks without a function": ("E103", lambda: tasks(50_000, "call: 3")),
    "a pattern that backtracks": ("E208", lambda: pattern("(a+)+$", "a" * 40 + "!")),
    "a pattern of nested repetitions": ("E208", lambda: pattern("((a{1000}){1000}){1000}", "x")),
    "a pattern of 5,000 groups": ("E208", lambda: pattern("(" * 5000 + "a" + ")" * 5000, "x")),
    "a key of a million letters": ("E107", lambda: f"{HEAD}tasks:\n  ? {'k' * 1_000_000}\n  : {{call: 'a:f'}}\n"),
    "a letter that looks like another": ("E102", lambda: HEAD + "t\u0430sks: {g: {call: 'a:f'}}\n" + TASK),
    "half of a surrogate pair": ("E003", lambda: HEAD + 'let: {x: "\\ud800"}\n' + TASK),
    "a list of 100,000 names, one twice": (
        "E309",
        lambda: listing("outputs", [*(f"a{n}" for n in range(100_000)), "a1"]),
    ),
}

ACCEPTED: dict[str, Made] = {
    "100,000 comments": lambda: HEAD + TASK + "# x\n" * 100_000,
    "a literal of 8 MB": lambda: HEAD + TASK + "x-a: |\n" + "  0123456,89\n" * 600_000,
    "old line ends": lambda: (HEAD + TASK).replace("\n", "\r") + "# x\r\n" * 10_000 + "# x\x85" * 10_000,
    "a chain of 5,000 values, backwards": lambda: let(*(f"a{n + 1} + 1" for n in range(5000)), "1"),
    "a chain of 5,000 tasks that extend": lambda: (
        HEAD
        + "tasks:\n  t0: {call: 'json:loads', args: ['1']}\n"
        + "".join(f"  t{n}: {{extends: t{n - 1}, args: ['${{{{ tasks.t{n - 1} }}}}']}}\n" for n in range(1, 5000))
    ),
}
