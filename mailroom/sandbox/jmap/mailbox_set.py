"""Mailbox/set: what a mailbox may be called, where it may lie, when it may go (RFC 8621 section 2.5)."""

from __future__ import annotations

from typing import Any

from mailroom.sandbox.jmap.arguments import Arguments, Json, is_integer
from mailroom.sandbox.jmap.core import Context
from mailroom.sandbox.jmap.objects import MAILBOX_PROPERTIES
from mailroom.sandbox.jmap.set import Actions, SetError, invalid_properties, set_objects
from mailroom.sandbox.store.account import SandboxAccount

_ROLES = frozenset(
    {"all", "archive", "drafts", "flagged", "important", "inbox", "junk", "sent", "subscribed", "trash"}
)
_MAX_NAME_OCTETS = 490


def mailbox_set(context: Context, arguments: Arguments) -> Json:
    """RFC 8621 section 2.5."""
    account = context.account
    removes_messages = arguments.boolean("onDestroyRemoveEmails", False)

    def create(values: Json) -> Json:
        if "name" not in values:
            raise invalid_properties("name is missing", "name")
        checked = _mailbox_values(context, values, None)
        parent = account.mailboxes.get(checked.get("parent_id") or "")
        if parent is not None and "mayCreateChild" in parent.withheld:
            raise SetError("forbidden", "mayCreateChild")
        id = account.add_mailbox(
            checked.pop("name"), checked.pop("parent_id", None), checked.pop("role", None)
        )
        if checked:
            account.alter_mailbox(id, **checked)
        mailbox = account.mailboxes[id]
        return {name: read(account, mailbox) for name, read in MAILBOX_PROPERTIES.items()}

    def update(id: str, patch: Json) -> None:
        mailbox = account.mailboxes[id]
        if mailbox.role == "inbox" and patch.get("name", mailbox.name) != mailbox.name:
            raise SetError("forbidden", "the Inbox keeps its name")
        if values := _mailbox_values(context, patch, id):
            account.alter_mailbox(id, **values)

    def destroy(id: str) -> None:
        _check_destroyable(account, id, removes_messages=removes_messages)
        account.destroy_mailbox(id)

    actions = Actions(create, update, destroy)
    return set_objects(context, arguments, account.logs["Mailbox"], account.mailboxes, actions)


def _check_destroyable(account: SandboxAccount, id: str, *, removes_messages: bool) -> None:
    mailbox = account.mailboxes[id]
    if mailbox.role is not None:
        raise SetError("forbidden", "a mailbox with a role stays")
    if any(other.parent_id == id for other in account.mailboxes.values()):
        raise SetError("mailboxHasChild")
    if len(mailbox.timeline) and not removes_messages:
        raise SetError("mailboxHasEmail")


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
            raise (
                SetError("invalidPatch", name) if "/" in name and id else invalid_properties("unknown", name)
            )
        if name not in _MAILBOX_ATTRIBUTES:
            if id is None or MAILBOX_PROPERTIES[name](account, account.mailboxes[id]) != value:
                raise invalid_properties("set by the server", name)
            continue
        if name == "parentId" and isinstance(value, str):
            value = context.resolve(value)  # noqa: PLW2901 - a reference becomes what it refers to
        if not _is_mailbox_value(account, name, value):
            raise invalid_properties(f"{name} cannot be {value!r}", name)
        values[_MAILBOX_ATTRIBUTES[name]] = value
    record = account.mailboxes[id] if id else None
    parent_id = values.get("parent_id", record.parent_id if record else None)
    title = values.get("name", record.name if record else None)
    others = [other for other in account.mailboxes.values() if other.id != id]
    if any((other.parent_id, other.name) == (parent_id, title) for other in others):
        raise invalid_properties("a sibling has this name", "name")
    if values.get("role") is not None and any(other.role == values["role"] for other in others):
        raise invalid_properties("another mailbox has this role", "role")
    if id is not None and _is_below(account, parent_id, id):
        raise invalid_properties("a mailbox cannot lie in itself", "parentId")
    return values


def _is_mailbox_value(account: SandboxAccount, name: str, value: Any) -> bool:
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


def _is_below(account: SandboxAccount, mailbox_id: str | None, top: str) -> bool:
    while mailbox_id is not None:
        if mailbox_id == top:
            return True
        mailbox_id = account.mailboxes[mailbox_id].parent_id
    return False
