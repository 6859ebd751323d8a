"""What reads the network never raises anything but Mailroom's own errors."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailroom.errors import MailroomError, ProtocolError
from mailroom.jmap.history import JmapMailHistory
from mailroom.jmap.messages import MessageForm
from mailroom.model.mail import MailboxId
from tests.fuzz.targets import SESSION, TARGETS, client_that_reads

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["", "\ud800", "http://[::1", "a1", "0", -1, 10**30]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
JSON_TARGETS = [name for name, (_, seeds) in TARGETS.items() if seeds[0][:1] == b"{"]


def bear(name: str, data: bytes) -> None:
    """Let a target read; Mailroom's own errors are no findings."""
    with suppress(MailroomError):
        TARGETS[name][0](data)


@pytest.mark.parametrize("name", TARGETS)
def test_what_a_good_server_sends_is_read(name: str) -> None:
    """The first example of each target is understood, so that what follows really gets somewhere."""
    target, seeds = TARGETS[name]
    target(seeds[0])


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
@settings(max_examples=60)
def test_any_bytes_are_borne(name: str, data: st.DataObject) -> None:
    """Bytes at random, alone or in the midst of what a good server sends."""
    seed = data.draw(st.sampled_from(TARGETS[name][1]))
    noise = data.draw(st.binary(max_size=40))
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(seed))] * 2)))
    bear(name, data.draw(st.sampled_from([noise, seed[:start] + noise + seed[end:], seed[:start]])))


@pytest.mark.parametrize("name", JSON_TARGETS)
@given(data=st.data())
@settings(max_examples=150)
def test_any_json_in_any_place_is_borne(name: str, data: st.DataObject) -> None:
    """A good answer with one value missing, or another in its place, of whatever type."""
    value = json.loads(data.draw(st.sampled_from(TARGETS[name][1])))
    bear(name, json.dumps(spoiled(value, data)).encode())


def test_old_mail_ends_where_a_server_gives_the_same_page_for_ever() -> None:
    """A server that takes no notice of the position, and tells no total, is given up at its second page."""
    page = {
        "sessionState": "s1",
        "methodResponses": [
            ["Email/query", {"ids": ["e1"], "queryState": "q1"}, "0"],
            ["Email/get", {"state": "s1", "list": []}, "1"],
        ],
    }
    client = client_that_reads(json.dumps(SESSION).encode(), json.dumps(page).encode())
    with pytest.raises(ProtocolError, match="the same page"):
        list(JmapMailHistory(client, MessageForm()).headers(MailboxId("m1")))


@pytest.mark.parametrize("name", JSON_TARGETS)
@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000, b"\xff\xfe[\x00", b"", b"null", b"NaN"]
)
def test_extreme_json_is_borne(name: str, body: bytes) -> None:
    """Depth, length and encodings without end."""
    bear(name, body)


def test_a_tower_of_xml_is_borne() -> None:
    """Elements nested a hundred thousand deep."""
    bear("multistatus", b'<multistatus xmlns="DAV:"><response>' + b"<a>" * 100_000 + b"</a>" * 100_000)


def spoiled(value: Any, data: st.DataObject) -> Any:
    """Return a copy with one place changed."""
    if not isinstance(value, dict | list) or not value or data.draw(st.integers(0, 5)) == 0:
        return data.draw(JSON)
    place = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
    copy = value.copy()
    if data.draw(st.integers(0, 9)) == 0:
        del copy[place]
    else:
        copy[place] = spoiled(value[place], data)
    return copy
