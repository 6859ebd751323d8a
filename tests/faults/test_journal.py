"""The journal under interruption: at most one entry is missing or doubled, and never is one wrong."""

from __future__ import annotations

import email
from email.policy import default

import pytest

from mailroom.journal.entry import Entry
from mailroom.journal.form import read_entry
from mailroom.model.notes import NoteKind
from tests.support.accounts import JOURNAL
from tests.support.interrupted import Rig, cut_off, rig
from tests.support.proxy import Exchange
from tests.support.scenarios import SCENARIOS, FaultyAccountOnSandbox

EVERYTHING = SCENARIOS["everything"]


def told(each: Rig) -> list[Entry]:
    """The entries in the account, as another program reads them."""
    account = each.stage.account
    assert isinstance(account, FaultyAccountOnSandbox)
    found = []
    for message in account.store.messages_in(JOURNAL):
        if NoteKind.ENTRY.keyword in message.keywords:
            _, data = email.message_from_bytes(account.download(message.id), policy=default).iter_parts()
            entry = read_entry(data.get_content())
            assert isinstance(entry, Entry), entry
            found.append(entry)
    return found


def decided(entry: Entry) -> dict[str, str]:
    return {each.address: each.category for each in entry.decided}


def assert_right(each: Rig, entry: Entry, expected: dict[str, str]) -> None:
    """What it says was decided was, and what it says was moved lies where it says."""
    assert decided(entry).items() <= expected.items()
    for sender in entry.decided:
        for move in sender.moves:
            places = {place.name for place in move.after}
            assert all(places <= each.stage.account.mailboxes_of(x) for x in move.message_ids), sender


@pytest.mark.parametrize(
    "applied", [pytest.param(False, id="before it is sent on"), pytest.param(True, id="after it is applied")]
)
@pytest.mark.parametrize(
    "goes_on",
    [
        pytest.param(False, id="a new process"),
        pytest.param(True, id="the same process", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "is_over_jmap", [pytest.param(False, id="CardDAV"), pytest.param(True, id="JMAP", marks=pytest.mark.slow)]
)
def test_cut_off_at_any_request_no_entry_is_wrong(applied: bool, goes_on: bool, is_over_jmap: bool) -> None:
    """Each cycle adds one entry at the most, and what is told is so; one may be missing, or there twice."""
    with rig(FaultyAccountOnSandbox(is_over_jmap=is_over_jmap), EVERYTHING) as quiet:
        mailroom = quiet.mailroom()
        mailroom.begin()
        to_start = len(quiet.proxy.requests)
        quiet.run(mailroom)
        in_all = len(quiet.proxy.requests)
        (whole,) = told(quiet)
        expected = decided(whole)
        assert len(expected) > 3
    for at in range(to_start, in_all):
        with rig(FaultyAccountOnSandbox(is_over_jmap=is_over_jmap), EVERYTHING) as each:
            mailroom = each.mailroom()
            mailroom.begin()
            each.proxy.plan = cut_off(at, applied=applied)
            each.attempt(mailroom)
            each.proxy.plan = Exchange.pass_on
            each.run(mailroom if goes_on else None)
            entries = told(each)
            for entry in entries:
                assert_right(each, entry, expected)
            # What was told before the cut, and what the next cycle did.
            assert len({entry.id for entry in entries}) <= 2, f"cut off at request {at}"
            doubled = len(entries) - len({entry.id for entry in entries})
            assert doubled <= 1, f"cut off at request {at}"
