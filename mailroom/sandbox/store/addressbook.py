"""An address book: vCards as stored bytes, each with its ETag, and the log of their changes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from enum import Enum, auto
from functools import cached_property
from uuid import NAMESPACE_URL, uuid5

import attrs

from mailroom.sandbox.store import vcards
from mailroom.sandbox.store.changes import ChangeLog

ALL_PRIVILEGES = ("all", "read", "write", "write-content", "bind", "unbind")


class Event(Enum):
    """What can happen to a card."""

    CREATED = auto()
    UPDATED = auto()
    DESTROYED = auto()


@attrs.frozen(slots=False)  # a cached_property needs a __dict__
class Card:
    """One vCard as it is stored.

    Attributes:
        name: The last segment of its href, decoded.
        etag: A strong entity tag, in quotes.
        created: Seconds since 1970.
        modified: Seconds since 1970.
        id: What JMAP calls it; stays while its name does.
    """

    name: str
    data: bytes = attrs.field(repr=False)
    etag: str
    created: int
    modified: int
    id: str = ""

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
        shows_version_4_anew: Whether a card that is stored as version 4.0 is written anew for whoever asks.
        privileges: What the person may do to it (RFC 3744 section 3); told to nobody where it is empty.
        made_at: When the card of each name was made, seconds since 1970. As on Cyrus, one that is made
            again under the name of a deleted one has its date.
    """

    heard: Callable[[Event, Card], None] | None = None
    """Told about every change, for those who keep count of several books."""

    def __init__(self, name: str, title: str, *, rewrites_cards: bool = False) -> None:
        self.name = name
        self.title = title
        self.rewrites_cards = rewrites_cards
        self.owner: str | None = None
        self.shows_version_4_anew = True
        self.privileges: tuple[str, ...] = ALL_PRIVILEGES
        self.cards: dict[str, Card] = {}
        self.made_at: dict[str, int] = {}
        self.log = ChangeLog(f"data:,{name}-")
        self._by_uid: dict[str, str] = {}
        self._by_id: dict[str, str] = {}
        self._made = 0

    def put(self, name: str, data: bytes, created: int | None = None) -> Card:
        """Store a card, whatever it says, under `name`."""
        stored = vcards.reserialize(data) if self.rewrites_cards else data
        before = self.cards.get(name)
        now = int(time.time())
        created = self.made_at[name] = self.made_at.get(name, now) if created is None else created
        if before is None:
            self._made += 1
        id = before.id if before else f"C{hashlib.sha1(self.name.encode()).hexdigest()[:4]}{self._made:x}"  # noqa: S324
        card = Card(name, stored, f'"{hashlib.sha1(stored).hexdigest()}"', created, now, id)  # noqa: S324
        if before is not None:
            self._forget_uid(before)
            del self.cards[name]  # the latest written stands last, as on Cyrus
            self.log.updated(name)
        else:
            self.log.created(name)
        self.cards[name] = card
        self._by_id[card.id] = name
        if (uid := card.summary.uid) is not None:
            self._by_uid.setdefault(uid, name)
        self._tell(Event.UPDATED if before else Event.CREATED, card)
        return card

    def grants(self, *privileges: str) -> bool:
        """Whether the person has these rights to it; `all` and `write` stand for what they contain."""
        given = set(self.privileges) or set(ALL_PRIVILEGES)
        if "write" in given:
            given |= {"write-content", "bind", "unbind"}
        return "all" in given or given.issuperset(privileges)

    def delete(self, name: str) -> None:
        """Delete a card; its line in contact groups stays, as on Cyrus."""
        card = self.cards.pop(name)
        self._forget_uid(card)
        del self._by_id[card.id]
        self.log.destroyed(name)
        self._tell(Event.DESTROYED, card)

    def name_of(self, uid: str) -> str | None:
        """Return which card holds a UID."""
        return self._by_uid.get(uid)

    def name_of_id(self, id: str) -> str | None:
        """Return which card has an id."""
        return self._by_id.get(id)

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

    def _tell(self, event: Event, card: Card) -> None:
        if self.heard is not None:
            self.heard(event, card)

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
