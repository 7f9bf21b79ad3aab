"""Both request parsers read the same bytes the same way."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.local.fast_parser import FastParser
from runtime.local.plain_parser import MAX_BODY, BadRequest, PlainParser, RawRequest

PARSERS = pytest.mark.parametrize("parser", [PlainParser, FastParser])
SIMPLE = b"POST /a%20b?x=1 HTTP/1.1\r\nHost: h:1\r\nContent-Length: 3\r\nX-Thing:  v \r\n\r\nabc"
CHUNKED = b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
BARE = b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n"


def parse(parser, *pieces):
    found: list[RawRequest] = []
    continues: list[bool] = []
    reader = parser(found.append, lambda: continues.append(True))
    for piece in pieces:
        reader.feed(piece)
    return found, continues


@PARSERS
def test_a_request_is_read_with_its_target_headers_and_body(parser):
    (request,), _ = parse(parser, SIMPLE)
    assert (request.method, request.target, request.body) == ("POST", "/a%20b?x=1", b"abc")
    assert request.headers["host"] == "h:1"
    assert request.headers["x-thing"].strip() == "v"
    assert request.keep_alive


@PARSERS
def test_a_chunked_body_is_joined(parser):
    (request,), _ = parse(parser, CHUNKED)
    assert request.body == b"abcde"


@PARSERS
@given(cuts=st.lists(st.integers(0, len(SIMPLE + CHUNKED + BARE)), max_size=12))
def test_where_the_bytes_are_cut_makes_no_difference(parser, cuts):
    stream = SIMPLE + CHUNKED + BARE
    edges = [0, *sorted(cuts), len(stream)]
    found, _ = parse(parser, *(stream[a:b] for a, b in itertools.pairwise(edges)))
    assert [(request.method, request.body) for request in found] == [("POST", b"abc"), ("PUT", b"abcde"), ("GET", b"")]


@PARSERS
def test_a_client_that_asks_before_sending_is_answered(parser):
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
    found, continues = parse(parser, head)
    assert (found, continues) == ([], [True])


@PARSERS
def test_connection_close_and_http_1_0_end_the_connection(parser):
    (first,), _ = parse(parser, b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    (second,), _ = parse(parser, b"GET / HTTP/1.0\r\nHost: h\r\n\r\n")
    assert not first.keep_alive
    assert not second.keep_alive


@PARSERS
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nHost: i\r\nContent-Length: 0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1), 413),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_malformed_or_too_large_is_refused(parser, data, status):
    with pytest.raises(BadRequest) as refused:
        parse(parser, data)
    assert refused.value.status == status
