"""Reads many cards of an address book: as little of each as will do, in batches that fit into memory.

What cannot be read even alone is told, and the rest is read: one odd card keeps nobody from the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from attrs import evolve, frozen

from mailroom.carddav.cards import StoredCard
from mailroom.carddav.client import CardDavClient
from mailroom.carddav.discovery import Collection
from mailroom.errors import ProtocolError, ServerError, StatusError, TooLargeError

CARDS_PER_REQUEST = 200
WHOLE_CARDS = 32
"""So many are read whole at once: a change of the book costs one request, and photos are few."""

_LEAST_PROPERTIES = ("VERSION", "UID", "FN", "N", "ORG", "EMAIL", "KIND", "X-ADDRESSBOOKSERVER-KIND")
_NOTE = "NOTE"

WHOLE = "<getlastmodified/><C:address-data/>"
# RFC 6352 section 10.4.2. A name stands for the grouped property (item1.EMAIL) as well: seen on Cyrus,
# and so do sabre/dav's readers; Radicale and Xandikos give the whole card whatever they are asked for.
LEAST, NEEDED = (
    "".join(
        ["<C:address-data>", *(f'<C:prop name="{name}"/>' for name in names), "</C:address-data>"],
    )
    for names in (_LEAST_PROPERTIES, (*_LEAST_PROPERTIES, _NOTE))
)
"""What `summarize` looks at, without and with the notes, which say for which lists a card stands."""

# What a server says that stumbles over one card, or over too many of them.
_STUMBLES = frozenset({413, 500, 507})


@frozen
class Unreadable:
    """A card that is there and cannot be read, so that nobody knows whose it is.

    Attributes:
        name: Its resource name.
        reason: Why, in words for a log.
    """

    name: str
    reason: str


def read_cards(
    client: CardDavClient,
    book: Collection,
    names: Sequence[str],
    *,
    whole: bool,
) -> Iterator[StoredCard | Unreadable]:
    """Read cards; those that are gone are missing from what is returned.

    Args:
        whole: Whether every property is wanted; otherwise those that are needed.

    Raises:
        ServerError: The server as a whole fails.
    """
    waiting = deque(names)
    size = CARDS_PER_REQUEST
    while waiting:
        batch = [waiting.popleft() for _ in range(min(size, len(waiting)))]
        missing = dict.fromkeys(batch)
        is_too_large = False
        try:
            for name, card in client.multiget(book, batch, WHOLE if whole else NEEDED):
                if name in missing:
                    del missing[name]
                    if card is not None:
                        yield evolve(card, is_whole=whole)
        except (ProtocolError, TooLargeError, StatusError) as error:
            if isinstance(error, StatusError) and error.status not in _STUMBLES:
                raise
            if len(missing) > 1:
                # Servers put bytes into XML that it cannot carry, and one such card spoils the answer
                # for all that follow: narrow it down. Cards that are too large together may fit apart.
                waiting.extendleft(reversed(missing))
                size = max(1, len(batch) // 2)
                continue
            is_too_large = isinstance(error, TooLargeError)
        size = min(CARDS_PER_REQUEST, size + size // 4 + 1)
        for name in missing:
            if found := _read_alone(client, book, name, is_too_large=is_too_large):
                yield found


def _read_alone(
    client: CardDavClient, book: Collection, name: str, *, is_too_large: bool
) -> StoredCard | Unreadable | None:
    """Read a card that does not come with others: by GET, and where it is too large, in part.

    A photo is what nobody asks for; without its note a card still says whose it is.
    """
    reason = "it is too large"
    if not is_too_large:
        try:
            return client.read_card(book, name)
        except TooLargeError:
            pass
        except ServerError as error:
            if not isinstance(error, ProtocolError | StatusError):
                raise
            return Unreadable(name, str(error))
    for part in (NEEDED, LEAST):
        try:
            for found, card in client.multiget(book, [name], part):
                if found == name:
                    return evolve(card, is_whole=False, lacks_note=part is LEAST) if card else None
        except TooLargeError:
            pass
        except (ProtocolError, StatusError) as error:
            reason = str(error)
    return Unreadable(name, reason)
