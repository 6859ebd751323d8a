"""What was made over one way to the contacts, CardDAV or JMAP, is taken back over the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from mailroom.contacts.identity import card_uids
from mailroom.model.address import Address
from mailroom.model.contacts import Alteration, Card, CardKind, NewCard
from mailroom.model.mail import MessageId
from mailroom.model.party import MailingList, WholeDomain
from tests.support.accounts import (
    DOMAIN_GROUPS,
    GROUPS,
    contacts,
    contacts_of,
    furnish,
    group_card_name,
    groups_of,
    label,
    unlabel,
)
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.running import opened, run_command, run_cycle

ANN = ("Dr. Ann M. van Example", "ann@example.net")
ACME = (
    "Acme, Inc.; Söhne \\ Brüder, whose name is so long that a server has to fold it",
    "News@Acme.example",
)
BOB = ("", "bob@example.net")
OVER_JMAP = {"MAILROOM_CONTACTS": "jmap"}
OVER_CARDDAV = {"MAILROOM_CONTACTS": "carddav"}
UNKNOWN = "the server does not tell enough of it to know whether somebody changed it"


@pytest.fixture(params=[False, True], ids=["sandbox", "sandbox that rewrites cards"])
def account(request: pytest.FixtureRequest) -> Iterator[AccountOnSandbox]:
    """An account that can be reached over both ways."""
    with closing(AccountOnSandbox(rewrites_cards=request.param)) as account:
        furnish(account)
        yield account


def filed(account: AccountOnSandbox, way: dict[str, str]) -> dict[str, str]:
    """Have three senders filed over one of the ways, and return their messages."""
    messages = {
        email: account.receive([(name, email)], "Screener", triage_label)
        for (name, email), triage_label in ((ANN, "@ToPerson"), (ACME, "@ToFeed"), (BOB, "@ToJail"))
    }
    assert not run_cycle(account, **way).failed
    return messages


def taken_back(account: AccountOnSandbox, messages: dict[str, str], way: dict[str, str]) -> dict[str, str]:
    """Take them all back by their label, and return why a card stays, empty where it is gone."""
    for message in messages.values():
        label(account, message, "@ToScreener")
    report = run_cycle(account, **way)
    assert not report.failed
    assert all(account.mailboxes_of(message) == {"Screener"} for message in messages.values())
    assert [groups_of(account, email) for email in messages] == [[]] * 3
    kept = {each.labelled.id: each.card_kept for each in report.filed if each.labelled}
    return {email: kept.pop(MessageId(message)) for email, message in messages.items()}


def alter(account: AccountOnSandbox, email: str, old: bytes, new: bytes) -> None:
    """Let a person change a card with a program that speaks CardDAV and keeps what it does not know."""
    name = f"{next(card_uids(Address(email.lower())))}.vcf"
    shown = contacts(account)[name]
    assert old in shown, shown
    account.put_card(name, shown.replace(old, new, 1))


def test_what_was_made_over_jmap_goes_over_carddav(account: AccountOnSandbox) -> None:
    """Every line is seen there: a card that nobody touched is known, whatever its name."""
    messages = filed(account, OVER_JMAP)
    assert taken_back(account, messages, OVER_CARDDAV) == dict.fromkeys(messages, "")
    assert contacts(account) == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"END:", b"TEL:1\r\nEND:"),
        (b"END:", b"NOTE:my dentist\r\nEND:"),
        (b"END:", b"EMAIL:other@example.net\r\nEND:"),
        (b"FN:Dr. Ann", b"FN:Aunt Ann"),
    ],
)
def test_what_somebody_changed_stays_over_carddav(account: AccountOnSandbox, old: bytes, new: bytes) -> None:
    """Another name too: the key of the address tells the one that the card was made with."""
    messages = filed(account, OVER_JMAP)
    alter(account, ANN[1], old, new)
    before = contacts(account).keys()
    kept = taken_back(account, messages, OVER_CARDDAV)
    assert kept == {ANN[1]: "changed since it was made", ACME[1]: "", BOB[1]: ""}
    assert len(contacts(account)) == len(before) - 2
    assert len(contacts_of(account, ANN[1])) == 1


def test_what_was_made_over_carddav_stays_over_jmap_for_nobody_knows(account: AccountOnSandbox) -> None:
    """Not all lines are seen there, and no date of change: that is said, and not that it was changed."""
    messages = filed(account, OVER_CARDDAV)
    before = contacts(account)
    assert taken_back(account, messages, OVER_JMAP) == dict.fromkeys(messages, UNKNOWN)
    assert contacts(account) == before


def test_and_goes_once_it_is_taken_back_over_carddav_again(account: AccountOnSandbox) -> None:
    """What was kept is as it was, so that whoever changes the way back loses nothing by it."""
    messages = filed(account, OVER_CARDDAV)
    taken_back(account, messages, OVER_JMAP)
    for message in messages.values():
        label(account, message, "@ToFeed")
    run_cycle(account, **OVER_JMAP)
    for message in messages.values():
        unlabel(account, message, "@ToFeed")
    assert taken_back(account, messages, OVER_CARDDAV) == dict.fromkeys(messages, "")
    assert contacts(account) == {}


@pytest.mark.parametrize(
    ("made", "seen", "alteration"),
    [(OVER_JMAP, OVER_CARDDAV, Alteration.NONE), (OVER_CARDDAV, OVER_JMAP, Alteration.UNKNOWN)],
)
def test_so_it_is_with_cards_of_domains_and_lists(
    account: AccountOnSandbox, made: dict[str, str], seen: dict[str, str], alteration: Alteration
) -> None:
    """A list's card bears a note, which has its key as an address has."""
    domain, mailing_list = WholeDomain("*@dom.example"), MailingList("<dev.lists.example.org>")
    book = opened(account, **made).book
    book.refresh()
    new = [
        NewCard(domain, domain, "Everybody at dom.example", CardKind.COMPANY),
        NewCard(mailing_list, "dev@lists.example.org", "Dev, the list", CardKind.COMPANY),
    ]
    assert all(isinstance(each, Card) for each in book.create(new).values())
    later = opened(account, **seen).book
    later.refresh()
    assert {x.address: x.alteration for x in later.made().cards} == dict.fromkeys(
        (domain, mailing_list), alteration
    )


def shown(account: AccountOnSandbox, kind: str, way: dict[str, str]) -> dict[str, str | None]:
    """Return why each card or group that Mailroom made stays, as `uninstall` says."""
    listed: list[dict[str, Any]] = run_command(account.environment | way, "uninstall", "--json").json()[kind]
    return {each["name"]: each["stays_because"] for each in listed}


@pytest.mark.parametrize(("made", "seen"), [(OVER_JMAP, OVER_CARDDAV), (OVER_CARDDAV, OVER_JMAP)])
def test_groups_are_known_over_the_other_way(
    account: AccountOnSandbox, made: dict[str, str], seen: dict[str, str]
) -> None:
    """With members or without; a patch over JMAP, which writes a group anew, is no change of a person's."""
    for group in GROUPS:
        account.delete_card(group_card_name(account, group))
    assert run_command(account.environment | made, "setup", "--apply").code == 0
    filed(account, made)
    assert shown(account, "groups", seen) == {
        "Feed": "holds 1 contact" if seen is OVER_JMAP else None,
        "Imbox": "holds 1 contact" if seen is OVER_JMAP else None,
        "Jail": "holds 1 contact" if seen is OVER_JMAP else None,
        "Paper Trail": None,
        **dict.fromkeys(DOMAIN_GROUPS),
    }
    run_cycle(account, **seen)
    messages = [account.receive([(f"S{n}", f"s{n}@example.net")], "Screener", "@ToFeed") for n in range(2)]
    run_cycle(account, **seen)
    run_cycle(account, **made)
    assert len(messages) == 2
    assert "changed since it was made" not in shown(account, "groups", made).values()
