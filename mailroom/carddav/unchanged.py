"""Whether what Mailroom made still says what it wrote: what a person has changed since is theirs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from mailroom.carddav.cards import StoredCard
from mailroom.carddav.compose import compose_card, compose_group
from mailroom.carddav.converted import alteration_of_converted
from mailroom.carddav.vcard import MEMBERS, content_lines, summarize, unescape
from mailroom.contacts.writing import are_written_for
from mailroom.errors import ProtocolError
from mailroom.model.contacts import Alteration, CardKind, CardUid, NewCard
from mailroom.model.names import clean_name
from mailroom.model.party import Party

SETTLING_SECONDS = 10
"""A busy server may take the two dates from two looks at its clock; hardly a person is as fast as that."""

_FRAME = frozenset({"BEGIN", "END"})
_OF_PROGRAMS = frozenset({"REV", "PRODID", "CREATED"})
"""What a program that makes a group, or changes its members, writes into it besides."""

_PLAIN: Mapping[str, Callable[[str], str]] = {
    "N": lambda value: value.rstrip(";"),
    "X-ADDRESSBOOKSERVER-KIND": str.lower,
}
"""What the engine writes otherwise, where it shows a version 4.0 card as 3.0."""

_Said = tuple[str, str, str]
"""A property's name with its group, its parameters and its value."""


def alteration_of_card(uid: CardUid, address: Party, stored: StoredCard) -> Alteration:
    """Say whether a card is as Mailroom wrote it, over whichever way.

    Another name looks like Mailroom's own. What a card was made with tells its PRODID, or the key of its
    address where it was written over JMAP. Cards of earlier versions have neither: only the server's dates
    betray another name, and where there are none, what is proven is a name that is the address itself.
    (Nor do the dates prove a change: Cyrus gives a card that is made again the date of the deleted one.)
    """
    if stored.is_whole and (alteration := alteration_of_converted(uid, address, stored.octets)):
        return alteration
    emails, others = _said(stored.octets)
    if not stored.is_whole or not _are_of_sender(address, emails):
        return Alteration.SEEN
    name = summarize(stored.octets).name
    written = list(_written(uid, address, name))
    if others in written:
        return Alteration.NONE
    if others not in map(_without_product, written):
        return Alteration.SEEN
    seconds = stored.modified - stored.created
    if stored.created and stored.modified and seconds >= -SETTLING_SECONDS:
        return Alteration.NONE if seconds <= SETTLING_SECONDS else Alteration.SEEN
    nameless = {clean_name(value) for _, _, value in emails} | {clean_name(address.strip("<>"))}
    return Alteration.NONE if name in nameless else Alteration.UNKNOWN


def is_group_unchanged(uid: CardUid, name: str, stored: StoredCard) -> bool:
    """Whether a group says just what Mailroom writes, whoever its members are."""
    _, others = _said(stored.octets, besides=MEMBERS | _OF_PROGRAMS)
    return stored.is_whole and any(
        others == _said(composed)[1] for composed in _attempted(partial(compose_group, name, uid))
    )


def _are_of_sender(address: Party, emails: Sequence[_Said]) -> bool:
    """Whether Mailroom would write just these addresses of that sender."""
    is_plain = not any(params for _, params, _ in emails)
    return is_plain and are_written_for(address, [value for _, _, value in emails])


def _written(uid: CardUid, address: Party, name: str) -> Iterator[list[_Said]]:
    """Yield what Mailroom would write of a sender under that name besides their addresses."""
    for kind in CardKind:
        for card in _attempted(partial(compose_card, NewCard(address, address, name, kind), uid)):
            yield _said(card)[1]


def _without_product(said: Sequence[_Said]) -> list[_Said]:
    return [each for each in said if each[0] != ".PRODID"]


def _attempted(compose: Callable[[], bytes]) -> Iterator[bytes]:
    """Compose a card; nothing where none can carry what is asked for."""
    try:
        yield compose()
    except ProtocolError:
        return


def _said(card: bytes, besides: frozenset[str] = frozenset()) -> tuple[list[_Said], list[_Said]]:
    """Return a card's addresses and its other properties, in whatever order, folds and escapes they stand."""
    emails: list[_Said] = []
    others: list[_Said] = []
    for line in content_lines(card):
        if line.name in _FRAME | besides or not line.raw.strip():
            continue
        value = unescape(line.value).strip() if line.name else repr(line.raw)
        value = _PLAIN.get(line.name, str)(value)
        is_plain_email = line.name == "EMAIL" and not line.group
        (emails if is_plain_email else others).append((f"{line.group}.{line.name}", line.params, value))
    return sorted(emails), sorted(others)
