"""What /get and /changes say of mailboxes, messages, threads and identities (RFC 8621)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mailroom.sandbox.jmap import parts
from mailroom.sandbox.jmap.arguments import Arguments, Json, MethodError, invalid_arguments
from mailroom.sandbox.jmap.core import Context
from mailroom.sandbox.jmap.header_forms import header_properties
from mailroom.sandbox.store.account import SandboxAccount
from mailroom.sandbox.store.changes import Changes, UnknownStateError
from mailroom.sandbox.store.messages import Addresses, Identity, Mailbox, Message

COUNTS = ("totalEmails", "unreadEmails", "totalThreads", "unreadThreads")

Property = Callable[[SandboxAccount, Any], Any]


def _threads(account: SandboxAccount, mailbox: Mailbox) -> set[str]:
    return {account.messages[id].thread_id for id in mailbox.timeline}


def _unread_threads(account: SandboxAccount, mailbox: Mailbox) -> int:
    return sum(
        any(account.messages[id].is_unread for id in account.threads[thread])
        for thread in _threads(account, mailbox)
    )


_RIGHTS = dict.fromkeys(
    (
        *("mayReadItems", "mayAddItems", "mayRemoveItems", "maySetSeen", "maySetKeywords"),
        *("mayCreateChild", "mayRename", "mayDelete", "maySubmit"),
    ),
    True,
)

MAILBOX_PROPERTIES: Mapping[str, Property] = {
    "id": lambda _, m: m.id,
    "name": lambda _, m: m.name,
    "parentId": lambda _, m: m.parent_id,
    "role": lambda _, m: m.role,
    "sortOrder": lambda _, m: m.sort_order,
    "totalEmails": lambda _, m: len(m.timeline),
    "unreadEmails": lambda _, m: m.unread,
    "totalThreads": lambda a, m: len(_threads(a, m)),
    "unreadThreads": _unread_threads,
    "myRights": lambda _, m: {
        **_RIGHTS,
        "mayDelete": m.role is None,
        "mayRename": m.role != "inbox",
        **dict.fromkeys(sorted(m.withheld), False),
    },
    "isSubscribed": lambda _, m: m.is_subscribed,
}


def _entries(addresses: Addresses | None) -> list[Json] | None:
    if addresses is None:
        return None
    return [{"name": name or None, "email": email} for name, email in addresses]


def _header(name: str) -> Property:
    return lambda _, m: _entries(m.addresses.get(name))


def _of_message(read: Callable[[Message], Any]) -> Property:
    return lambda _, m: read(m)


EMAIL_PROPERTIES: Mapping[str, Property] = {
    "id": lambda _, m: m.id,
    "blobId": lambda _, m: f"G{m.id[1:]}",
    "threadId": lambda _, m: m.thread_id,
    "mailboxIds": lambda a, m: dict.fromkeys(sorted(m.mailbox_ids - a.hidden()), True),
    "keywords": lambda _, m: dict.fromkeys(sorted(m.keywords), True),
    "size": lambda _, m: m.size,
    "receivedAt": lambda _, m: m.received_at,
    "messageId": lambda _, m: [m.message_id],
    "inReplyTo": lambda _, m: list(m.answers[-1:]) or None,
    "references": lambda _, m: list(m.answers) or None,
    **{name: _header(name) for name in ("sender", "from", "to", "cc", "bcc", "replyTo")},
    "subject": lambda _, m: m.subject,
    "sentAt": lambda _, m: m.sent_at,
    "hasAttachment": lambda _, m: bool(m.attachments),
    "preview": lambda _, m: " ".join(m.text.split())[:256],
    "bodyStructure": lambda _, m: parts.structure(m),
    "bodyValues": lambda _, _m: {},
    "textBody": lambda _, m: [parts.text_part(m)],
    "htmlBody": lambda _, m: [parts.text_part(m)],
    "attachments": lambda _, m: parts.attached_parts(m),
    **{name: _of_message(read) for name, read in header_properties().items()},
}
_EMAIL_DEFAULTS = [x for x in EMAIL_PROPERTIES if x != "bodyStructure" and not x.startswith("header:")]

_THREAD_PROPERTIES: Mapping[str, Property] = {
    "id": lambda _, t: t,
    "emailIds": lambda a, t: list(a.threads[t]),
}

_IDENTITY_PROPERTIES: Mapping[str, Property] = {
    "id": lambda _, i: i.id,
    "name": lambda _, i: i.name,
    "email": lambda _, i: i.email,
    "replyTo": lambda _, _i: None,
    "bcc": lambda _, _i: None,
    "textSignature": lambda _, _i: "",
    "htmlSignature": lambda _, _i: "",
    "mayDelete": lambda _, _i: False,
}


def mailbox_get(context: Context, arguments: Arguments) -> Json:
    """RFC 8621 section 2.1."""
    account = context.account
    return _get(context, arguments, type="Mailbox", objects=account.mailboxes, properties=MAILBOX_PROPERTIES)


def thread_get(context: Context, arguments: Arguments) -> Json:
    """RFC 8621 section 3.1."""
    threads = {id: id for id in context.account.threads}
    return _get(context, arguments, type="Thread", objects=threads, properties=_THREAD_PROPERTIES)


def identity_get(context: Context, arguments: Arguments) -> Json:
    """RFC 8621 section 6.1."""
    identities: dict[str, Identity] = {identity.id: identity for identity in context.account.identities}
    return _get(context, arguments, type="Identity", objects=identities, properties=_IDENTITY_PROPERTIES)


def email_get(context: Context, arguments: Arguments) -> Json:
    """RFC 8621 section 4.2; every message has a part of plain text, some have more behind it."""
    part_properties = arguments.strings("bodyProperties")
    fetches_text = [arguments.boolean(name, False) for name in ("fetchTextBodyValues", "fetchHTMLBodyValues")]
    fetches_all = arguments.boolean("fetchAllBodyValues", False)
    max_bytes = arguments.integer("maxBodyValueBytes", 0, minimum=0)
    properties = dict(EMAIL_PROPERTIES)
    if fetches_all or any(fetches_text):
        properties["bodyValues"] = lambda _, m: parts.values(m, max_bytes, of_all=fetches_all)
    if part_properties is not None:
        names = frozenset(part_properties)
        if unknown := sorted(names - parts.PART_PROPERTIES):
            raise invalid_arguments(f"unknown body properties: {', '.join(unknown)}", "bodyProperties")
        properties["bodyStructure"] = lambda _, m: parts.only(parts.structure(m), names)
        properties["attachments"] = lambda _, m: [parts.only(x, names) for x in parts.attached_parts(m)]
        for name in ("textBody", "htmlBody"):
            properties[name] = lambda _, m: [parts.only(parts.text_part(m), names)]
    return _get(
        context,
        arguments,
        type="Email",
        objects=visible_messages(context.account),
        properties=properties,
        defaults=_EMAIL_DEFAULTS,
        needs_ids=True,
    )


def visible_messages(account: SandboxAccount) -> Mapping[str, Message]:
    """Return the messages that lie in some mailbox that may be read."""
    if hidden := account.hidden():
        return {id: message for id, message in account.messages.items() if message.mailbox_ids - hidden}
    return account.messages


def _get(
    context: Context,
    arguments: Arguments,
    *,
    type: str,
    objects: Mapping[str, Any],
    properties: Mapping[str, Property],
    defaults: Iterable[str] | None = None,
    needs_ids: bool = False,
) -> Json:
    """Answer a standard /get (RFC 8620 section 5.1)."""
    account = context.account
    ids = arguments.ids("ids", None)
    names = arguments.strings("properties")
    arguments.finish()
    if unknown := [name for name in names or () if name not in properties]:
        raise invalid_arguments(f"unknown properties: {', '.join(unknown)}", "properties")
    if ids is None and needs_ids:
        raise MethodError("requestTooLarge", "ids must be named")
    wanted = list(objects) if ids is None else list(dict.fromkeys(map(context.resolve, ids)))
    if len(wanted if ids is None else ids) > account.limits.max_objects_in_get:
        raise MethodError("requestTooLarge", f"at most {account.limits.max_objects_in_get} ids")
    if names is None:
        names = list(defaults or properties)
    read = [(name, properties[name]) for name in dict.fromkeys(["id", *names])]
    log = account.logs.get(type)
    return {
        "state": log.state if log else "i1",
        "list": [
            {name: value(account, objects[id]) for name, value in read} for id in wanted if id in objects
        ],
        "notFound": [id for id in wanted if id not in objects],
    }


def told_changes(since: str, found: Changes) -> Json:
    """Return what every /changes method says (RFC 8620 section 5.2)."""
    return {
        "oldState": since,
        "newState": found.new_state,
        "hasMoreChanges": found.has_more,
        "created": list(found.created),
        "updated": list(found.updated),
        "destroyed": list(found.destroyed),
    }


def changes(type: str) -> Callable[[Context, Arguments], Json]:
    """Return the standard /changes method of a type (RFC 8620 section 5.2)."""

    def call(context: Context, arguments: Arguments) -> Json:
        since = arguments.string("sinceState")
        limit = arguments.integer("maxChanges", None, minimum=1)
        arguments.finish()
        log = context.account.logs[type]
        try:
            found = log.since(since, limit)
        except UnknownStateError as error:
            raise MethodError("cannotCalculateChanges") from error
        answer = told_changes(since, found)
        if type == "Mailbox":
            start = log.number(since)
            only_counts = bool(found.updated) and all(
                context.account.mailboxes[id].modified_at <= start for id in found.updated
            )
            answer["updatedProperties"] = list(COUNTS) if only_counts else None
        return answer

    return call
