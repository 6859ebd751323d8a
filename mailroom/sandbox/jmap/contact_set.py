"""ContactCard/set: cards and contact groups made, patched and destroyed (RFC 9610 section 3.5)."""

from __future__ import annotations

import base64
import copy
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from mailroom.sandbox.jmap.arguments import Arguments, Json
from mailroom.sandbox.jmap.core import Context
from mailroom.sandbox.jmap.filters import UTC_DATE
from mailroom.sandbox.jmap.references import pointer_tokens
from mailroom.sandbox.jmap.set import Actions, SetError, set_objects
from mailroom.sandbox.store import jscontact, jscontact_written
from mailroom.sandbox.store.account import SandboxAccount
from mailroom.sandbox.store.addressbook import AddressBook
from mailroom.sandbox.store.contacts import CARDS, DEFAULT_BOOK, Contacts
from mailroom.sandbox.store.mail import TIME_FORMAT

_WRITABLE = frozenset(
    {"@type", "version", "kind", "uid", "name", "members", "created", "updated", "prodId", *jscontact.LISTS}
)
_KINDS = frozenset({"individual", "group", "org", "location", "device", "application"})
_RESOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._-]{15,199}")


def contact_card_set(context: Context, arguments: Arguments) -> Json:
    """RFC 9610 section 3.5; of a card, those properties may be written that `jscontact` reads."""
    contacts = context.contacts

    def create(values: Json) -> Json:
        _spend(context.account)
        return _create(contacts, values)

    def update(id: str, patch: Json) -> Json | None:
        _spend(context.account)
        return _update(contacts, id, patch)

    def destroy(id: str) -> None:
        book, name = _place(contacts, id)
        if not book.grants("unbind"):
            raise SetError("accountReadOnly")
        book.delete(name)

    actions = Actions(create, update, destroy)
    return set_objects(context, arguments, contacts.contact_logs[CARDS], _Ids(contacts), actions)


class _Ids:
    """The ids of all cards, as of now."""

    def __init__(self, contacts: Contacts) -> None:
        self._contacts = contacts

    def __contains__(self, id: object) -> bool:
        return self._contacts.find_card(str(id)) is not None


def _invalid(*properties: str) -> SetError:
    """Return the error for values that a card cannot have; as on Cyrus, it says no more."""
    return SetError("invalidProperties", properties=list(properties))


def _spend(account: SandboxAccount) -> None:
    """Count a write, and refuse it where there were too many."""
    if account.contact_writes_left is None:
        return
    if account.contact_writes_left <= 0:
        raise SetError("rateLimit", "too many changes, try again later")
    account.contact_writes_left -= 1


def _place(contacts: Contacts, id: str) -> tuple[AddressBook, str]:
    found = contacts.find_card(id)
    if found is None:
        raise SetError("notFound")
    return found[0], found[1].name


def _now() -> str:
    return datetime.now(UTC).strftime(TIME_FORMAT)


def _create(contacts: Contacts, values: Json) -> Json:
    card = dict(values)
    told: Json = {}
    if "uid" not in card:
        card["uid"] = told["uid"] = str(uuid4())
    book = contacts.books[DEFAULT_BOOK]
    if "addressBookIds" in card:
        book = _chosen_book(contacts, card.pop("addressBookIds"))
    else:
        told["addressBookIds"] = {book.name: True}
    if not book.grants("write-content", "bind"):
        raise _invalid("addressBookIds")
    if card.get("members", ...) is None:
        del card["members"]
    if "prodId" not in card:
        card["prodId"] = told["prodId"] = jscontact_written.PRODUCT
    if "created" not in card:
        card["created"] = told["created"] = _now()
    _check(card)
    if contacts.find_uid(card["uid"]) is not None:
        raise _invalid("uid")
    if card.get("kind") == jscontact.GROUP and "members" not in card:
        told["members"] = {}
    stem = card["uid"] if _RESOURCE.fullmatch(card["uid"]) else str(uuid4())
    stored = book.put(f"{stem}.vcf", jscontact_written.made(card))
    return {**told, "id": contacts.card_id(stored)}


def _chosen_book(contacts: Contacts, ids: Any) -> AddressBook:
    if isinstance(ids, dict) and len(ids) == 1 and list(ids.values()) == [True]:
        for book in contacts.own_books():
            if book.name in ids:
                return book
    raise _invalid("addressBookIds")


def _update(contacts: Contacts, id: str, patch: Json) -> Json | None:
    book, name = _place(contacts, id)
    if not book.grants("write-content"):
        raise SetError("accountReadOnly")
    if not patch:
        contacts.touch_card(id)
        return None
    data = book.cards[name].data
    before = jscontact.shown(data)
    before.pop("updated", None)
    before["addressBookIds"] = {book.name: True}
    after = _patched(before, patch)
    if jscontact.GROUP in (before["kind"], after.get("kind")) and before["kind"] != after.get("kind"):
        raise _invalid("kind")
    for immutable in ("id", "uid", "addressBookIds"):
        if after.get(immutable) != before.get(immutable):
            raise _invalid(immutable)
    del after["addressBookIds"]
    told: Json = {}
    if "updated" not in after:
        after["updated"] = told["updated"] = _now()
    _check(after)
    stored = book.put(name, jscontact_written.patched(data, after))
    blob = base64.b64encode(json.dumps([name, stored.etag]).encode()).decode().rstrip("=")
    told |= {"cyrusimap.org:blobId": f"V{blob}", "cyrusimap.org:size": len(stored.data)}
    if "members" in patch and patch["members"] is None:
        told["members"] = {}
    return told


def _patched(before: Json, patch: Json) -> Json:
    """Apply a PatchObject (RFC 8620 section 5.3)."""
    after = copy.deepcopy(before)
    for pointer, value in patch.items():
        try:
            *path, last = pointer_tokens(pointer)
        except ValueError as error:
            raise SetError("invalidPatch", f"not a pointer: {pointer}") from error
        if any(other != pointer and pointer.startswith(f"{other}/") for other in patch):
            raise SetError("invalidPatch", f"{pointer} lies within another path")
        place: Any = after
        for token in path:
            place = place.get(token) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            raise SetError("invalidPatch")
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return after


def _check(card: Json) -> None:
    """Refuse a card that has what it cannot have; every such property is named."""
    bad = [name for name in ("@type", "version") if card.get(name) != _CONSTANT[name]]
    bad += [
        name
        for name, value in card.items()
        if name not in _CONSTANT and ":" not in name and not (name in _WRITABLE and _CHECKS[name](value))
    ]
    if bad:
        raise _invalid(*bad)


_CONSTANT = {"@type": "Card", "version": "1.0"}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and UTC_DATE.fullmatch(value) is not None


def _is_set(value: Any) -> bool:
    return isinstance(value, dict) and all(flag is True for flag in value.values())


def _objects(*names: str, needs: str) -> Callable[[Any], bool]:
    """Return the check of an Id[Object] whose objects have these properties and need one of them."""

    def check(value: Any) -> bool:
        return isinstance(value, dict) and all(
            isinstance(entry, dict)
            and isinstance(entry.get(needs), str)
            and entry.keys() <= {"@type", needs, *names}
            for entry in value.values()
        )

    return check


def _is_name(value: Any) -> bool:
    if not isinstance(value, dict) or not value.keys() <= {"@type", "full", "components", "isOrdered"}:
        return False
    components = value.get("components", [])
    return isinstance(value.get("full", ""), str) and (
        isinstance(components, list)
        and all(
            isinstance(each, dict)
            and each.get("kind") in jscontact.NAME_PARTS
            and isinstance(each.get("value"), str)
            for each in components
        )
    )


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "kind": lambda value: value in _KINDS,
    "uid": lambda value: _is_text(value) and value != "",
    "prodId": _is_text,
    "created": _is_time,
    "updated": _is_time,
    "members": _is_set,
    "name": _is_name,
    "emails": _objects("label", "pref", "contexts", needs="address"),
    "organizations": _objects("units", needs="name"),
    "phones": _objects(needs="number"),
    "notes": _objects(needs="note"),
    "nicknames": _objects(needs="name"),
}
