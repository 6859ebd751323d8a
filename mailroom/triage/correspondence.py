"""What a person's old mail tells: whom they write to, and who writes to them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable

from attrs import define, evolve, frozen

from mailroom.model.address import Address
from mailroom.model.address_book import Contacts
from mailroom.model.mail import AddressHeaders, MailboxId
from mailroom.model.own import OwnAddresses
from mailroom.model.party import PartyKind, kind_of, whole_domain
from mailroom.model.ports import HeadersPage
from mailroom.model.sender import Correspondent
from mailroom.triage.words import number_of

MAX_REPLY_DOMAINS = 10
WEIGHT_DIGITS = 6


@define
class Tally:
    """How often somebody occurs in old mail.

    Attributes:
        who: Who it is, as the newest message has them, with the newest name that one shows.
        messages: How many messages they occur in.
        last_at: When the newest of them arrived, RFC 3339 in UTC.
        weight: As many messages as would say as much if they were to nobody else: one to forty people
            is a fortieth to each.
        over_lists: How many of them came over a list, where that was asked for.
    """

    who: Correspondent
    messages: int
    last_at: str
    weight: float = 1.0
    over_lists: int = 0


@frozen
class ScreenerPreview:
    """Whose mail the Screener rule would hold back.

    Attributes:
        senders: How many senders there are.
        strangers: Those of them that are no contacts, the most frequent first.
        unreadable: How many messages could not be read: whoever wrote them counts for nobody.
    """

    senders: int
    strangers: tuple[Tally, ...]
    unreadable: int = 0


class Tallies:
    """Counts addresses message by message, so that old mail need not be kept.

    Args:
        own: Addresses of the account, which do not count.

    Attributes:
        unreadable: How many messages could not be read, so that nobody in them counts.
    """

    def __init__(self, own: OwnAddresses) -> None:
        self.unreadable = 0
        self._own = own
        self._by_address: dict[Address, Tally] = {}

    def add_recipients(self, page: HeadersPage) -> None:
        """Count whom messages were sent to."""
        self.unreadable += page.left_out
        for each in page.headers:
            others = [who for who in each.recipients if self._is_somebody_else(who)]
            for who in others:
                self._add(who, each.received_at, 1 / len(others))

    def add_senders(self, page: HeadersPage, read_before: Container[MailboxId] = ()) -> None:
        """Count whom messages came from; a message without one sender counts for nobody.

        Args:
            read_before: Mailboxes whose messages have been counted.
        """
        self.unreadable += page.left_out
        for each in page.headers:
            is_read = any(x in read_before for x in each.mailbox_ids)
            who = each.sender
            if isinstance(who, Correspondent) and who.address not in self._own and not is_read:
                self._add(who, each.received_at, is_list=each.is_list)

    def of(self, address: Address) -> Tally | None:
        """Return how often somebody occurs; None where they do not."""
        return self._by_address.get(address)

    def ranked(self) -> list[Tally]:
        """Return the tallies, those of most weight first, and of equals the latest."""
        by_date = sorted(self._by_address.values(), key=lambda x: (x.last_at, x.who.address), reverse=True)
        # Three thirds are as much as one.
        return sorted(by_date, key=lambda x: round(x.weight, WEIGHT_DIGITS), reverse=True)

    def _is_somebody_else(self, who: Correspondent) -> bool:
        return who.address not in self._own and kind_of(who.address) is PartyKind.SENDER

    def _add(self, who: Correspondent, at: str, weight: float = 1.0, *, is_list: bool = False) -> None:
        tally = self._by_address.get(who.address)
        if tally is None:
            self._by_address[who.address] = Tally(who, 1, at, weight, int(is_list))
            return
        newer, older = (who, tally.who) if at > tally.last_at else (tally.who, who)
        tally.who = newer if newer.name else evolve(newer, name=older.name)
        tally.messages += 1
        tally.last_at = max(tally.last_at, at)
        tally.weight += weight
        tally.over_lists += is_list


def preview_screener(tallies: Tallies, contacts: Contacts) -> ScreenerPreview:
    """Say which of the senders are no contacts; all at a domain are that has a card of its own."""
    senders = tallies.ranked()
    strangers = tuple(each for each in senders if not _is_contact(each.who.address, contacts))
    return ScreenerPreview(len(senders), strangers, tallies.unreadable)


def _is_contact(sender: Address, contacts: Contacts) -> bool:
    domain = whole_domain(sender)
    return bool(contacts.cards(sender) or (domain and contacts.cards(domain)))


def not_read(count: int) -> str:
    """Say how many messages could not be read."""
    return f"{number_of(count, 'message')} could not be read"


def reply_domains(headers: Iterable[AddressHeaders]) -> list[str]:
    """Return what stands behind the @ in the Message-IDs of sent messages, the most frequent first."""
    domains = Counter(each.message_id.rpartition("@")[2].lower() for each in headers)
    return [domain for domain, _ in domains.most_common(MAX_REPLY_DOMAINS) if _is_domain(domain)]


def _is_domain(text: str) -> bool:
    return "." in text and all(c.isalnum() or c in "-._" for c in text)
