"""Email/set: mailboxes and keywords of messages, and new messages (RFC 8621 section 4.6)."""

from __future__ import annotations

import re
from typing import Any

from mailroom.sandbox.jmap.arguments import Arguments, Json
from mailroom.sandbox.jmap.core import Context
from mailroom.sandbox.jmap.email_create import create_email
from mailroom.sandbox.jmap.objects import EMAIL_PROPERTIES, visible_messages
from mailroom.sandbox.jmap.references import pointer_tokens
from mailroom.sandbox.jmap.set import Actions, SetError, invalid_properties, set_objects
from mailroom.sandbox.store.account import SandboxAccount
from mailroom.sandbox.store.messages import SEEN, Message

_KEYWORD = re.compile(r"[\x21-\x7e]{1,255}")
_NOT_IN_KEYWORDS = frozenset('(){]%*"\\')


def email_set(context: Context, arguments: Arguments) -> Json:
    """RFC 8621 section 4.6."""
    account = context.account

    def create(values: Json) -> Json:
        mailbox_ids = _at_least_one(_members(context, "mailboxIds", values.get("mailboxIds", {})))
        if any("mayAddItems" in account.mailboxes[id].withheld for id in mailbox_ids):
            raise SetError("forbidden")
        return create_email(
            account, values, mailbox_ids, _members(context, "keywords", values.get("keywords"))
        )

    def update(id: str, patch: Json) -> None:
        message = account.messages[id]
        mailbox_ids, keywords = _patched(context, message, patch)
        _check_rights(account, message, mailbox_ids, keywords)
        account.change(id, mailbox_ids=mailbox_ids, keywords=keywords)

    return set_objects(
        context,
        arguments,
        account.logs["Email"],
        visible_messages(account),
        Actions(create, update, account.destroy),
    )


def _check_rights(
    account: SandboxAccount, message: Message, mailbox_ids: frozenset[str], keywords: frozenset[str]
) -> None:
    """Refuse what ``myRights`` does not allow (RFC 8621 section 2)."""
    here = message.mailbox_ids
    changed = message.keywords ^ keywords
    needed = [
        ("mayAddItems", mailbox_ids - here),
        ("mayRemoveItems", here - mailbox_ids),
        ("maySetSeen", here if SEEN in changed else ()),
        ("maySetKeywords", here if changed - {SEEN} else ()),
    ]
    for right, ids in needed:
        if any(right in account.mailboxes[id].withheld for id in ids):
            raise SetError("forbidden")


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
        # No path of a patch may lie within another (RFC 8620 section 5.3).
        if len(rest) > 1 or (rest and name in patch):
            raise SetError("invalidPatch", pointer)
        if name not in EMAIL_PROPERTIES:
            raise invalid_properties("unknown", name)
        if name not in sets:
            # What cannot be changed may be sent along as it is (RFC 8620 section 5.3).
            if EMAIL_PROPERTIES[name](context.account, message) != value:
                raise invalid_properties(f"{name} cannot be changed", name)
        else:
            sets[name] = _replaced(context, sets[name], name, rest, value)
    return _at_least_one(sets["mailboxIds"]), frozenset(sets["keywords"])


def _replaced(context: Context, present: set[str], name: str, rest: list[str], value: Any) -> set[str]:
    """Return a set with one member put in or taken out, or (no `rest`) wholly replaced."""
    if not rest:
        return _members(context, name, value)
    member = _member(context, name, rest[0])
    if value is None:
        return present - {member}
    if value is True:
        return present | {member}
    raise invalid_properties(f"{name}/{rest[0]} must be true or null", name)


def _member(context: Context, name: str, key: str) -> str:
    if name == "mailboxIds":
        id = context.resolve(key)
        if id not in context.account.mailboxes:
            raise invalid_properties(f"no such mailbox: {key}", name)
        return id
    if not _KEYWORD.fullmatch(key) or _NOT_IN_KEYWORDS & set(key):
        raise invalid_properties(f"{key!r} is not a keyword", "keywords")
    return key.lower()


def _members(context: Context, name: str, value: Any) -> set[str]:
    if name == "keywords" and value is None:
        return set()
    if not isinstance(value, dict) or not all(flag is True for flag in value.values()):
        raise invalid_properties(f"{name} must map to true", name)
    return {_member(context, name, key) for key in value}


def _at_least_one(ids: set[str]) -> frozenset[str]:
    if not ids:
        raise invalid_properties("a message is in at least one mailbox", "mailboxIds")
    return frozenset(ids)
