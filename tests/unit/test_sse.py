"""The event stream parser: WHATWG HTML section 9.2, and nothing a server sends can break it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailroom.errors import ProtocolError
from mailroom.jmap.sse import MAX_DATA_CHARACTERS, MAX_LINE_BYTES, EventStreamParser, ServerSentEvent


def events(*chunks: bytes) -> list[ServerSentEvent]:
    parser = EventStreamParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def outcome(*chunks: bytes) -> tuple[object, ...]:
    """Everything that can be seen of a parser after these chunks; an error hides what came before it."""
    parser = EventStreamParser()
    try:
        seen = [event for chunk in chunks for event in parser.feed(chunk)]
    except ProtocolError:
        return ("error",)
    return (seen, parser.last_event_id, parser.retry_seconds)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_each_of_the_three_line_ends_ends_a_line(end: bytes) -> None:
    """LF, CR LF and CR mean the same."""
    stream = end.join([b"event: state", b"data: one", b"data: two", b"", b"data: three", b"", b""])
    assert events(stream) == [ServerSentEvent("state", "one\ntwo"), ServerSentEvent("message", "three")]


def test_an_event_is_complete_as_soon_as_its_last_byte_is_there() -> None:
    """An event that ends in CR does not wait for what follows; a LF that follows belongs to that CR."""
    parser = EventStreamParser()
    assert parser.feed(b"data: a\r\n\r") == [ServerSentEvent("message", "a")]
    assert parser.feed(b"\n") == []
    assert parser.feed(b"data: b\n\n") == [ServerSentEvent("message", "b")]


def test_one_space_after_the_colon_is_not_part_of_the_value() -> None:
    """`data:x` and `data: x` are the same; a second space is data."""
    assert [event.data for event in events(b"data:x\n\ndata: x\n\ndata:  x\n\n")] == ["x", "x", " x"]


def test_comments_and_unknown_fields_are_passed_over() -> None:
    """A line that begins with a colon is a comment, as keep-alives are."""
    assert events(b": hello\n\n:\ncolour: red\ndata: x\n:y\n\n") == [ServerSentEvent("message", "x")]


def test_an_event_without_data_is_none_but_an_empty_data_line_makes_one() -> None:
    """Only a data field makes an event; its type does not outlive it."""
    assert events(b"event: ping\n\ndata\n\n") == [ServerSentEvent("message", "")]


def test_an_unfinished_event_at_the_end_is_dropped() -> None:
    """Without the empty line that ends it, an event never happened."""
    assert events(b"data: whole\n\ndata: half\n") == [ServerSentEvent("message", "whole")]


def test_a_byte_order_mark_counts_only_at_the_very_beginning() -> None:
    """The first BOM is no part of the first line; any other is."""
    mark = b"\xef\xbb\xbf"
    assert events(mark[:2], mark[2:] + b"data: x\n\n") == [ServerSentEvent("message", "x")]
    assert events(b"data: x\n" + mark + b"data: y\n\n") == [ServerSentEvent("message", "x")]


def test_the_last_event_id_stays_until_another_comes() -> None:
    """An id holds from the end of its event on; one with a NUL does not count; an empty one resets it."""
    parser = EventStreamParser("from before")
    parser.feed(b"data: x\n\n")
    assert parser.last_event_id == "from before"
    parser.feed(b"id: 7\n")
    assert parser.last_event_id == "from before"
    parser.feed(b"\nid: 8\0\n\n")
    assert parser.last_event_id == "7"
    parser.feed(b"id\n\n")
    assert parser.last_event_id == ""


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"3000", 3.0),
        (b"0", 0.0),
        (b"1.5", None),
        (b"-1", None),
        ("٣".encode(), None),
        (b"9" * 5000, 86_400.0),
    ],
)
def test_retry_is_whole_milliseconds_or_nothing(value: bytes, seconds: float | None) -> None:
    """A retry field of ASCII digits counts, up to a day; any other is passed over."""
    parser = EventStreamParser()
    parser.feed(b"retry: " + value + b"\n")
    assert parser.retry_seconds == seconds


def test_bytes_that_are_not_utf_8_are_replaced() -> None:
    """Wrong bytes become replacement characters and do no more harm."""
    assert events(b"data: a\xffb\xc3\n\n") == [ServerSentEvent("message", "a\ufffdb\ufffd")]


def test_an_endless_line_is_refused() -> None:
    """A line is never kept beyond its limit, whole or not."""
    parser = EventStreamParser()
    parser.feed(b"x" * MAX_LINE_BYTES)
    with pytest.raises(ProtocolError):
        parser.feed(b"x")


def test_an_endless_event_is_refused() -> None:
    """Data that never ends is not gathered."""
    parser = EventStreamParser()
    line = b"data: " + b"x" * 1023 + b"\n"
    parser.feed(line * (MAX_DATA_CHARACTERS // 1024))
    with pytest.raises(ProtocolError):
        parser.feed(line)


def test_endless_comments_are_borne() -> None:
    """A server may keep a connection alive for as long as it likes."""
    parser = EventStreamParser()
    for _ in range(10_000):
        assert parser.feed(b": still here\n") == []


FIELDS = st.sampled_from(
    [b"data: x", b"data:", "data: é🦋".encode(), b"event: state", b"id: 7", b"retry: 50", b":", b"", b"data"]
)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])
STREAMS = st.lists(st.tuples(FIELDS, ENDS) | st.tuples(st.binary(max_size=6), st.just(b"\n"))).map(
    lambda lines: b"".join(part for line in lines for part in line)
)


@given(STREAMS, st.lists(st.integers(0, 200)))
@example(b"data: x\r\n\r\ndata: y\r\r\n", list(range(30)))
def test_how_a_stream_is_cut_does_not_matter(stream: bytes, cuts: list[int]) -> None:
    """The same bytes give the same events, wherever they are cut: in a line end, in a character."""
    ends = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    chunks = [stream[start:end] for start, end in pairwise(ends)]
    assert outcome(*chunks) == outcome(stream) == outcome(*(bytes([byte]) for byte in stream))


@given(st.lists(st.binary()))
def test_whatever_arrives_only_a_protocol_error_is_raised(chunks: list[bytes]) -> None:
    """No bytes raise anything but a ProtocolError (which `outcome` catches)."""
    outcome(*chunks)
