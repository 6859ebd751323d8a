"""Whether what Mailroom made still says what it wrote: what a person has changed since is theirs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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

    Nobody remembers which name it was made with, and another name looks like Mailroom's own: only the
    server's dates betray it. Where there are none, what is proven is a name that is the address itself.
    What was written over JMAP bears its name in the key of its address.
    """
    if stored.is_whole and (alteration := alteration_of_converted(uid, address, stored.octets)):
        return alteration
    if not _says_what_mailroom_writes(uid, address, stored):
        return Alteration.SEEN
    seconds = stored.modified - stored.created
    if stored.created and stored.modified and seconds >= -SETTLING_SECONDS:
        return Alteration.NONE if seconds <= SETTLING_SECONDS else Alteration.SEEN
    emails, _ = _said(stored.octets)
    nameless = {clean_name(value) for _, _, value in emails} | {clean_name(address.strip("<>"))}
    is_nameless = summarize(stored.octets).name in nameless
    return Alteration.NONE if is_nameless else Alteration.UNKNOWN


def is_group_unchanged(uid: CardUid, name: str, stored: StoredCard) -> bool:
    """Whether a group says just what Mailroom writes, whoever its members are."""
    _, others = _said(stored.octets, besides=MEMBERS | _OF_PROGRAMS)
    return stored.is_whole and any(
        others == _said(composed)[1] for composed in _attempted(partial(compose_group, name, uid))
    )


def _says_what_mailroom_writes(uid: CardUid, address: Party, stored: StoredCard) -> bool:
    """Whether all that a card says, Mailroom would write of that sender under some name."""
    if not stored.is_whole:
        return False
    emails, others = _said(stored.octets)
    is_of_sender = are_written_for(address, [value for _, _, value in emails]) and not any(
        params for _, params, _ in emails
    )
    name = summarize(stored.octets).name
    return is_of_sender and any(
        others == _said(composed)[1]
        for kind in CardKind
        for composed in _attempted(partial(compose_card, NewCard(address, address, name, kind), uid))
    )


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
