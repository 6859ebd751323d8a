"""Multi-Status bodies become resources, or a ProtocolError, and nothing else."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.carddav.multistatus import FEED_BYTES, Multistatus, Resource, read_uid_conflict
from mailroom.errors import ProtocolError

CARDDAV = b"urn:ietf:params:xml:ns:carddav"
HEAD = b'<?xml version="1.0" encoding="utf-8"?><D:multistatus xmlns:D="DAV:" xmlns:C="%s">' % CARDDAV
TAIL = b"</D:multistatus>"


def read(body: bytes) -> list[Resource]:
    return list(Multistatus(body))


def test_properties_count_only_where_their_status_says_so() -> None:
    """A property in a 404 propstat is missing, whatever it contains."""
    (resource,) = read(
        HEAD
        + b"<D:response><D:href> /book/a%20b.vcf\n</D:href>"
        + b'<D:propstat><D:prop><D:getetag> "1" </D:getetag><D:displayname><![CDATA[A & B]]></D:displayname>'
        + b"</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"
        + b"<D:propstat><D:prop><D:getcontentlength>7</D:getcontentlength></D:prop>"
        + b"<D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>"
        + TAIL
    )
    assert resource.href == "/book/a%20b.vcf"
    assert resource.status == 200
    assert resource.text("{DAV:}getetag") == '"1"'
    assert resource.text("{DAV:}displayname") == "A & B"
    assert resource.text("{DAV:}getcontentlength") == ""


def test_a_resource_may_have_a_status_of_its_own() -> None:
    """404 for what is gone, 507 for what did not fit; and the body has a sync token."""
    body = Multistatus(
        HEAD
        + b"<D:response><D:href>/book/gone.vcf</D:href><D:status>HTTP/1.1 404 Not Found</D:status>"
        + b"</D:response>"
        + b"<D:response><D:href>/book/</D:href><D:status>HTTP/1.1 507 Insufficient Storage</D:status>"
        + b"<D:error><D:number-of-matches-within-limits/></D:error></D:response>"
        + b"<D:sync-token> data:,1-2 </D:sync-token>"
        + TAIL
    )
    assert [(resource.href, resource.status) for resource in body] == [
        ("/book/gone.vcf", 404),
        ("/book/", 507),
    ]
    assert body.sync_token == "data:,1-2"


def test_prefixes_are_the_servers_choice() -> None:
    """Names are compared with their namespace, not with their prefix; a foreign response is none."""
    body = (
        b'<multistatus xmlns="DAV:"><response><href>/a</href></response>'
        b'<response xmlns="urn:other"><href>/b</href></response></multistatus>'
    )
    assert [resource.href for resource in read(body)] == ["/a"]


def test_hrefs_inside_a_property_are_all_found() -> None:
    """A principal may have several homes."""
    (resource,) = read(
        HEAD
        + b"<D:response><D:href>/p</D:href><D:propstat><D:prop><C:addressbook-home-set><D:href>/h1/</D:href>"
        + b"<D:href> /h2/ </D:href><D:href/></C:addressbook-home-set></D:prop>"
        + b"<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
        + TAIL
    )
    assert resource.hrefs("{urn:ietf:params:xml:ns:carddav}addressbook-home-set") == ["/h1/", "/h2/"]
    assert resource.hrefs("{DAV:}current-user-principal") == []


def test_what_came_before_a_break_is_read() -> None:
    """Resources are handed out as the body is read, so one broken card does not hide those before it."""
    before = b"<D:response><D:href>/%d</D:href></D:response>"
    count = 2 * FEED_BYTES // len(before)
    whole = HEAD + b"".join(before % number for number in range(count))
    seen: list[Resource] = []
    with pytest.raises(ProtocolError, match="not well-formed"):
        seen.extend(Multistatus(whole + b"<D:response>\x01" + TAIL))
    assert len(seen) > count // 2


def test_what_was_handed_out_is_let_go() -> None:
    """An answer of megabytes takes no megabytes while it is read."""
    body = HEAD + b"<D:response><D:href>/x</D:href></D:response>" * 20_000 + TAIL
    tracemalloc.start()
    try:
        assert sum(1 for _ in Multistatus(body)) == 20_000
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 4 * 1024 * 1024


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"not xml",
        b"<html><body>It works!</body></html>",
        b'<multistatus xmlns="urn:other"/>',
        HEAD,
        HEAD + b"<D:response>" + TAIL,
        HEAD + b"&nbsp;" + TAIL,
        HEAD + TAIL + b"<more/>",
        b'<?xml version="1.0" encoding="no-such-encoding"?><multistatus xmlns="DAV:"/>',
        b'<?xml version="1.0" encoding="utf-7"?><multistatus xmlns="DAV:"/>',
        b'<?xml version="1.0" encoding="shift_jis"?><multistatus xmlns="DAV:"/>',
        b'<?xml version="1.0" encoding="hex"?><multistatus xmlns="DAV:"/>',
        b'<D:multistatus xmlns:D="DAV:">\xff</D:multistatus>',
        b"\x00" * 10,
        b"<a>" * 10_000,
    ],
)
def test_what_is_no_multistatus_is_a_protocol_error(body: bytes) -> None:
    """Cut off, malformed, of another kind, or in an encoding nobody knows."""
    with pytest.raises(ProtocolError):
        read(body)


def test_a_document_type_is_refused() -> None:
    """Entities that multiply into gigabytes need one."""
    bomb = (
        b'<!DOCTYPE bomb [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
        b'<multistatus xmlns="DAV:"><response><href>&b;</href></response></multistatus>'
    )
    with pytest.raises(ProtocolError, match="document type"):
        read(bomb)
    assert read_uid_conflict(bomb) is None


def test_a_uid_conflict_names_the_card_that_stands_in_the_way() -> None:
    """The precondition of RFC 6352, with its href where the server gives it."""
    name = b'C:no-uid-conflict xmlns:C="%s"' % CARDDAV
    error = b'<error xmlns="DAV:"><' + name + b">%s</C:no-uid-conflict></error>"
    assert read_uid_conflict(error % b'<href xmlns="DAV:"> /book/x.vcf </href>') == "/book/x.vcf"
    assert read_uid_conflict(error % b"") == ""
    assert read_uid_conflict(b'<error xmlns="DAV:"><need-privileges/></error>') is None
    assert read_uid_conflict(b"Forbidden") is None
    assert read_uid_conflict(b"") is None


PIECES = st.sampled_from(
    b"<D:response>|</D:response>|<D:href>|</D:href>|<D:propstat>|</D:propstat>|<D:prop>|</D:prop>|<D:status>"
    b"|</D:status>|HTTP/1.1 200 OK|HTTP/1.1 |\xd9\xa3\xd9\xa3\xd9\xa3|<D:getetag/>|<x xmlns=''>|</x>|<!-- -->"
    b"|<?pi?>|<![CDATA[|]]>|&amp;|&#1;|&#0;|<D:multistatus>|</D:multistatus>|<D:sync-token>|</D:sync-token>"
    b"|<!DOCTYPE a>|\x00|\xff|\xef\xbb\xbf|text".split(b"|")
)
BODIES = st.lists(st.one_of(PIECES, st.binary(max_size=4)), max_size=40).map(b"".join)


@given(BODIES, st.booleans(), st.booleans())
def test_any_bytes_give_resources_or_a_protocol_error(middle: bytes, head: bool, tail: bool) -> None:
    """Nothing a server sends raises anything else."""
    body = (HEAD if head else b"") + middle + (TAIL if tail else b"")
    try:
        resources = read(body)
    except ProtocolError:
        return
    for resource in resources:
        assert resource.text("{DAV:}getetag") is not None
        assert resource.hrefs("{DAV:}getetag") is not None
    read_uid_conflict(body)


@given(st.binary())
def test_plain_noise_is_a_protocol_error(body: bytes) -> None:
    """Random bytes are never a multistatus."""
    with pytest.raises(ProtocolError):
        read(body)


@pytest.mark.parametrize(
    "middle",
    [
        pytest.param(b"<D:response><D:propstat><D:prop>" + b"<a/>" * 2_000_000, id="many elements in one"),
        pytest.param(b"<D:response>" + b"<a>" * 2_000_000, id="deep"),
        pytest.param(b"<odd>" + b"<a/>" * 2_000_000, id="many in what is no response"),
        pytest.param(b"<a" + b"".join(b' a%d=""' % n for n in range(800_000)) + b"/>", id="attributes"),
        pytest.param(b"<a " + b"x" * 8_000_000, id="a tag without end"),
        pytest.param(b"<D:response><a/>" + b"<!--" + b"x" * 8_000_000, id="a comment without end"),
    ],
)
def test_a_tree_without_measure_is_not_built(middle: bytes) -> None:
    """Megabytes of tags, which a few kilobytes of gzip can be, are refused before they take memory."""
    body = HEAD + middle
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            read(body)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 8 * 1024 * 1024


def test_a_long_text_is_read() -> None:
    """A card may hold a photo, on one line or on many; only what is no text has to be short."""
    for photo in (b"x" * 1_000_000, b"x" * 70 + b"\n " + b"y\n " * 300_000):
        (resource,) = read(
            HEAD
            + b"<D:response><D:href>/a</D:href><D:propstat><D:prop><D:getetag>"
            + photo
            + b"</D:getetag></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
            + TAIL
        )
        assert len(resource.text("{DAV:}getetag")) == len(photo.strip())


def test_what_is_long_because_it_has_many_parts_is_read() -> None:
    """The bound is on each response: a book of any size is read, each card with a whole set of privileges."""
    one = (
        b"<D:response><D:href>/a</D:href><D:propstat><D:prop><D:current-user-privilege-set>"
        + b"<D:privilege><D:read/></D:privilege>" * 20
        + b"</D:current-user-privilege-set></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"
        + b"</D:response>"
    )
    assert len(read(HEAD + one * 2_000 + TAIL)) == 2_000


def test_a_refusal_without_measure_is_no_uid_conflict() -> None:
    """What a server says with a refusal is short, or not read."""
    assert read_uid_conflict(b'<error xmlns="DAV:">' + b"<a>" * 1_000_000) is None
    assert read_uid_conflict(b'<error xmlns="DAV:">' + b"<a>" * 1_000) is None
