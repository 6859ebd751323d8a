"""A person's account as the tests see it: what the world and the person do to it, and what is in it.

The two kinds of account reach their server without any of Mailroom's client code, so that a mistake
there cannot hide itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from typing import NoReturn, Protocol

from tests.support import vcards

Sender = tuple[str, str]
"""One entry of From: the display name, perhaps empty, and the address."""

PROTECTED = {"Trash": "trash", "Junk": "junk", "Sent": "sent", "Drafts": "drafts"}
LABELS = (
    "@ToImbox",
    "@ToFeed",
    "@ToPaperTrail",
    "@ToJail",
    "@ToPerson",
    "@ToScreener",
    "@MailroomError",
    "@MailroomWarning",
)
JOURNAL = "Mailroom"
GROUPS = ("Imbox", "Feed", "Paper Trail", "Jail")
DOMAIN_LABEL, LIST_LABEL = "@EntireDomain", "@EntireList"
DOMAIN_GROUPS = tuple(f"{name} domains" for name in GROUPS)
OWN_MAILBOX = "Family"
OWN_GROUP = "Friends"


def lacking() -> NoReturn:
    """Say that a kind of server does not have what a test asks for."""
    raise NotImplementedError("this kind of account has none")


class AccountUnderTest(Protocol):
    """An account on some server. Mailboxes go by their names, cards by the last segment of their href.

    What a kind of server does not have raises NotImplementedError.

    Attributes:
        address: The address it has, which is also the user name for CardDAV.
        environment: The MAILROOM_ variables that point Mailroom to it.
        keeps_card_bytes: Whether a card comes back just as it was written.
        max_objects: The server's limit for the objects in one Email/get or Email/set.
        member_prefix: What stands before a UID in the MEMBER lines that the server counts: nothing, or
            ``urn:uuid:`` on Cyrus up to 3.10.
        describes_cards: Whether it tells of every card when it was made and changed last, and how long
            it is: Cyrus and the sandbox do, Radicale and Xandikos tell neither.
        is_over_jmap: Whether Mailroom reaches the contacts over JMAP. Then all cards and groups are written
            by one request, a group is written anew as a whole, and dates of CardDAV are not seen.
    """

    address: str
    environment: Mapping[str, str]
    keeps_card_bytes: bool
    max_objects: int
    member_prefix: str
    describes_cards: bool
    is_over_jmap: bool = False

    def add_mailboxes(self, roles: Mapping[str, str | None]) -> None:
        """Make mailboxes at the top, each with its role if it has one."""

    def rename_mailbox(self, name: str, new_name: str) -> None:
        """Give a mailbox another name."""

    def remove_mailbox(self, name: str) -> None:
        """Delete an empty mailbox."""

    def withhold(self, mailbox: str, right: str) -> None:
        """Take one of the rights to a mailbox from the person, by its name in ``myRights``."""
        lacking()

    def mailbox_id(self, name: str) -> str:
        """Return the id that JMAP has for a mailbox."""

    def receive(
        self,
        senders: Sequence[Sender] | None,
        *mailboxes: str,
        read: bool = False,
        at: str = "",
        reply_to: str = "",
    ) -> str:
        """Let a message arrive and return its id.

        Args:
            senders: What stands in From; None where the header is missing.
            at: When, RFC 3339 in UTC; by default a minute after the message before.
            reply_to: The message that it answers, in whose conversation it is then.
        """

    def receive_from_list(self, sender: Sender, *mailboxes: str, at: str = "") -> str:
        """Let a message arrive that came over a mailing list, and return its id."""
        lacking()

    def receive_with(
        self,
        fields: Sequence[tuple[str, str]],
        sender: Sender,
        *mailboxes: str,
        read: bool = False,
        at: str = "",
    ) -> str:
        """Let a message arrive that has these headers besides, as they stand, and return its id."""
        lacking()

    def receive_about(self, subject: str, sender: Sender, *mailboxes: str, at: str = "") -> str:
        """Let a message with that subject arrive, and return its id."""
        lacking()

    def send(self, *recipients: Sender, cc: Sequence[Sender] = (), at: str = "", reply_to: str = "") -> str:
        """Put a message of the person's own into Sent and return its id.

        Args:
            reply_to: The message that it answers.
        """
        lacking()

    def receive_naming(
        self,
        senders: Sequence[Sender],
        message_ids: Sequence[str],
        *mailboxes: str,
        subject: str = "Something",
        at: str = "",
    ) -> str:
        """Let a message arrive whose References name these Message-IDs, true or forged; return its id."""
        lacking()

    def message_id_of(self, message: str) -> str:
        """Return the Message-ID of a message, without the angle brackets."""
        lacking()

    def mailbox_names(self) -> list[str]:
        """Return the name of every mailbox, as often as it occurs."""

    def mailboxes_of(self, message: str) -> set[str]:
        """Return where a message is; nowhere if it is gone."""

    def place(self, message: str, *mailboxes: str) -> None:
        """Put a message into these mailboxes and no others."""

    def mark_read(self, message: str) -> None:
        """Mark a message as read."""

    def keywords_of(self, message: str) -> set[str]:
        """Return a message's keywords; none if it is gone."""

    def download(self, message: str) -> bytes:
        """Return a message as its bytes, as a mail program stores it."""
        lacking()

    def settle(self) -> None:
        """Wait until searches by header find all mail, where the server's do so later."""
        return

    def destroy(self, message: str) -> None:
        """Delete a message for good."""

    def put_card(self, name: str, data: bytes, book: str = "") -> None:
        """Write a card, new or not; into another address book than the usual one where it is named."""

    def add_address_book(self, name: str) -> None:
        """Make one more address book in the account."""
        lacking()

    def protect_address_book(self) -> None:
        """Leave the person only the right to read the address book that is there from the beginning."""
        lacking()

    def delete_card(self, name: str) -> None:
        """Delete a card."""

    def age_deleted_cards(self, seconds: int) -> None:
        """Let deleted cards, as far as the server remembers them, count as made so much earlier."""
        return

    def cards(self) -> Mapping[str, bytes]:
        """Return every card as the server gives it out, contact groups too."""

    def at_one_moment(self) -> AbstractContextManager[object]:
        """While it is open nobody writes, if the account can see to that; what is read belongs together."""
        return nullcontext()

    def forget_changes(self) -> None:
        """Make the server refuse every sync token it has given out so far."""
        lacking()

    def state(self) -> tuple[str, ...]:
        """Return the server's own names for its states; equal if nothing was written in between."""

    def requests(self) -> Sequence[str]:
        """Return method and path of every request that Mailroom has made."""
        lacking()

    def close(self) -> None:
        """Let go of the account."""


def label(account: AccountUnderTest, message: str, *mailboxes: str) -> None:
    """Put a message into more mailboxes, as a person labels it."""
    account.place(message, *account.mailboxes_of(message), *mailboxes)


def unlabel(account: AccountUnderTest, message: str, *mailboxes: str) -> None:
    """Take a message out of mailboxes."""
    account.place(message, *(account.mailboxes_of(message) - set(mailboxes)))


def group_card_name(account: AccountUnderTest, group: str) -> str:
    """Return which card is the contact group of this name."""
    (name,) = (name for name, card in _groups(account).items() if vcards.value(card, "FN") == group)
    return name


def members(account: AccountUnderTest, group: str) -> list[str]:
    """Return the UIDs of a contact group's members."""
    return sorted(vcards.members(account.cards()[group_card_name(account, group)]))


def contacts(account: AccountUnderTest) -> dict[str, bytes]:
    """Return the cards that are not contact groups."""
    return {name: card for name, card in account.cards().items() if not vcards.is_group(card)}


def contacts_of(account: AccountUnderTest, address: str) -> list[bytes]:
    """Return the contact cards that have an address."""
    return [
        card
        for card in contacts(account).values()
        if address.lower() in (email.lower() for email in vcards.values(card, "EMAIL"))
    ]


def groups_of(account: AccountUnderTest, address: str) -> list[str]:
    """Return the names of the contact groups that a sender is in, once for each card and group."""
    uids = [vcards.value(card, "UID") for card in contacts_of(account, address)]
    return sorted(
        vcards.value(card, "FN")
        for card in _groups(account).values()
        for uid in uids
        if uid in vcards.members(card)
    )


def add_contact(account: AccountUnderTest, name: str, *emails: str, groups: Sequence[str] = ()) -> str:
    """Make a contact card in some contact groups, as a person does, and return its UID."""
    uid = f"contact-{len(account.cards())}"
    account.put_card(f"{uid}.vcf", vcards.contact(uid, name, *emails))
    for group in groups:
        join(account, group, uid)
    return uid


def join(account: AccountUnderTest, group: str, *uids: str) -> None:
    """Put cards into a contact group, as a person does."""
    name = group_card_name(account, group)
    card = account.cards()[name]
    everybody = (*vcards.members(card), *uids)
    account.put_card(name, vcards.group(group, everybody, uid=vcards.value(card, "UID")))


def furnish(account: AccountUnderTest) -> None:
    """Make everything in the account that triage needs, and a mailbox and a group of the person's own."""
    plain = dict.fromkeys(("Screener", *GROUPS[1:], *LABELS, JOURNAL, OWN_MAILBOX))
    account.add_mailboxes({"Archive": "archive", **PROTECTED, **plain})
    for name in (*GROUPS, OWN_GROUP):
        account.put_card(f"{name.replace(' ', '-')}.vcf", vcards.group(name))


def furnish_lists(account: AccountUnderTest) -> None:
    """Make in a furnished account what decisions about mailing lists need."""
    account.add_mailboxes({LIST_LABEL: None})


def furnish_domains(account: AccountUnderTest) -> None:
    """Make in a furnished account what decisions about whole domains need."""
    account.add_mailboxes({DOMAIN_LABEL: None})
    for name in DOMAIN_GROUPS:
        account.put_card(f"{name.replace(' ', '-')}.vcf", vcards.group(name))


def _groups(account: AccountUnderTest) -> dict[str, bytes]:
    return {name: card for name, card in account.cards().items() if vcards.is_group(card)}


class Clock:
    """Gives every message a time of its own, one minute after the last."""

    def __init__(self) -> None:
        self._minutes = count()

    def next(self) -> str:
        """Return the next time, RFC 3339 in UTC."""
        hours, minute = divmod(next(self._minutes), 60)
        day, hour = divmod(hours, 24)
        return f"2026-03-{day + 1:02}T{hour:02}:{minute:02}:00Z"
