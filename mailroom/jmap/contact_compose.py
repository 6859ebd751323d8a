"""What Mailroom writes as a ContactCard (JSContact, RFC 9553), and whether a card still says that. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mailroom.contacts.identity import address_of
from mailroom.contacts.person_name import split_name
from mailroom.contacts.writing import address_keys, are_written_for, check_group_name, written_as, written_of
from mailroom.errors import ProtocolError
from mailroom.jmap.contact_cards import NOTES, read_card
from mailroom.jmap.wire import Json
from mailroom.model.contacts import Alteration, CardKind, CardUid, NewCard
from mailroom.model.mailing_list import note_line
from mailroom.model.names import clean_name
from mailroom.model.party import Party, PartyKind, kind_of

SETTLING_SECONDS = 10
"""A busy server may take two dates from two looks at its clock; hardly a person is as fast as that."""

_KIND, _GROUP, _NOTE = "kind", "group", "note"
_OF_SERVERS = frozenset(
    {"@type", "version", "id", "uid", "kind", "addressBookIds", "created", "updated", "prodId", "language"}
)
_OF_ENGINE = "cyrusimap.org:"
_OF_EMAILS = frozenset({"@type", "address", "pref"})


def compose_card(card: NewCard, uid: CardUid, book_id: str) -> Json:
    """Make a new card.

    Raises:
        ProtocolError: No card can carry the address.
    """
    written = written_of(card)
    composed = _frame(uid, book_id)
    if card.kind is CardKind.PERSON:
        composed |= {_KIND: "individual", "name": {"full": written.name, "components": _parts(written.name)}}
    else:
        composed |= {_KIND: "org", "name": {"full": written.name}}
        composed["organizations"] = {"o": {"name": written.name}}
    keys = address_keys(written.name)
    if written.emails:
        composed["emails"] = {next(keys): {"address": email} for email in written.emails}
    if written.note:
        composed[NOTES] = {next(keys): {_NOTE: written.note}}
    return composed


def compose_group(name: str, uid: CardUid, book_id: str) -> Json:
    """Make a contact group without members.

    Raises:
        ProtocolError: No card can carry the name.
    """
    check_group_name(name)
    return _frame(uid, book_id) | {_KIND: _GROUP, "name": {"full": name}}


def alteration_of_card(value: Json, address: Party) -> Alteration:
    """Say whether a card is as Mailroom wrote it.

    Not every property has a form over JMAP, and programs that write over CardDAV need not date what they
    write. What one of them has written is betrayed by the key of the address, which is made of the name
    and which hardly any keeps, or by a date of change. Where the key was never there nothing is known.
    """
    card = read_card(value)
    if address_of(card.summary.uid, [address]) is None or not _says_what_mailroom_writes(value, address):
        return Alteration.SEEN
    if card.created and card.modified - card.created > SETTLING_SECONDS:
        return Alteration.SEEN
    is_marked = bool(card.created) and next(address_keys(card.summary.name)) in {
        **value.get("emails", {}),
        **value.get(NOTES, {}),
    }
    return Alteration.NONE if is_marked else Alteration.UNKNOWN


def email_of(value: Json) -> str:
    """Return the address on a card that Mailroom made, as it was written; empty where it has none."""
    return written_as([str(each.get("address", "")) for each in _entries(value, "emails")])


def kind_of_card(value: Json) -> CardKind:
    """Return how a card that Mailroom made names its bearer."""
    return CardKind.COMPANY if value.get("organizations") else CardKind.PERSON


def is_group_unchanged(value: Json) -> bool:
    """Whether a group says just what Mailroom writes, whoever its members are."""
    card = read_card(value)
    return card.summary.is_group and _others(value) <= {"name", "members"} and _is_plain_name(value)


def _frame(uid: CardUid, book_id: str) -> Json:
    return {"@type": "Card", "version": "1.0", "uid": uid, "addressBookIds": {book_id: True}}


def _parts(name: str) -> list[Json]:
    """Return a person's name in the parts of RFC 9553 section 2.2.1."""
    person = split_name(name)
    parts = {
        "title": person.prefix,
        "given": person.given,
        "given2": person.additional,
        "surname": person.family,
        "credential": person.suffix,
    }
    return [{"kind": kind, "value": value} for kind, value in parts.items() if value]


def _says_what_mailroom_writes(value: Json, address: Party) -> bool:
    """Whether all that a card says, Mailroom would write of that sender under some name."""
    emails = list(_entries(value, "emails"))
    is_of_party = are_written_for(address, [str(email.get("address", "")) for email in emails])
    if not is_of_party or not all(email.keys() <= _OF_EMAILS for email in emails):
        return False
    name, others = read_card(value).summary.name, _others(value)
    try:
        person = compose_card(NewCard(address, address, name, CardKind.PERSON), CardUid(""), "")
    except ProtocolError:
        return False
    if kind_of(address) is PartyKind.LIST:
        said = [(each.get(_NOTE), each.keys() <= {"@type", _NOTE}) for each in _entries(value, NOTES)]
        if said != [(note_line(address), True)]:
            return False
        others = others - {NOTES} | {"emails"}
    if others == {"name", "emails", "organizations"}:
        return _is_plain_name(value) and _organizations(value) == [name]
    is_as_split = _components(value) == {
        (each["kind"], each["value"]) for each in person["name"]["components"]
    }
    return others == {"name", "emails"} and is_as_split


def _others(value: Mapping[str, object]) -> set[str]:
    """Return which properties a card has besides what servers write into each."""
    return {
        key
        for key, said in value.items()
        if said and key not in _OF_SERVERS and not key.startswith(_OF_ENGINE)
    }


def _is_plain_name(value: Json) -> bool:
    """Whether a name is but one text; a server may call it the surname besides."""
    name = clean_name(str(value["name"].get("full") or ""))
    return {word for _, word in _components(value)} <= {name}


def _components(value: Json) -> set[tuple[str, str]]:
    components = value["name"].get("components")
    return {
        (str(each.get(_KIND)), str(each.get("value")))
        for each in (components if isinstance(components, list) else ())
        if isinstance(each, dict)
    }


def _organizations(value: Json) -> list[str]:
    found = [each for each in value["organizations"].values() if isinstance(each, dict)]
    return [clean_name(str(each.get("name") or "")) for each in found if each.keys() <= {"@type", "name"}]


def _entries(value: Json, name: str) -> Iterator[Json]:
    for entry in (value.get(name) or {}).values():
        yield entry if isinstance(entry, dict) else {}
