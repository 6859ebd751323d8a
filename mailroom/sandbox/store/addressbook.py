"""An address book: vCards as stored bytes, each with its ETag, and the log of their changes."""

from __future__ import annotations

import hashlib
import time
from functools import cached_property
from uuid import NAMESPACE_URL, uuid5

import attrs

from mailroom.sandbox.store import vcards
from mailroom.sandbox.store.changes import ChangeLog

ALL_PRIVILEGES = ("all", "read", "write", "write-content", "bind", "unbind")


@attrs.frozen(slots=False)  # a cached_property needs a __dict__
class Card:
    """One vCard as it is stored.

    Attributes:
        name: The last segment of its href, decoded.
        etag: A strong entity tag, in quotes.
        created: Seconds since 1970.
        modified: Seconds since 1970.
    """

    name: str
    data: bytes = attrs.field(repr=False)
    etag: str
    created: int
    modified: int

    @cached_property
    def summary(self) -> vcards.Summary:
        """What the card says, read when it is first asked for."""
        return vcards.summarize(self.data)


class AddressBook:
    """A collection of cards.

    Args:
        name: The last segment of its href.
        title: Its display name.
        rewrites_cards: Whether it stores its own serialisation of a card instead of the bytes it was given.

    Attributes:
        owner: The user name of whom it belongs to; None for whoever's account it is in.
        privileges: What the person may do to it (RFC 3744 section 3); told to nobody where it is empty.
    """

    def __init__(self, name: str, title: str, *, rewrites_cards: bool = False) -> None:
        self.name = name
        self.title = title
        self.rewrites_cards = rewrites_cards
        self.owner: str | None = None
        self.privileges: tuple[str, ...] = ALL_PRIVILEGES
        self.cards: dict[str, Card] = {}
        self.log = ChangeLog(f"data:,{name}-")
        self._by_uid: dict[str, str] = {}

    def put(self, name: str, data: bytes, created: int | None = None) -> Card:
        """Store a card, whatever it says, under `name`."""
        stored = vcards.reserialize(data) if self.rewrites_cards else data
        before = self.cards.get(name)
        now = int(time.time())
        if created is None:
            created = before.created if before else now
        card = Card(name, stored, f'"{hashlib.sha1(stored).hexdigest()}"', created, now)  # noqa: S324
        if before is not None:
            self._forget_uid(before)
            self.log.updated(name)
        else:
            self.log.created(name)
        self.cards[name] = card
        if (uid := card.summary.uid) is not None:
            self._by_uid.setdefault(uid, name)
        return card

    def grants(self, *privileges: str) -> bool:
        """Whether the person has these rights to it; `all` and `write` stand for what they contain."""
        given = set(self.privileges) or set(ALL_PRIVILEGES)
        if "write" in given:
            given |= {"write-content", "bind", "unbind"}
        return "all" in given or given.issuperset(privileges)

    def delete(self, name: str) -> None:
        """Delete a card; its line in contact groups stays, as on Cyrus."""
        self._forget_uid(self.cards.pop(name))
        self.log.destroyed(name)

    def name_of(self, uid: str) -> str | None:
        """Return which card holds a UID."""
        return self._by_uid.get(uid)

    def groups(self) -> list[Card]:
        """Return the contact groups."""
        return [card for card in self.cards.values() if card.summary.is_group]

    def group(self, title: str) -> Card:
        """Return the contact group of this name.

        Raises:
            KeyError: There is none.
        """
        for card in self.groups():
            if card.summary.name == title:
                return card
        raise KeyError(title)

    def _forget_uid(self, card: Card) -> None:
        uid = card.summary.uid
        if uid is not None and self._by_uid.get(uid) == card.name:
            del self._by_uid[uid]


def group_card(title: str, members: tuple[str, ...] = ()) -> tuple[str, bytes]:
    """Return the UID and the bytes of a contact group, written as Apple and Fastmail write it."""
    uid = str(uuid5(NAMESPACE_URL, f"sandbox:group:{title}"))
    lines = [
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"UID:{uid}",
        f"N:{vcards.escape(title)};;;;",
        f"FN:{vcards.escape(title)}",
        "X-ADDRESSBOOKSERVER-KIND:group",
        *(f"X-ADDRESSBOOKSERVER-MEMBER:{vcards.member_urn(member)}" for member in members),
        "END:VCARD",
    ]
    return uid, "".join(map(vcards.fold, lines)).encode()


def contact_card(name: str, *emails: str) -> tuple[str, bytes]:
    """Return the UID and the bytes of a plain contact card."""
    uid = str(uuid5(NAMESPACE_URL, f"sandbox:card:{name}:{','.join(emails)}"))
    lines = [
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"UID:{uid}",
        f"FN:{vcards.escape(name)}",
        f"N:;{vcards.escape(name)};;;",
        *(f"EMAIL;TYPE=INTERNET:{email}" for email in emails),
        "END:VCARD",
    ]
    return uid, "".join(map(vcards.fold, lines)).encode()
