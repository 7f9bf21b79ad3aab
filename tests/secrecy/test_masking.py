"""What hides a secret: in every spelling that programs commonly give it, whole, in lines, and in pieces."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.secrecy.masking import KEPT_SECRETS, MASK, Flow, Masks, hidden, spellings, stretches

SECRETS = ("hunter22", 'pa\'ss "wörd"\\x+/=?&', "tab\tand <angle> & more", "ключ/секрет", "4321")
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), min_size=4, max_size=40).filter(
    lambda one: len(one.strip()) > 3
)


def masks_of(*secrets: str) -> Masks:
    masks = Masks()
    for secret in secrets:
        masks.add(secret)
    return masks


def lower_escapes(text: str) -> str:
    return re.sub("%..", lambda found: found[0].lower(), text)


def written(secret: str) -> list[str]:
    data = secret.encode()
    encoded = base64.b64encode(data).decode()
    return [
        secret,
        *(encoded, encoded.rstrip("="), base64.urlsafe_b64encode(data).decode()),
        *(data.hex(), data.hex().upper()),
        *(quote(secret), quote(secret, safe=""), quote_plus(secret), lower_escapes(quote(secret))),
        *(json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], json.dumps(json.dumps(secret))[3:-3]),
        *(repr(secret)[1:-1], ascii(secret)[1:-1], repr(data)[2:-1]),
        html.escape(secret),
        shlex.quote(f"'{secret}").removeprefix("''\"'\"'").removesuffix("'"),
    ]


@pytest.mark.parametrize("secret", SECRETS)
def test_every_common_spelling_is_hidden(secret: str) -> None:
    masks = masks_of(secret)
    for text in written(secret):
        assert masks.hide(f"<{text}>") == f"<{MASK}>", text


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("before", ["", "a", "ab", "user:"])
@pytest.mark.parametrize("after", ["", "\n", "and more"])
def test_within_what_was_encoded_no_letter_stands_for_the_secret_alone(secret: str, before: str, after: str) -> None:
    whole = base64.b64encode(f"{before}{secret}{after}".encode()).decode()
    shown = masks_of(secret).hide(whole)
    kept = len(shown) - len(MASK)
    assert MASK in shown
    assert kept * 6 <= 8 * len(f"{before}{after}".encode()) + 4 * 6, "a letter at each edge, and the padding"


def test_lines_of_a_secret_are_hidden_by_themselves() -> None:
    masks = masks_of("-----BEGIN-----\nMIIEpAIB\n  q83vEjRW  \nab\n-----END-----")
    assert masks.hide("MIIEpAIB and q83vEjRW and ab") == "*** and *** and ab"


def test_texts_in_a_secret_that_is_json_are_hidden_by_themselves() -> None:
    masks = masks_of(json.dumps({"user": "bob", "password": "hunter22", "more": ["long enough", 5, None]}))
    assert masks.hide("bob hunter22 long enough 5") == "bob *** *** 5"


def test_a_secret_that_only_looks_like_json_is_hidden_whole() -> None:
    assert masks_of('{"pass').hide('x {"pass y') == "x *** y"
    assert masks_of("[" * 100_000).hide("x" + "[" * 100_000) == "x***"


def test_base64_that_is_broken_into_lines_is_hidden() -> None:
    secret = "".join(map(chr, range(33, 126))) * 2
    for text in (base64.encodebytes(secret.encode()).decode(), *_wrapped(secret, 64)):
        shown = masks_of(secret).hide(text)
        assert set(shown.split("\n")) <= {MASK, ""}


def _wrapped(secret: str, width: int) -> list[str]:
    whole = base64.b64encode(secret.encode()).decode()
    return ["\n".join(whole[at : at + width] for at in range(0, len(whole), width))]


def test_secrets_that_overlap_are_one_stretch() -> None:
    assert masks_of("abcdef", "defghi", "cd12").hide("xabcdefghix cd12") == "x***x ***"
    assert stretches("aaaaaa", ["aaaa"]) == [(0, 6)]
    assert stretches("abcdabcd", ["abcd"]) == [(0, 4), (4, 8)]


def test_the_rest_of_a_secret_where_a_text_was_cut_is_left_out() -> None:
    masks = masks_of("hunter22")
    end = "er22 " + "." * 100 + " hunter22 end"
    assert "er22" not in masks.hide_in_tail(end, 1_000, is_cut=True)
    assert masks.hide_in_tail(end, 1_000, is_cut=False) == "er22 " + "." * 100 + " *** end"
    assert masks.hide_in_tail("x" * 50 + "hunter22", 4, is_cut=False) == MASK
    assert masks_of().hide_in_tail("hunter22", 4, is_cut=True) == "er22"


def test_who_hides_is_told_of_a_secret_before_and_once() -> None:
    told: list[frozenset[str]] = []
    masks = Masks(told.append)
    masks.add("hunter22")
    masks.add("hunter22")
    assert told == [spellings("hunter22")]


def test_the_oldest_of_very_many_secrets_are_forgotten() -> None:
    masks = masks_of(*(f"secret number {number}" for number in range(KEPT_SECRETS + 1)))
    assert masks.hide("secret number 1!") == "***!"
    assert masks.hide(f"secret number {KEPT_SECRETS}") == MASK
    assert "number 0" in masks.hide("secret number 0")


@given(
    st.lists(st.sampled_from(["abab", "bc", "abcabd", "aaaa", "x"]), min_size=1),
    st.text("abcdx\n", max_size=60),
    st.data(),
)
def test_a_text_in_pieces_is_hidden_as_a_whole_one(spelled: list[str], text: str, data: st.DataObject) -> None:
    flow = Flow()
    words = [word.encode() for word in spelled]
    flow.hide(words)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)))))
    pieces = [text[first:last].encode() for first, last in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    passed = b"".join(map(flow.take, pieces)) + flow.rest()
    assert not any(word in passed for word in words)
    if "aaaa" not in spelled and "abab" not in spelled:
        assert passed == hidden(text.encode(), words)


@settings(max_examples=40)
@given(TEXTS, st.text(max_size=30), st.text(max_size=30))
def test_whatever_stands_around_it_a_secret_is_gone(secret: str, before: str, after: str) -> None:
    shown = masks_of(secret).hide(f"{before}{secret}{after}")
    assert secret not in shown or secret in MASK or secret in before + MASK + after


def test_what_may_begin_a_secret_waits_and_anything_else_does_not() -> None:
    flow = Flow()
    flow.hide([b"hunter22"])
    assert flow.take(b"prompt> ") == b"prompt> "
    assert flow.take(b"a hunt") == b"a "
    assert flow.take(b"ing party\nhunter2") == b"hunting party\n"
    assert flow.take(b"2!") == b"***!"
    assert flow.take(b"hun") == b""
    assert flow.rest() == b"hun"


def test_no_more_is_held_back_than_some_lengths_of_a_secret() -> None:
    flow = Flow()
    flow.hide([b"aaaa"])
    passed = [flow.take(b"a") for _ in range(100)]
    assert b"a" not in b"".join(passed)
    assert len(flow.rest()) <= 20
