"""Mailbox/set and Email/set (RFC 8620 section 5.3, RFC 8621 sections 2.5 and 4.6)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mailroom.sandbox.account import Account
from mailroom.sandbox.jmap_core import (
    Arguments,
    Context,
    Json,
    MethodError,
    invalid_arguments,
    is_id,
    is_integer,
    is_reference,
    pointer_tokens,
)
from mailroom.sandbox.jmap_objects import EMAIL_PROPERTIES, MAILBOX_PROPERTIES
from mailroom.sandbox.jmap_query import UTC_DATE
from mailroom.sandbox.messages import Message

_KEYWORD = re.compile(r"[\x21-\x7e]{1,255}")
_NOT_IN_KEYWORDS = frozenset('(){]%*"\\')
_ROLES = frozenset(
    {"all", "archive", "drafts", "flagged", "important", "inbox", "junk", "sent", "subscribed", "trash"}
)
_MAX_NAME_OCTETS = 490


class SetError(Exception):
    """One object of a /set is refused."""

    def __init__(self, type: str, description: str | None = None, **more: Any) -> None:
        super().__init__(description)
        self.body = {"type": type, **({"description": description} if description else {}), **more}


def _invalid(description: str, *properties: str) -> SetError:
    return SetError("invalidProperties", description, properties=list(properties))


def _set(
    context: Context,
    arguments: Arguments,
    type: str,
    create: Callable[[Json], Json],
    update: Callable[[str, Json], None],
    destroy: Callable[[str], None],
    exists: Callable[[str], bool],
) -> Json:
    """Answer a standard /set."""
    log = context.account.logs[type]
    if_in_state = arguments.string("ifInState", None)
    creations, updates = arguments.objects("create"), arguments.objects("update")
    destructions = arguments.ids("destroy", None) or []
    arguments.finish()
    if not all(map(is_id, creations)) or not all(map(is_reference, updates)):
        raise invalid_arguments("create and update must be keyed by Id", "create", "update")
    count = len(creations) + len(updates) + len(destructions)
    if count > context.account.limits.max_objects_in_set:
        raise MethodError("requestTooLarge", f"at most {context.account.limits.max_objects_in_set} objects")
    if if_in_state is not None and if_in_state != log.state:
        raise MethodError("stateMismatch")
    old_state = log.state
    answer: dict[str, Json] = {
        name: {} for name in ("created", "updated", "notCreated", "notUpdated", "notDestroyed")
    }
    for creation_id, values in creations.items():
        try:
            made = create(values)
            answer["created"][creation_id] = made
            context.created_ids[creation_id] = made["id"]
        except SetError as error:
            answer["notCreated"][creation_id] = error.body
    doomed = {context.resolve(id) for id in destructions}
    for reference, patch in updates.items():
        id = context.resolve(reference)
        try:
            if not exists(id):
                raise SetError("notFound")
            if id in doomed:
                raise SetError("willDestroy")
            update(id, patch)
            answer["updated"][id] = None
        except SetError as error:
            answer["notUpdated"][reference] = error.body
    destroyed = []
    for id in dict.fromkeys(map(context.resolve, destructions)):
        try:
            if not exists(id):
                raise SetError("notFound")
            destroy(id)
            destroyed.append(id)
        except SetError as error:
            answer["notDestroyed"][id] = error.body
    return {
        "oldState": old_state,
        "newState": log.state,
        **{name: value or None for name, value in answer.items()},
        "destroyed": destroyed or None,
    }


# --- Mailbox/set -----------------------------------------------------------------------------


def mailbox_set(context: Context, arguments: Arguments) -> Json:
    """RFC 8621 section 2.5."""
    account = context.account
    removes_messages = arguments.boolean("onDestroyRemoveEmails", False)

    def create(values: Json) -> Json:
        if "name" not in values:
            raise _invalid("name is missing", "name")
        checked = _mailbox_values(context, values, None)
        id = account.add_mailbox(
            checked.pop("name"), checked.pop("parent_id", None), checked.pop("role", None)
        )
        if checked:
            account.alter_mailbox(id, **checked)
        mailbox = account.mailboxes[id]
        return {name: read(account, mailbox) for name, read in MAILBOX_PROPERTIES.items()}

    def update(id: str, patch: Json) -> None:
        if values := _mailbox_values(context, patch, id):
            account.alter_mailbox(id, **values)

    def destroy(id: str) -> None:
        mailbox = account.mailboxes[id]
        if mailbox.role is not None:
            raise SetError("forbidden", "a mailbox with a role stays")
        if any(other.parent_id == id for other in account.mailboxes.values()):
            raise SetError("mailboxHasChild")
        if len(mailbox.timeline) and not removes_messages:
            raise SetError("mailboxHasEmail")
        account.destroy_mailbox(id)

    return _set(context, arguments, "Mailbox", create, update, destroy, account.mailboxes.__contains__)


_MAILBOX_ATTRIBUTES = {
    "name": "name",
    "parentId": "parent_id",
    "role": "role",
    "sortOrder": "sort_order",
    "isSubscribed": "is_subscribed",
}


def _mailbox_values(context: Context, given: Json, id: str | None) -> Json:
    """Return the attributes that a creation (`id` is None) or a patch sets, after checking them."""
    account = context.account
    values: Json = {}
    for name, value in given.items():
        if name not in MAILBOX_PROPERTIES:
            raise SetError("invalidPatch", name) if "/" in name and id else _invalid("unknown", name)
        if name not in _MAILBOX_ATTRIBUTES:
            if id is None or MAILBOX_PROPERTIES[name](account, account.mailboxes[id]) != value:
                raise _invalid("set by the server", name)
            continue
        if name == "parentId" and isinstance(value, str):
            value = context.resolve(value)  # noqa: PLW2901 - a reference becomes what it refers to
        if not _is_mailbox_value(account, name, value):
            raise _invalid(f"{name} cannot be {value!r}", name)
        values[_MAILBOX_ATTRIBUTES[name]] = value
    record = account.mailboxes[id] if id else None
    parent_id = values.get("parent_id", record.parent_id if record else None)
    title = values.get("name", record.name if record else None)
    others = [other for other in account.mailboxes.values() if other.id != id]
    if any((other.parent_id, other.name) == (parent_id, title) for other in others):
        raise _invalid("a sibling has this name", "name")
    if values.get("role") is not None and any(other.role == values["role"] for other in others):
        raise _invalid("another mailbox has this role", "role")
    if id is not None and _is_below(account, parent_id, id):
        raise _invalid("a mailbox cannot lie in itself", "parentId")
    return values


def _is_mailbox_value(account: Account, name: str, value: Any) -> bool:
    match name:
        case "name":
            return (
                isinstance(value, str)
                and bool(value.strip())
                and len(value.encode()) <= _MAX_NAME_OCTETS
                and "/" not in value
                and value.isprintable()
            )
        case "parentId":
            return value is None or value in account.mailboxes
        case "role":
            return value is None or value in _ROLES
        case "sortOrder":
            return is_integer(value) and 0 <= value < 2**31
        case _:
            return isinstance(value, bool)


def _is_below(account: Account, mailbox_id: str | None, top: str) -> bool:
    while mailbox_id is not None:
        if mailbox_id == top:
            return True
        mailbox_id = account.mailboxes[mailbox_id].parent_id
    return False


# --- Email/set -------------------------------------------------------------------------------


def email_set(context: Context, arguments: Arguments) -> Json:
    """RFC 8621 section 4.6."""
    account = context.account

    def create(values: Json) -> Json:
        return _create_email(context, values)

    def update(id: str, patch: Json) -> None:
        mailbox_ids, keywords = _patched(context, account.messages[id], patch)
        account.change(id, mailbox_ids=mailbox_ids, keywords=keywords)

    return _set(context, arguments, "Email", create, update, account.destroy, account.messages.__contains__)


def _patched(context: Context, message: Message, patch: Json) -> tuple[frozenset[str], frozenset[str]]:
    """Apply a PatchObject (RFC 8620 section 5.3) and return the mailboxes and keywords that result."""
    sets = {"mailboxIds": set(message.mailbox_ids), "keywords": set(message.keywords)}
    for pointer, value in patch.items():
        try:
            name, *rest = pointer_tokens(pointer)
        except ValueError as error:
            raise SetError("invalidPatch", f"not a pointer: {pointer}") from error
        if rest and name not in sets:
            raise SetError("invalidPatch", f"nothing to patch at {pointer}")
        if len(rest) > 1 or (rest and name in patch):
            raise SetError("invalidPatch", pointer)
        if name not in EMAIL_PROPERTIES:
            raise _invalid("unknown", name)
        if name not in sets:
            if EMAIL_PROPERTIES[name](context.account, message) != value:
                raise _invalid(f"{name} cannot be changed", name)
        elif rest:
            member = _member(context, name, rest[0])
            if value is None:
                sets[name].discard(member)
            elif value is True:
                sets[name].add(member)
            else:
                raise _invalid(f"{pointer} must be true or null", name)
        else:
            sets[name] = _members(context, name, value)
    return _checked_mailboxes(context.account, sets["mailboxIds"], message), frozenset(sets["keywords"])


def _member(context: Context, name: str, key: str) -> str:
    if name == "mailboxIds":
        return context.resolve(key)
    if not _KEYWORD.fullmatch(key) or _NOT_IN_KEYWORDS & set(key):
        raise _invalid(f"{key!r} is not a keyword", "keywords")
    return key.lower()


def _members(context: Context, name: str, value: Any) -> set[str]:
    if name == "keywords" and value is None:
        return set()
    if not isinstance(value, dict) or not all(flag is True for flag in value.values()):
        raise _invalid(f"{name} must map to true", name)
    return {_member(context, name, key) for key in value}


def _checked_mailboxes(account: Account, ids: set[str], message: Message | None = None) -> frozenset[str]:
    before = message.mailbox_ids if message else frozenset()
    if unknown := [id for id in ids - before if id not in account.mailboxes]:
        raise _invalid(f"no such mailbox: {', '.join(sorted(unknown))}", "mailboxIds")
    if not ids:
        raise _invalid("a message is in at least one mailbox", "mailboxIds")
    return frozenset(ids)


_ADDRESS_HEADERS = ("sender", "from", "to", "cc", "bcc", "replyTo")
_CREATABLE = {*_ADDRESS_HEADERS, "mailboxIds", "keywords", "receivedAt", "subject", "bodyValues", "textBody"}


def _create_email(context: Context, values: Json) -> Json:
    """Make a message of plain text."""
    account = context.account
    if refused := values.keys() - _CREATABLE:
        raise _invalid("not for the client to set here", *sorted(refused))
    mailbox_ids = _checked_mailboxes(account, _members(context, "mailboxIds", values.get("mailboxIds", {})))
    keywords = _members(context, "keywords", values.get("keywords"))
    addresses = {
        name: [(entry.get("name") or "", entry["email"]) for entry in _address_entries(name, values[name])]
        for name in _ADDRESS_HEADERS
        if values.get(name) is not None
    }
    received_at = values.get("receivedAt")
    if received_at is not None and not (isinstance(received_at, str) and UTC_DATE.fullmatch(received_at)):
        raise _invalid("not a UTCDate", "receivedAt")
    id = account.deliver(
        addresses.pop("from", None),
        mailbox_ids,
        values.get("subject") or "",
        received_at,
        keywords,
        to=addresses.pop("to", None),
        text=_body_text(values),
        headers=addresses,
    )
    message = account.messages[id]
    return {name: EMAIL_PROPERTIES[name](account, message) for name in ("id", "blobId", "threadId", "size")}


def _address_entries(name: str, value: Any) -> list[Json]:
    if not isinstance(value, list) or not all(
        isinstance(entry, dict)
        and isinstance(entry.get("email"), str)
        and isinstance(entry.get("name", ""), str | None)
        for entry in value
    ):
        raise _invalid("not an EmailAddress[]", name)
    return value


def _body_text(values: Json) -> str:
    try:
        parts = values.get("textBody") or []
        return "".join(values["bodyValues"][part["partId"]]["value"] for part in parts)
    except (LookupError, TypeError) as error:
        raise _invalid("textBody does not fit bodyValues", "textBody", "bodyValues") from error
