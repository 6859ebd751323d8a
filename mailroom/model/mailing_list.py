"""Mailing lists as messages and contact cards name them: List-Id (RFC 2919) and List-Post (RFC 2369). Pure.

A list is known by its identifier alone, which stands between angle brackets and is compared without
regard to case. It is read as the server's own rules read it (seen on Cyrus 3.6 to 3.12), so that they and
Mailroom mean the same list by one header. What stands in no form of an identifier is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote

from attrs import frozen

from mailroom.model.address import Address, parse_address
from mailroom.model.names import clean_name
from mailroom.model.party import MailingList, Party, PartyKind, kind_of

MAX_IDENTIFIER_CHARACTERS = 255
"""RFC 2919 section 2."""

MAX_HEADER_CHARACTERS = 4_000
"""A List-Id that is longer names no list that a person would know by it."""

MAX_LISTS = 20
"""So many lists of one message count. Real mail comes over one, or over a few that lie in each other."""

MAX_LISTS_OF_CARD = 100
"""So many that the note of one card names."""

MAX_NOTE_CHARACTERS = 20_000
"""Where in a note lists are looked for; a person's notes may be as long as they like."""

NOTE_FIELD = "List-Id"
"""What the line of a card begins with that says which list it is for."""

_ATEXT = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+"
_IDENTIFIER = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})+")
_BRACKETED = re.compile(r"<([^<>]*)>")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_ESCAPED = re.compile(r"\\(.)")
_NOTE_LINE = re.compile(rf"{NOTE_FIELD}\s*:(?P<named>.*)", re.IGNORECASE)
_BEFORE_A_LINE = " \t>*•-"
_BETWEEN = re.compile(r"[\s,;]+")


@frozen
class NamedList:
    """A mailing list as a message names it.

    Attributes:
        party: Its identifier, as decisions are about it.
        name: What it is called; its identifier where nothing else is said.
        post: The address to which one writes to it; None where there is none, or only a web page.
    """

    party: MailingList
    name: str
    post: Address | None = None


def read_lists(list_ids: Iterable[str], posts: Iterable[str] = ()) -> tuple[NamedList, ...]:
    """Return the lists that a message came over, each once, that which delivered it last first.

    Nested lists each put their header above those that are there. A header that holds no identifier
    names no list.

    Args:
        list_ids: What each List-Id of the message says, unfolded and decoded.
        posts: The URLs in its List-Post.
    """
    found: dict[MailingList, str] = {}
    for party, name in filter(None, map(_named, list_ids)):
        found.setdefault(party, name)
    addresses = [address for address in map(_mailed_to, posts) if address]
    return tuple(NamedList(party, name, _post_of(party, addresses)) for party, name in found.items())[
        :MAX_LISTS
    ]


@lru_cache(maxsize=256)  # the messages of a list all say the same
def _named(text: str) -> tuple[MailingList, str] | None:
    """Return the list that a List-Id names, and what it is called; None where it holds no identifier."""
    identifier = parse_list_id(text)
    if identifier is None:
        return None
    phrase = text.rpartition("<")[0]
    if quoted := _QUOTED.fullmatch(phrase.strip()):
        phrase = _ESCAPED.sub(r"\1", quoted[0][1:-1])
    return MailingList(f"<{identifier}>"), clean_name(phrase) or identifier


def _mailed_to(url: str) -> Address | None:
    """Return the one address that a URL writes to (RFC 6068); None where it does something else."""
    scheme, _, rest = url.strip().partition(":")
    to = unquote(rest.partition("?")[0], errors="replace")
    return parse_address(to) if scheme.lower() == "mailto" and "," not in to else None


def is_posting_address(party: Party, address: Party) -> bool:
    """Whether a list's identifier spells an address: dev.lists.example is dev@lists.example."""
    return kind_of(address) is PartyKind.SENDER and address.replace("@", ".") == party[1:-1]


def _post_of(party: MailingList, addresses: Iterable[Address]) -> Address | None:
    """Return the address that is the list's own: the one that its identifier spells.

    Whoever wrote the message chose both headers. Any other address may be somebody else's, and on the
    list's card their mail would go where the list goes.
    """
    return next((x for x in addresses if is_posting_address(party, x)), None)


def parse_list_id(text: str) -> str | None:
    """Return the identifier of a list in lower case, without brackets; None where a List-Id holds none.

    It stands between the last brackets, and blanks in it do not count: nothing stands behind it by RFC 2919
    section 2, so that a comment there that holds brackets has taken its place. Before it there may be what
    people read. Without any brackets it is the first word. One outside ASCII, of a single word, or an
    overlong one is none.

    Args:
        text: The header unfolded and decoded, or as it stands in the message.
    """
    if len(text) > MAX_HEADER_CHARACTERS:
        return None
    _, bracket, behind = text.rpartition("<")
    if bracket:
        return _identifier(behind.partition(">")[0])
    return next(map(_identifier, text.split(maxsplit=1)), None)


def list_in_brackets(text: str) -> MailingList | None:
    """Return the list that a person names by its identifier, ``<dev.lists.example>``; None where it is none.

    An address or a Message-ID in brackets is none: each has an @.
    """
    bare = text.strip()
    is_whole = bool(_BRACKETED.fullmatch(bare)) and "@" not in bare
    identifier = parse_list_id(bare) if is_whole else None
    return MailingList(f"<{identifier}>") if identifier else None


def lists_in_note(note: str) -> tuple[MailingList, ...]:
    """Return which lists a contact card stands for, by the lines of its note that begin with List-Id.

    A person may have written them: without brackets, with the list's name, several in one line.
    """
    found: dict[MailingList, None] = {}
    # Hardly any note has such a line, and there may be very many notes.
    if NOTE_FIELD.casefold() not in note[:MAX_NOTE_CHARACTERS].casefold():
        return ()
    for line in note[:MAX_NOTE_CHARACTERS].splitlines():
        if match := _NOTE_LINE.fullmatch(line.lstrip(_BEFORE_A_LINE)):
            found |= dict.fromkeys(MailingList(f"<{each}>") for each in _named_in(match["named"]))
    return tuple(found)[:MAX_LISTS_OF_CARD]


def note_line(party: Party) -> str:
    """Return the line of a note that says which list a card is for."""
    return f"{NOTE_FIELD}: {party}"


def _named_in(text: str) -> list[str]:
    """Return the identifiers that a line names: all between brackets, or else all of it."""
    written = _BRACKETED.findall(text) or list(filter(None, _BETWEEN.split(text)))
    named = list(map(_identifier, written))
    return [each for each in named if each] if all(named) or "<" in text else []


def _identifier(text: str) -> str | None:
    text = "".join(text.split())
    is_one = len(text) <= MAX_IDENTIFIER_CHARACTERS and _IDENTIFIER.fullmatch(text)
    return text.lower() if is_one else None
