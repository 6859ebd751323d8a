"""Messages, and the order in which every mailbox holds them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping

from attrs import define, field, frozen

Addresses = tuple[tuple[str, str], ...]
"""The entries of an address header: display name, perhaps empty, and address."""

SEEN = "$seen"
DRAFT = "$draft"


def moment(date: str) -> str:
    """Make a UTCDate comparable: text order is time order, whether or not it has a fraction."""
    whole, _, fraction = date.removesuffix("Z").partition(".")
    return f"{whole}.{fraction.rstrip('0')}"


@frozen
class Attachment:
    """A text that goes along with a message.

    Attributes:
        type: Its media type, of text.
        name: The name of its file, if it has one.
        disposition: ``attachment`` or ``inline``, where one of them is said.
    """

    text: str = field(repr=False)
    type: str = "text/plain"
    name: str | None = None
    disposition: str | None = None


@define(eq=False)
class Message:
    """One message.

    Attributes:
        received_at: RFC 3339 in UTC.
        addresses: The address headers it has, by their JMAP property: ``from``, ``to``, ``replyTo`` …
        fields: What it has of other headers, each with its name, in their order: ``List-Id`` …
        mailbox_ids: Every mailbox it is in; at least one.
        answers: The Message-IDs that its References name, the last of which stands in In-Reply-To, too.
        keywords: In lower case.
        attachments: What goes along with it.
        octets: How many bytes it has, of one that was composed here; 0 where nobody has counted.
        key: Its place in time: when it arrived and, among equals, its id.
    """

    id: str
    thread_id: str
    received_at: str
    sent_at: str
    addresses: Mapping[str, Addresses]
    subject: str
    text: str = field(repr=False)
    message_id: str
    answers: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]
    mailbox_ids: frozenset[str]
    keywords: frozenset[str]
    attachments: tuple[Attachment, ...] = ()
    octets: int = field(default=0, repr=False)
    key: tuple[str, str] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.key = (moment(self.received_at), self.id)

    @property
    def is_unread(self) -> bool:
        """Whether RFC 8621 section 2 counts it as unread."""
        return SEEN not in self.keywords and DRAFT not in self.keywords

    def field_values(self, name: str) -> list[str]:
        """Return what the other headers of a name say, in their order."""
        return [value for each, value in self.fields if each.lower() == name.lower()]

    @property
    def size(self) -> int:
        """Return about what the message would weigh, headers and body."""
        return self.octets or 400 + len(self.subject.encode()) + len(self.text.encode())


class Timeline:
    """Message ids in the order of their arrival."""

    def __init__(self) -> None:
        self._keys: list[tuple[str, str]] = []

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return (id for _, id in self._keys)

    def keys(self) -> list[tuple[str, str]]:
        """Return the keys, oldest first; not to be changed."""
        return self._keys

    def add(self, key: tuple[str, str]) -> None:
        """Take a message in at its place."""
        insort(self._keys, key)

    def remove(self, key: tuple[str, str]) -> None:
        """Take a message out."""
        del self._keys[bisect_left(self._keys, key)]


@define(eq=False)
class Mailbox:
    """A mailbox (RFC 8621 section 2).

    Attributes:
        withheld: What of its ``myRights`` the person does not have.
        modified_at: The number of the mailbox state in which something other than its counts changed.
    """

    id: str
    name: str
    parent_id: str | None = None
    role: str | None = None
    sort_order: int = 0
    is_subscribed: bool = True
    withheld: frozenset[str] = frozenset()
    modified_at: int = 0
    unread: int = 0
    timeline: Timeline = field(factory=Timeline, repr=False)


@frozen
class Identity:
    """An address the account may send from (RFC 8621 section 6)."""

    id: str
    name: str
    email: str
