"""How diagnostics are shown: golden texts of rustc's layout, and the JSON object."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from compiler.diagnostics import CODES, Diagnostic, Fix, Position, Related, Span, slug_of
from compiler.rendering import render_human, sort_diagnostics, summary, to_json

TREE = """\
# A binary tree of adds.
spec: 1
name: tree-reduction
params:
  leaves: {type: int, default: 512, min: 2}
let:
  levels: ${{ log2(params.leaves) }}
tasks:
  leaf:
    call: tree:load
    foreach: {i: "${{ range(params.leaves) }}"}
    args: ["${{ i }}"]
  add:
    call: tree:add
    foreach:
      l: ${{ range(1, levels + 1) }}
      i: ${{ range(params.leaves) }}
    args:
      - ${{ tasks.leaf[2*i] if l == 1 else tasks.add[l-1][2*i] }}
"""
SOURCES = {"b_tree.yaml": TREE}


def span(line: int, first: int, last: int) -> Span:
    return Span("b_tree.yaml", Position(line, first), Position(line, last))


NO_INSTANCE = Diagnostic(
    code="E304",
    message="leaf[512] does not exist",
    span=span(19, 13, 28),
    label="`2*i` is 512",
    hint="does the domain of `i` on line 17 go one level too far?",
    instance="add[1][256]",
    bindings={"l": 1, "i": 256},
    related=(Related(span=span(11, 15, 16), message="valid keys of `leaf` are 0..511 (512)"),),
    more=255,
)


def test_a_family_s_mistake_in_rustc_s_layout() -> None:
    assert (
        render_human([NO_INSTANCE], SOURCES)
        == """\
error[E304 no-such-instance]: leaf[512] does not exist
  --> b_tree.yaml:19:13
   |
19 |       - ${{ tasks.leaf[2*i] if l == 1 else tasks.add[l-1][2*i] }}
   |             ^^^^^^^^^^^^^^^ `2*i` is 512 while expanding add[1][256]  (l = 1, i = 256)
  ::: b_tree.yaml:11:15
11 |     foreach: {i: "${{ range(params.leaves) }}"}
   |               - valid keys of `leaf` are 0..511 (512)
   = note: same mistake in 255 more instances of `add`
   = help: does the domain of `i` on line 17 go one level too far?        treadle explain E304
"""
    )


def test_a_warning_without_a_hint() -> None:
    one = Diagnostic(code="W301", message="nothing uses the result of `leaf`", span=span(9, 3, 7))
    assert (
        render_human([one], SOURCES)
        == """\
warning[W301 dead-task]: nothing uses the result of `leaf`
 --> b_tree.yaml:9:3
  |
9 |   leaf:
  |   ^^^^
  = help: treadle explain W301
"""
    )


def test_an_error_of_the_command_line_has_no_place() -> None:
    one = Diagnostic(code="E210", message="there is no param `zz`", span=None, hint="known here: leaves")
    assert (
        render_human([one], SOURCES)
        == """\
error[E210 unknown-set]: there is no param `zz`
  = help: known here: leaves        treadle explain E210
"""
    )


def test_a_long_line_is_cut_around_the_caret() -> None:
    text = "a: " + "x" * 300 + "!" + "y" * 300 + "\n"
    one = Diagnostic(code="E003", message="m", span=Span("f", Position(1, 304), Position(1, 305)), label="here")
    rows = render_human([one], {"f": text}).splitlines()
    assert max(map(len, rows)) <= 100
    line, marks = rows[3:5]
    assert line[4] == "…"
    assert line[-1] == "…"
    assert line[marks.index("^")] == "!"


def test_nothing_is_wider_than_100_columns() -> None:
    words = "word " * 60
    one = replace(NO_INSTANCE, message=words, label=words, hint=words, notes=(words,))
    assert max(map(len, render_human([one], SOURCES).splitlines())) <= 100


def test_the_caret_stands_under_wide_characters() -> None:
    one = Diagnostic(code="E003", message="m", span=Span("f", Position(1, 4), Position(1, 6)))
    rows = render_human([one], {"f": "日本 é漢x\n"}).splitlines()
    assert rows[4] == "  |      ^^^"


def test_a_tab_takes_one_column() -> None:
    one = Diagnostic(code="E004", message="m", span=Span("f", Position(1, 2), Position(1, 3)))
    assert render_human([one], {"f": "\tx\n"}).splitlines()[3:5] == ["1 |  x", "  |  ^"]


def test_a_place_over_several_lines_marks_the_first() -> None:
    one = Diagnostic(code="E103", message="m", span=Span("f", Position(1, 4), Position(3, 1)))
    assert render_human([one], {"f": "a: bc\nd\n"}).splitlines()[4] == "  |    ^^"


@pytest.mark.parametrize("place", [Position(3, 1), Position(1, 99), Position(9, 1)])
def test_a_place_at_or_beyond_the_end_is_no_fault(place: Position) -> None:
    one = Diagnostic(code="E003", message="m", span=Span("f", place, place), label="here")
    assert "here" in render_human([one], {"f": "a: b\n\n"})
    assert "m" in render_human([one], {})


def test_colour_is_only_added_on_request() -> None:
    plain, painted = (render_human([NO_INSTANCE], SOURCES, colour=colour) for colour in (False, True))
    assert "\x1b" not in plain
    assert "\x1b[31;1merror[E304 no-such-instance]\x1b[0m" in painted


def test_fifty_at_most_and_how_many_more() -> None:
    many = [replace(NO_INSTANCE, span=span(1, n, n)) for n in range(1, 61)]
    text = render_human(many, SOURCES)
    assert text.count("error[E304") == 50
    assert text.endswith("… and 10 more: 60 errors in all\n")
    assert render_human(many, SOURCES, limit=None).count("error[E304") == 60


def test_the_order_is_file_line_column_code() -> None:
    places = [("b", 1, 1, "E101"), ("a", 2, 1, "E101"), ("a", 1, 2, "E101"), ("a", 1, 1, "E301"), ("a", 1, 1, "E102")]
    found = [
        Diagnostic(code=code, message="m", span=Span(file, Position(line, column), Position(line, column)))
        for file, line, column, code in places
    ]
    found.append(Diagnostic(code="E999", message="m", span=None))
    ordered = [(one.code, one.span and one.span.file) for one in sort_diagnostics(found)]
    assert ordered == [("E999", None), ("E102", "a"), ("E301", "a"), ("E101", "a"), ("E101", "a"), ("E101", "b")]


def test_the_summary_counts_both_kinds() -> None:
    warning = replace(NO_INSTANCE, code="W301")
    assert summary([NO_INSTANCE, warning, warning]) == "1 error, 2 warnings"
    assert summary([]) == "no errors"


def test_json_holds_every_field() -> None:
    fixed = replace(NO_INSTANCE, fixes=(Fix(span=span(19, 13, 28), replacement="tasks.leaf[i]"),))
    place = {"start": {"line": 19, "column": 13}, "end": {"line": 19, "column": 28}}
    assert to_json([fixed]) == {
        "format_version": "1.0",
        "counts": {"error": 1, "warning": 0},
        "diagnostics": [
            {
                "code": "E304",
                "slug": "no-such-instance",
                "severity": "error",
                "message": "leaf[512] does not exist",
                "file": "b_tree.yaml",
                "range": place,
                "instance": "add[1][256]",
                "bindings": {"l": 1, "i": 256},
                "related": [
                    {
                        "file": "b_tree.yaml",
                        "range": {"start": {"line": 11, "column": 15}, "end": {"line": 11, "column": 16}},
                        "message": "valid keys of `leaf` are 0..511 (512)",
                    }
                ],
                "fixes": [{"description": NO_INSTANCE.hint, "range": place, "replacement": "tasks.leaf[i]"}],
            }
        ],
    }


def _only(report: dict[str, Any]) -> dict[str, Any]:
    (one,) = report["diagnostics"]
    found: dict[str, Any] = one
    return found


def test_json_of_the_command_line_has_a_null_range() -> None:
    one = _only(to_json([Diagnostic(code="E210", message="m", span=None)]))
    assert (one["file"], one["range"], one["instance"], one["fixes"]) == (None, None, None, [])


def test_every_code_has_a_slug_of_its_own_and_a_title() -> None:
    slugs = [slug for slug, _ in CODES.values()]
    assert len(set(slugs)) == len(slugs)
    assert all(title and not title.endswith(".") for _, title in CODES.values())
    assert slug_of("E301") == "unknown-task"


def test_a_denied_warning_is_shown_as_the_error_it_is() -> None:
    one = Diagnostic(code="W301", message="m", span=None, is_denied=True)
    assert render_human([one], {}).splitlines() == [
        "error[W301 dead-task]: m",
        "  = note: a warning, made an error by `--deny W301`",
        "  = help: treadle explain W301",
    ]


HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\n\x9b31m\u202eevil\u2028\udcff"


def test_no_character_of_a_manifest_steers_the_terminal() -> None:
    place = Span(f"f{HOSTILE}.yaml", Position(1, 2), Position(1, 4))
    one = Diagnostic(
        code="E003",
        message=HOSTILE,
        span=place,
        label=HOSTILE,
        hint=HOSTILE,
        instance=HOSTILE,
        bindings={"i": HOSTILE},
        notes=(HOSTILE,),
        related=(Related(span=place, message=HOSTILE),),
    )
    text = render_human([one], {place.file: HOSTILE})
    assert all(char == "\n" or (char.isprintable() and char != "\u202e") for char in text)
    assert "␛]0;owned␇␛[2J" in text
    text.encode("utf-8")


def test_a_caret_stands_under_what_replaces_a_control_character() -> None:
    one = Diagnostic(code="E003", message="m", span=Span("f", Position(1, 3), Position(1, 4)))
    assert render_human([one], {"f": "a\x1bb\n"}).splitlines()[3:5] == ["1 | a␛b", "  |   ^"]


def test_wide_prose_breaks_by_columns() -> None:
    one = Diagnostic(code="E003", message="漢字" * 200, span=None, hint="漢字 " * 100)
    rows = render_human([one], {}).splitlines()
    assert max(sum(2 if ord(char) > 0x2E80 else 1 for char in row) for row in rows) <= 100
    assert "".join(rows).count("漢") == 300
    assert "".join(rows).count("字") == 300


def test_a_long_line_is_only_looked_at_around_the_place() -> None:
    text = "漢" * 10 + "x" * 3_000_000
    places = [Position(1, column) for column in (1, 12, 1_500_000, 3_000_010, 3_000_011)]
    many = [
        Diagnostic(code="E003", message="m", span=Span("f", place, Position(1, place.column + 200))) for place in places
    ]
    rows = render_human(many, {"f": text}).splitlines()
    assert max(map(len, rows)) <= 100
    assert sum(row.startswith("1 | ") for row in rows) == len(places)


def test_a_label_that_does_not_fit_beside_the_caret_stands_below_in_one_row() -> None:
    one = replace(NO_INSTANCE, span=span(19, 44, 63))
    rows = render_human([one], SOURCES).splitlines()
    assert rows[4].strip("| ") == "^" * 19
    assert rows[5].endswith("`2*i` is 512 while expanding add[1][256]  (l = 1, i = 256)")


def test_a_hint_that_does_not_fit_leaves_the_command_a_row_of_its_own() -> None:
    one = Diagnostic(code="E003", message="m", span=None, hint="word " * 17)
    assert render_human([one], {}).splitlines()[-1] == "          treadle explain E003"


def test_a_bound_value_is_shown_short() -> None:
    one = replace(NO_INSTANCE, bindings={"path": "x" * 500})
    assert f"{'x' * 39}…)" in render_human([one], SOURCES)
